"""The audit list: who edited, ran, stopped, revealed …, when and from where. One line of JSON each in the state.

Lines are only added, each by one write, so that those of several processes do not mix (on a network file system, those
of one host; what hosts overwrite of each other is counted as damaged). `note` never raises: what was done has been
done, whether or not it could be noted; `stacktui doctor` says where it cannot. A line never holds the value of a
secret. Written through `Session.note` and by `pipelines/launch.py`; read by `stacktui audit list` and the workbench.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from stacktui.categories.private import append_file
from stacktui.model.base import from_rfc3339, now, rfc3339, uuid7
from stacktui.workspace.who import Who
from stacktui.workspace.workspace import Workspace

LARGEST_FILE = 2 << 20
"""Bytes after which a new file is begun."""
OLDER_FILES = 4
"""How many full files are kept beside the one that is written: with it some 50,000 entries."""
_LONGEST_TEXT = 1_000
_LONGEST_LINE = 64 << 10
# What every line begins with. Inside a line it cannot stand, because quotes in texts are escaped there.
_BEGINNING = b'{"id":"'


class AuditEntry(NamedTuple):
    """One thing that somebody did."""

    id: str
    """Later ones sort later, to the millisecond."""
    at: datetime
    who: Who
    face: str
    """`cli`, `workbench`, or `python` for `pipeline.run()`."""
    action: str
    """What was done, in one word: `edited`, `ran`, `revealed` …"""
    subject: str
    """To what: `stack/prod`, `component/alerter/oncall`, `run/<id>`, `secret/<manager>/<name>.<key>`, `file/…`."""
    text: str
    """More of it, for people; may be empty."""


def audit_file(workspace: Workspace) -> Path:
    """The file that is written now; full ones stand beside it with a number."""
    return workspace.state / "audit.jsonl"


def note(
    workspace: Workspace,
    action: str,
    subject: str,
    who: Who,
    *,
    face: str = "",
    text: str = "",
    make_state: bool = True,
) -> bool:
    """Add a line; whether that could be done. Never raises for what a disk or a permission refuses.

    Args:
        make_state: make the state folder where there is none; a read-only session does not.
    """
    line = {
        "id": uuid7(),
        "at": rfc3339(now()),
        "user": who.user,
        "host": who.host,
        "origin": who.origin,
        "face": face,
        "action": action,
        "subject": subject,
        "text": text,
    }
    shortened = {key: value[:_LONGEST_TEXT] for key, value in line.items()}
    file = audit_file(workspace)
    try:
        if make_state and not workspace.state.is_dir():
            workspace.state_dir()
        descriptor = append_file(file)
        try:
            _write(descriptor, json.dumps(shortened, separators=(",", ":")).encode("ascii") + b"\n")
            if os.fstat(descriptor).st_size > LARGEST_FILE:
                _begin_new(file, descriptor)
        finally:
            os.close(descriptor)
    except (OSError, LookupError, ValueError):
        return False
    return True


def _write(descriptor: int, line: bytes) -> None:
    written = os.write(descriptor, line)
    while written < len(line):
        # A full disk takes a part: the rest belongs to the same line if it still fits.
        written += os.write(descriptor, line[written:])


def _begin_new(file: Path, descriptor: int) -> None:
    """Give the full files the next number, the oldest away; by one process, once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if not _is_still(file, descriptor):
        return
    # From the oldest on: each file has a name at every moment, and a reader who goes from new to old misses none.
    for number in range(OLDER_FILES, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _numbered(file, number - 1).replace(_numbered(file, number))


def _is_still(file: Path, descriptor: int) -> bool:
    ours = os.fstat(descriptor)
    there = file.lstat()
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _numbered(file: Path, number: int) -> Path:
    return file if number == 0 else file.with_name(f"audit.{number}.jsonl")


class AuditTrail:
    """The entries, newest first, read as they are asked for. What cannot be read is skipped and counted."""

    def __init__(self, workspace: Workspace) -> None:
        self._file = audit_file(workspace)
        self.damaged = 0
        """Lines and files, of those that were looked at, that are not what was written."""

    def __iter__(self) -> Iterator[AuditEntry]:
        seen: set[tuple[int, int]] = set()
        for number in range(OLDER_FILES + 1):
            for line in reversed(self._lines(_numbered(self._file, number), seen)):
                yield from reversed(self._entries(line))

    def _lines(self, file: Path, seen: set[tuple[int, int]]) -> list[bytes]:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return []
        except OSError:
            self.damaged += 1
            return []
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            self.damaged += 1
            return []
        with os.fdopen(descriptor, "rb") as reader:
            # It got its next number while we read: we have it.
            if (status.st_dev, status.st_ino) in seen:
                return []
            seen.add((status.st_dev, status.st_ino))
            reader.seek(max(0, status.st_size - 2 * LARGEST_FILE))
            return reader.read().split(b"\n")

    def _entries(self, line: bytes) -> list[AuditEntry]:
        if not line:
            return []
        if len(line) > _LONGEST_LINE:
            self.damaged += 1
            return []
        found = []
        # The end of a line that a full disk cut off is where the next one begins.
        head, *rest = line.split(_BEGINNING)
        self.damaged += bool(head)
        for part in rest:
            entry = _entry(_BEGINNING + part)
            if entry is None:
                self.damaged += 1
            else:
                found.append(entry)
        return found


def entries(workspace: Workspace, limit: int | None = None) -> Iterator[AuditEntry]:
    """The newest entries first, `limit` at most."""
    for number, entry in enumerate(AuditTrail(workspace)):
        if number == limit:
            return
        yield entry


def cannot_note(workspace: Workspace) -> str:
    """Why lines cannot be added, in one line; empty where they can. Nothing is written."""
    file = audit_file(workspace)
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        folder = workspace.state
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} cannot be written"
    except OSError as error:
        return f"{file}: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"{file} is not a regular file"
    return "" if os.access(file, os.W_OK) else f"{file} cannot be written"


def _entry(line: bytes) -> AuditEntry | None:
    try:
        found: Any = json.loads(line)
        texts = [
            found[key] for key in ("id", "user", "host", "origin", "face", "action", "subject", "text", "at")
        ]
        if not all(isinstance(text, str) for text in texts):
            return None
        id_, user, host, origin, face, action, subject, text, at = texts
        moment = from_rfc3339(at)
        if moment.tzinfo is None:
            return None
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return AuditEntry(id_, moment, Who(user, host, origin), face, action, subject, text)
