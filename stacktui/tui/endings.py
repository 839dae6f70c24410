"""Tells people that a run has ended: the bell, OSC 9 for the terminal's own notification, a toast. Used by the feed.

A run is told once, when this workbench saw it going on: what ended before it was opened is history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stacktui.model.base import now
from stacktui.model.text import Clean, clean
from stacktui.tui.marks import elapsed, symbol_of

if TYPE_CHECKING:
    from stacktui.model.run import Run
    from stacktui.tui.app import WorkbenchApp

_MOST_TOLD = 3
"""Toasts at once: of a sweep that is stopped, one line says the rest."""


class Endings:
    """Which runs were seen going on, and which of them are told about."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._going: set[str] = set()
        self._started_here: set[str] = set()

    def started(self, run_id: str) -> None:
        """A run was started from this workbench: its end is told however short it was."""
        self._started_here.add(run_id)
        self._going.add(run_id)

    def seen(self, going: Iterable[str]) -> None:
        """The runs that go on now. Those that did before and do not any more have ended, or were deleted."""
        current = set(going)
        ended, self._going = self._going - current, current
        if not ended:
            return
        session = self._app.session

        def work() -> list[Run]:
            from stacktui.categories.errors import NotFound

            store, found = session.store(), []
            for run_id in sorted(ended):
                try:
                    found.append(store.run(run_id))
                except NotFound:
                    continue
            return found

        def arrived(runs: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            # One that was started a moment ago may not have been among those that go on.
            self._going |= {run.id for run in runs if not run.status.finished}
            told = [run for run in runs if run.status.finished and self._worth_telling(run)]
            for run in told[:_MOST_TOLD]:
                self._tell(run)
            if len(told) > _MOST_TOLD:
                self._app.toast(Clean(f"and {len(told) - _MOST_TOLD} more runs have ended"), title="runs")

        self._app.background.submit(work, arrived)

    def _worth_telling(self, run: Run) -> bool:
        mine = run.id in self._started_here
        self._started_here.discard(run.id)
        least = self._app.looks.settings.long_run
        if least is None:
            return False
        seconds = ((run.finished_at or now()) - run.started_at).total_seconds() if run.started_at else 0.0
        return seconds >= least or (mine and not self._shown(run))

    def _shown(self, run: Run) -> bool:
        from stacktui.tui.screens.run import RunScreen

        screen = self._app.screen
        return isinstance(screen, RunScreen) and screen.run_id == run.id

    def _tell(self, run: Run) -> None:
        took = elapsed(run.duration_s)
        text = clean(f"{run.name} {run.status}" + (f" after {took}" if took else ""))
        self._app.alert(text)
        if not self._shown(run):
            good = run.status == "succeeded"
            says = clean(run.error or run.pipeline) if not good else clean(run.pipeline)
            self._app.toast(says, title=f"{symbol_of(str(run.status))} {text}", error=not good)
