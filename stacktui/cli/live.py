"""A run that is looked at on a terminal: its tree at the end of the screen, its log lines scrolling above. Used by `invoke`.

Drawn at most ten times a second, and only what changed. Nothing of it goes to a file or a program.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TextIO

from stacktui.cli.face import Face
from stacktui.cli.region import Drawn, Region
from stacktui.cli.run_state import RunState
from stacktui.cli.run_tree import RunTree
from stacktui.cli.terminal import Out
from stacktui.model.base import now
from stacktui.operations.documents import Part
from stacktui.operations.following import RunEvent

_EVERY_S = 0.1
_IDLE_S = 1.0
_OF_THE_TREE = frozenset({"progress", "metric", "run_changed", "request", "step_attempt_ended"})
"""Events that are seen in the tree and not said above it; those of steps and the run's beginning are too."""


def live_stream(face: Face) -> TextIO | None:
    """The terminal on which the tree can be drawn; None where lines are what is wanted.

    Standard error is one where the data goes to a file: a pipe's reader may write to the same terminal.
    """
    if face.json or os.environ.get("TERM", "") in ("", "dumb"):
        return None
    if face.out.terminal:
        return face.out.stream
    if face.err.terminal and _is_file(face.out.stream):
        return face.err.stream
    return None


class Picture(Protocol):
    """What is drawn at the end of the screen."""

    def lines(self, now: datetime, columns: int, rows: int) -> list[Drawn]:
        """As it is now, in at most `rows` lines, each narrower than `columns`."""


class LiveRun:
    """The tree of one run and the lines above it. `write` shows one part as lines, on the face that it is given."""

    def __init__(self, face: Face, stream: TextIO, hint: str, write: Callable[[Face, Part], int]) -> None:
        self._face = face
        self._write = write
        self._stream = stream
        self._hint = hint
        self._region = Region(stream, self._size)
        self._said = _Kept()
        above = Out(self._said, colour=face.out.colour or face.err.colour, terminal=True)
        # Both streams are the terminal, or the data goes to a file and only the talk stands above the tree.
        self._above = replace(face, out=above if face.out.stream is stream else face.out, err=above)
        if face.out.stream is stream and not face.err.terminal:
            self._above.err = face.err
        self._out = Out(stream, colour=face.out.colour or face.err.colour)
        above.unicode = self._out.unicode
        self._tree: Picture | None = None
        self._state: RunState | None = None
        self._drawn_at = 0.0
        self._every_s = _EVERY_S
        self._changed = False

    def show(self, event: RunEvent) -> int:
        """Take one event in; returns the exit code that it asks for."""
        if self._state is None and event.followed is not None:
            self._state = RunState(event.followed)
            self._tree = RunTree(self._state, self._out, self._hint)
        if self._state is not None:
            self._state.take(event)
        self._changed = True
        if event.event in ("run_finished", "left_running"):
            self.close()
            return self._write(self._face, event)
        code = 0 if event.answer else 1
        if not self._in_the_tree(event):
            code = self._write(self._above, event)
        self.turn()
        return code

    def turn(self) -> None:
        """Draw, if that is due: what changed, and once a second the times that run."""
        waited = time.monotonic() - self._drawn_at
        if waited >= (self._every_s if self._changed else _IDLE_S):
            self._draw()

    def resized(self) -> None:
        """The terminal has another size, or was somebody else's meanwhile."""
        self._changed = True
        self._drawn_at = 0.0

    def suspend(self) -> None:
        """Leave the screen to the shell: the next drawing begins below what it writes."""
        self._draw()
        self._region.leave()

    def close(self) -> None:
        """Take the tree away, with all lines above it written."""
        above = self._said.lines()
        self._region.draw(above, [])
        self._region.clear()
        self._tree = None

    def _draw(self) -> None:
        if self._tree is None:
            return
        columns, rows = self._size()
        began = time.monotonic()
        above = self._said.lines()
        # In the background the shell's own line is there: nothing is drawn over it.
        lines: list[Drawn] = []
        if self._foreground():
            # A third of the screen stays for the lines above.
            height = max(min(rows - 1, max(rows * 2 // 3, 8)), 1)
            lines = self._tree.lines(now(), columns, height)
        self._region.draw(above, lines)
        self._drawn_at, self._changed = time.monotonic(), False
        # A line that is slow to take it is given a fifth of the time for it, at most.
        self._every_s = min(max(_EVERY_S, 5 * (self._drawn_at - began)), _IDLE_S)

    def _in_the_tree(self, event: RunEvent) -> bool:
        if event.event in _OF_THE_TREE or event.event in ("run_created", "run_started"):
            return True
        if event.event.startswith("step_"):
            # What failed is said above too: it would be folded away.
            return event.status not in ("failed", "lost")
        return False

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            size = shutil.get_terminal_size((80, 24))
        # Some serial lines know no size and say zero.
        return size.columns or 80, size.lines or 24

    def _foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            # Not our controlling terminal: nobody else draws on it.
            return True


class _Kept(io.StringIO):
    """Lines that were written and are not on the screen yet."""

    def lines(self) -> list[str]:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text.removesuffix("\n").split("\n") if text else []


def _is_file(stream: TextIO) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not stream.isatty())
