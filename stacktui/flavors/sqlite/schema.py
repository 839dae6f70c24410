"""The tables, and how an older store becomes a current one. Used by `connection` when a store is opened to write.

Migrations only add: a reader that was started before one keeps working. `PRAGMA user_version` counts them,
and `application_id` tells our files from other programs'.

Choices that the queries lean on: `runs.number` is the rowid, grows with each run and orders every list, so an
index on any columns is also an index on their order; what a list does not show lives in `run_details`, so that
a page reads few pages of the file; statuses are checked by the database too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.flavors.sqlite import second

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x53544B54  # "STKT"
MINIMUM_SQLITE = (3, 35, 0)  # RETURNING

_RUN_STATUSES = "'queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost'"
_STEP_STATUSES = (
    "'pending', 'running', 'retrying', 'succeeded', 'cached', 'failed', 'skipped', 'cancelled', 'lost'"
)

_TABLES = (
    f"""CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        target TEXT NOT NULL DEFAULT '',
        stack TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ({_RUN_STATUSES})),
        params TEXT NOT NULL DEFAULT '{{}}',
        labels TEXT NOT NULL DEFAULT '{{}}',
        created_at TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        error TEXT,
        user TEXT NOT NULL DEFAULT '',
        host TEXT NOT NULL DEFAULT '',
        holder TEXT,
        code TEXT,
        retry_of TEXT
    )""",
    """CREATE TABLE run_details (
        number INTEGER PRIMARY KEY,
        graph TEXT NOT NULL DEFAULT '[]',
        stack_snapshot TEXT NOT NULL DEFAULT '{}',
        environment TEXT NOT NULL DEFAULT '{}'
    )""",
    f"""CREATE TABLE steps (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ({_STEP_STATUSES})),
        attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt >= 1),
        "where" TEXT NOT NULL DEFAULT '',
        started_at TEXT,
        finished_at TEXT,
        params TEXT NOT NULL DEFAULT '{{}}',
        cache_key TEXT,
        cached_from TEXT,
        cache_reason TEXT,
        inputs TEXT NOT NULL DEFAULT '{{}}',
        outputs TEXT NOT NULL DEFAULT '{{}}',
        error TEXT,
        PRIMARY KEY (run_id, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE artifacts (
        id TEXT NOT NULL PRIMARY KEY,
        uri TEXT NOT NULL,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        type TEXT NOT NULL,
        materializer TEXT NOT NULL,
        metadata TEXT NOT NULL DEFAULT '{}',
        name TEXT NOT NULL,
        run_id TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        step TEXT NOT NULL,
        version INTEGER NOT NULL CHECK (version >= 1),
        created_at TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE artifact_links (
        artifact_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        step TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (artifact_id, run_id, step, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE artifact_tags (
        pipeline TEXT NOT NULL,
        step TEXT NOT NULL,
        name TEXT NOT NULL,
        tag TEXT NOT NULL,
        artifact_id TEXT NOT NULL,
        PRIMARY KEY (pipeline, step, name, tag)
    ) WITHOUT ROWID""",
    # A value that is not a number is stored as NULL: SQLite has no NaN.
    """CREATE TABLE metrics (
        run_id TEXT NOT NULL,
        key TEXT NOT NULL,
        step INTEGER NOT NULL,
        at TEXT NOT NULL,
        source TEXT NOT NULL DEFAULT '',
        value REAL,
        PRIMARY KEY (run_id, key, step, at, source)
    ) WITHOUT ROWID""",
    """CREATE TABLE logged_params (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run_id, name)
    ) WITHOUT ROWID""",
    """CREATE TABLE logged_files (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        step TEXT NOT NULL,
        artifact_id TEXT NOT NULL,
        PRIMARY KEY (run_id, name)
    ) WITHOUT ROWID""",
    # Not AUTOINCREMENT, which writes one more page each time: the newest event is never deleted.
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'
    )""",
    """CREATE TABLE requests (
        event_id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        what TEXT NOT NULL,
        at TEXT NOT NULL,
        data TEXT NOT NULL DEFAULT '{}'
    )""",
    """CREATE TABLE holds (
        run_id TEXT NOT NULL PRIMARY KEY,
        host TEXT NOT NULL,
        boot TEXT NOT NULL,
        pid INTEGER NOT NULL,
        path TEXT NOT NULL,
        beat_at REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE inbox (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('message', 'question')),
        alerter TEXT NOT NULL,
        level TEXT NOT NULL CHECK (level IN ('info', 'success', 'warning', 'error')),
        text TEXT NOT NULL,
        choices TEXT NOT NULL DEFAULT '[]',
        "default" TEXT,
        answer TEXT,
        answered_by TEXT,
        run_id TEXT,
        step TEXT,
        created_at TEXT NOT NULL,
        expires_at TEXT,
        closed_at TEXT
    )""",
)

INDEXES: dict[str, str] = {
    # One index for each set of filters that the list of runs offers; each ends with `number`, the list's order.
    "runs_status": "runs (status)",
    "runs_pipeline": "runs (pipeline)",
    "runs_stack": "runs (stack)",
    "runs_status_pipeline": "runs (status, pipeline)",
    "runs_status_stack": "runs (status, stack)",
    "runs_pipeline_stack": "runs (pipeline, stack)",
    "runs_status_pipeline_stack": "runs (status, pipeline, stack)",
    "steps_cache_key": "steps (cache_key, finished_at) WHERE status = 'succeeded' AND cache_key IS NOT NULL",
    "artifacts_version": "artifacts (pipeline, step, name, version)",
    "artifacts_pipeline": "artifacts (pipeline)",
    "artifacts_run": "artifacts (run_id)",
    "artifact_tags_artifact": "artifact_tags (artifact_id)",
    "artifact_tags_tag": "artifact_tags (tag)",
    "metrics_source": "metrics (run_id, source)",
    "events_run": "events (run_id)",
    "requests_run": "requests (run_id)",
    "inbox_pending": "inbox (number) WHERE kind = 'question' AND closed_at IS NULL",
}
_UNIQUE = {"artifacts_version"}


class Migration(NamedTuple):
    """One step from a version of the schema to the next."""

    version: int
    """The version that the store has afterwards."""
    apply: Callable[[Database], None]
    """Adds tables, columns or indexes, inside the transaction that its caller opened."""


def _first(database: Database) -> None:
    for table in _TABLES:
        database.execute(table)
    for name, columns in INDEXES.items():
        unique = "UNIQUE " if name in _UNIQUE else ""
        database.execute(f"CREATE {unique}INDEX {name} ON {columns}")


MIGRATIONS: tuple[Migration, ...] = (Migration(1, _first), Migration(2, second.apply))
VERSION = MIGRATIONS[-1].version


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a store to the newest version. The caller has opened a transaction with `BEGIN IMMEDIATE`.

    Inside it sqlite-utils makes savepoints, where on its own it would begin deferred transactions, which
    two processes cannot both turn into writing ones.
    """
    from sqlite_utils import Database

    if not connection.in_transaction:
        raise RuntimeError("migrate() needs an open transaction")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    database = Database(connection, recursive_triggers=False)
    for migration in migrations:
        if migration.version > version:
            migration.apply(database)
            database.execute(f"PRAGMA user_version = {migration.version}")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
