"""A pseudo-terminal with a person at it: starts the real program, presses keys, reads the screen, counts bytes.

Used by the tests of the whole program and by the benchmarks. The screen is kept by pyte; what a modern terminal
is asked (modes, attributes, cursor position) is answered, so that the program behaves as it would in one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

KEYS = {
    "enter": b"\r",
    "esc": b"\x1b",
    "tab": b"\t",
    "space": b" ",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "pgdn": b"\x1b[6~",
    "pgup": b"\x1b[5~",
    "backspace": b"\x7f",
    "ctrl+d": b"\x04",
    "ctrl+p": b"\x10",
    "ctrl+s": b"\x13",
    "ctrl+u": b"\x15",
    "ctrl+c": b"\x03",
    "ctrl+z": b"\x1a",
}
"""Keys by name, as a terminal sends them; any other word is typed letter by letter."""

# pyte stops at private sequences that it does not know, so they are taken out of what it is fed.
_NOT_FOR_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;:]*[a-zA-Z]|\x1b\[\?[0-9;]*(?:[nmu]|\$p)|\x1b\[[0-9;]*\$[a-z]"
    rb"|\x1bP[^\x1b]*\x1b\\|\x1b_[^\x1b]*\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;:<=>?$ ]*|\][^\x07\x1b]*\x1b?|[P_][^\x1b]*\x1b?)?\Z")
"""A sequence whose end is in the bytes that come next."""
# What other terminals, or test runners, say of themselves; the size above all is the pseudo-terminal's own.
_NOT_OF_THIS_TERMINAL = {"NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES"}
_ANSWERS = (
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
)


class Terminal:
    """One program on one pseudo-terminal. Use it as a context manager: leaving it ends the program."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 36,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        """Every byte that the program wrote."""
        self._arrived: deque[tuple[float, bytes]] = deque()
        self._held = b""
        self._asked_to = 0
        self.started_at = time.perf_counter()
        self._descriptor, inside = os.openpty()
        _set_size(inside, columns, rows)
        base = {name: value for name, value in os.environ.items() if name not in _NOT_OF_THIS_TERMINAL}
        self.process = subprocess.Popen(
            list(command),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=_as_at_a_terminal,  # noqa: PLW1509 - a controlling terminal is the point
            env={**base, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            cwd=folder,
        )
        os.close(inside)

    @property
    def modes(self) -> list[object]:
        """The terminal's modes as `tcgetattr` tells them."""
        return list(termios.tcgetattr(self._descriptor))

    @property
    def text(self) -> str:
        """What is on the screen, line by line."""
        while self._arrived:
            self._draw()
        return self._shown()

    def _shown(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _draw(self) -> float:
        """Put the next bytes that have arrived on the screen; returns when they came."""
        at, data = self._arrived.popleft()
        data = self._held + data
        unfinished = _UNFINISHED.search(data)
        self._held = unfinished[0] if unfinished else b""
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", data[: len(data) - len(self._held)]))
        return at

    def read(self, wait_s: float = 0.02) -> bytes:
        """Take in what the program has written, waiting up to `wait_s` for the first byte."""
        ready, _, _ = select.select([self._descriptor], [], [], wait_s)
        if not ready:
            return b""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""
        # Drawing takes longer than the program does: it waits until somebody looks.
        self._arrived.append((time.perf_counter(), data))
        self.output += data
        self._answer()
        return data

    def _answer(self) -> None:
        """Answer the questions in what has come since the last one."""
        asked = [
            (place + len(question), answer)
            for question, answer in _ANSWERS
            if (place := self.output.find(question, self._asked_to)) >= 0
        ]
        for end, answer in sorted(asked):
            self._asked_to = max(self._asked_to, end)
            os.write(self._descriptor, answer)

    def send(self, data: bytes) -> float:
        """Write to the program's keyboard; returns when that was done."""
        os.write(self._descriptor, data)
        return time.perf_counter()

    def press(self, *keys: str) -> None:
        """Press keys by name, or type text."""
        for key in keys:
            os.write(self._descriptor, KEYS.get(key, key.encode()))
            self.read(0.01)

    def wait_until(self, holds: Callable[[], bool], what: str, limit_s: float = 30.0) -> float:
        """Read until a condition holds; returns the seconds it took. An AssertionError shows the screen."""
        begin = time.perf_counter()
        while not holds():
            if time.perf_counter() - begin > limit_s:
                raise AssertionError(f"not within {limit_s} s: {what}\n{self.text}")
            if not self.read() and self.process.poll() is not None and not holds():
                while self.read():
                    pass
                if holds():
                    break
                raise AssertionError(
                    f"the program ended ({self.process.returncode}) before: {what}\n{self.text}"
                )
        return time.perf_counter() - begin

    def wait_for(self, wanted: str | re.Pattern[str], limit_s: float = 30.0) -> float:
        """Read until text, or a match, is on the screen; returns the seconds it took."""
        if isinstance(wanted, str):
            return self.wait_until(lambda: wanted in self.text, f"{wanted!r} on the screen", limit_s)
        return self.wait_until(lambda: wanted.search(self.text) is not None, f"{wanted.pattern!r}", limit_s)

    def wait_gone(self, unwanted: str, limit_s: float = 30.0) -> float:
        """Read until text is no longer on the screen."""
        return self.wait_until(lambda: unwanted not in self.text, f"{unwanted!r} gone", limit_s)

    def moment(self, holds: Callable[[str], bool], what: str, limit_s: float = 30.0) -> float:
        """When (by `perf_counter`) the bytes came with which the screen's text first held a condition.

        Looks only when the program is quiet, so that looking does not delay what is measured.
        """
        end = time.perf_counter() + limit_s
        while True:
            while self._arrived:
                at = self._draw()
                if holds(self._shown()):
                    return at
            if time.perf_counter() > end or (self.process.poll() is not None and not self.read()):
                raise AssertionError(f"not within {limit_s} s: {what}\n{self.text}")
            self.settle(0.1, 2.0)

    def settle(self, quiet_s: float = 0.25, limit_s: float = 10.0) -> int:
        """Read until nothing came for `quiet_s`; returns the bytes that did."""
        before, end = len(self.output), time.perf_counter() + limit_s
        while self.read(quiet_s) and time.perf_counter() < end:
            pass
        return len(self.output) - before

    def wait_exit(self, limit_s: float = 15.0) -> int:
        """Read until the program has ended; returns its exit code."""
        end = time.perf_counter() + limit_s
        while self.process.poll() is None:
            self.read()
            if time.perf_counter() > end:
                raise AssertionError(f"still runs after {limit_s} s\n{self.text}")
        while self.read():
            pass
        return self.process.returncode

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        _set_size(self._descriptor, columns, rows)
        self.screen.resize(rows, columns)
        os.killpg(self.process.pid, signal.SIGWINCH)

    def hang_up(self) -> None:
        """Close our end, as a dropped link does."""
        os.close(self._descriptor)
        self._descriptor = -1

    def resident_mb(self) -> float:
        """Resident memory of the program's own process, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else float("nan")

    def close(self) -> None:
        """End the program, by force if it does not end by itself."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _as_at_a_terminal() -> None:
    """In the new process: a controlling terminal, and its signals heard, also where who runs the tests is deaf."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
