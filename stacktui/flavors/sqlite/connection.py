"""Connections to one SQLite file: one a thread, opened when first needed, and the one helper that opens writes.

Used by every module of SQL beside it. Opening to read never makes a file; opening to write makes it with
mode 0600 in folders of mode 0700, in WAL on a local disk and with a DELETE journal elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from stacktui.categories.errors import ComponentError, NotFound, StoreBusy, StoreVersion
from stacktui.categories.private import create_file, make_folder
from stacktui.flavors.sqlite import schema
from stacktui.flavors.sqlite.filesystem import is_local

M = TypeVar("M", bound=Callable[..., Any])

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FORBIDDEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
# Pages of the WAL before a commit moves them into the file, which waits for the disk.
_CHECKPOINT_PAGES = 4000
# A connection that a fork brought into this process is never closed here: its locks are the parent's.
_LEFT_ALONE: list[sqlite3.Connection] = []


class _Slot:
    """A thread's connection. It is closed when the thread ends and drops it.

    Never by another thread: to close a connection while a statement runs on it crashes the interpreter. Whoever
    still executes on it holds a reference, and Python closes it with the last one.
    """

    def __init__(self, connection: sqlite3.Connection, writable: bool, path: Path) -> None:
        self.connection = connection
        self.writable = writable
        self.pid = os.getpid()
        self.inode = _inode(path)

    def close(self) -> None:
        """Close it now. By its own thread only."""
        if self.pid == os.getpid():
            self.connection.close()

    def __del__(self) -> None:
        if self.pid != os.getpid():
            # A forked child must not even close what its parent opened.
            _LEFT_ALONE.append(self.connection)


class Connections:
    """All connections of this process to one store. Safe to use from several threads; survives a fork."""

    def __init__(
        self,
        path: Path,
        busy_timeout_s: float = 30.0,
        filesystem: Literal["auto", "local", "network"] = "auto",
    ) -> None:
        self.path = path
        self.busy_timeout_s = busy_timeout_s
        self._filesystem = filesystem
        self._local = threading.local()

    def reader(self) -> sqlite3.Connection | None:
        """This thread's connection; None while there is no store yet."""
        slot = self._current() or self._open(to_write=False)
        return None if slot is None else slot.connection

    def writer(self, *, create: bool = False) -> sqlite3.Connection:
        """This thread's connection, fit to write, to a store in the newest version.

        Without `create` a store that is not there raises `NotFound`: what is written about a run belongs
        where the run is, not in a new file.
        """
        slot = self._current()
        if slot is None or not slot.writable:
            slot = self._open(to_write=True, create=create)
            if slot is None:
                raise NotFound(f"there is no metadata store at {self.path}; the first run makes it")
        return slot.connection

    def write(self, *, durable: bool = False, create: bool = False) -> Transaction:
        """A transaction that writes: committed at the end of the block, rolled back if that raises.

        With `durable` the commit reaches the disk before the block ends; without, it survives the death of
        any process.
        """
        return Transaction(self.writer(create=create), durable)

    @property
    def local(self) -> bool:
        """Whether the file lies on a disk of this host."""
        if self._filesystem == "auto":
            return is_local(self.path.parent)
        return self._filesystem == "local"

    def close(self) -> None:
        """Close this thread's connection and let go of the others'. A later call opens again."""
        own: _Slot | None = getattr(self._local, "slot", None)
        self._local = threading.local()
        if own is not None:
            own.close()

    def look(self, timeout_s: float) -> tuple[int, int] | None:
        """The schema's version and the number of tables, asked on a connection of its own that changes nothing."""
        if not self.path.exists():
            return None
        with contextlib.closing(
            self._connect(self._writable(), min(timeout_s, self.busy_timeout_s))
        ) as opened:
            version = self._checked_version(opened)
            (tables,) = opened.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
            return version, tables

    def explained(self, error: sqlite3.Error | OSError) -> ComponentError:
        """`error` in one line for people."""
        text = str(error).replace("\n", " ")
        if isinstance(error, OSError):
            return ComponentError(
                f"the metadata store {self.path} cannot be used: {error.strerror or text}; check the folder"
                " and its permissions, or set `path` in the component's config"
            )
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            return StoreBusy(
                f"the metadata store {self.path} was locked by another process for {self.busy_timeout_s:g} s;"
                " try again, or raise `busy_timeout` in the component's config"
            )
        if code in _DAMAGED:
            return ComponentError(
                f"the metadata store {self.path} is damaged ({text}); move it away and restore a backup"
            )
        if code == sqlite3.SQLITE_FULL:
            return ComponentError(
                f"the disk of the metadata store {self.path} is full; make room, then try again"
            )
        if code in _FORBIDDEN:
            return ComponentError(
                f"the metadata store {self.path} cannot be opened or written ({text}); check its permissions"
                " and those of its folder"
            )
        return ComponentError(f"the metadata store {self.path} failed: {text}")

    # Opening.

    def _current(self) -> _Slot | None:
        slot: _Slot | None = getattr(self._local, "slot", None)
        if slot is None:
            return None
        if slot.pid == os.getpid() and slot.inode == _inode(self.path):
            return slot
        # After a fork, or when the file was deleted or replaced: what was open is not the store any more.
        self._local.slot = None
        return None

    def _open(self, *, to_write: bool, create: bool = False) -> _Slot | None:
        """Open this thread's connection. None if there is no store, and it need not be made."""
        if sqlite3.sqlite_version_info < schema.MINIMUM_SQLITE:
            needed = ".".join(map(str, schema.MINIMUM_SQLITE[:2]))
            raise ComponentError(
                f"SQLite {sqlite3.sqlite_version} is too old for the metadata store, which needs {needed}"
                " or newer; use a Python that brings one"
            )
        if not self.path.exists():
            if not create:
                return None
            self._create_file()
        writable = self._writable()
        connection = self._connect(writable, self.busy_timeout_s)
        try:
            if not self._settle(connection, to_write, create, writable):
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
        slot = _Slot(connection, to_write and writable, self.path)
        self._local.slot = slot
        return slot

    def _writable(self) -> bool:
        return os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _connect(self, writable: bool, wait_s: float) -> sqlite3.Connection:
        def connect(flags: str) -> sqlite3.Connection:
            # Connections stay with their threads; `close()` alone comes from another one.
            return sqlite3.connect(
                f"{self.path.absolute().as_uri()}?{flags}", uri=True, timeout=wait_s, isolation_level=None,
                check_same_thread=False, cached_statements=256,
            )  # fmt: skip

        if writable:
            return connect("mode=rw")
        connection = connect("mode=ro")
        try:
            connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            # A WAL store in a folder that we cannot write: without its shared memory it opens only as a
            # file that nobody changes, which is true while it has no WAL.
            if self.path.with_name(self.path.name + "-wal").exists():
                raise
            connection = connect("mode=ro&immutable=1")
        return connection

    def _settle(self, connection: sqlite3.Connection, to_write: bool, create: bool, writable: bool) -> bool:
        """Check the version, make or migrate the tables, set the journal. False: there is no store yet."""
        if writable and not self.local:
            self._leave_wal(connection)
        version = self._checked_version(connection)
        if version == 0 and not create:
            return False
        if version < schema.VERSION:
            if not writable:
                raise StoreVersion(
                    f"the metadata store {self.path} has the older schema {version} and cannot be written here;"
                    " open it once as its owner"
                )
            if version == 0 and self.local:
                self._set_journal(connection, "WAL")
            self._migrate(connection)
        if writable:
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
            if journal != "wal" and self.local and to_write:
                journal = self._set_journal(connection, "WAL")
            # Without a WAL, NORMAL could lose more than the last commits on a power failure.
            connection.execute(f"PRAGMA synchronous = {'NORMAL' if journal == 'wal' else 'FULL'}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA temp_store = MEMORY")
        return True

    def _checked_version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        self._check_owner(connection, version)
        if version > schema.VERSION:
            raise StoreVersion(
                f"the metadata store {self.path} was written by a newer version of stacktui"
                f" (schema {version}, this one knows {schema.VERSION}); update stacktui"
            )
        return int(version)

    def _check_owner(self, connection: sqlite3.Connection, version: int) -> None:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        if owner == schema.APPLICATION_ID:
            return
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # Asked again: another process may have made the tables between the two.
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        if owner != schema.APPLICATION_ID and (version or tables or owner):
            raise ComponentError(
                f"{self.path} is a database of another program; set `path` in the metadata store's config"
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        from stacktui.flavors.sqlite import liveness, search

        with Transaction(connection):
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if 0 < version < schema.VERSION and (held := liveness.held_runs(connection)):
                raise StoreBusy(
                    f"the metadata store {self.path} is upgraded when its {len(held)} running runs, which an"
                    " older version of stacktui started, have ended; try again then"
                )
            if version < schema.VERSION:
                schema.migrate(connection)
                search.create(connection)

    def _leave_wal(self, connection: sqlite3.Connection) -> None:
        """Turn a WAL store that lies on a network file system into one with a DELETE journal."""
        # Exclusive before the first read: a WAL is then opened without shared memory, which a network lacks.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            (journal,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _BUSY:
                raise
            journal = "wal"
        if journal == "wal":
            raise StoreBusy(
                f"the metadata store {self.path} is in WAL mode, which a network file system cannot carry, and"
                " is in use; end what uses it and run: stacktui store compact"
            )
        connection.execute("PRAGMA locking_mode = NORMAL")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def _set_journal(self, connection: sqlite3.Connection, mode: str) -> str:
        """Change the journal; SQLite does not wait for other connections here, so this does, for a while."""
        deadline = time.monotonic() + min(self.busy_timeout_s, 5.0)
        while True:
            try:
                return str(connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
            except sqlite3.OperationalError as error:
                if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _BUSY:
                    raise
                if time.monotonic() > deadline:
                    # The old journal works too; whoever opens the store next tries again.
                    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
                time.sleep(0.01)

    def _create_file(self) -> None:
        make_folder(self.path.parent)
        with contextlib.suppress(FileExistsError):
            # SQLite gives its WAL and shared memory the mode of this file.
            os.close(create_file(self.path))


class Transaction:
    """`BEGIN IMMEDIATE` … `COMMIT`. The lock is taken first: a deferred transaction that turns into a writing
    one fails at once when another process wrote in between, however long the busy timeout."""

    __slots__ = ("_connection", "_durable")

    def __init__(self, connection: sqlite3.Connection, durable: bool = False) -> None:
        self._connection = connection
        self._durable = durable

    def __enter__(self) -> sqlite3.Connection:
        if self._durable:
            self._connection.execute("PRAGMA synchronous = FULL")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._relax()
            raise
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        connection = self._connection
        try:
            if kind is None:
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            self._relax()

    def _relax(self) -> None:
        if not self._durable:
            return
        (journal,) = self._connection.execute("PRAGMA journal_mode").fetchone()
        if journal == "wal":
            self._connection.execute("PRAGMA synchronous = NORMAL")


def explained(method: M) -> M:
    """A method of what has `_db`, its connections: errors of SQLite and of the file system become
    `ComponentError`s of one line."""

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise self._db.explained(error) from error
        except UnicodeEncodeError as error:
            raise ComponentError(f"{error.object!r} is not text that a metadata store can hold") from error

    return cast(M, call)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)  # noqa: PTH116 - called on each read: `Path.stat` costs twice as much
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
