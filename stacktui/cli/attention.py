"""The person at the command line while something is followed: signals, ctrl+d, and the terminal's modes.

Used by `invoke` for operations that stream. Ctrl+C and SIGTERM become a KeyboardInterrupt, ctrl+d and SIGHUP a
`LeaveRunning`. While a run is followed they come out of `pause` only, or are fetched with `asked`: whatever was being
read or written is finished first.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from stacktui.operations.attention import Attention, LeaveRunning

_CTRL_D = b"\x04"
_STARTING = b"it stops as soon as it has started; once more ends at once\n"


class TerminalAttention(Attention):
    """Signals and keys of one command. Use it as a context manager, in the main thread."""

    def __init__(self) -> None:
        self.on_turn: Callable[[], None] = lambda: None
        """Called over and over while nothing else happens: ten times a second and more."""
        self.on_resize: Callable[[], None] = lambda: None
        self.before_stop: Callable[[], None] = lambda: None
        """Called before the program is suspended (ctrl+z), and `on_resize` after it goes on."""
        self._asked: deque[type[BaseException]] = deque()
        self._patience = 0
        """How many interruptions are kept for later before one is raised at once."""
        self._handlers: dict[int, Any] = {}
        self._bell: tuple[int, int] | None = None
        self._keys = _Keys()

    def __enter__(self) -> TerminalAttention:
        self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._handle(signal.SIGTERM, self._stop)
        # Where it is ignored (nohup, a shell's background) it stays so.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._handle(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        if self._bell is not None:
            for descriptor in self._bell:
                os.close(descriptor)
            self._bell = None

    @property
    def keys(self) -> bool:
        """Whether ctrl+d is heard: standard input is a terminal, and this is its foreground."""
        return self._keys.open

    def asked(self) -> BaseException | None:
        """What the person has asked for since the last call, for whoever is between two things."""
        return self._asked.popleft()() if self._asked else None

    def pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            if (wish := self.asked()) is not None:
                raise wish
            self.on_turn()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._listen(left)

    @contextmanager
    def starting(self) -> Iterator[None]:
        self._patience = 1
        try:
            yield
        except BaseException:
            self._patience = 0
            raise
        # What was asked for meanwhile is heard by whoever looks on next.

    @contextmanager
    def looking_on(self) -> Iterator[None]:
        self._patience = sys.maxsize
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._handle(signal.SIGHUP, self._leave)
        self._handle(signal.SIGWINCH, lambda _, __: self.on_resize())
        self._handle(signal.SIGCONT, self._go_on)
        for number, handler in ((signal.SIGTSTP, self._suspend), (signal.SIGQUIT, self._quit)):
            if signal.getsignal(number) == signal.SIG_DFL:
                self._handle(number, handler)
        self._keys.begin()
        try:
            yield
        finally:
            # Further signals count no more: what is left to be said and restored takes no time.
            self._keys.close()

    # Signals.

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], object]) -> None:
        before = signal.signal(number, handler)
        self._handlers.setdefault(number, signal.SIG_DFL if before is None else before)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._ask(KeyboardInterrupt)

    def _leave(self, _: int, __: FrameType | None) -> None:
        self._ask(LeaveRunning)

    def _ask(self, wish: type[BaseException]) -> None:
        if len(self._asked) >= self._patience:
            raise wish
        if self._patience == 1:
            # Not through the stream: it may be in the midst of a write.
            with contextlib.suppress(OSError):
                os.write(2, _STARTING)
        self._asked.append(wish)
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            with contextlib.suppress(OSError):
                os.write(self._bell[1], b"!")

    def _suspend(self, _: int, __: FrameType | None) -> None:
        self._keys.close()
        self.before_stop()
        # The default action, as if nobody had listened: it stops here until the shell lets it go on.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        self._go_on(0, None)

    def _go_on(self, _: int, __: FrameType | None) -> None:
        self._keys.begin()
        self.on_resize()
        self._ring()

    def _quit(self, _: int, __: FrameType | None) -> None:
        self._keys.close()
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGQUIT)

    # Keys.

    def _listen(self, seconds: float) -> None:
        """Wait for a signal or a key, no longer than that."""
        assert self._bell is not None
        watched = [self._bell[0], *([self._keys.descriptor] if self._keys.open else [])]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._bell[0] in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._bell[0], 1024)
        if self._keys.open and self._keys.descriptor in ready:
            typed = self._keys.read()
            # Nothing at all: the terminal is gone.
            if _CTRL_D in typed or not typed:
                self._asked.append(LeaveRunning)
            if not typed:
                self._keys.close()


class _Keys:
    """Standard input, key by key and without an echo, where it is a terminal with this program in its foreground."""

    def __init__(self) -> None:
        self.descriptor = -1
        self._before: list[Any] | None = None

    @property
    def open(self) -> bool:
        return self._before is not None

    def begin(self) -> None:
        """Take the terminal over. In the background it is left alone: to touch it would stop the program."""
        if self._before is not None:
            return
        try:
            descriptor = sys.stdin.fileno()
            if not os.isatty(descriptor) or os.tcgetpgrp(descriptor) != os.getpgrp():
                return
            before = termios.tcgetattr(descriptor)
            now = [*before[:6], list(before[6])]
            now[3] &= ~(termios.ICANON | termios.ECHO)
            # Else ctrl+c throws away what was written and has not been sent.
            now[3] |= termios.NOFLSH
            now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
            termios.tcsetattr(descriptor, termios.TCSANOW, now)
        except (OSError, ValueError, AttributeError, termios.error):
            return
        self.descriptor, self._before = descriptor, before

    def read(self) -> bytes:
        """What was typed; empty where the terminal is gone."""
        try:
            return os.read(self.descriptor, 1024)
        except OSError:
            return b""

    def close(self) -> None:
        """Give the terminal back as it was."""
        before, self._before = self._before, None
        if before is not None:
            with contextlib.suppress(OSError, termios.error):
                if os.tcgetpgrp(self.descriptor) == os.getpgrp():
                    termios.tcsetattr(self.descriptor, termios.TCSANOW, before)
