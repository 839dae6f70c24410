"""The log: follows its end until one scrolls away, wraps, searches, and holds no more than a window of the file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from stacktui.model.execution import LogLine
from stacktui.model.text import Clean
from stacktui.pipelines.logs import LogWriter, log_path
from stacktui.tui.background import Background
from stacktui.tui.looks import own_variables
from stacktui.tui.screens.run_facts import StepLine
from stacktui.tui.screens.run_log import LogPanel
from stacktui.tui.widgets.logview import LogView
from stacktui.tui.widgets.searchline import SearchLine

RUN = "0193e2b0-0000-7000-8000-000000000000"
AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
DEADLINE = 15.0


class Shell(App[None]):
    """One log and nothing else."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self.background = Background(lambda: True)
        self.session = SimpleNamespace(workspace=SimpleNamespace(state=state))

    def compose(self) -> ComposeResult:
        yield LogPanel()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return own_variables(self.current_theme)


def step(name: str = "fit", status: str = "running", attempt: int = 1, error: Sequence[str] = ()) -> StepLine:
    return StepLine(
        name=name,
        shown=Clean(name),
        lane=Clean(""),
        status=status,
        attempt=attempt,
        where=Clean(""),
        started_at=AT,
        duration_s=None,
        cached=Clean(""),
        error=tuple(map(Clean, error)),
        ended_at=None,
    )


class Log:
    """A log that is written and looked at."""

    def __init__(self, pilot: Pilot[None], state: Path) -> None:
        self.pilot = pilot
        self.panel = pilot.app.query_one(LogPanel)
        self.view = pilot.app.query_one(LogView)
        self.state = state
        self._writers: dict[tuple[str, int], LogWriter] = {}

    def write(self, *lines: str, step: str = "fit", attempt: int = 1, partial: bool = False) -> None:
        """Write one record."""
        path = log_path(self.state, RUN, step, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = self._writers.setdefault((step, attempt), LogWriter(path))
        writer.write(LogLine(at=AT, stream="stdout", text="\n".join(lines), partial=partial))

    def follow(self, line: StepLine | None = None) -> None:
        self.panel.follow(RUN, line or step())

    def shown(self) -> list[str]:
        return [self.view.render_line(y).text.rstrip() for y in range(self.view.size.height)]

    async def until(self, condition: Callable[[], Any], what: str = "") -> None:
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what or condition}; shown: {self.shown()}")
            await self.pilot.pause(0.005)

    async def last_is(self, text: str) -> None:
        await self.until(lambda: self.shown()[-1].endswith(text), text)

    async def first_is(self, text: str) -> None:
        await self.until(lambda: self.shown()[0].endswith(text), text)

    async def has(self, text: str) -> None:
        await self.until(lambda: any(text in line for line in self.shown()), text)

    async def hits(self, number: int, count: int) -> None:
        await self.until(
            lambda: (self.view.hit_number, self.view.hit_count) == (number, count), f"{number} of {count}"
        )

    async def search(self, text: str) -> None:
        self.panel.search()
        line = self.panel.query_one(SearchLine)
        line.query_one("Input").value = text  # type: ignore[attr-defined]
        await self.pilot.pause()
        await self.pilot.press("enter")


@asynccontextmanager
async def log(state: Path, size: tuple[int, int] = (42, 13)) -> AsyncIterator[Log]:
    app = Shell(state)
    async with app.run_test(size=size) as pilot:
        yield Log(pilot, state)


def numbered(first: int, count: int, text: str = "line") -> list[str]:
    return [f"{text} {number}" for number in range(first, first + count)]


async def test_without_lines_it_says_why(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.follow()
        await here.has("Nothing was written yet.")


async def test_it_follows_until_one_scrolls_up_and_again_at_the_end(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write(*numbered(0, 50))
        here.follow()
        here.view.focus()
        await here.last_is("line 49")
        await here.pilot.press("k", "k")
        assert not here.view.following
        top = here.shown()[0]
        here.write(*numbered(50, 50))
        await here.until(lambda: here.view.count == 100)
        assert here.shown()[0] == top
        await here.pilot.press("G")
        await here.last_is("line 99")
        here.write("line 100")
        await here.last_is("line 100")
        await here.pilot.press("g")
        await here.first_is("line 0")
        await here.pilot.press("f")
        await here.last_is("line 100")


async def test_a_log_that_comes_late_and_one_that_is_replaced(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.follow()
        await here.has("Nothing was written yet.")
        here.write(*numbered(0, 30))
        await here.last_is("line 29")
        path = log_path(tmp_path, RUN, "fit", 1)
        path.unlink()
        here._writers.clear()
        here.write("anew")
        await here.until(lambda: here.view.count == 1)
        await here.has("anew")


async def test_each_attempt_has_its_log(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write("first try")
        here.write("second try", attempt=2)
        here.follow(step(attempt=2))
        await here.has("second try")
        here.follow(step(attempt=1, status="failed"))
        await here.has("first try")
        assert not any("second" in line for line in here.shown())


async def test_of_a_long_log_only_a_window_is_held(tmp_path: Path) -> None:
    count = 200_000
    async with log(tmp_path) as here:
        for first in range(0, count, 1000):
            here.write(*numbered(first, 1000))
        here.follow()
        here.view.focus()
        await here.last_is(f"line {count - 1}")
        await here.pilot.press("g")
        await here.first_is("line 0")
        await here.pilot.press("pagedown", "ctrl+d", "j")
        await here.first_is(f"line {here.view.top_line}")
        here.view.scroll_to(y=123_456, animate=False, force=True)
        await here.first_is("line 123456")
        assert here.view.count == count
        assert len(here.view.lines) < 1000
        await here.pilot.press("G")
        await here.last_is(f"line {count - 1}")


async def test_a_search_goes_from_hit_to_hit_and_round(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write(*numbered(0, 40), *numbered(0, 3, "Needle"), *numbered(40, 400))
        here.follow()
        here.view.focus()
        await here.until(lambda: here.view.count == 443)
        await here.search("needle")
        await here.hits(1, 3)
        await here.has("Needle 0")
        await here.pilot.press("right_square_bracket", "right_square_bracket")
        await here.hits(3, 3)
        await here.pilot.press("right_square_bracket")
        await here.hits(1, 3)
        await here.pilot.press("left_square_bracket")
        await here.hits(3, 3)
        # What comes later is found too.
        here.write(*numbered(3, 1, "Needle"))
        await here.hits(3, 4)
        await here.pilot.press("right_square_bracket")
        await here.has("Needle 3")
        assert here.panel.end_search()
        assert here.view.hit_count == 0


async def test_a_search_begins_where_one_is_and_looks_through_all(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        for first in range(0, 60_000, 1000):
            here.write(*numbered(first, 1000))
        here.follow()
        here.view.focus()
        await here.last_is("line 59999")
        await here.pilot.press("k")
        here.view.scroll_to(y=30_000, animate=False, force=True)
        await here.first_is("line 30000")
        await here.search("LINE 4")
        # 4, 40–49, … of them 40000 is the first one below.
        await here.hits(1112, 11111)
        await here.has("line 40000")
        await here.pilot.press("left_square_bracket")
        await here.hits(1111, 11111)
        await here.has("line 4999")


async def test_a_long_line_is_cut_or_wrapped(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        long = "word " * 30
        here.write(long)
        here.follow()
        here.view.focus()
        await here.until(lambda: here.view.count == 1)
        assert sum(bool(line) for line in here.shown()) == 1
        await here.pilot.press("w")
        wrapped = [line for line in here.shown() if line]
        assert len(wrapped) > 4
        room = here.view.size.width - 13
        assert "".join(line[13:].ljust(room) for line in wrapped).split() == long.split()
        await here.pilot.press("m")
        assert not any(":00:00" in line for line in here.shown())
        await here.pilot.press("w", "m")
        assert sum(bool(line) for line in here.shown()) == 1


async def test_the_rest_of_a_long_line_is_shifted_into_view(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write("a" * 60 + "needle" + "b" * 60, "short needle")
        here.follow()
        here.view.focus()
        await here.until(lambda: here.view.count == 2)
        await here.pilot.press("right")
        assert here.shown()[1][13:] == ""
        await here.pilot.press("left")
        assert here.shown()[1][13:] == "short needle"
        # A hit is always seen.
        await here.search("needle")
        await here.hits(1, 2)
        await here.has("needleb")
        await here.pilot.press("right_square_bracket")
        await here.has("short needle")


async def test_rows_of_wrapped_lines_are_scrolled_one_by_one(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write(*(f"{number} " + "x" * 100 for number in range(50)))
        here.follow()
        here.view.focus()
        await here.until(lambda: here.view.count == 50)
        await here.pilot.press("w")
        end = here.shown()
        assert all(end)
        await here.pilot.press("k")
        assert here.shown()[1:] == end[:-1]
        follows = [here.view.following]
        await here.pilot.press("j")
        assert here.shown() == end
        follows.append(here.view.following)
        assert follows == [False, True]
        await here.pilot.press("g")
        await here.first_is("x" * 20)
        assert here.shown()[0][13:].startswith("0 x")
        await here.pilot.press("j")
        assert here.shown()[0].strip("x ") == ""


async def test_a_bar_shows_how_it_stands_and_leaves_one_line(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write("begin")
        here.write(" 10%", partial=True)
        here.follow()
        await here.has(" 10%")
        here.write(" 60%", partial=True)
        await here.has(" 60%")
        assert not any(" 10%" in line for line in here.shown())
        here.write("100%")
        await here.has("100%")
        assert [line[13:] for line in here.shown() if line] == ["begin", "100%"]


async def test_why_it_failed_stands_below_its_lines(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write(*numbered(0, 3))
        here.follow(step(status="failed", error=("ValueError: no",)))
        await here.has("ValueError: no")
        assert [line[13:] for line in here.shown() if line] == [
            "line 0",
            "line 1",
            "line 2",
            "ValueError: no",
        ]
        assert here.view.lines[-1].stream == "error"


async def test_a_log_that_grows_fast_is_drawn_a_few_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0
    show = LogView.show

    def counted(*arguments: Any) -> None:
        nonlocal drawn
        drawn += 1
        show(*arguments)

    monkeypatch.setattr(LogView, "show", counted)
    async with log(tmp_path) as here:
        here.write("begin")
        here.follow()
        await here.has("begin")
        drawn, began = 0, time.monotonic()
        for number in range(1000):
            here.write(f"line {number}")
            await here.pilot.pause(0)
        await here.last_is("line 999")
        assert drawn <= 3 + 5 * (time.monotonic() - began)


def test_a_search_line_without_its_children_yet_counts_nothing() -> None:
    SearchLine(LogView()).count()


async def test_colours_of_a_line_are_not_shown_as_marks(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write("\x1b[32mINFO\x1b[0m epoch \x1b[1m7\x1b[0m", "a bell \x07", "cut \x1b[3")
        here.follow()
        await here.has("INFO epoch 7")
        await here.has("a bell ␇")
        await here.has("cut ␛[3")
        await here.search("epoch 7")
        await here.hits(1, 1)


async def test_a_new_log_forgets_the_old_one(tmp_path: Path) -> None:
    async with log(tmp_path) as here:
        here.write(*numbered(0, 50))
        here.follow()
        here.view.focus()
        await here.last_is("line 49")
        await here.pilot.press("g")
        here.follow(step("other", status="pending"))
        await here.has("It has not started yet.")
        assert here.view.following
        assert here.view.count == 0
