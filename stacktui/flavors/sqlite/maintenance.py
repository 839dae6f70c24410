"""Size, counts, integrity, backup, compaction. Used by the store's pane and the `store` commands."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import StoreFacts
from stacktui.categories.private import create_file, make_folder
from stacktui.flavors.sqlite import search
from stacktui.flavors.sqlite.connection import Connections

_COUNTED = ("runs", "steps", "artifacts", "metrics", "events")
_VERSION = f"SQLite {sqlite3.sqlite_version}"


def facts(db: Connections, check: bool) -> StoreFacts:
    """What the store's pane shows; counting reads an index of each table, checking reads everything."""
    connection = db.reader()
    if connection is None:
        counts = dict.fromkeys(_COUNTED, 0)
        return StoreFacts(location=str(db.path), size=0, counts=counts, integrity="", version=_VERSION)
    counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _COUNTED}
    oldest, newest = (
        row[0] if row else None
        for row in (
            connection.execute(f"SELECT created_at FROM runs ORDER BY number {order} LIMIT 1").fetchone()
            for order in ("ASC", "DESC")
        )
    )
    return StoreFacts.model_validate(
        {
            "location": str(db.path),
            "size": _size(db.path),
            "counts": counts,
            "integrity": integrity(connection) if check else "",
            "version": f"{_VERSION}, schema {connection.execute('PRAGMA user_version').fetchone()[0]}",
            "journal": connection.execute("PRAGMA journal_mode").fetchone()[0],
            "oldest_run": oldest,
            "newest_run": newest,
            "search": search.available(connection),
        }
    )


def integrity(connection: sqlite3.Connection) -> str:
    """`ok`, or the first things that are wrong with the file."""
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
    return "ok" if found == ["ok"] else "; ".join(line.replace("\n", " ") for line in found)


def backup(db: Connections, target: Path) -> None:
    """Copy the store as it is at one moment, while others write, to a file that does not exist yet."""
    source = db.reader()
    if source is None:
        raise ComponentError(f"there is no metadata store at {db.path} yet: nothing to back up")
    if target.exists():
        raise ComponentError(f"{target} exists already; name another file for the backup")
    make_folder(target.absolute().parent)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(create_file(unfinished))
    try:
        with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
            # All pages in one go: in parts, every commit of another process would start it over.
            source.backup(copy, pages=-1)
            # One file, which carries its own journal mode: a copy needs no WAL beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        _synchronise(unfinished)
        # A link, not a rename: it fails if somebody made the target meanwhile.
        target.hardlink_to(unfinished)
    finally:
        unfinished.unlink(missing_ok=True)


def compact(db: Connections) -> None:
    """Give unused space back; make or mend the search index.

    Waits for whoever writes; needs as much free disk as the store is large.
    """
    from sqlite_utils import Database

    connection = db.writer()
    database = Database(connection, recursive_triggers=False)
    with db.write():
        search.mend(connection)
    database.vacuum()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _size(path: Path) -> int:
    total = 0
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
