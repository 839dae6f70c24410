"""Files that are read again and again: what did not change is not parsed again, what breaks keeps its last good version.

Used by `Workspace.read`, which holds one `FileReader` for each kind of file.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from stacktui.model.diagnostic import Diagnostic, Position
from stacktui.workspace.documents import Outcome, finding
from stacktui.workspace.yaml_reader import MAX_BYTES, position

T = TypeVar("T")

# A file changed this shortly before it was read may change again under the same time stamp: it is read once more.
COARSEST_CLOCK_NS = 50_000_000


@dataclass(frozen=True)
class Entry(Generic[T]):
    """An object as read from its file."""

    value: T
    file: Path
    raw: bytes = field(repr=False)
    """The bytes that `value` was read from. While the entry is stale, the file holds others."""
    stale: bool
    """Whether the file cannot be read as it is now, and this is its last good version or its valid beginning."""

    def position(self, *path: str | int) -> Position | None:
        """Where a key of the YAML starts, or an item of a list; its nearest ancestor's place if it is absent."""
        return position(self.raw, path)


class Stamp(NamedTuple):
    """What tells one version of a file from another without reading it."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether a status is that of the same version."""
        return (
            self.mtime_ns == status.st_mtime_ns
            and self.ctime_ns == status.st_ctime_ns
            and self.size == status.st_size
            and self.inode == status.st_ino
            and self.device == status.st_dev
        )


@dataclass
class _Seen(Generic[T]):
    """What is known of one file."""

    stamp: Stamp | None = None
    settled: bool = False
    """Whether the stamp alone proves that nothing changed."""
    raw: bytes | None = None
    entry: Entry[T] | None = None
    problems: tuple[Diagnostic, ...] = ()


class Unreadable(Exception):
    """A file is there and its bytes cannot be had."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FileReader(Generic[T]):
    """Reads files of one kind, each named by its path. Not thread-safe: the workspace locks."""

    def __init__(self, read: Callable[[Path, bytes], Outcome[T]]) -> None:
        self._read = read
        self._seen: dict[str, _Seen[T]] = {}

    def update(self, path: str, laid: bytes | None = None) -> bool:
        """Bring one file up to date; returns whether anything about it changed. `laid` stands for what is on disk."""
        seen = self._seen.get(path)
        if seen is None:
            seen = self._seen[path] = _Seen()
        if laid is not None:
            seen.stamp, seen.settled = None, False
            return self._take(seen, path, laid)
        started = time.time_ns()
        try:
            status = os.stat(path)  # noqa: PTH116 - a thousand of these stand between a save and the screen
            if seen.settled and seen.stamp is not None and seen.stamp.is_of(status):
                return False
            raw, status = read_bytes(path)
        except FileNotFoundError:
            # It was deleted after the folder was listed.
            return self._seen.pop(path).raw is not None
        except OSError as error:
            message = f"the file cannot be read: {(error.strerror or str(error)).lower()}"
            return self._fail(seen, Path(path), "FIL001", message)
        except Unreadable as error:
            return self._fail(seen, Path(path), error.code, str(error))
        seen.stamp = Stamp.of(status)
        seen.settled = started - max(status.st_mtime_ns, status.st_ctime_ns) > COARSEST_CLOCK_NS
        return self._take(seen, path, raw)

    def _take(self, seen: _Seen[T], path: str, raw: bytes) -> bool:
        if raw == seen.raw:
            return False
        seen.raw = raw
        file = Path(path)
        outcome = self._read(file, raw)
        seen.problems = outcome.problems
        if outcome.value is not None and (outcome.readable or seen.entry is None):
            seen.entry = Entry(outcome.value, file, raw, not outcome.readable)
        elif seen.entry is not None and not seen.entry.stale:
            seen.entry = Entry(seen.entry.value, file, seen.entry.raw, True)
        return True

    def keep_only(self, paths: Iterable[str]) -> bool:
        """Forget every file that is not among `paths`: it was deleted. Returns whether there was one."""
        gone = self._seen.keys() - set(paths)
        for path in gone:
            del self._seen[path]
        return bool(gone)

    def entry(self, path: str) -> Entry[T] | None:
        """What is in force for a file; None if nothing of it can be used."""
        seen = self._seen.get(path)
        return seen.entry if seen else None

    def problems(self, path: str) -> tuple[Diagnostic, ...]:
        """What is wrong with a file."""
        seen = self._seen.get(path)
        return seen.problems if seen else ()

    def _fail(self, seen: _Seen[T], file: Path, code: str, message: str) -> bool:
        problem = finding(code, message, file, Position(line=1, column=1))
        seen.stamp, seen.settled, seen.raw = None, False, None
        if seen.problems == (problem,):
            return False
        seen.problems = (problem,)
        if seen.entry is not None:
            seen.entry = Entry(seen.entry.value, file, seen.entry.raw, True)
        return True


def read_bytes(path: str) -> tuple[bytes, os.stat_result]:
    """The content of a regular file, and the status that belongs to it.

    Raises `Unreadable` for what is too large or not a regular file; OSError as usual.
    """
    # Without O_NONBLOCK a named pipe would hold up the reader for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("FIL010", "this is not a regular file")
        if status.st_size > MAX_BYTES:
            raise Unreadable(
                "FIL004", f"the file has {status.st_size:,} bytes; at most {MAX_BYTES:,} are read"
            )
        raw = os.read(descriptor, status.st_size + 1)
        while len(raw) <= MAX_BYTES and (more := os.read(descriptor, MAX_BYTES + 1)):
            raw += more
    finally:
        os.close(descriptor)
    if len(raw) > MAX_BYTES:
        raise Unreadable("FIL004", f"the file has more than {MAX_BYTES:,} bytes")
    return raw, status


def leads_nowhere(path: str, root: Path) -> bool:
    """Whether a link has no target, or one outside `root`."""
    try:
        return not Path(path).resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return True
