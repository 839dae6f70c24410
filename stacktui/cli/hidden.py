"""A secret value from a person or a pipe: typed or pasted at the terminal without an echo, or all of standard input.

A paste may have several lines, as keys and certificates do: the terminal marks where it begins and ends. Used for
parameters that operations mark with `Ask`.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import termios
from collections.abc import Iterator

from stacktui.operations.errors import OperationError

_LARGEST = 1 << 20
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
_ASK_FOR_MARKS, _NO_MARKS = b"\x1b[?2004h", b"\x1b[?2004l"


def hidden_value(what: str) -> str:
    """The value; raises `OperationError` where none is given, KeyboardInterrupt as usual."""
    value = typed_value(what) if sys.stdin.isatty() else _piped()
    if not value:
        raise OperationError("no value was given: type it, or send it on standard input")
    return value


def _piped() -> str:
    stream = getattr(sys.stdin, "buffer", None)
    raw = sys.stdin.read().encode("utf-8", "surrogateescape") if stream is None else stream.read(_LARGEST + 3)
    return _text(raw)


def _text(raw: bytes) -> str:
    if len(raw) > _LARGEST + 2:
        raise OperationError("the value is longer than 1 MiB: keep it in a file")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise OperationError(
            "the value is not UTF-8 text: encode it first, with base64 for example"
        ) from None
    # What a shell or an editor ends a line with; a value of several lines keeps those between.
    return text.removesuffix("\n").removesuffix("\r")


def typed_value(what: str) -> str:
    """What a person types or pastes at the terminal, without an echo; empty where nothing is given."""
    with _terminal() as terminal:
        marks = os.environ.get("TERM", "") not in ("", "dumb")
        before = termios.tcgetattr(terminal)
        silent = termios.tcgetattr(terminal)
        silent[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
        silent[6][termios.VMIN], silent[6][termios.VTIME] = 1, 0
        # Without an echo before the prompt is there, so that nothing that is typed ahead shows.
        termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
        try:
            os.write(terminal, f"{what} ".encode() + (_ASK_FOR_MARKS if marks else b""))
            return _text(_Typing().read(terminal))
        finally:
            os.write(terminal, (_NO_MARKS if marks else b"") + b"\n")
            # What was typed behind the value is not for the shell.
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield sys.stdin.fileno()
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Typing:
    """What comes from the keyboard, until enter outside a paste."""

    def __init__(self) -> None:
        self._value = bytearray()
        self._waiting = bytearray()
        self._pasting = False
        self._done = False

    def read(self, terminal: int) -> bytes:
        while not self._done:
            data = os.read(terminal, 1 << 14)
            if not data:
                break
            self._waiting += data
            self._take()
            if len(self._value) > _LARGEST:
                raise OperationError("the value is longer than 1 MiB: keep it in a file")
        if self._waiting.strip(b"\r\n" + _PASTE_ENDS):
            # A terminal that marks no pastes: the rest of one would be lost.
            raise OperationError(
                "several lines came at once, and nothing was set: send them on standard input instead"
            )
        return bytes(self._value)

    def _take(self) -> None:
        while self._waiting and not self._done:
            if self._pasting:
                head, mark, rest = self._waiting.partition(_PASTE_ENDS)
                if not mark:
                    # The end mark may come in two parts.
                    kept = _begun(head, _PASTE_ENDS)
                    self._value += head[: len(head) - kept].replace(b"\r", b"\n")
                    self._waiting = head[len(head) - kept :]
                    return
                self._value += head.replace(b"\r", b"\n")
                self._waiting, self._pasting = rest, False
            elif self._waiting.startswith(b"\x1b"):
                if not self._escape():
                    return
            else:
                self._key(self._waiting.pop(0))

    def _escape(self) -> bool:
        """Take a whole escape sequence: the mark of a paste, or a key that means nothing here."""
        if self._waiting.startswith(_PASTE_BEGINS):
            del self._waiting[: len(_PASTE_BEGINS)]
            self._pasting = True
            return True
        if len(self._waiting) == 1 or _PASTE_BEGINS.startswith(bytes(self._waiting)):
            return False
        end = 1
        if self._waiting[1:2] == b"[" or self._waiting[1:2] == b"O":
            end = next((place for place in range(2, len(self._waiting)) if self._waiting[place] >= 0x40), 0)
            if not end:
                return False
        del self._waiting[: end + 1]
        return True

    def _key(self, byte: int) -> None:
        if byte in (0x0A, 0x0D):
            self._done = True
        elif byte == 0x04:
            self._done = not self._value
        elif byte in (0x08, 0x7F):
            text = codecs.decode(bytes(self._value), "utf-8", "ignore")[:-1]
            self._value = bytearray(text.encode())
        elif byte == 0x15:
            self._value.clear()
        elif byte >= 0x20 or byte == 0x09:
            self._value.append(byte)


def _begun(data: bytearray, mark: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of `mark`."""
    return next((size for size in range(len(mark) - 1, 0, -1) if data.endswith(mark[:size])), 0)
