"""What a step writes, as lines with the time at which they were written. Used by the worker.

Python's own writes are stamped as they are made. What C code and child processes write goes through pipes in
place of descriptors 1 and 2, and is stamped when it is read, which is right after its flush.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import io
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from stacktui.model.masking import Masker

Stream = Literal["stdout", "stderr", "logging"]
TakeLine = Callable[[float, Stream, str], None]

_BLOCK = 1 << 16
_PIPE_HOLDS = 1 << 17
"""Bytes, at most: systems make pipes of 64 KiB."""
_LONGEST_LINE = 1 << 18
"""Characters: a longer line is cut into several."""


class LineMaker:
    """Puts pieces of one stream together into lines, masked; safe to use from several threads."""

    def __init__(self, stream: Stream, take: TakeLine, masker: Masker) -> None:
        self._stream: Stream = stream
        self._take = take
        self._masker = masker
        self._lock = threading.RLock()
        self._pieces: list[str] = []
        self._held = 0

    def write(self, text: str, at: float) -> None:
        """Add text that was written at `at`. Lines are passed on as soon as they are whole."""
        with self._lock:
            if "\n" not in text:
                self._hold(text, at)
                return
            first, *lines = text.split("\n")
            if self._pieces:
                first = "".join(self._pieces) + first
                self._pieces.clear()
            *whole, rest = [first, *lines]
            self._held = 0
            for line in whole:
                self._pass(line, at)
            if rest:
                self._hold(rest, at)

    def finish(self) -> None:
        """Pass on a line that was never ended."""
        with self._lock:
            if self._pieces:
                line = "".join(self._pieces)
                self._pieces.clear()
                self._held = 0
                self._pass(line, time.time())

    def _hold(self, text: str, at: float) -> None:
        self._pieces.append(text)
        self._held += len(text)
        if self._held <= _LONGEST_LINE:
            return
        line = "".join(self._pieces)
        # A value that has only begun to be written must not be cut in two.
        cut = len(line) - max(self._masker.longest - 1, 0)
        for start, end in self._masker.spans(line):
            if start < cut < end:
                cut = start
        if cut <= 0:
            return
        self._take(at, self._stream, self._masker(line[:cut]))
        self._pieces[:] = [line[cut:]]
        self._held = len(line) - cut

    def _pass(self, line: str, at: float) -> None:
        if "\r" in line:
            # A progress bar draws over itself: what stood there in the end is the line.
            line = line.rstrip("\r").rpartition("\r")[2]
        self._take(at, self._stream, self._masker(line) if self._masker else line)


class _Writer(io.TextIOBase):
    """Stands in for `sys.stdout` or `sys.stderr` while a worker lives."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None

    def __init__(self, lines: LineMaker, descriptor: int) -> None:
        self._lines = lines
        self._descriptor = descriptor
        self.name = "<stdout>" if descriptor == 1 else "<stderr>"
        # For bytes that are written past the text layer: they go the way that C code's go.
        self.buffer = io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False))

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._lines.write(text, time.time())
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.buffer.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """The worker's streams are never closed by a step."""


class _LogHandler(logging.Handler):
    def __init__(self, lines: LineMaker) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self.format(record) + "\n", record.created)
        except Exception:
            self.handleError(record)


class Capture:
    """Takes over the process's standard streams, for good. One a worker."""

    def __init__(self, take: TakeLine, masker: Masker) -> None:
        self._lines: dict[str | int, LineMaker] = {
            "out": LineMaker("stdout", take, masker),
            "err": LineMaker("stderr", take, masker),
            "log": LineMaker("logging", take, masker),
            1: LineMaker("stdout", take, masker),
            2: LineMaker("stderr", take, masker),
        }
        self._readers: dict[int, tuple[LineMaker, codecs.IncrementalDecoder]] = {}
        self._lock = threading.Lock()
        self._libc = ctypes.CDLL(None)

    def start(self, pipes: Sequence[tuple[int, int]] = ()) -> None:
        """From now on everything that is written becomes lines.

        `pipes` are those to use for descriptors 1 and 2: one that another process can read too keeps what was
        written when this process dies.
        """
        for descriptor, (read, write) in zip((1, 2), pipes or (os.pipe(), os.pipe()), strict=True):
            os.dup2(write, descriptor)
            os.close(write)
            os.set_inheritable(read, False)
            os.set_blocking(read, False)
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._readers[read] = (self._lines[descriptor], decoder)
        self._streams = (_Writer(self._lines["out"], 1), _Writer(self._lines["err"], 2))
        sys.stdout, sys.stderr = self._streams
        sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc,assignment]
        self._handler = _LogHandler(self._lines["log"])
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(logging.INFO)
        os.register_at_fork(after_in_child=self._in_child)
        threading.Thread(target=self._watch, name="what C code writes", daemon=True).start()

    def settle(self) -> None:
        """Everything that was written until now has become lines when this returns."""
        for stream in self._streams:
            stream.flush()
        self._libc.fflush(None)
        self._drain()
        for lines in self._lines.values():
            lines.finish()
        # A step may have put its own streams there and forgotten them.
        sys.stdout, sys.stderr = self._streams

    def _watch(self) -> None:
        poll = select.poll()
        for read in self._readers:
            poll.register(read, select.POLLIN)
        while True:
            poll.poll()
            self._drain()

    def _drain(self) -> None:
        with self._lock:
            for read, (lines, decoder) in self._readers.items():
                with contextlib.suppress(BlockingIOError):
                    # As much as a pipe can hold, and no more: a child that goes on writing must not keep us here.
                    for _ in range(_PIPE_HOLDS // _BLOCK):
                        lines.write(decoder.decode(os.read(read, _BLOCK)), time.time())

    def _in_child(self) -> None:
        # A forked child has no thread that sends lines: it writes to the descriptors, which the parent reads.
        sys.stdout = os.fdopen(
            1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        sys.stderr = os.fdopen(
            2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        root = logging.getLogger()
        if self._handler in root.handlers:
            root.removeHandler(self._handler)
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(self._handler.formatter)
            root.addHandler(handler)
