"""A store as the first version of the schema left it, with runs of every kind in it: for tests of migrations."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path

from stacktui.flavors.sqlite import rows, schema
from stacktui.flavors.sqlite.connection import Transaction
from stacktui.model.base import now
from stacktui.model.run import RunStatus
from stacktui.testing.contracts.nouns import next_id

_SEARCH = (
    "CREATE VIRTUAL TABLE runs_search USING fts5 (name, pipeline, params, error, labels, stack, status,"
    " content = 'runs', content_rowid = 'number', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')",
    "CREATE TRIGGER runs_search_insert AFTER INSERT ON runs BEGIN"
    " INSERT INTO runs_search (rowid, name, pipeline, params, error, labels, stack, status) VALUES (new.number,"
    " new.name, new.pipeline, new.params, new.error, new.labels, new.stack, new.status); END",
    "CREATE TRIGGER runs_search_delete AFTER DELETE ON runs BEGIN"
    " INSERT INTO runs_search (runs_search, rowid, name, pipeline, params, error, labels, stack, status) VALUES"
    " ('delete', old.number, old.name, old.pipeline, old.params, old.error, old.labels, old.stack, old.status); END",
    "CREATE TRIGGER runs_search_update AFTER UPDATE OF name, pipeline, params, error, labels, stack, status ON runs"
    " BEGIN INSERT INTO runs_search (runs_search, rowid, name, pipeline, params, error, labels, stack, status) VALUES"
    " ('delete', old.number, old.name, old.pipeline, old.params, old.error, old.labels, old.stack, old.status);"
    " INSERT INTO runs_search (rowid, name, pipeline, params, error, labels, stack, status) VALUES (new.number,"
    " new.name, new.pipeline, new.params, new.error, new.labels, new.stack, new.status); END",
)
LABELS: tuple[dict[str, str], ...] = (
    {"team": "vision"},
    {"team": "ranking", "trigger": "ci"},
    {},
    {"city": "Zürich \ud800"},
)


def make(path: Path, count: int, *, journal: str = "WAL") -> list[str]:
    """Make such a store; returns the ids of its runs, oldest first. Each has a step, an artifact and two events."""
    ids = [next_id() for _ in range(count)]
    begun = now() - timedelta(days=3)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        with Transaction(connection):
            schema.migrate(connection, schema.MIGRATIONS[:1])
            for statement in _SEARCH:
                connection.execute(statement)
            statuses = [status.value for status in RunStatus]
            for place, run_id in enumerate(ids):
                at = rows.stamp(begun + timedelta(seconds=place))
                connection.execute(
                    "INSERT INTO runs (id, name, pipeline, stack, status, params, labels, created_at)"
                    " VALUES (?, ?, 'training', 'default', ?, ?, ?, ?)",
                    (run_id, f"amber-{place}", statuses[place % len(statuses)], f'{{"lr":{place}}}',
                     rows.packed(LABELS[place % len(LABELS)]), at),
                )  # fmt: skip
                number = connection.execute("SELECT max(number) FROM runs").fetchone()[0]
                connection.execute("INSERT INTO run_details (number) VALUES (?)", (number,))
                connection.execute(
                    "INSERT INTO steps (run_id, name, position, status, cache_key, finished_at, outputs)"
                    " VALUES (?, 'fit', 0, 'succeeded', ?, ?, ?)",
                    (run_id, f"key-{place}", at, f'{{"output":"a{place}"}}'),
                )
                connection.execute(
                    "INSERT INTO artifacts (id, uri, digest, size, type, materializer, name, run_id, pipeline, step,"
                    " version, created_at) VALUES (?, ?, 'sha256:1', 9, 'dict', 'json', 'output', ?, 'training',"
                    " 'fit', ?, ?)",
                    (f"a{place}", f"training/{place}", run_id, place + 1, at),
                )
                connection.executemany(
                    "INSERT INTO events (run_id, kind, at) VALUES (?, ?, ?)",
                    [(run_id, kind, at) for kind in ("run_created", "run_finished")],
                )
    return ids
