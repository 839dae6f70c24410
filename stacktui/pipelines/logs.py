"""Logs of steps: written by the runner as their lines come, read and followed by everybody else.

`<state>/logs/<run id>/<step>.<attempt>.jsonl`, 0600, a record a line: `{"at": RFC 3339, "stream": …, "text": …}`.
The text is a line of the step's, or several with newlines between them that were written together. With
`"partial": true` it is the present state of what is not ended, like a progress bar: the stream's next record
stands in its place. A step's name is percent-encoded where it could be taken for a path. Records are only ever
appended.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from stacktui.categories.private import append_file
from stacktui.model.base import from_rfc3339, rfc3339
from stacktui.model.execution import LogLine

_BLOCK = 1 << 20
_STEP_BACK = 1 << 18
PARTIAL = b', "partial": true}'
"""How a record ends that is not the last word."""
_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\t", b"\\t"), (b"\r", b"\\r"), (b"\x1b", b"\\u001b"))
_ESCAPED = b"".join(byte for byte, _ in _ESCAPES)
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(_ESCAPED)) + b"\n"
_SUFFIX = ".jsonl"


class StepLog(NamedTuple):
    """One attempt's log."""

    step: str
    attempt: int
    path: Path


class LogPage(NamedTuple):
    """Some lines, and where to go on."""

    lines: list[LogLine]
    """One each, of those that are ended."""
    next_offset: int
    """What `offset` takes for what follows: bytes. Unchanged where nothing new was there."""
    open: tuple[LogLine, ...] = ()
    """What stands there at the end of the page and is not ended, like progress bars: the last state of each."""


def log_folder(state: Path, run_id: str) -> Path:
    """Where a run's logs lie. Raises ValueError for what is not a run's id."""
    if not run_id or not all(letter.isalnum() or letter == "-" for letter in run_id):
        raise ValueError(f"{run_id!r} is not the id of a run")
    return state / "logs" / run_id


def log_path(state: Path, run_id: str, step: str, attempt: int) -> Path:
    """The log of one attempt; it may not exist yet."""
    return log_folder(state, run_id) / log_name(step, attempt)


def log_name(step: str, attempt: int) -> str:
    """The name of one attempt's log in its run's folder."""
    return f"{quote(step, safe='')}.{attempt}{_SUFFIX}"


def step_logs(state: Path, run_id: str, step: str | None = None) -> list[StepLog]:
    """The logs that a run has, of one step if named, in the order of their first line."""
    found: list[tuple[int, StepLog]] = []
    with contextlib.suppress(FileNotFoundError):
        for path in log_folder(state, run_id).iterdir():
            log = log_of(path)
            if log is not None and step in (None, log.step):
                found.append((_first_line_at(path), log))
    return [log for _, log in sorted(found)]


def log_of(path: Path) -> StepLog | None:
    """Whose log a file is, by its name alone; None for another kind of file."""
    name, _, attempt = path.name.removesuffix(_SUFFIX).rpartition(".")
    if path.suffix != _SUFFIX or not attempt.isdigit():
        return None
    return StepLog(unquote(name), int(attempt), path)


def read_log(
    state: Path,
    run_id: str,
    step: str,
    attempt: int | None = None,
    offset: int = 0,
    limit: int = 10_000,
) -> LogPage:
    """About `limit` lines of a step's log after a byte offset, for a first look as for following.

    They can be more, because a record is read whole. `attempt` None is the latest that has a log. A record that is
    only half written yet is left for the next call. A file shorter than `offset` was replaced: it is read from its
    start.
    """
    if attempt is None:
        attempt = max((log.attempt for log in step_logs(state, run_id, step)), default=1)
    try:
        descriptor = os.open(log_path(state, run_id, step, attempt), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return LogPage([], offset)
    lines: list[LogLine] = []
    open_lines: dict[str, LogLine] = {}
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size < offset:
            offset = 0
        file.seek(offset)
        while len(lines) < limit and (raw := file.readlines(_BLOCK)):
            for record in raw:
                if not record.endswith(b"\n") or len(lines) >= limit:
                    return LogPage(lines, offset, _not_ended(open_lines))
                offset += len(record)
                parsed = parsed_record(record)
                if parsed is None:
                    continue
                open_lines.pop(parsed.stream, None)
                if parsed.partial:
                    open_lines[parsed.stream] = parsed
                else:
                    lines.extend(single_lines(parsed))
    return LogPage(lines, offset, _not_ended(open_lines))


def tail_offset(path: Path, lines: int) -> int:
    """The offset of a record at which the last `lines` lines of a log, or somewhat more, begin.

    Reads no more of the file than they take.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    with os.fdopen(descriptor, "rb") as file:
        at = file.seek(0, os.SEEK_END)
        # What follows the last newline is half written.
        begun, is_last = b"", True
        while at > 0:
            size = min(_STEP_BACK, at)
            at -= size
            file.seek(at)
            pieces = (file.read(size) + begun).split(b"\n")
            begun = pieces[0]
            if is_last:
                pieces.pop()
                is_last = False
            offset = at + len(begun) + 1
            found = sum(map(count_lines, pieces[1:]))
            if found < lines:
                lines -= found
                continue
            for piece in pieces[1:]:
                own = count_lines(piece)
                if found - own < lines:
                    return offset
                found -= own
                offset += len(piece) + 1
    return 0


def count_lines(record: bytes) -> int:
    """How many lines of the step's a record holds, without reading it where that is not needed."""
    if record.endswith(PARTIAL):
        return 0
    if b"\\\\" not in record:
        return 1 + record.count(b"\\n")
    parsed = parsed_record(record)
    return 0 if parsed is None else parsed.text.count("\n") + 1


def single_lines(record: LogLine) -> Iterator[LogLine]:
    """The lines of a record, each by itself."""
    if "\n" not in record.text:
        yield record
        return
    for text in record.text.split("\n"):
        yield LogLine.model_construct(
            kind="log", at=record.at, stream=record.stream, text=text, partial=record.partial
        )


class LogWriter:
    """Appends to one attempt's log. Used by the runner, from the threads in which lines arrive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._closed = False
        self._torn = False

    def write(self, line: LogLine) -> None:
        """Put what was written on disk; the file is made with the first record. Raises OSError."""
        if self._descriptor is None:
            if self._closed:
                return
            self._descriptor = append_file(self._path)
        record = _record(line)
        # What a full disk cut off stays a line of its own.
        view = memoryview(b"\n" + record if self._torn else record)
        self._torn = True
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._torn = False

    def close(self) -> None:
        """Close the file; lines that still come are dropped."""
        self._closed = True
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def _record(line: LogLine) -> bytes:
    head = f'{{"at": "{rfc3339(line.at)}", "stream": "{line.stream}", "text": '
    return b"".join((head.encode("ascii"), _as_json(line.text), PARTIAL if line.partial else b"}", b"\n"))


def _as_json(text: str) -> bytes:
    """What `json.dumps` gives, several times as fast for ordinary text."""
    if text.isascii():
        data = text.encode("ascii")
        if odd := data.translate(None, _PLAIN):
            if odd.translate(None, _ESCAPED):
                return encode_basestring_ascii(text).encode("ascii")
            for byte, escaped in _ESCAPES:
                data = data.replace(byte, escaped)
        return b'"' + data.replace(b"\n", b"\\n") + b'"'
    return encode_basestring_ascii(text).encode("ascii")


def parsed_record(raw: bytes) -> LogLine | None:
    """What stands in a record, whole; None for what is none."""
    try:
        found = json.loads(raw)
        return LogLine.model_construct(
            kind="log",
            at=from_rfc3339(found["at"]),
            stream=found["stream"],
            text=str(found["text"]),
            partial=bool(found.get("partial", False)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # A disk that was full, or someone else's bytes: the other lines count.
        return None


def _not_ended(lines: dict[str, LogLine]) -> tuple[LogLine, ...]:
    return tuple(line for record in lines.values() if record.text for line in single_lines(record))


_first_lines: dict[Path, int] = {}


def _first_line_at(path: Path) -> int:
    """Microseconds; kept, because whoever follows a run of thousands of steps asks again and again."""
    known = _first_lines.get(path)
    if known is None:
        with contextlib.suppress(OSError), path.open("rb") as file:
            parsed = parsed_record(file.readline(_BLOCK))
            if parsed is not None:
                known = int(parsed.at.timestamp() * 1_000_000)
        if known is None:
            return 1 << 62
        if len(_first_lines) > 100_000:
            _first_lines.clear()
        _first_lines[path] = known
    return known
