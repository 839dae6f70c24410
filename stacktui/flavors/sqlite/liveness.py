"""Who is alive: a run is held by the process that has an exclusive `flock` on a file of that run.

The kernel drops the lock when the process dies, however it dies. That proof counts on the same host and boot, and
so does that the process itself is there, where the lock cannot be looked at; from elsewhere a heartbeat in the store
is all that can be seen. A process that was only started to hold a run is judged by whether it is there, too. Used by
the store and by migrations.

Record locks would not do: they vanish when the process closes any descriptor of the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.private import lock_file, make_folder
from stacktui.categories.process_mark import ProcessMark, boot_id, host_name, mark_of, user_name
from stacktui.flavors.sqlite import rows
from stacktui.flavors.sqlite.connection import Connections
from stacktui.model.base import now
from stacktui.model.run import Holder, RunStatus

BEAT_EVERY_S = 5.0
LOST_AFTER_S = 20.0
# A runner that nobody has seen after this long died before it took its run.
START_WITHIN = timedelta(seconds=60)
_SAFE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,100}")
# A reader's glance at the lock lasts microseconds; whoever still has it after this long holds the run.
_PATIENCE_S = 1.0

# What a file system without locks says: there the heartbeat alone has to do.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}

# In place of a lock's path: a process that was started to hold the run, and has not yet.
_EXPECTED = ""
_UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING)
_HOLD = "run_id, host, boot, path, beat_at, pid, started"

_held_descriptors: set[int] = set()


class _Hold(NamedTuple):
    """A row of `holds`."""

    run_id: str
    host: str
    boot: str
    path: str
    beat_at: float
    pid: int
    started: str = ""


def this_process() -> Holder:
    """The process that asks, so that a later signal can be sure to reach it and no other."""
    return _process(os.getpid())


def _process(pid: int) -> Holder:
    mark = mark_of(pid)
    return Holder(
        user=user_name(),
        host=host_name(),
        boot=boot_id(),
        pid=pid,
        started=mark.started if mark else "",
    )


@contextlib.contextmanager
def hold(db: Connections, state: Path, run_id: str) -> Iterator[None]:
    """Hold a run until the block ends or the process dies. Raises `NotFound` and `ComponentError`."""
    if _SAFE_ID.fullmatch(run_id) is None:
        raise ComponentError(f"{run_id!r} is not the id of a run")
    folder = state.absolute() / "runs" / run_id
    make_folder(folder)
    path = folder / "hold"
    descriptor = lock_file(path)
    try:
        _lock(descriptor, db, run_id)
        _held_descriptors.add(descriptor)
        _record(db, run_id, path)
        stop = threading.Event()
        beating = threading.Thread(target=_beat, args=(db, run_id, stop), name=f"hold {run_id}", daemon=True)
        beating.start()
        try:
            yield
        finally:
            stop.set()
            beating.join(BEAT_EVERY_S)
            # The lock is what counts, and it goes in any case.
            with contextlib.suppress(sqlite3.Error, OSError, ComponentError), db.write() as connection:
                # Not one that is expected to hold it next.
                connection.execute("DELETE FROM holds WHERE run_id = ? AND path = ?", (run_id, str(path)))
    finally:
        # The file stays: another process may have it open, and a lock on a deleted file proves nothing.
        _held_descriptors.discard(descriptor)
        os.close(descriptor)


def _lock(descriptor: int, db: Connections, run_id: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                connection = db.reader()
                found = (
                    connection
                    and connection.execute(
                        "SELECT pid, host FROM holds WHERE run_id = ?", (run_id,)
                    ).fetchone()
                )
                who = f"process {found[0]} on {found[1]}" if found else "another process"
                raise ComponentError(f"run {run_id} is held by {who}; stop that first") from None
            time.sleep(0.005)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return
            raise
        else:
            return


def _record(db: Connections, run_id: str, path: Path) -> None:
    holder = this_process()
    with db.write() as connection:
        other = _hold_of(connection, run_id)
        # Through another state folder, or from another host, the same run has another file.
        if other is not None and other.path not in (str(path), _EXPECTED) and _alive(other):
            raise ComponentError(
                f"run {run_id} is held by process {other.pid} on {other.host}; stop that first"
            )
        changed = connection.execute(
            "UPDATE runs SET holder = ? WHERE id = ?", (rows.packed_noun(holder), run_id)
        )
        if changed.rowcount == 0:
            raise NotFound(f"there is no run {run_id} to hold")
        _forget_dead(connection, holder)
        connection.execute(
            f"INSERT OR REPLACE INTO holds ({_HOLD}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run_id, holder.host, holder.boot, str(path), time.time(), holder.pid, holder.started),
        )


def _forget_dead(connection: sqlite3.Connection, here: Holder) -> None:
    """Remove what processes of this host left that were killed, so that lists need not look at it again."""
    found = connection.execute(
        f"SELECT {_HOLD} FROM holds WHERE host = ? AND boot = ?", (here.host, here.boot)
    ).fetchall()
    dead = [(hold.run_id,) for hold in (_Hold(*row) for row in found) if _is_dead(hold)]
    connection.executemany("DELETE FROM holds WHERE run_id = ?", dead)


def _is_dead(hold: _Hold) -> bool:
    return not _alive(hold) if hold.path == _EXPECTED else _locked(hold.path) is False


def _beat(db: Connections, run_id: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_EVERY_S):
        # A beat that fails is made up for by the next; the lock proves life meanwhile.
        with contextlib.suppress(sqlite3.Error, OSError, ComponentError), db.write() as connection:
            connection.execute("UPDATE holds SET beat_at = ? WHERE run_id = ?", (time.time(), run_id))


def expect(connection: sqlite3.Connection, run_id: str, pid: int) -> None:
    """Record that a process of this host was started that is going to hold a run.

    Nothing changes where another process holds the run already: the one that was started was quick. Raises `NotFound`.
    """
    run = connection.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
    if run is None:
        raise NotFound(f"there is no run {run_id} to hold")
    row = _hold_of(connection, run_id)
    held = row is not None and row.path != _EXPECTED and _alive(row)
    if run[0] not in _UNFINISHED or (held and row is not None and row.pid != os.getpid()):
        return
    # Without a start time it has ended already.
    expected = _process(pid)
    connection.execute("UPDATE runs SET holder = ? WHERE id = ?", (rows.packed_noun(expected), run_id))
    connection.execute(
        f"INSERT OR REPLACE INTO holds ({_HOLD}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (run_id, expected.host, expected.boot, _EXPECTED, time.time(), pid, expected.started),
    )


def is_held(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether a living process holds the run. Writes nothing."""
    row = _hold_of(connection, run_id)
    return row is not None and row.path != _EXPECTED and _alive(row)


def lives(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether a living process holds the run, or was started to hold it. Writes nothing."""
    row = _hold_of(connection, run_id)
    return row is not None and _alive(row)


def living_runs(connection: sqlite3.Connection) -> list[str]:
    """The runs that living processes hold or were started to hold."""
    # Without `started`, which an older store has not.
    found = connection.execute("SELECT run_id, host, boot, path, beat_at, pid FROM holds").fetchall()
    held = [row[0] for row in found if row[3] != _EXPECTED and _alive(_Hold(*row))]
    since = rows.stamp(now() - START_WITHIN)
    starting = connection.execute(
        "SELECT id FROM runs WHERE status = 'queued' AND created_at > ? ORDER BY number", (since,)
    )
    return [*held, *(run_id for (run_id,) in starting if run_id not in held)]


def _hold_of(connection: sqlite3.Connection, run_id: str) -> _Hold | None:
    row = connection.execute(f"SELECT {_HOLD} FROM holds WHERE run_id = ?", (run_id,)).fetchone()
    return None if row is None else _Hold(*row)


def _alive(hold: _Hold) -> bool:
    here = hold.host == host_name() and hold.boot == boot_id()
    expected = hold.path == _EXPECTED
    if here and not expected:
        locked = _locked(hold.path)
        if locked is not None:
            return locked
    # The lock of another user's run cannot be looked at, its process can. An older version did not record which.
    if here and (expected or hold.started):
        return ProcessMark(pid=hold.pid, started=hold.started, boot=hold.boot).alive
    return time.time() - hold.beat_at < (START_WITHIN.total_seconds() if expected else LOST_AFTER_S)


def _locked(path: str) -> bool | None:
    """Whether somebody has the exclusive lock; None where this process cannot tell."""
    try:
        # To read only, and with a shared lock: two readers that look at once do not see each other.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def _forget_in_child() -> None:
    # A forked child shares the lock through the descriptor and would keep it when the parent dies. Closing
    # its copy does not unlock.
    for descriptor in _held_descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held_descriptors.clear()


os.register_at_fork(after_in_child=_forget_in_child)
