"""The pipe to a worker: messages go out without ever waiting. Used by the worker processes, and at the other end."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import IO, Any

from pydantic_core import from_json

_BLOCK = 1 << 16


class WorkerPipe:
    """Messages that the pipe does not take now wait until the worker's thread finds that it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._file: IO[bytes] | None = None
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._done = False

    @property
    def woken(self) -> int:
        """A descriptor that can be read when there is something to do."""
        return self._woken

    def connect(self, file: IO[bytes]) -> None:
        """The process lives: `file` is its stdin."""
        with self._lock:
            os.set_blocking(file.fileno(), False)
            self._file = file

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, now if the pipe takes it, else as soon as it does. From any thread; never waits."""
        data = json.dumps(message, separators=(",", ":"), default=_plain).encode("ascii") + b"\n"
        with self._lock:
            if self._file is not None and not self._waiting:
                data = data[self._write(data) :]
            if data and not self._done:
                self._waiting.append(data)
                self._ring()

    def wake(self) -> None:
        """Have the worker's thread look."""
        with self._lock:
            self._ring()

    def was_woken(self) -> None:
        """Take note of it."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, _BLOCK)

    def wants_to_write(self) -> int | None:
        """The descriptor for which messages wait; None if there are none."""
        with self._lock:
            return self._file.fileno() if self._waiting and self._file is not None else None

    def flush(self) -> None:
        """Write what waits, as much as the pipe takes."""
        with self._lock:
            while self._waiting and self._file is not None:
                data = self._waiting[0]
                written = self._write(data)
                if written < len(data):
                    self._waiting[0] = data[written:]
                    return
                self._waiting.popleft()

    def hang_up(self) -> None:
        """Close the worker's stdin: it leaves."""
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                with contextlib.suppress(OSError):
                    file.close()

    def close(self) -> None:
        """Let go of everything; messages are dropped from now on."""
        self.hang_up()
        with self._lock:
            if not self._done:
                self._done = True
                self._waiting.clear()
                os.close(self._wake)
                os.close(self._woken)

    def _write(self, data: bytes) -> int:
        assert self._file is not None
        try:
            return os.write(self._file.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            # Its end is noticed by the thread.
            return len(data)

    def _ring(self) -> None:
        if not self._done:
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake, b"x")


def message_of(line: bytes) -> Any:
    """What stands in a line that was sent."""
    try:
        return from_json(line)
    except ValueError:
        # Half a surrogate pair, as undecodable file names have.
        return json.loads(line)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot travel to a worker")
