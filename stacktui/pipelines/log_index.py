"""Where the lines of a log stand, so that any of them is read, and searched, without the whole file. Used by the
viewer.

A log of 1 GB takes some thousand numbers. One thread at a time uses an index.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from array import array
from bisect import bisect_right
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from stacktui.model.execution import LogLine
from stacktui.pipelines.logs import PARTIAL, count_lines, parsed_record, single_lines, tail_offset

_BLOCK = 1 << 18
_STYLING = re.compile(rb"\\u001b\[[0-9;:]*m")
_NO_TIME = datetime.fromtimestamp(0, UTC)
MOST_HITS = 1_000_000
"""Hits that are kept; a search ends there."""


class LogIndex:
    """The lines of one file, which may grow, be made later, or be replaced by a shorter one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = array("Q", [0])
        """Where each block begins, and where the last one ends."""
        self._before = array("Q", [0])
        """How many lines stand before it."""
        self._open: dict[str, LogLine] = {}
        self.renewals = 0
        """How often the file was replaced."""

    @property
    def lines(self) -> int:
        """How many lines are known."""
        return self._before[-1]

    @property
    def blocks(self) -> int:
        """How many blocks are known."""
        return len(self._begin) - 1

    @property
    def open(self) -> tuple[LogLine, ...]:
        """What stands at the end and is not ended, like progress bars, in its last state."""
        return tuple(line for record in self._open.values() if record.text for line in single_lines(record))

    def grow(self, most: int = 1 << 26) -> bool:
        """Take in what was written since, up to about `most` bytes. False if there is more."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < self._begin[-1]:
                self._begin, self._before, self._open = array("Q", [0]), array("Q", [0]), {}
                self.renewals += 1
            file.seek(self._begin[-1])
            until = min(size, self._begin[-1] + most)
            wanted = _BLOCK
            while self._begin[-1] < until:
                block = file.read(wanted)
                end = block.rfind(b"\n") + 1
                if not end:
                    if len(block) < wanted:
                        # The last record is half written.
                        return True
                    wanted *= 4
                    file.seek(self._begin[-1])
                    continue
                self._take(block[:end])
                wanted = _BLOCK
                file.seek(self._begin[-1])
            return until == size
        return True

    def read(self, first: int, count: int) -> list[LogLine]:
        """The lines from number `first` on, up to `count`: as many as there are."""
        found: list[LogLine] = []
        block = self.block_of(first)
        skip = first - self._before[block]
        while block < self.blocks and len(found) < count:
            for record in self.raw(block).splitlines():
                own = count_lines(record)
                if skip < own:
                    found += _lines_of(record)[skip : skip + count - len(found)]
                skip -= min(skip, own)
                if len(found) >= count:
                    break
            block += 1
        return found

    def glance(self, count: int) -> tuple[int, list[LogLine]]:
        """The last `count` lines of the file, before it is known whole, and about how many lines it has."""
        lines: list[LogLine] = []
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(tail_offset(self._path, count))
            for record in file:
                if record.endswith(b"\n") and count_lines(record.rstrip(b"\n")):
                    lines += _lines_of(record)
            about = self.lines * size // max(1, self._begin[-1])
            return max(about, self.lines, len(lines)), lines[-count:]
        return 0, []

    def block_of(self, line: int) -> int:
        """The block with a line."""
        return max(0, bisect_right(self._before, line) - 1)

    def first_of(self, block: int) -> int:
        """The number of a block's first line."""
        return self._before[block]

    def raw(self, block: int) -> bytes:
        """The bytes of a block; none if the file is gone."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            begin, end = self._begin[block], self._begin[block + 1]
            return os.pread(file.fileno(), end - begin, begin)
        return b""

    def _take(self, block: bytes) -> None:
        partial = PARTIAL in block
        if partial or b"\\\\" in block:
            count = sum(map(count_lines, block.splitlines()))
        else:
            count = block.count(b"\n") + block.count(b"\\n")
        if partial or self._open:
            self._find_open(block)
        last = self._begin[-1]
        if last - self._begin[max(0, self.blocks - 1)] + len(block) <= _BLOCK and self.blocks:
            # Of a log that grows line by line, not a block each time.
            self._begin[-1] += len(block)
            self._before[-1] += count
            return
        self._begin.append(last + len(block))
        self._before.append(self.lines + count)

    def _find_open(self, block: bytes) -> None:
        seen: set[str] = set()
        for record in reversed(block.splitlines()):
            parsed = parsed_record(record)
            if parsed is None or parsed.stream in seen:
                continue
            seen.add(parsed.stream)
            self._open.pop(parsed.stream, None)
            if parsed.partial:
                self._open[parsed.stream] = parsed
            if len(seen) == 3:
                break


class LogSearch:
    """The lines of a log that hold a text, upper and lower case alike, found block by block."""

    def __init__(self, text: str, index: LogIndex, start: int) -> None:
        """Begins with the block of line `start`, and comes to those before it in the end."""
        self.text = text
        self._needle = text.casefold()
        self._raw = json.dumps(text)[1:-1].lower().encode("ascii") if text.isascii() else b""
        self._hits: dict[int, array[int]] = {}
        self._ends: dict[int, int] = {}
        """How far each block was searched: the last one may have grown since."""
        self._index = index
        self._renewals = index.renewals
        self.start = start
        self._todo: deque[int] = deque()
        self._known = 0
        self.count = 0

    def step(self, most: int) -> bool:
        """Search about `most` more bytes. False if there is more to search."""
        index = self._index
        if index.renewals != self._renewals:
            self._renewals, self._known, self.count = index.renewals, 0, 0
            self._hits, self._ends, self._todo = {}, {}, deque()
        if not self._known and index.blocks:
            first = min(index.block_of(self.start), index.blocks - 1)
            self._todo.extend([*range(first, index.blocks), *range(first)])
            self._known = index.blocks
        elif index.blocks:
            # The last block may have grown.
            if self._known - 1 not in self._todo:
                self._todo.append(self._known - 1)
            self._todo.extend(range(self._known, index.blocks))
            self._known = index.blocks
        while self._todo and self.count < MOST_HITS:
            if most <= 0:
                return False
            block = self._todo.popleft()
            most -= self._search(block)
        return True

    def at_or_after(self, line: int) -> int | None:
        """The first hit at a line or after it; None if none is known."""
        block = self._index.block_of(line)
        for one in sorted(block_ for block_ in self._hits if block_ >= block):
            hits = self._hits[one]
            if hits[-1] >= line:
                return next(hit for hit in hits if hit >= line)
        return None

    def before(self, line: int) -> int | None:
        """The last hit before a line; None if none is known."""
        block = self._index.block_of(line)
        for one in sorted((block_ for block_ in self._hits if block_ <= block), reverse=True):
            hits = self._hits[one]
            if hits[0] < line:
                return next(hit for hit in reversed(hits) if hit < line)
        return None

    def first(self) -> int | None:
        """The first hit of all; None without any."""
        return self._hits[min(self._hits)][0] if self._hits else None

    def last(self) -> int | None:
        """The last hit of all; None without any."""
        return self._hits[max(self._hits)][-1] if self._hits else None

    def number_of(self, line: int) -> int:
        """Which hit a line is, from 1; 0 if it is none."""
        block = self._index.block_of(line)
        own = self._hits.get(block)
        if own is None:
            return 0
        place = bisect_right(own, line)
        if not place or own[place - 1] != line:
            return 0
        return place + sum(len(hits) for one, hits in self._hits.items() if one < block)

    def _search(self, block: int) -> int:
        data = self._index.raw(block)
        if self._ends.get(block) == len(data):
            return 0
        self._ends[block] = len(data)
        self.count -= len(self._hits.pop(block, ()))
        size = len(data)
        if b"\\u001b[" in data:
            # Found is what is shown: without colours.
            data = _STYLING.sub(b"", data)
        if self._raw and self._raw not in data.lower():
            return size
        hits = array("Q")
        line = self._index.first_of(block)
        for record in data.splitlines():
            count = count_lines(record)
            if count and (not self._raw or self._raw in record.lower()):
                parsed = parsed_record(record)
                if parsed is not None:
                    hits.extend(_lines_with(self._needle, parsed.text, line))
            line += count
        if hits:
            self._hits[block] = hits
            self.count += len(hits)
        # Reading what was found costs more than looking for it.
        return size * (4 if hits else 1)


def _lines_of(record: bytes) -> list[LogLine]:
    parsed = parsed_record(record)
    if parsed is None:
        # It was counted: a line without a text stands for what cannot be read.
        return [LogLine.model_construct(kind="log", at=_NO_TIME, stream="stdout", text="", partial=False)]
    return list(single_lines(parsed))


def _lines_with(needle: str, text: str, line: int) -> list[int]:
    found: list[int] = []
    folded = text.casefold()
    place, counted = folded.find(needle), 0
    while place >= 0:
        line += folded.count("\n", counted, place)
        found.append(line)
        counted = folded.find("\n", place)
        if counted < 0:
            break
        place = folded.find(needle, counted)
    return found
