"""The followed log of one step of a run, with its search and how it is saved. Used by the run screen.

The file is read in the background, piece by piece: how many lines it has, those that are shown, and what a search
finds. The screen never holds more than a window of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual import on
from textual.timer import Timer

from stacktui.model.text import Clean, clean, unstyled
from stacktui.operations.moments import clock_millis, zone
from stacktui.tui.marks import count_text
from stacktui.tui.widgets.logview import LogText, LogView
from stacktui.tui.widgets.panel import Panel
from stacktui.tui.widgets.searchline import SearchLine

if TYPE_CHECKING:
    from stacktui.model.execution import LogLine
    from stacktui.pipelines.log_index import LogIndex, LogSearch
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.screens.run_facts import StepLine

FOLLOW_SECONDS = 0.2
"""The least time between two redraws while lines come."""
_GROW_BYTES = 1 << 24
_SEARCH_BYTES = 1 << 20
_SEARCH_SECONDS = 0.1
_BREATH_S = 0.002
"""Between two pieces of a search, so that keys are not kept waiting."""
_MOVING = ("running", "retrying")


class _Read(NamedTuple):
    """What the background found."""

    total: int
    """About, while not all was looked at."""
    first: int
    lines: Sequence[LogText]
    tail: Sequence[LogText]
    """What is not ended, like progress bars."""
    whole: bool
    """Whether all that is in the file was looked at."""
    searched: bool
    """Whether all of it was searched."""


class LogPanel(Panel):
    """A frame with the log of a step in it. It reads on while the step runs and the screen is shown."""

    def __init__(self) -> None:
        self._view = LogView(id="log", empty=Clean(""))
        self._search_line = SearchLine(self._view)
        super().__init__(self._view, self._search_line, title="log", id="run-log")
        self._run_id = ""
        self._line: StepLine | None = None
        self._shown: tuple[str, str, int] | None = None
        """Run, step and attempt of what is in the view."""
        self._index: LogIndex | None = None
        self._search: LogSearch | None = None
        self._go = False
        """Whether to go to the first hit that is found."""
        self._searched = self._whole = True
        self._reading = False
        self._again = False
        self._at_once = False
        self._read_at = 0.0
        self._timer: Timer | None = None

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, typed."""
        return cast("WorkbenchApp", self.app)

    @property
    def view(self) -> LogView:
        """The lines."""
        return self._view

    # Following.

    def follow(self, run_id: str, line: StepLine | None) -> None:
        """Show a step's log, or go on with it if it is the one that is shown."""
        self._run_id, self._line = run_id, line
        wanted = (run_id, line.name, line.attempt) if line is not None else None
        if wanted != self._shown:
            self._shown, self._index, self._search, self._read_at = wanted, None, None, 0.0
            self._view.start(empty_log(line) if line is not None else Clean("No step is chosen."))
            if self._view.search:
                self._begin_search()
        elif line is not None:
            self._view.empty = empty_log(line)
        self.read_soon()
        self.draw_title()

    def read_soon(self) -> None:
        """Read what was written since, at most every 0.2 s."""
        if self._reading:
            self._again = True
        elif self._timer is None:
            wait = self._read_at + FOLLOW_SECONDS - time.monotonic()
            if wait > 0:
                self._timer = self.set_timer(wait, self._read)
            else:
                self._read()

    @on(LogView.Wanted)
    def read_now(self) -> None:
        """Read what the view needs."""
        if self._reading:
            self._at_once = True
        else:
            self._read()

    def _read(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._shown is None or self._reading or self.screen is not self.app.screen:
            return
        asked, state, search = self._shown, self.workbench.session.workspace.state, self._search
        index, wanted = self._index, self._view.wanted
        following = self._view.following
        self._reading, self._again, self._at_once = True, False, False
        self._read_at = time.monotonic()

        def work() -> tuple[LogIndex, LogSearch | None, _Read]:
            mine = index or _index_of(state, asked)
            return mine, search, _look(mine, search, wanted, following)

        def arrived(result: Any, error: BaseException | None) -> None:
            self._reading = False
            if self.is_attached:
                self._arrived(asked, result, error)

        self.workbench.background.submit(work, arrived)

    def _arrived(self, asked: tuple[str, str, int], result: Any, error: BaseException | None) -> None:
        if asked != self._shown:
            self._read()
            return
        if error is not None:
            cast("WorkbenchScreen[Any]", self.screen).notice(f"the log cannot be read: {error}", error=True)
            return
        self._index, search, found = result
        line = self._line
        tail = list(found.tail)
        if found.whole and line is not None and line.error:
            if found.total or tail:
                tail.append(LogText(Clean(""), "error", Clean("")))
            tail += [LogText(Clean(""), "error", text) for text in line.error]
        before, self._whole = (self._view.count, self._whole), found.whole
        self._view.show(found.total, found.first, found.lines, tail)
        if (self._view.count, self._whole) != before:
            self.draw_title()
        if self._view.search and self._search is None:
            self._begin_search()
        if self._search is not None and search is self._search:
            self._searched = found.searched
            self._show_hits(self._search)
        if self._at_once or not found.whole or (self._search is not None and not self._searched):
            self._read()
        elif self._again or (line is not None and line.status in _MOVING):
            self.read_soon()

    # Searching.

    def search(self) -> None:
        """Open the line for a search."""
        self._search_line.open()

    def end_search(self) -> bool:
        """Close the search; False if there was none."""
        return self._search_line.close()

    @on(LogView.Searched)
    def _begin_search(self) -> None:
        from stacktui.pipelines.log_index import LogSearch

        self._search = None
        if self._view.search and self._index is not None:
            self._search = LogSearch(self._view.search, self._index, self._view.top_line)
            self._searched, self._go = False, True
            self.read_now()
        self.draw_title()

    def _show_hits(self, search: LogSearch) -> None:
        """Go to the first hit from the top of the screen on, as soon as it is known."""
        line, go = self._view.hit_line, False
        if self._go:
            line = search.at_or_after(search.start)
            if line is None and self._searched:
                line = search.first()
            go = line is not None
            if go or self._searched:
                self._go = False
        number = search.number_of(line) if line is not None else 0
        self._view.show_hits(search.count, number, line if number else None, go=go)

    @on(LogView.HitWanted)
    def _go_to_hit(self, event: LogView.HitWanted) -> None:
        search, here = self._search, self._view.hit_line
        if search is None:
            return
        if here is None:
            here = self._view.top_line - (event.by > 0)
        if event.by > 0:
            line = search.at_or_after(here + 1)
            line = search.first() if line is None else line
        else:
            line = search.before(here)
            line = search.last() if line is None else line
        if line is not None:
            self._view.show_hits(search.count, search.number_of(line), line, go=True)

    # What can be done.

    def save(self, target: Path) -> None:
        """Write the whole log to a new file, with times, in the background."""
        if self._shown is None:
            return
        asked, state = self._shown, self.workbench.session.workspace.state
        screen = cast("WorkbenchScreen[Any]", self.screen)

        def done(count: Any, error: BaseException | None) -> None:
            if error is None:
                screen.notice(clean(f"{count_text(count)} lines saved to {target}"))
            elif isinstance(error, FileExistsError):
                screen.notice(clean(f"not saved: {target} exists already; give another name"), error=True)
            else:
                screen.notice(clean(f"not saved: {error}"), error=True)

        self.workbench.background.submit(lambda: _save(state, asked, target), done)

    # Titles.

    @on(LogView.Changed)
    def draw_title(self) -> None:
        """Say whose log it is, how many lines, and what is in force."""
        line, view = self._line, self._view
        if line is not None and line.earlier:
            self.set_title(Clean(f"log of {clean(line.name)}, attempt {line.attempt}"))
        else:
            self.set_title(Clean(f"log of {line.shown}") if line else "log")
        count = view.count
        about = "" if self._whole else "about "
        notes = [f"{about}{count_text(count)} line{'s' if count > 1 else ''}"] if count else []
        if count and view.stamped:
            notes.append(clean(zone()))
        if view.search and not self._search_line.has_focus_within:
            notes.append(f"/{clean(view.search)} {self._search_line.hits()}")
        if view.wrapping:
            notes.append("wrapped")
        if line is not None and line.status in _MOVING:
            notes.append("follows" if view.following else "f follows")
        self.set_note(Clean(" · ".join(notes)))
        self._search_line.count(searching=not self._searched)


def clean_lines(lines: Sequence[LogLine]) -> list[LogText]:
    """Lines of a log as they may be shown, with times in the reader's zone."""
    return [LogText(Clean(clock_millis(line.at)), line.stream, clean(unstyled(line.text))) for line in lines]


def empty_log(line: StepLine) -> Clean:
    """What stands where a step wrote nothing."""
    if line.status == "cached":
        return Clean(f"It did not run: the result of run {line.cached} stands in. i says why.")
    if line.status == "pending":
        return Clean("It has not started yet.")
    if line.status in ("skipped", "cancelled") and line.started_at is None:
        return Clean(f"It did not run: {line.status}.")
    return Clean("Nothing was written yet." if line.status in _MOVING else "The step wrote nothing.")


def _index_of(state: Path, asked: tuple[str, str, int]) -> LogIndex:
    from stacktui.pipelines.log_index import LogIndex
    from stacktui.pipelines.logs import log_path

    return LogIndex(log_path(state, *asked))


def _look(index: LogIndex, search: LogSearch | None, wanted: tuple[int, int], following: bool) -> _Read:
    """Take in what is new, the lines of a window, and some of a search. In the background."""
    whole = index.grow(_GROW_BYTES)
    first, count = wanted
    total = index.lines
    if following and not whole:
        # The end of a long log is shown before all of it was looked at.
        total, last = index.glance(count)
        first = total - len(last)
    else:
        first = max(0, total - count) if following else first
        last = index.read(first, count)
    lines = clean_lines(last)
    searched = search is None
    until = time.monotonic() + _SEARCH_SECONDS
    while search is not None and not (searched := search.step(_SEARCH_BYTES)) and time.monotonic() < until:
        time.sleep(_BREATH_S)
    tail = clean_lines(index.open) if whole else []
    return _Read(total, first, lines, tail, whole, searched and whole)


def _save(state: Path, asked: tuple[str, str, int], target: Path) -> int:
    from stacktui.categories.private import create_file
    from stacktui.model.base import rfc3339
    from stacktui.pipelines.logs import read_log

    count, offset = 0, 0
    not_ended: Sequence[LogLine] = ()
    # Whatever folder it is: who saves a log saves it for themselves.
    descriptor = create_file(target, secret=True)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        while (page := read_log(state, *asked, offset)).next_offset != offset:
            # As cleaned as on screen: the file may be opened with `cat`.
            file.writelines(f"{rfc3339(line.at)} {clean(unstyled(line.text))}\n" for line in page.lines)
            count, offset, not_ended = count + len(page.lines), page.next_offset, page.open
        file.writelines(f"{rfc3339(line.at)} {clean(unstyled(line.text))}\n" for line in not_ended)
    return count + len(not_ended)
