"""What a step writes, on its way to who started the worker, with the time at which it was written. Used by the
worker.

`sys.stdout` and `sys.stderr` are Python's own text streams over a `_Stream`, which puts what it is given into the
ring. A line is put there as it is ended. Of a step that prints tens of thousands of lines a second, the last
8 KiB may wait for up to 10 ms, as they do with a plain file: only so is it no slower than with one. That is done
only while the step has one thread and no handlers of signals: a text stream of Python's loses its place when it is
written to while it hands on a part of what it holds.
What C code and child processes write goes to descriptors 1 and 2, and from there straight to who reads.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from stacktui.flavors.local.log_ring import PIECE, RingWriter

_BATCH = 8192
"""Bytes: what may wait while lines are many. A process that is killed takes it along."""
_LINE = 1 << 30
"""Else: a line of any length is handed on as one."""
_COUNTED = 512
_MANY_S = _COUNTED / 20_000
"""So many lines in less than this time are many."""
_STREAK = 8
"""So often in a row that they are kept together."""
_FEW_BYTES = 20_000
"""In a tick: with fewer, several times in a row, lines are put each by itself again."""
_FEW_TICKS = 10
_HANDLED = (
    signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGHUP
)  # fmt: skip
_TICK_S = 0.01
_CALM_TICK_S = 0.05
_CALM_TICKS = 20


class _Stream(io.BufferedIOBase):
    """The bytes under one of Python's streams."""

    # An attribute, where the base class has something that is looked up: it is asked for with each write.
    closed = False

    def __init__(self, capture: Capture, number: int) -> None:
        self._capture = capture
        self._number = number
        self._descriptor = number + 1
        self.name = "<stdout>" if number == 0 else "<stderr>"
        self.mode = "w"
        self.batched = False
        self._calls = 0
        self._streak = 0
        self._since = 0.0
        self._bytes = 0
        self._few = 0
        self.text = self._text_over()

    def write(self, data: Any, /) -> int:
        capture = self._capture
        if type(data) is not bytes:
            data = bytes(data)
        if capture.forked:
            _write_all(self._descriptor, data)
            return len(data)
        capture.put(self._number, time.time(), data)
        if self.batched:
            self._bytes += len(data)
            return len(data)
        capture.ring()
        self._calls += 1
        if self._calls >= _COUNTED:
            self._count()
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """The worker's streams are never closed by a step."""

    def tick(self) -> None:
        """Put down what waits. Called now and then, from another thread."""
        self.flush_text()
        if self.batched:
            written, self._bytes = self._bytes, 0
            if not self._capture.may_batch(self._number):
                self.by_lines()
            # On a busy host a tick may pass in which the step did not run at all.
            self._few = self._few + 1 if written < _FEW_BYTES else 0
            if self._few >= _FEW_TICKS:
                self.by_lines()

    def by_lines(self) -> None:
        """Put each line by itself."""
        self._calls = self._streak = 0
        if self.batched:
            self.batched = False
            with contextlib.suppress(ValueError):
                self.text._CHUNK_SIZE = _LINE  # type: ignore[attr-defined]
                self.text.reconfigure(line_buffering=True)
            self._capture.ring()

    def flush_text(self) -> None:
        """Put down what the text layer holds."""
        try:
            self.text.flush()
        except ValueError:
            # A step took its own layer away.
            self.text = self._text_over()

    def _count(self) -> None:
        now = time.monotonic()
        many = now - self._since < _MANY_S
        self._streak = self._streak + 1 if many else 0
        self._since = now
        self._calls = 0
        if self._streak >= _STREAK and self._capture.may_batch(self._number):
            self.batched = True
            self._bytes = self._few = 0
            self.text._CHUNK_SIZE = _BATCH  # type: ignore[attr-defined]
            self.text.reconfigure(line_buffering=False)

    def _text_over(self) -> io.TextIOWrapper:
        text = io.TextIOWrapper(
            self, encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
        )
        text._CHUNK_SIZE = _LINE  # type: ignore[attr-defined]
        text.mode = "w"  # type: ignore[misc]
        return text


class _LogHandler(logging.Handler):
    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self._capture = capture
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._capture.log(record.created, self.format(record) + "\n")
        except Exception:
            self.handleError(record)


class Capture:
    """Takes over the process's standard streams, for good. One a worker."""

    def __init__(self, ring: RingWriter) -> None:
        self._ring = ring
        # Of one thread, which may come in again: a signal's handler prints, too.
        self._lock = threading.RLock()
        self._putting = False
        self._behind: list[tuple[int, float, bytes]] = []
        self._work = threading.Event()
        self._busy = False
        self._own_threads = 0
        self._libc = ctypes.CDLL(None)
        self.forked = False
        self._streams = (_Stream(self, 0), _Stream(self, 1))

    def start(self, out: int, err: int) -> None:
        """From now on what is written goes to the ring, and what is written to descriptors 1 and 2 to `out`, `err`."""
        for descriptor, write in ((1, out), (2, err)):
            os.dup2(write, descriptor)
            os.close(write)
        self._put_streams()
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc,assignment]
        root = logging.getLogger()
        root.addHandler(_LogHandler(self))
        root.setLevel(logging.INFO)
        self._flush_at_exit()
        self._watch_threads()
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._lock.release, after_in_child=self._in_child
        )
        threading.Thread(target=self._tick_for_ever, name="lines that wait", daemon=True).start()
        self._own_threads = threading.active_count()

    def begin(self, *, sparing: bool) -> None:
        """A step begins; `sparing` if its memory is watched."""
        self._busy = True
        if sparing:
            with self._lock:
                self._ring.give_back()
        if not self._work.is_set():
            self._work.set()

    def settle(self) -> None:
        """The step is over: all that it wrote has been put down when this returns."""
        self._busy = False
        for text in (sys.stdout, sys.stderr):
            # One that the step put there.
            with contextlib.suppress(Exception):
                text.flush()
        self._libc.fflush(None)
        for stream in self._streams:
            stream.flush_text()
            stream.by_lines()
        self._put_streams()

    def put(self, number: int, at: float, data: bytes) -> None:
        """Put bytes of a stream into the ring, behind what the others have that was written before."""
        for stream in self._streams:
            if stream.batched and stream._number != number:
                stream.flush_text()
        with self._lock:
            if self._putting:
                # A signal's handler, in the middle of the write below.
                self._behind.append((number, at, data))
                return
            before = self._ring.written
            try:
                self._putting = True
                self._put(number, at, data)
                while self._behind:
                    self._put(*self._behind.pop(0))
            except BaseException:
                # A signal's handler, which ends the step by raising: what it was about to say is said.
                if self._ring.written == before:
                    self._put(number, at, data)
                raise
            finally:
                self._putting = False

    def ring(self) -> None:
        """Have what was put down read now."""
        self._ring.ring()

    def log(self, at: float, text: str) -> None:
        """Write a line of logging."""
        data = text.encode("utf-8", "backslashreplace")
        if self.forked:
            _write_all(2, data)
            return
        self.put(2, at, data)
        self._ring.ring()

    def may_batch(self, number: int) -> bool:
        """Whether lines of a stream may be kept together: of one at a time, so that the order stays, and while
        nobody else can write to it in the middle of a write."""
        return (
            not any(stream.batched for stream in self._streams if stream._number != number)
            and threading.active_count() <= self._own_threads
            and not any(callable(signal.getsignal(one)) for one in _HANDLED)
        )

    def _put(self, number: int, at: float, data: bytes) -> None:
        if len(data) <= PIECE:
            self._ring.put(number, at, data)
            return
        for begin in range(0, len(data), PIECE):
            self._ring.put(number, at, data[begin : begin + PIECE])

    def _put_streams(self) -> None:
        sys.stdout, sys.stderr = self._streams[0].text, self._streams[1].text

    def _tick_for_ever(self) -> None:
        calm = 0
        while True:
            self._work.wait()
            batched = any(stream.batched for stream in self._streams)
            time.sleep(_TICK_S if batched else _CALM_TICK_S)
            for stream in self._streams:
                stream.tick()
            self._ring.ring()
            calm = 0 if self._busy else calm + 1
            if calm > _CALM_TICKS:
                calm = 0
                self._work.clear()
                if self._busy:
                    self._work.set()

    def _flush_at_exit(self) -> None:
        """Have `os._exit`, which ends a process without a word, put down what waits."""
        leave = os._exit

        def flush_and_leave(status: int) -> None:
            for stream in self._streams:
                with contextlib.suppress(Exception):
                    stream.flush_text()
            leave(status)

        os._exit = flush_and_leave  # type: ignore[assignment]

    def _watch_threads(self) -> None:
        """Have lines put each by itself from before there is a second thread of the step's."""
        begin = threading._start_new_thread  # type: ignore[attr-defined]

        def begin_by_lines(*arguments: Any) -> Any:
            for stream in self._streams:
                stream.by_lines()
            return begin(*arguments)

        threading._start_new_thread = begin_by_lines  # type: ignore[attr-defined]

    def _before_fork(self) -> None:
        for stream in self._streams:
            stream.flush_text()
        self._lock.acquire()

    def _in_child(self) -> None:
        # The ring has one writer: a forked child writes to the descriptors.
        self.forked = True
        self._lock.release()
        for stream in self._streams:
            stream.by_lines()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
