"""The second version of the schema: attempts, progress, groups, notes, pins and labels of runs. Used by `schema`.

Labels get rows of their own, so that a filter by one reads an index; the JSON beside the run stays what is
shown. A group and the pinned runs are few among many: a partial index holds just those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacktui.flavors.sqlite import labels, search

if TYPE_CHECKING:
    from sqlite_utils import Database

_COLUMNS = (
    ("runs", "group_id TEXT"),
    ("runs", "note TEXT NOT NULL DEFAULT ''"),
    ("runs", "pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1))"),
    ("runs", "resumes INTEGER NOT NULL DEFAULT 0"),
    ("runs", "waits_for TEXT NOT NULL DEFAULT ''"),
    # The start time of the process: with it a pid names one process.
    ("holds", "started TEXT NOT NULL DEFAULT ''"),
)
_TABLES = (
    """CREATE TABLE run_labels (
        key TEXT NOT NULL,
        number INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (key, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE step_attempts (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        attempt INTEGER NOT NULL CHECK (attempt >= 1),
        status TEXT NOT NULL CHECK (status IN ('failed', 'cancelled', 'lost')),
        "where" TEXT NOT NULL DEFAULT '',
        started_at TEXT,
        finished_at TEXT,
        error TEXT,
        PRIMARY KEY (run_id, name, attempt)
    ) WITHOUT ROWID""",
    """CREATE TABLE step_progress (
        run_id TEXT NOT NULL,
        step TEXT NOT NULL,
        done REAL NOT NULL,
        total REAL,
        text TEXT NOT NULL DEFAULT '',
        at TEXT NOT NULL,
        PRIMARY KEY (run_id, step)
    ) WITHOUT ROWID""",
    # The highest version of an output whose artifacts were deleted: no later one gets a number a second time.
    """CREATE TABLE deleted_versions (
        pipeline TEXT NOT NULL,
        step TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (pipeline, step, name)
    ) WITHOUT ROWID""",
)
INDEXES = {
    "runs_group": "runs (group_id) WHERE group_id IS NOT NULL",
    "runs_pinned": "runs (pinned) WHERE pinned = 1",
    "run_labels_value": "run_labels (key, value, number)",
    # What is asked when a run is deleted.
    "steps_cached_from": "steps (cached_from) WHERE cached_from IS NOT NULL",
    "artifact_links_run": "artifact_links (run_id)",
    "inbox_run": "inbox (run_id) WHERE run_id IS NOT NULL",
}


def apply(database: Database) -> None:
    """Add them, fill the labels from the runs that are there, and make room for notes in the search index."""
    for statement in statements():
        database.execute(statement)
    labels.fill(database.conn)
    for name, columns in INDEXES.items():
        database.execute(f"CREATE INDEX {name} ON {columns}")
    search.remove(database.conn)


def statements() -> Iterator[str]:
    """What makes the columns and tables."""
    for table, column in _COLUMNS:
        yield f"ALTER TABLE {table} ADD COLUMN {column}"
    yield from _TABLES
