"""The SQLite store over time: migrations, a search index that is mended, copies."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import StoreBusy, StoreVersion
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import schema
from stacktui.flavors.sqlite.connection import Transaction
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.testing.contracts.nouns import a_run, a_step


@pytest.fixture
def store(stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(busy_timeout=5), stacktui_surroundings) as made:
        yield made


def opened(store: SqliteMetadataStore) -> SqliteMetadataStore:
    return SqliteMetadataStore(store.config, store.around)


def _mood(database: Any) -> None:
    database["runs"].add_column("mood", str, not_null_default="calm")


def _spoilt(database: Any) -> None:
    database["runs"].add_column("half", str)
    database.execute("ALTER TABLE none ADD COLUMN nothing")


def next_version(monkeypatch: pytest.MonkeyPatch, apply: Any = _mood) -> None:
    """From here on this process is the next version of stacktui."""
    later = schema.Migration(schema.VERSION + 1, apply)
    monkeypatch.setattr(schema.migrate, "__defaults__", ((*schema.MIGRATIONS, later),))
    monkeypatch.setattr(schema, "VERSION", later.version)


def columns(store: SqliteMetadataStore) -> set[str]:
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(runs)")}


def test_an_older_store_is_migrated(store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    store.create_run(run, [a_step(run)])
    with monkeypatch.context() as later:
        next_version(later)
        with opened(store) as newer:
            assert f"schema {schema.VERSION - 1} is upgraded" in newer.probe().message
            assert "mood" not in columns(store)
            assert newer.run(run.id) == run
            assert "mood" in columns(store)
            assert newer.store_facts(check=True).integrity == "ok"
            assert newer.runs(RunQuery(search="otter")).runs == (run,)
            newer.create_run(a_run(), [])
    # A process of the older version that had it open goes on; one that opens it now does not.
    assert store.count_runs(RunQuery()) == 2
    store.update_run(run.id, labels={"a": "b"})
    with opened(store) as older, pytest.raises(StoreVersion):
        older.last_event()


def test_a_migration_waits_for_older_runners(
    store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(status="running", finished_at=None)
    store.create_run(run, [])
    with store.hold(run.id):
        next_version(monkeypatch)
        with opened(store) as newer, pytest.raises(StoreBusy) as caught:
            newer.runs(RunQuery())
        assert f"until 1 run of an older version of stacktui ended, {run.id}" in str(caught.value)
        assert "mood" not in columns(store)
        # The runner itself goes on.
        store.record_step(a_step(run))
    with opened(store) as newer:
        assert newer.count_runs(RunQuery()) == 1
    assert "mood" in columns(store)


def test_a_migration_that_fails_changes_nothing(
    store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_run(a_run(), [])
    with monkeypatch.context() as later:
        next_version(later, _spoilt)
        with opened(store) as newer, pytest.raises(Exception, match="none"):
            newer.last_event()
    assert "half" not in columns(store)
    assert opened(store).count_runs(RunQuery()) == 1


def test_migrations_need_a_transaction() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        with pytest.raises(RuntimeError, match="transaction"):
            schema.migrate(connection)
        said: list[str] = []
        connection.set_trace_callback(said.append)
        with Transaction(connection):
            schema.migrate(connection)
        assert said[0] == "BEGIN IMMEDIATE"
        assert not any(statement.rstrip("; ").upper() in ("BEGIN", "BEGIN DEFERRED") for statement in said)
        assert said.count("COMMIT") == 1


def test_versions_only_grow() -> None:
    versions = [migration.version for migration in schema.MIGRATIONS]
    assert versions == sorted(set(versions))
    assert versions[-1] == schema.VERSION


def test_compact_mends_the_search_index(store: SqliteMetadataStore) -> None:
    for index in range(5):
        store.create_run(a_run(name=f"amber-{index}"), [])
    connection = store._db.writer()
    connection.execute("DROP TRIGGER runs_search_update")
    connection.execute("UPDATE runs SET name = 'cobalt' WHERE number = 1")
    assert store.runs(RunQuery(search="cobalt")).runs == ()
    store.compact()
    assert len(store.runs(RunQuery(search="cobalt")).runs) == 1


def test_compact_gives_space_back(store: SqliteMetadataStore) -> None:
    run = a_run()
    store.create_run(run, [])
    for index in range(50):
        store.record_step(a_step(run, f"s{index}", params={"text": "x" * 4000}))
    with store._db.write() as connection:
        connection.execute("DELETE FROM steps")
    before = store.store_facts().size
    store.compact()
    assert store.store_facts().size < before / 2


def test_a_backup_is_a_store(store: SqliteMetadataStore, tmp_path: Path) -> None:
    run = a_run(status="running", finished_at=None)
    store.create_run(run, [a_step(run)])
    with store.hold(run.id):
        store.backup(tmp_path / "copy.db")
        store.record_step(a_step(run, "later"))
    assert [file.name for file in tmp_path.glob("*copy*")] == ["copy.db"]
    config = SqliteMetadataStoreConfig(path=str(tmp_path / "copy.db"))
    with SqliteMetadataStore(config, store.around) as copy:
        assert [step.name for step in copy.steps(run.id)] == ["fit"]
        assert copy.store_facts(check=True).integrity == "ok"
        assert len(copy.runs(RunQuery(search="otter")).runs) == 1
