"""Ending what an interrupted writer began, and reading so that an edit of several files is seen whole or not at all.

Used by `apply_change` before it writes and by `Workspace.read`, which comes here only if an edit is under way or was
made a moment ago.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from stacktui.workspace.files import clear_staged
from stacktui.workspace.journal import EditRecord, Intent, Journal, JournalDamaged
from stacktui.workspace.transaction import (
    Outside,
    Stands,
    Taken,
    clear_intent,
    go_back,
    go_forward,
    parts_of,
)
from stacktui.workspace.write_lock import NoLock, StillLocked, read_lock, write_lock

T = TypeVar("T")
Laid = Mapping[str, bytes | None]
"""What files hold in place of what is on disk, by path; None: they are not there."""

PATIENCE_S = 0.25
"""How long a reader waits for a writer, who needs milliseconds."""
_MOST_LOOKS = 8


def settle(root: Path, journal: Journal) -> None:
    """End what a writer that is gone has left: its edit is finished, or taken back if a file is neither old nor new.

    Call it with the write lock. Raises OSError where that cannot be done; the files are then as they were found, or
    nearer to the end.
    """
    try:
        found = journal.unfinished()
        if found is None:
            return
        if isinstance(found, Intent):
            clear_intent(root, found)
            journal.clear()
            return
        parts = parts_of(root, found)
    except (JournalDamaged, Outside):
        journal.set_aside()
        return
    try:
        go_forward(parts)
        taken_back = False
    except Taken:
        go_back(parts)
        taken_back = True
    for part in parts:
        clear_staged(part.target)
    journal.close(found, taken_back=taken_back)


def laid_over(root: Path, record: EditRecord) -> dict[str, bytes | None]:
    """What the files of an unfinished record will hold, for a reader that may not write. Raises OSError, `JournalDamaged`, `Outside`."""
    parts = parts_of(root, record)
    stands = [part.stands() for part in parts]
    laid: dict[str, bytes | None] = {}
    for file, part, now in zip(record.files, parts, stands, strict=True):
        path = str(root / file.path)
        if Stands.ELSE not in stands:
            laid[path] = part.after
        elif now is Stands.NEW:
            laid[path] = part.before
    return laid


def read_whole(
    root: Path,
    journal: Journal,
    make_locks: Callable[[], Path] | None,
    locks: Path,
    read: Callable[[Laid], T],
    previous: T | None,
) -> T:
    """`read` the files while no writer is between two of them; what a dead one left is ended first.

    `read` gets what to lay over the files, and may be called more than once. `make_locks` is None for a reader that may
    not write: it sees the files as they will be when somebody else has ended the edit. A writer that does not go on is
    not waited for: then what its record says is the answer, or `previous` where one edit follows the other too fast.
    """
    until = time.monotonic() + PATIENCE_S
    for _ in range(_MOST_LOOKS):
        try:
            with read_lock(locks, max(0.0, until - time.monotonic())):
                # No writer is alive in here.
                laid = _view(root, journal)
                if laid is None or make_locks is None:
                    return read(laid or {})
        except (NoLock, StillLocked) as why:
            found, steady = _read_between(root, journal, read)
            return found if steady or previous is None or isinstance(why, NoLock) else previous
        try:
            with write_lock(make_locks, max(0.0, until - time.monotonic())):
                settle(root, journal)
        except (NoLock, StillLocked, OSError):
            # Not ours to write, or no room: whoever can will end it.
            make_locks = None
    return _read_between(root, journal, read)[0]


def _view(root: Path, journal: Journal) -> dict[str, bytes | None] | None:
    """What to lay over the files; None where nothing was left undone."""
    try:
        found = journal.unfinished()
        if found is None:
            return None
        return {} if isinstance(found, Intent) else laid_over(root, found)
    except (JournalDamaged, Outside, OSError):
        return {}


def _read_between(root: Path, journal: Journal, read: Callable[[Laid], T]) -> tuple[T, bool]:
    """Without a lock: until nothing happened between two looks at the journal. Also, whether that was so."""
    for _ in range(_MOST_LOOKS):
        before = _look(journal.pending)
        found = read(_view(root, journal) or {})
        if _look(journal.pending) == before:
            return found, True
    return found, False


def _look(pending: Path) -> tuple[int, ...]:
    try:
        status = os.stat(pending)  # noqa: PTH116
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
