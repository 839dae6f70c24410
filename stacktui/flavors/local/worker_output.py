"""What a worker, its children and its C code write, read by who started it and handed on as lines.

Used by the worker processes; by a worker itself where who started it shares no memory with it.

Python's own writes come through the ring, with their times. What C code and child processes write comes through
pipes in place of descriptors 1 and 2, and has the time at which it was read, which is right after its flush.
All of it can still be read when the worker is dead.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Literal, NamedTuple

from stacktui.categories.base import EventSink
from stacktui.flavors.local.log_ring import RingReader, make_memory
from stacktui.model.execution import LogLine
from stacktui.model.loglines import LineMaker
from stacktui.model.masking import Masker

Stream = Literal["stdout", "stderr", "logging"]
STREAMS: tuple[Stream, ...] = ("stdout", "stderr", "logging")
"""By the number that the ring uses."""
_BLOCK = 1 << 16
_AT_ONCE = 1 << 22
_F_SETPIPE_SZ = 1031
_PIPE_HOLDS = 1 << 20


class WorkerOutput:
    """All ways of one worker's output. Not safe to use from several threads at once."""

    def __init__(self) -> None:
        self._memory = make_memory()
        self._ring = RingReader(self._memory)
        self._bell, bell = os.pipe()
        out, err = os.pipe(), os.pipe()
        self._pipes = (out[0], err[0])
        self._given = [self._memory, bell, out[1], err[1]]
        os.set_blocking(bell, False)
        for descriptor in (self._bell, *self._pipes):
            os.set_blocking(descriptor, False)
        for descriptor in self._pipes:
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_HOLDS)
        self._sink: EventSink | None = None
        self._masker: Callable[[], Masker] = Masker
        self._rewrite: Callable[[str], str] | None = None
        self._sources: dict[int, _Source] = {}
        """Those of the step that wrote something, by the ring's number or the pipe's descriptor."""

    @property
    def given(self) -> tuple[int, ...]:
        """The descriptors of the worker's ends: memory, bell, and those for 1 and 2. Its arguments, in this order."""
        return tuple(self._given)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that can be read when something came."""
        return (self._bell, *self._pipes)

    def hand_over(self) -> None:
        """The worker has its ends: close them here."""
        while self._given:
            os.close(self._given.pop())

    def begin(
        self, sink: EventSink, masker: Callable[[], Masker], rewrite: Callable[[str], str] | None = None
    ) -> None:
        """What comes from now on is the step's to whom `sink` belongs. `masker` is asked for once it writes."""
        self._sink, self._masker, self._rewrite = sink, masker, rewrite
        self._sources = {}

    def read(self, ready: Collection[int]) -> None:
        """Take in what has come; `ready` are the descriptors that can be read."""
        if self._bell in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._bell, _BLOCK)
        for stream, at, data in self._ring.take(_AT_ONCE):
            self._write(stream, data, at)
        for descriptor in self._pipes:
            if descriptor in ready:
                self._read_pipe(descriptor, _BLOCK)

    def end(self) -> None:
        """Take in all that was written until now, lines that were not ended too; what comes later is nobody's."""
        while frames := self._ring.take(_AT_ONCE):
            for stream, at, data in frames:
                self._write(stream, data, at)
        for descriptor in self._pipes:
            # As much as a pipe can hold, and no more: a child that goes on writing must not keep us here.
            self._read_pipe(descriptor, _PIPE_HOLDS)
        at = time.time()
        for source in self._sources.values():
            source.maker.write(source.decoder.decode(b"", True), at)
            source.maker.finish(at)
        self._sink, self._sources = None, {}

    def sleep(self) -> bool:
        """Have the descriptors told of what comes next. False if something is there already."""
        return self._ring.sleep()

    def tell(self) -> float | None:
        """Pass on the state of lines that are drawn over again and again; in how many seconds to look again."""
        if not self._sources:
            return None
        at = time.time()
        due: list[float] = []
        for source in self._sources.values():
            source.maker.tell(at)
            if (next_due := source.maker.due()) is not None:
                due.append(next_due - at)
        return min(due, default=None)

    def close(self) -> None:
        """Let go of everything."""
        self.hand_over()
        self._ring.close()
        for descriptor in self.descriptors:
            os.close(descriptor)

    def _read_pipe(self, descriptor: int, most: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while most > 0 and (data := os.read(descriptor, _BLOCK)):
                most -= len(data)
                self._write(descriptor, data, time.time())

    def _write(self, source: int, data: bytes, at: float) -> None:
        if self._sink is None:
            return
        known = self._sources.get(source)
        if known is None:
            stream = STREAMS[self._pipes.index(source) if source in self._pipes else source]
            # A stream of Python's and the descriptor of that name each have lines of their own.
            maker = LineMaker(partial(hand_on, self._sink, stream), self._masker(), self._rewrite)
            known = self._sources[source] = _Source(maker, codecs.getincrementaldecoder("utf-8")("replace"))
        known.maker.write(known.decoder.decode(data), at)


class _Source(NamedTuple):
    """One way on which something comes."""

    maker: LineMaker
    decoder: codecs.IncrementalDecoder


def hand_on(sink: EventSink, stream: Stream, at: float, text: str, *, partial: bool) -> None:
    """Give a sink what was written."""
    moment = datetime.fromtimestamp(at, UTC)
    sink(LogLine.model_construct(kind="log", at=moment, stream=stream, text=text, partial=partial))
