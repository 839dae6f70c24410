"""Logs of steps: written by the runner line by line, read and followed by everybody else.

`<state>/logs/<run id>/<step>.<attempt>.jsonl`, 0600, a line each: `{"at": RFC 3339, "stream": …, "text": …}`.
A step's name is percent-encoded where it could be taken for a path. Lines are only ever appended.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from stacktui.categories.private import append_file
from stacktui.model.base import from_rfc3339, rfc3339
from stacktui.model.execution import LogLine

_BLOCK = 1 << 20
_SUFFIX = ".jsonl"


class StepLog(NamedTuple):
    """One attempt's log."""

    step: str
    attempt: int
    path: Path


class LogPage(NamedTuple):
    """Some lines, and where to go on."""

    lines: list[LogLine]
    next_offset: int
    """What `offset` takes for what follows: bytes. Unchanged where nothing new was there."""


def log_folder(state: Path, run_id: str) -> Path:
    """Where a run's logs lie. Raises ValueError for what is not a run's id."""
    if not run_id or not all(letter.isalnum() or letter == "-" for letter in run_id):
        raise ValueError(f"{run_id!r} is not the id of a run")
    return state / "logs" / run_id


def log_path(state: Path, run_id: str, step: str, attempt: int) -> Path:
    """The log of one attempt; it may not exist yet."""
    return log_folder(state, run_id) / f"{quote(step, safe='')}.{attempt}{_SUFFIX}"


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
    """Up to `limit` lines of a step's log after a byte offset, for a first look as for following.

    `attempt` None is the latest that has a log. A line that is only half written yet is left for the next call.
    A file shorter than `offset` was replaced: it is read from its start.
    """
    if attempt is None:
        attempt = max((log.attempt for log in step_logs(state, run_id, step)), default=1)
    try:
        descriptor = os.open(log_path(state, run_id, step, attempt), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return LogPage([], offset)
    lines: list[LogLine] = []
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size < offset:
            offset = 0
        file.seek(offset)
        while len(lines) < limit:
            raw = file.readlines(_BLOCK)
            if not raw:
                break
            for line in raw:
                if not line.endswith(b"\n") or len(lines) >= limit:
                    return LogPage(lines, offset)
                offset += len(line)
                parsed = _parsed(line)
                if parsed is not None:
                    lines.append(parsed)
    return LogPage(lines, offset)


def tail_offset(path: Path, lines: int) -> int:
    """The offset at which the last `lines` lines of a log begin: reads no more of the file than they take."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    with os.fdopen(descriptor, "rb") as file:
        at = file.seek(0, os.SEEK_END)
        # The newline of the last whole line does not begin another one.
        wanted = lines + 1
        while at > 0:
            size = min(1 << 16, at)
            at -= size
            file.seek(at)
            block = file.read(size)
            count = block.count(b"\n")
            if count >= wanted:
                place = len(block)
                for _ in range(wanted):
                    place = block.rfind(b"\n", 0, place)
                return at + place + 1
            wanted -= count
    return 0


class LogWriter:
    """Appends to one attempt's log. Used by the runner, from the threads in which lines arrive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._closed = False

    def write(self, line: LogLine) -> None:
        """Put a line on disk; the file is made with the first one."""
        if self._descriptor is None:
            if self._closed:
                return
            self._descriptor = append_file(self._path)
        text = json.dumps({"at": rfc3339(line.at), "stream": line.stream, "text": line.text})
        os.write(self._descriptor, text.encode("ascii") + b"\n")

    def close(self) -> None:
        """Close the file; lines that still come are dropped."""
        self._closed = True
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def _parsed(raw: bytes) -> LogLine | None:
    try:
        found = json.loads(raw)
        return LogLine.model_construct(
            kind="log", at=from_rfc3339(found["at"]), stream=found["stream"], text=str(found["text"])
        )
    except (ValueError, KeyError, TypeError):
        # A disk that was full, or someone else's bytes: the other lines count.
        return None


_first_lines: dict[Path, int] = {}


def _first_line_at(path: Path) -> int:
    """Microseconds; kept, because whoever follows a run of thousands of steps asks again and again."""
    known = _first_lines.get(path)
    if known is None:
        with contextlib.suppress(OSError), path.open("rb") as file:
            parsed = _parsed(file.readline(_BLOCK))
            if parsed is not None:
                known = int(parsed.at.timestamp() * 1_000_000)
        if known is None:
            return 1 << 62
        if len(_first_lines) > 100_000:
            _first_lines.clear()
        _first_lines[path] = known
    return known
