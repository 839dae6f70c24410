"""A workbench in a real pseudo-terminal: what bytes come out, and how it ends. For tests that pixels cannot answer."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyte

_START = (
    "import sys, pathlib\n"
    "from stacktui.operations.session import Session\n"
    "from stacktui.tui.start import run_workbench\n"
    "with Session(pathlib.Path(sys.argv[1])) as session:\n"
    "    code = run_workbench(session)\n"
    "sys.exit(code)\n"
)
_PRIVATE = (b"\x1b[>", b"\x1b[<", b"\x1b[=")


class Terminal:
    """One process on its own pseudo-terminal; `raw` is every byte that it sent."""

    def __init__(
        self, root: Path, *, size: tuple[int, int] = (120, 36), env: Mapping[str, str] | None = None,
        ignore_hangup: bool = False, program: str = _START,
    ) -> None:  # fmt: skip
        self.columns, self.rows = size
        self.raw = bytearray()
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

        def controlling() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            if ignore_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        names = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        environ = {key: value for key, value in {**os.environ, **names}.items() if value != ""}
        for name in ("NO_COLOR", "TEXTUAL", "COLUMNS", "LINES"):
            if name not in names:
                environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(root)],
            stdin=slave, stdout=slave, stderr=slave, preexec_fn=controlling, env=environ,  # noqa: PLW1509
        )  # fmt: skip
        os.close(slave)
        self._open = True

    def read(self, wait_s: float = 0.05) -> bytes:
        """What came within `wait_s` seconds."""
        ready, _, _ = select.select([self.master], [], [], wait_s)
        if not ready:
            return b""
        try:
            data = os.read(self.master, 1 << 16)
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise
        self.raw += data
        # pyte knows no private sequences of newer terminals; what it would print of them is not on the screen.
        self._stream.feed(_without_private(data))
        return data

    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.screen.display)

    def wait(self, condition: Callable[[], Any], what: str, limit_s: float = 20.0) -> None:
        """Read until a condition holds."""
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}; on screen:\n{self.text()}")
            self.read()

    def sees(self, text: str) -> None:
        """Read until a text stands on the screen."""
        self.wait(lambda: text in self.text(), repr(text))

    def quiet(self, seconds: float = 1.0) -> int:
        """How many bytes come during some seconds."""
        before, end = len(self.raw), time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
        return len(self.raw) - before

    def press(self, keys: str) -> None:
        """Send keys as a terminal does."""
        os.write(self.master, keys.encode())

    def hang_up(self) -> None:
        """The terminal goes away."""
        os.close(self.master)
        self._open = False

    def close(self) -> None:
        """End the process that is still there."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._open:
            os.close(self.master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _without_private(data: bytes) -> bytes:
    import re

    return re.sub(
        rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", b"", data
    )
