"""The followed log of one step of a run, with its search and how it is saved. Used by the run screen."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual.timer import Timer

from stacktui.model.text import Clean, clean
from stacktui.tui.marks import count_text
from stacktui.tui.widgets.logview import MOST_LINES, LogText, LogView
from stacktui.tui.widgets.panel import Panel
from stacktui.tui.widgets.searchline import SearchLine

if TYPE_CHECKING:
    from stacktui.model.execution import LogLine
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.screens.run_facts import StepLine

FOLLOW_SECONDS = 0.2
"""The least time between two redraws while lines come."""
_LINES_AT_ONCE = 20_000
_MOVING = ("running", "retrying")


class LogPanel(Panel):
    """A frame with the log of a step in it. It reads on while the step runs and the screen is shown."""

    def __init__(self) -> None:
        self._view = LogView(id="log", empty=Clean(""))
        self._search = SearchLine(self._view)
        super().__init__(self._view, self._search, title="log", id="run-log")
        self._run_id = ""
        self._line: StepLine | None = None
        self._shown: tuple[str, str, int] | None = None
        """Run, step and attempt of what is in the view."""
        self._offset = 0
        self._reading = False
        self._again = False
        self._late = False
        """Whether the log is longer than what is kept, so that it was read from further on."""
        self._ended = False
        """Whether the step's error stands below its lines."""
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
            self._shown, self._offset, self._read_at = wanted, 0, 0.0
            self._ended = self._late = False
            self._view.start(empty_log(line) if line is not None else Clean("No step is chosen."))
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

    def _read(self) -> None:
        self._timer = None
        if self._shown is None or self._reading or self.screen is not self.app.screen:
            return
        asked, offset, state = self._shown, self._offset, self.workbench.session.workspace.state
        self._reading, self._again = True, False
        self._read_at = time.monotonic()

        def arrived(result: Any, error: BaseException | None) -> None:
            self._reading = False
            if self.is_attached:
                self._arrived(asked, result, error)

        self.workbench.background.submit(lambda: _read_lines(state, asked, offset), arrived)

    def _arrived(self, asked: tuple[str, str, int], result: Any, error: BaseException | None) -> None:
        if asked != self._shown:
            self.read_soon()
            return
        if error is not None:
            cast("WorkbenchScreen[Any]", self.screen).notice(f"the log cannot be read: {error}", error=True)
            return
        lines, self._offset, late = result
        self._late = self._late or late
        self._view.add_lines(lines)
        line = self._line
        whole = len(lines) < _LINES_AT_ONCE
        if whole and not self._again and line is not None and line.error and not self._ended:
            self._ended = True
            gap = [LogText(Clean(""), "error", Clean(""))] if self._view.lines else []
            self._view.add_lines([*gap, *(LogText(Clean(""), "error", text) for text in line.error)])
        if lines:
            self.draw_title()
        if not whole:
            # More is there: what is read at once is bounded so that the first lines come soon.
            self._read()
        elif self._again or (line is not None and line.status in _MOVING):
            self.read_soon()

    # What can be done.

    def search(self) -> None:
        """Open the line for a search."""
        self._search.open()

    def end_search(self) -> bool:
        """Close the search; False if there was none."""
        return self._search.close()

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
        self.set_title(Clean(f"log of {line.shown}") if line else "log")
        count = len(view.lines)
        notes = [f"{count_text(count)} line{'s' if count > 1 else ''}"] if count else []
        if view.dropped or self._late:
            notes.append("earlier ones are in the file: o saves all")
        if view.search and not self._search.has_focus_within:
            notes.append(f"/{clean(view.search)} {view.hit_number} of {count_text(view.hit_count)}")
        if view.wrapping:
            notes.append("wrapped")
        if line is not None and line.status in _MOVING:
            notes.append("follows" if view.following else "f follows")
        self.set_note(Clean(" · ".join(notes)))
        self._search.count()


def clean_lines(lines: Sequence[LogLine]) -> list[LogText]:
    """Lines of a log as they may be shown, with local times."""
    return [
        LogText(Clean(line.at.astimezone().strftime("%H:%M:%S.%f")[:12]), line.stream, clean(line.text))
        for line in lines
    ]


def empty_log(line: StepLine) -> Clean:
    """What stands where a step wrote nothing."""
    if line.status == "cached":
        return Clean(f"It did not run: the result of run {line.cached} stands in. i says why.")
    if line.status == "pending":
        return Clean("It has not started yet.")
    if line.status in ("skipped", "cancelled") and line.started_at is None:
        return Clean(f"It did not run: {line.status}.")
    return Clean("Nothing was written yet." if line.status in _MOVING else "The step wrote nothing.")


def _read_lines(state: Path, asked: tuple[str, str, int], offset: int) -> tuple[list[LogText], int, bool]:
    """Lines after an offset, the next offset, and whether earlier ones were skipped."""
    from stacktui.pipelines.logs import log_path, read_log, tail_offset

    late = False
    if offset == 0:
        # Of a log of millions of lines only the end is kept: begin there.
        offset = tail_offset(log_path(state, *asked), MOST_LINES)
        late = offset > 0
    page = read_log(state, *asked, offset, _LINES_AT_ONCE)
    return clean_lines(page.lines), page.next_offset, late


def _save(state: Path, asked: tuple[str, str, int], target: Path) -> int:
    from stacktui.model.base import rfc3339
    from stacktui.pipelines.logs import read_log

    count, offset = 0, 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        while True:
            page = read_log(state, *asked, offset, _LINES_AT_ONCE)
            if not page.lines:
                return count
            # As cleaned as on screen: the file may be opened with `cat`.
            file.writelines(f"{rfc3339(line.at)} {clean(line.text)}\n" for line in page.lines)
            count, offset = count + len(page.lines), page.next_offset
