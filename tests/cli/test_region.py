"""Lines that are drawn again in place: what stands on the screen, and that nothing above them is lost."""

from __future__ import annotations

import io

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.cli.region import Drawn, Region
from stacktui.cli.terminal import cell_width


class Screen(io.StringIO):
    """A terminal of some columns and rows that keeps what scrolls off its top."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.columns, self.rows = columns, rows
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.Stream(self.screen)
        self.sent = 0

    def write(self, text: str) -> int:
        self.sent += len(text)
        # A terminal's line discipline puts a return before each new line.
        self._stream.feed(text.replace("\r\n", "\n").replace("\n", "\r\n"))
        return len(text)

    @property
    def lines(self) -> list[str]:
        above = ["".join(row[x].data for x in range(self.columns)) for row in self.screen.history.top]
        found = [line.rstrip() for line in [*above, *self.screen.display]]
        while found and not found[-1]:
            found.pop()
        return found

    def size(self) -> tuple[int, int]:
        return self.columns, self.rows


def drawn(lines: list[str]) -> list[Drawn]:
    return [Drawn(f"\x1b[1m{line}\x1b[0m", cell_width(line)) for line in lines]


def wrapped(lines: list[str], columns: int) -> list[str]:
    """Lines as a terminal shows them."""
    return [
        line[place : place + columns].rstrip()
        for line in lines
        for place in range(0, max(len(line), 1), columns)
    ]


LETTERS = st.text("ab│é", min_size=1, max_size=14)
FRAMES = st.lists(
    st.tuples(st.lists(st.text("xyé│", min_size=1, max_size=60), max_size=14), st.lists(LETTERS, max_size=8)),
    min_size=1,
    max_size=8,
)


@given(frames=FRAMES, rows=st.integers(9, 16))
@settings(max_examples=150, deadline=None)
def test_what_is_above_stays_and_the_region_is_as_it_was_drawn_last(
    frames: list[tuple[list[str], list[str]]], rows: int
) -> None:
    screen = Screen(20, rows)
    region = Region(screen, screen.size)
    said: list[str] = ["$ before"]
    screen.write("$ before\n")
    for above, lines in frames:
        region.draw(above, drawn(lines))
        said += wrapped(above, 20)
        assert screen.lines == [*said, *lines]
    region.clear()
    assert screen.lines == said
    screen.write("after\n")
    assert screen.lines == [*said, "after"]


def test_only_what_changed_is_sent() -> None:
    screen = Screen(80, 24)
    region = Region(screen, screen.size)
    lines = [f"step {number:2} " + "." * 50 for number in range(10)]
    region.draw([], drawn(lines))
    whole = screen.sent
    region.draw([], drawn(lines))
    assert screen.sent == whole
    lines[4] = lines[4].replace(".", ":")
    region.draw([], drawn(lines))
    assert screen.sent - whole < len(lines[4]) + 30
    before = screen.sent
    region.draw(["a line of a log"], drawn(lines))
    assert screen.sent - before < 60
    assert screen.lines == ["a line of a log", *lines]


@pytest.mark.parametrize("columns", [12, 40])
def test_another_width_draws_all_of_it_again(columns: int) -> None:
    screen = Screen(20, 12)
    region = Region(screen, screen.size)
    region.draw(["above"], drawn(["one", "two"]))
    screen.columns = columns
    screen.screen.resize(12, columns)
    region.draw([], drawn(["one", "two", "three"]))
    assert screen.lines[-3:] == ["one", "two", "three"]
    assert screen.lines.count("one") == 1
