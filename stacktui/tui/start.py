"""Starts the workbench. What the first screen shows is loaded first, in a thread, and only then is Textual imported.

Side by side both compute, and Python has them take turns: that takes a tenth longer than one after the other. What
waits for a disk or for a busy store goes on beside the import.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.session import Session

_TURN_SECONDS = 0.0005
_ALONE_SECONDS = 0.2
"""How long the first content is waited for before Textual is imported."""
_TICKS = 250
"""A second, while anything changes; there are none while nothing does."""


class First(NamedTuple):
    """What the first frame shows."""

    home: Any
    """A `snapshots.home.HomeSnapshot`."""
    summary: Any
    """A `snapshots.summary.Summary`."""


class Prefetch:
    """The first frame's content, loaded in a thread. It never raises: the ordinary load says what is wrong."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: First | None = None
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._work, name="stacktui-prefetch", daemon=True)
        self._thread.start()

    def take(self, wait_s: float = 0.0) -> First | None:
        """The content if it is there, or comes within `wait_s` seconds."""
        if wait_s:
            self._tried.wait(wait_s)
        return self._found

    def _work(self) -> None:
        from stacktui.tui.snapshots.home import load_home
        from stacktui.tui.snapshots.summary import load_summary

        with suppress(Exception):
            self._found = First(load_home(self._session, None), load_summary(self._session))
        self._tried.set()
        from stacktui.workspace.recent import remember_workspace

        # A full disk or a home that is not writable: the list of workspaces is not worth a word then.
        with suppress(OSError):
            remember_workspace(self._session.workspace.root, self._session.environ)


def run_workbench(session: Session) -> int | Path:
    """Run the workbench until it is left; the exit code, or the workspace that is to be opened next. Raises
    `terminal.NoTerminal` where there is none."""
    from stacktui.tui.terminal import require_terminal

    require_terminal()
    # What changed is drawn at the next tick of a clock: with Textual's own a key would wait for it up to 17 ms.
    os.environ.setdefault("TEXTUAL_FPS", str(_TICKS))
    # Loads compute in threads: a key must not wait its turn behind them, which Python makes five milliseconds long.
    sys.setswitchinterval(_TURN_SECONDS)
    prefetch = Prefetch(session)
    prefetch.take(_ALONE_SECONDS)
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.terminal import ended_with_terminal

    app = WorkbenchApp(session, prefetch)
    with ended_with_terminal(app):
        result = app.run(mouse=app.looks.settings.mouse)
    if app.elsewhere is not None and not app.return_code:
        return app.elsewhere
    return app.return_code or (result if isinstance(result, int) else 0)
