"""The terminal that the workbench runs in: that there is one, and that it ends with it."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp


class NoTerminal(Exception):
    """There is no terminal that could show the workbench. The message names the command to use instead."""


def require_terminal() -> None:
    """Raises `NoTerminal` without a terminal on both sides, or on one that can do nothing (`TERM=dumb`)."""
    if not (sys.__stdin__ and sys.__stdin__.isatty() and sys.__stdout__ and sys.__stdout__.isatty()):
        raise NoTerminal("the workbench needs a terminal; without one use the commands: stacktui --help")
    if os.environ.get("TERM", "") in ("dumb", ""):
        raise NoTerminal(
            "the workbench needs a terminal that can move its cursor (TERM says "
            f"{os.environ.get('TERM') or 'nothing'}); use the commands: stacktui --help"
        )


_LEAVE_SECONDS = 0.6
_MOST_NOTIFIED = 160


def notification(text: Clean, environ: Mapping[str, str] = os.environ) -> str:
    """The sequence that asks the terminal for a notification of its own (OSC 9), with one bounded line of clean text.

    tmux and screen hand it on to the terminal around them only when it is wrapped for them; one that does not know
    it shows nothing.
    """
    # A digit would be another command: 9;4 is a progress bar.
    sequence = f"\x1b]9;stacktui: {text[:_MOST_NOTIFIED]}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


@contextmanager
def ended_with_terminal(app: WorkbenchApp) -> Iterator[None]:
    """While it runs: end the process within a second after the terminal is gone.

    SIGHUP tells it; where a parent made it ignored (nohup), a thread looks for the hang-up on the descriptor
    itself. Runs are other processes and go on.
    """
    gone = threading.Event()
    over = threading.Event()

    def leave(*_: Any) -> None:
        if gone.is_set():
            return
        gone.set()
        # Nothing can be shown any more: writing to the dead terminal could block, so do not wait for it.
        threading.Thread(target=_exit_soon, args=(over,), daemon=True).start()
        loop = app._loop if hasattr(app, "_loop") else None
        if loop is not None:
            loop.call_soon_threadsafe(app.exit, 129)

    before = signal.signal(signal.SIGHUP, leave)
    descriptor = sys.__stdin__.fileno() if sys.__stdin__ else -1
    watcher = threading.Thread(target=_watch, args=(descriptor, over, leave), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGHUP, before)


def _watch(descriptor: int, over: threading.Event, leave: Any) -> None:
    poller = select.poll()
    poller.register(descriptor, select.POLLHUP | select.POLLERR | select.POLLNVAL)
    while not over.is_set():
        for _, event in poller.poll(250):
            if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                leave()
                return


def _exit_soon(over: threading.Event) -> None:
    if not over.wait(_LEAVE_SECONDS):
        os._exit(129)
