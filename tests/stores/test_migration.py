"""A store of the first version becomes one of today: whole, whenever the process that does it is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Caller, Surroundings
from stacktui.categories.errors import StoreBusy, StoreVersion
from stacktui.categories.metadata_store import ArtifactQuery, RunQuery
from stacktui.categories.process_mark import boot_id
from stacktui.flavors.sqlite import schema
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.base import now, rfc3339
from stacktui.model.run import RunStatus
from stacktui.testing.contracts.nouns import a_run
from tests.stores.first_version import LABELS, make

RUNS = 12
JOURNALS = {"local": "WAL", "network": "DELETE"}


def opened(folder: Path, filesystem: str = "local", **caller: Any) -> SqliteMetadataStore:
    around = Surroundings("local", folder, folder, folder, caller=Caller(**caller))
    config = SqliteMetadataStoreConfig.model_validate({"filesystem": filesystem, "busy_timeout": 5})
    return SqliteMetadataStore(config, around)


def version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check(store: SqliteMetadataStore, ids: list[str]) -> None:
    """It is of today's version and holds all that it held."""
    newest_first = ids[::-1]
    assert [run.id for run in store.runs(RunQuery()).runs] == newest_first
    facts = store.store_facts(check=True)
    assert facts.integrity == "ok"
    assert facts.version.endswith(f"schema {schema.VERSION}")
    assert {facts.counts[table] for table in ("runs", "steps", "artifacts")} == {len(ids)}
    assert facts.counts["events"] == 2 * len(ids)
    labelled = [run_id for place, run_id in enumerate(ids) if "team" in LABELS[place % len(LABELS)]]
    assert [run.id for run in store.runs(RunQuery(label="team")).runs] == labelled[::-1]
    assert len(store.runs(RunQuery(label="trigger=ci", stack="default")).runs) == len(ids) // len(LABELS)
    assert [run.id for run in store.runs(RunQuery(search="amber")).runs] == newest_first
    assert {(run.note, run.pinned, run.group, run.resumes) for run in store.runs(RunQuery()).runs} == {
        ("", False, None, 0)
    }
    assert store.run(ids[3]).labels == LABELS[3]
    assert store.steps(ids[0])[0].progress is None
    assert store.attempts(ids[0]) == ()


@pytest.mark.parametrize("filesystem", JOURNALS)
def test_an_old_store_is_whole_afterwards(tmp_path: Path, filesystem: str) -> None:
    ids = make(tmp_path / "metadata.db", RUNS, journal=JOURNALS[filesystem])
    with opened(tmp_path, filesystem) as store:
        assert "schema 1 is upgraded" in store.probe().message
        assert version(store.path) == 1
        check(store, ids)
        # And works on.
        run = a_run(labels={"team": "vision"}, note="of today", pinned=True)
        store.create_run(run, [])
        assert store.runs(RunQuery(search="of today")).runs == (run,)
        store.update_run(ids[0], labels={"team": "core"})
        assert [found.id for found in store.runs(RunQuery(label="team=core")).runs] == [ids[0]]
        store.delete_run(ids[0])
        assert len(store.artifacts(ArtifactQuery())) == RUNS - 1
        assert store.store_facts(check=True).integrity == "ok"


def killed_at(number: int, work: Callable[[], object], *, inside: bool = False) -> bool:
    """Do `work` in a process that kills itself as its statement of that number begins; False: it was done before.

    With `inside` the number counts hundreds of steps of SQLite's virtual machine, of which a statement takes many.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            connect, begun = sqlite3.connect, 0

            def tick(*_: str) -> int:
                nonlocal begun
                begun += 1
                if begun == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return 0

            def counted(*args: Any, **kwargs: Any) -> sqlite3.Connection:
                connection: sqlite3.Connection = connect(*args, **kwargs)
                if inside:
                    connection.set_progress_handler(tick, 100)
                else:
                    connection.set_trace_callback(tick)
                return connection

            sqlite3.connect = counted  # type: ignore[assignment]
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert ended in (0, signal.SIGKILL), ended
    return ended != 0


@pytest.mark.parametrize("filesystem", ["local", pytest.param("network", marks=pytest.mark.long)])
def test_a_kill_at_every_statement_is_survived(tmp_path: Path, filesystem: str) -> None:
    path = tmp_path / "metadata.db"
    ids = make(path, RUNS, journal=JOURNALS[filesystem])
    old = path.read_bytes()

    def migrate() -> None:
        opened(tmp_path, filesystem).last_event()

    left_old = kills = 0
    while True:
        for file in tmp_path.glob("metadata.db*"):
            file.unlink()
        path.write_bytes(old)
        if not killed_at(kills + 1, migrate):
            break
        kills += 1
        with opened(tmp_path, filesystem) as store:
            left_old += "schema 1" in store.probe().message
            check(store, ids)
    # All but the statements after the commit were inside the one transaction.
    assert kills > 50
    assert left_old > kills - 10
    print(f"{filesystem}: killed at each of {kills} statements, {left_old} times before the commit")


@pytest.mark.long
def test_a_kill_inside_a_statement_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    # Enough runs that labels, indexes and the index of words take many steps.
    ids = make(path, 200)
    old = path.read_bytes()
    kills, number = 0, 1
    while True:
        for file in tmp_path.glob("metadata.db*"):
            file.unlink()
        path.write_bytes(old)
        if not killed_at(number, lambda: opened(tmp_path).last_event(), inside=True):
            break
        kills += 1
        number += 7
        with opened(tmp_path) as store:
            assert store.count_runs(RunQuery()) == len(ids)
            assert store.count_runs(RunQuery(label="trigger=ci")) == len(ids) // len(LABELS)
            assert store.store_facts(check=True).integrity == "ok"
    assert kills > 20
    print(f"killed inside a statement {kills} times, every 700 steps")


@pytest.mark.long
def test_a_kill_while_it_is_made_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    kills = 0
    while killed_at(kills + 1, lambda: opened(tmp_path).create_run(a_run(), [])):
        kills += 1
        with opened(tmp_path) as store:
            before = store.count_runs(RunQuery())
            store.create_run(a_run(), [])
            assert store.count_runs(RunQuery()) == before + 1
            assert store.store_facts(check=True).integrity == "ok"
        for file in tmp_path.glob("metadata.db*"):
            file.unlink()
    assert kills > 50
    assert version(path) == schema.VERSION


def test_waits_for_runners_of_the_older_version(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    ids = make(path, RUNS)
    lock = tmp_path / "hold"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(
                "INSERT INTO holds (run_id, host, boot, pid, path, beat_at) VALUES (?, ?, ?, ?, ?, ?)",
                (ids[1], socket.gethostname(), boot_id(), os.getpid(), str(lock), time.time()),
            )
        with opened(tmp_path) as store:
            for use in (store.last_event, lambda: store.create_run(a_run(), [])):
                with pytest.raises(StoreBusy) as caught:
                    use()
                assert str(path) in str(caught.value)
                assert f"until 1 run of an older version of stacktui ended, {ids[1]}" in str(caught.value)
                assert "\n" not in str(caught.value)
    assert version(path) == 1
    with opened(tmp_path) as store:
        check(store, ids)


def test_waits_for_one_that_is_about_to_start(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    ids = make(path, RUNS)
    queued = ids[list(RunStatus).index(RunStatus.QUEUED)]

    def say(created_at: str) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE runs SET created_at = ? WHERE id = ?", (created_at, queued))

    say(rfc3339(now()))
    with opened(tmp_path) as store, pytest.raises(StoreBusy):
        store.last_event()
    say("2026-01-01T00:00:00.000000Z")
    with opened(tmp_path) as store:
        check(store, ids)


def test_who_may_only_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "metadata.db"
    make(path, RUNS)
    before = path.read_bytes()
    with opened(tmp_path, readonly=True) as store, pytest.raises(StoreVersion, match="without --readonly"):
        store.last_event()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["metadata.db"]
