"""The log: follows its end until one scrolls away, wraps, searches, and keeps no more than it may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from stacktui.model.text import Clean
from stacktui.tui.looks import own_variables
from stacktui.tui.widgets import logview
from stacktui.tui.widgets.logview import LogText, LogView


class Shell(App[None]):
    """One log and nothing else."""

    def compose(self) -> ComposeResult:
        yield LogView(empty=Clean("Nothing was written yet, and this sentence is long enough to be wrapped."))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return own_variables(self.current_theme)


@asynccontextmanager
async def log(size: tuple[int, int] = (40, 10)) -> AsyncIterator[tuple[LogView, Pilot[None]]]:
    app = Shell()
    async with app.run_test(size=size) as pilot:
        yield app.query_one(LogView), pilot


def lines(first: int, count: int, text: str = "line") -> list[LogText]:
    return [
        LogText(Clean("10:00:00.000"), "stdout", Clean(f"{text} {n}")) for n in range(first, first + count)
    ]


def shown(view: LogView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def test_without_lines_it_says_why() -> None:
    async with log() as (view, _):
        assert " ".join(line.strip() for line in shown(view)).strip() == view.empty


async def test_it_follows_until_one_scrolls_up_and_again_at_the_end() -> None:
    async with log() as (view, pilot):
        view.focus()
        view.add_lines(lines(0, 50))
        await pilot.pause()
        assert shown(view)[-1].endswith("line 49")
        await pilot.press("k", "k")
        assert not view.following
        top = shown(view)[0]
        view.add_lines(lines(50, 50))
        await pilot.pause()
        assert shown(view)[0] == top
        await pilot.press("G")
        assert shown(view)[-1].endswith("line 99")
        view.add_lines(lines(100, 1))
        await pilot.pause()
        assert shown(view)[-1].endswith("line 100")
        await pilot.press("g")
        assert shown(view)[0].endswith("line 0")
        await pilot.press("f")
        assert shown(view)[-1].endswith("line 100")


async def test_a_search_goes_from_hit_to_hit_and_round() -> None:
    async with log() as (view, pilot):
        view.focus()
        view.add_lines([*lines(0, 40), *lines(0, 3, "Needle"), *lines(40, 40)])
        view.set_search("needle")
        await pilot.pause()
        assert (view.hit_count, view.hit_number) == (3, 1)
        assert any("Needle 0" in line for line in shown(view))
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert view.hit_number == 3
        await pilot.press("right_square_bracket")
        assert view.hit_number == 1
        await pilot.press("left_square_bracket")
        assert view.hit_number == 3
        # What comes later is found too.
        view.add_lines(lines(3, 1, "Needle"))
        assert view.hit_count == 4
        view.set_search("")
        assert view.hit_count == 0


async def test_a_long_line_is_cut_or_wrapped() -> None:
    async with log() as (view, pilot):
        view.focus()
        long = "word " * 30
        view.add_lines([LogText(Clean("10:00:00.000"), "stderr", Clean(long))])
        await pilot.pause()
        assert sum(bool(line) for line in shown(view)) == 1
        await pilot.press("w")
        wrapped = [line for line in shown(view) if line]
        assert len(wrapped) > 4
        assert "".join(line[13:].ljust(27) for line in wrapped).split() == long.split()
        await pilot.press("m")
        assert not any("10:00:00" in line for line in shown(view))
        await pilot.press("w", "m")
        assert sum(bool(line) for line in shown(view)) == 1


async def test_the_oldest_lines_go_and_the_search_stays_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logview, "MOST_LINES", 100)
    async with log() as (view, pilot):
        view.set_search("line 15")
        view.add_lines(lines(0, 90))
        view.add_lines(lines(90, 90))
        await pilot.pause()
        assert (len(view.lines), view.dropped) == (100, 80)
        assert view.lines[0].text == "line 80"
        assert view.hit_count == 10  # 150 to 159
        assert shown(view)[-1].endswith("line 179")


async def test_a_new_log_forgets_the_old_one() -> None:
    async with log() as (view, pilot):
        view.focus()
        view.add_lines(lines(0, 50))
        await pilot.press("g")
        view.start(Clean("Another step."))
        await pilot.pause()
        assert shown(view)[0].strip() == "Another step."
        assert view.following
