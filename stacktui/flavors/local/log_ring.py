"""What a worker writes on its way to who started it: a ring in memory that both share. Used by `worker_output`
and, in the worker, by what stands in for its standard streams.

What was put into it outlives the process that put it there, however that ends, and costs no system call.
One process writes, one reads.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
import time
from typing import NamedTuple

SIZE = 1 << 27
"""Bytes: what a step may be ahead of who reads. Only as much of it as is used is ever taken from the system."""
PIECE = 1 << 17
"""Bytes that are put at once, at most."""
_HEAD = 4096
_FRAME = struct.Struct("=IId")
_SKIP = 0xFFFFFFFF
_WRITTEN, _READ, _ASLEEP = 0, 1, 2
_FULL_S = 0.0005
_FOLD = 1 << 20
_TOGETHER_S = 0.001
_TOGETHER = 1 << 15
"""Bytes: more at once would not stay in a processor's own memory while they are worked on."""


class Frame(NamedTuple):
    """What was put there of one stream, right after each other and within a millisecond."""

    stream: int
    at: float
    """Seconds: when the first of it was put there."""
    data: bytes


def make_memory() -> int:
    """A descriptor of memory for a ring; a file that has no name where the system has no such memory."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("stacktui-output", os.MFD_CLOEXEC)
    else:
        descriptor, path = tempfile.mkstemp(prefix="stacktui-")
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - the path of a moment
    os.ftruncate(descriptor, _HEAD + SIZE + _FRAME.size)
    return descriptor


class _Ring:
    def __init__(self, memory: int) -> None:
        self._map = mmap.mmap(memory, _HEAD + SIZE + _FRAME.size)
        # Eight bytes are written by one instruction: the other side sees an old value or the new one.
        self._counters = memoryview(self._map)[:64].cast("Q")


class RingWriter(_Ring):
    """The worker's end. Its caller sees to it that one thread writes at a time."""

    def __init__(self, memory: int, bell: int) -> None:
        """`bell` is the pipe that wakes a reader that waits; it must not block."""
        super().__init__(memory)
        self._bell = bell
        self._written = self._counters[_WRITTEN]
        self._limit = self._counters[_READ] + SIZE
        self._fold = self._highest = _FOLD

    @property
    def written(self) -> int:
        """How far it was written: it grows with each `put`."""
        return self._written

    def put(self, stream: int, at: float, data: bytes) -> None:
        """Put up to `PIECE` bytes there, with their time. Waits while the ring is full."""
        written = self._written
        size = _FRAME.size + len(data)
        # Frames begin at multiples of eight.
        step = (size + 7) & -8
        place = written & (SIZE - 1)
        skipped = 0
        if place + step > self._fold:
            # Begin again where all was read, so that no more memory is touched than is needed.
            if place + step > SIZE or self._counters[_READ] == written:
                skipped = SIZE - place
                self._fold = _FOLD
            else:
                self._fold += _FOLD
                self._highest = max(self._highest, self._fold)
        if written + skipped + step > self._limit:
            self._wait(written + skipped + step)
        if skipped:
            self._map[_HEAD + place : _HEAD + place + 4] = b"\xff\xff\xff\xff"
            place = 0
        place += _HEAD
        begin = place + _FRAME.size
        self._map[place:begin] = _FRAME.pack(len(data), stream, at)
        self._map[begin : place + size] = data
        self._written = self._counters[_WRITTEN] = written + skipped + step

    def ring(self) -> None:
        """Wake the reader if it waits."""
        if self._counters[_ASLEEP]:
            self._counters[_ASLEEP] = 0
            with contextlib.suppress(OSError):
                os.write(self._bell, b"x")

    def give_back(self) -> None:
        """Give the system back what a flood of lines took, if all of it was read."""
        if self._highest > _FOLD and self._counters[_READ] == self._written and hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self._map.madvise(mmap.MADV_REMOVE, _HEAD + _FOLD, SIZE - _FOLD)
                self._highest = _FOLD

    def _wait(self, until: int) -> None:
        while True:
            self._limit = self._counters[_READ] + SIZE
            if until <= self._limit:
                return
            self.ring()
            time.sleep(_FULL_S)


class RingReader(_Ring):
    """The end of who started the worker."""

    def take(self, most: int) -> list[Frame]:
        """What was put there since, in order, up to about `most` bytes."""
        read = self._counters[_READ]
        until = min(self._counters[_WRITTEN], read + most)
        memory = self._map
        frames: list[Frame] = []
        pieces: list[bytes] = []
        size, current, since = 0, 0, 0.0
        while read < until:
            place = read & (SIZE - 1)
            begin = _HEAD + place
            length, stream, at = _FRAME.unpack_from(memory, begin)
            if length == _SKIP:
                read += SIZE - place
                continue
            begin += _FRAME.size
            together = stream == current and 0 <= at - since < _TOGETHER_S and size + length <= _TOGETHER
            if pieces and not together:
                frames.append(Frame(current, since, b"".join(pieces)))
                pieces = []
            if not pieces:
                size, current, since = 0, stream, at
            pieces.append(memory[begin : begin + length])
            size += length
            read += (_FRAME.size + length + 7) & -8
        if pieces:
            frames.append(Frame(current, since, b"".join(pieces)))
        self._counters[_READ] = read
        return frames

    def sleep(self) -> bool:
        """Ask for the bell with what comes next. False if something is there already."""
        self._counters[_ASLEEP] = 1
        return self._counters[_WRITTEN] == self._counters[_READ]

    def close(self) -> None:
        """Let go of the memory."""
        self._counters.release()
        self._map.close()
