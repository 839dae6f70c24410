"""Who is alive: a run is held by the process that has an exclusive `flock` on a file of that run.

The kernel drops the lock when the process dies, however it dies. That proof counts on the same host and boot;
from elsewhere a heartbeat in the store is all that can be seen. Used by the store and by migrations.

Record locks would not do: they vanish when the process closes any descriptor of the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.private import lock_file, make_folder
from stacktui.categories.process_mark import boot_id, mark_of
from stacktui.flavors.sqlite import rows
from stacktui.flavors.sqlite.connection import Connections
from stacktui.model.run import Holder

BEAT_EVERY_S = 5.0
LOST_AFTER_S = 20.0
_SAFE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,100}")
# A reader's glance at the lock lasts microseconds; whoever still has it after this long holds the run.
_PATIENCE_S = 1.0

# What a file system without locks says: there the heartbeat alone has to do.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}

_held_descriptors: set[int] = set()


def this_process() -> Holder:
    """The process that asks, so that a later signal can be sure to reach it and no other."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    mark = mark_of(os.getpid())
    return Holder(
        user=user,
        host=socket.gethostname(),
        boot=boot_id(),
        pid=os.getpid(),
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
                connection.execute("DELETE FROM holds WHERE run_id = ?", (run_id,))
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
        other = connection.execute(
            "SELECT host, boot, path, beat_at, pid FROM holds WHERE run_id = ?", (run_id,)
        ).fetchone()
        # Through another state folder, or from another host, the same run has another file.
        if other is not None and other[2] != str(path) and _alive(*other[:4]):
            raise ComponentError(f"run {run_id} is held by process {other[4]} on {other[0]}; stop that first")
        changed = connection.execute(
            "UPDATE runs SET holder = ? WHERE id = ?", (rows.packed_noun(holder), run_id)
        )
        if changed.rowcount == 0:
            raise NotFound(f"there is no run {run_id} to hold")
        _forget_dead(connection, holder)
        connection.execute(
            "INSERT OR REPLACE INTO holds (run_id, host, boot, pid, path, beat_at) VALUES (?, ?, ?, ?, ?, ?)",
            (run_id, holder.host, holder.boot, holder.pid, str(path), time.time()),
        )


def _forget_dead(connection: sqlite3.Connection, here: Holder) -> None:
    """Remove what processes of this host left that were killed, so that lists need not look at it again."""
    found = connection.execute(
        "SELECT run_id, path FROM holds WHERE host = ? AND boot = ?", (here.host, here.boot)
    ).fetchall()
    dead = [(run_id,) for run_id, path in found if _locked(path) is False]
    connection.executemany("DELETE FROM holds WHERE run_id = ?", dead)


def _beat(db: Connections, run_id: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_EVERY_S):
        # A beat that fails is made up for by the next; the lock proves life meanwhile.
        with contextlib.suppress(sqlite3.Error, OSError, ComponentError), db.write() as connection:
            connection.execute("UPDATE holds SET beat_at = ? WHERE run_id = ?", (time.time(), run_id))


def is_held(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether a living process holds the run. Writes nothing."""
    row = connection.execute(
        "SELECT host, boot, path, beat_at FROM holds WHERE run_id = ?", (run_id,)
    ).fetchone()
    return row is not None and _alive(*row)


def held_runs(connection: sqlite3.Connection) -> list[str]:
    """The runs that living processes hold."""
    found = connection.execute("SELECT run_id, host, boot, path, beat_at FROM holds").fetchall()
    return [row[0] for row in found if _alive(*row[1:])]


def _alive(host: str, boot: str, path: str, beat_at: float) -> bool:
    if host == socket.gethostname() and boot == boot_id():
        locked = _locked(path)
        if locked is not None:
            return locked
    return time.time() - beat_at < LOST_AFTER_S


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
