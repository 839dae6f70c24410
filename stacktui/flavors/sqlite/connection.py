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
from pathlib import Path
from typing import Literal, NamedTuple

from stacktui.categories.base import Caller
from stacktui.categories.errors import ComponentError, NotFound, StoreBusy, StoreVersion
from stacktui.categories.private import create_file, make_folder
from stacktui.flavors.sqlite import schema
from stacktui.flavors.sqlite.failures import Failure, in_words, is_busy
from stacktui.flavors.sqlite.filesystem import is_local

# Pages of the WAL before a commit moves them into the file, which waits for the disk.
_CHECKPOINT_PAGES = 4000
# A connection that a fork brought into this process is never closed here: its locks are the parent's.
_LEFT_ALONE: list[sqlite3.Connection] = []


class _Seen(NamedTuple):
    """What tells that a file was written: its time and size, and whether there is a WAL beside it."""

    changed_ns: int
    size: int
    wal: bool

    @classmethod
    def of(cls, path: Path) -> _Seen | None:
        with contextlib.suppress(OSError):
            facts = path.stat()
            return cls(facts.st_mtime_ns, facts.st_size, path.with_name(f"{path.name}-wal").exists())
        return None


class _Slot:
    """A thread's connection. It is closed when the thread ends and drops it.

    Never by another thread: to close a connection while a statement runs on it crashes the interpreter. Whoever
    still executes on it holds a reference, and Python closes it with the last one.
    """

    def __init__(
        self, connection: sqlite3.Connection, writable: bool, path: Path, seen: _Seen | None = None
    ) -> None:
        self.connection = connection
        self.writable = writable
        self.pid = os.getpid()
        self.inode = _inode(path)
        self.seen = seen
        """What the files were when it was opened as one that nobody changes; None: it sees changes by itself."""

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
        caller: Caller | None = None,
    ) -> None:
        self.path = path
        caller = caller or Caller()
        self._readonly = caller.readonly
        self._hurried = caller.patience_s is not None and caller.patience_s < busy_timeout_s
        self.busy_timeout_s = (
            busy_timeout_s if caller.patience_s is None else min(busy_timeout_s, caller.patience_s)
        )
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
        if self._readonly:
            raise ComponentError(f"the metadata store {self.path} is open to read only: nothing is written")
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
        writable = self._writable()
        unchanging = not writable and self._unchanging() is not None
        with contextlib.closing(
            self._connect(writable, min(timeout_s, self.busy_timeout_s), unchanging=unchanging)
        ) as opened:
            version = self._checked_version(opened)
            (tables,) = opened.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
            return version, tables

    def explained(self, error: Failure) -> ComponentError:
        """`error` in one line for people."""
        return in_words(error, self.path, self.busy_timeout_s, self._hurried)

    # Opening.

    def _current(self) -> _Slot | None:
        slot: _Slot | None = getattr(self._local, "slot", None)
        if slot is None:
            return None
        same = slot.pid == os.getpid() and slot.inode == _inode(self.path)
        if same and (slot.seen is None or slot.seen == _Seen.of(self.path)):
            return slot
        # After a fork, or when the file was deleted or replaced: what was open is not the store any more. Nor is
        # one that was opened as never changing, when somebody writes to it after all.
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
        # Looked at before it is opened: a change between the two is seen as one.
        seen = None if writable else self._unchanging()
        connection = self._connect(writable, self.busy_timeout_s, unchanging=seen is not None)
        try:
            if not self._settle(connection, to_write, create, writable):
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
        slot = _Slot(connection, to_write and writable, self.path, seen)
        self._local.slot = slot
        return slot

    def _writable(self) -> bool:
        return not self._readonly and os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)

    def _unchanging(self) -> _Seen | None:
        """What a WAL store that nobody has open is now; None for any other.

        To read one SQLite would make its WAL and shared memory, which somebody who only reads must not or cannot.
        While there is no WAL nobody writes, and it can be read as a file that never changes.
        """
        seen = _Seen.of(self.path)
        if seen is None or seen.wal:
            return None
        with self.path.open("rb") as file:
            header = file.read(20)
        # The versions that the file's format asks of readers and writers: 2 is a WAL.
        return seen if header[18:20] == b"\2\2" else None

    def _connect(self, writable: bool, wait_s: float, *, unchanging: bool = False) -> sqlite3.Connection:
        def connect(flags: str) -> sqlite3.Connection:
            # Connections stay with their threads; `close()` alone comes from another one.
            return sqlite3.connect(
                f"{self.path.absolute().as_uri()}?{flags}", uri=True, timeout=wait_s, isolation_level=None,
                check_same_thread=False, cached_statements=256,
            )  # fmt: skip

        if writable:
            return connect("mode=rw")
        return connect("mode=ro&immutable=1" if unchanging else "mode=ro")

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
                    f" open it once {'without --readonly' if self._readonly else 'as its owner'}"
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
            if 0 < version < schema.VERSION and (live := liveness.living_runs(connection)):
                runs = "1 run" if len(live) == 1 else f"{len(live)} runs"
                raise StoreBusy(
                    f"the metadata store {self.path} waits to be upgraded until {runs} of an older version of"
                    f" stacktui ended, {live[0]} among them; try again then"
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
            if not is_busy(error):
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
                if not is_busy(error):
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


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)  # noqa: PTH116 - called on each read: `Path.stat` costs twice as much
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
