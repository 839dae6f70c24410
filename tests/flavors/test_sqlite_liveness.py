"""Who is alive, where the lock of a file says it and where it cannot."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import liveness, runs
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.base import now
from stacktui.model.run import Run, RunStatus
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.elsewhere import elsewhere, hold_until_told
from stacktui.testing.contracts.nouns import a_run


@pytest.fixture
def store(stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as made:
        yield made


@pytest.fixture
def run(store: SqliteMetadataStore) -> Run:
    made = a_run(status=RunStatus.RUNNING, finished_at=None)
    store.create_run(made, [])
    return made


def say(store: SqliteMetadataStore, **values: object) -> None:
    """Change what the holder recorded about itself."""
    assignments = ", ".join(f"{column} = ?" for column in values)
    with store._db.write() as connection:
        connection.execute(f"UPDATE holds SET {assignments}", tuple(values.values()))


def beat(store: SqliteMetadataStore) -> float:
    (at,) = store._db.writer().execute("SELECT beat_at FROM holds").fetchone()
    return float(at)


def test_a_holder_of_another_host_is_judged_by_its_heart(store: SqliteMetadataStore, run: Run) -> None:
    with store.hold(run.id):
        for elsewhere in ({"host": "other-box"}, {"boot": "another-boot"}):
            say(store, **elsewhere, beat_at=time.time() - liveness.LOST_AFTER_S + 5)
            assert store.is_held(run.id)
            say(store, beat_at=time.time() - liveness.LOST_AFTER_S - 1)
            assert not store.is_held(run.id)
            assert store.run(run.id).status is RunStatus.LOST


def test_here_a_late_heart_does_not_matter(store: SqliteMetadataStore, run: Run) -> None:
    with store.hold(run.id):
        say(store, beat_at=0.0)
        assert store.is_held(run.id)


def test_the_heart_beats(store: SqliteMetadataStore, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "BEAT_EVERY_S", 0.02)
    with store.hold(run.id):
        say(store, beat_at=0.0)
        events = store.last_event()
        wait_for(lambda: beat(store) > 0, "a heartbeat")
        # It wakes nobody who follows the events.
        assert store.last_event() == events


def test_without_locks_the_heart_has_to_do(
    store: SqliteMetadataStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with store.hold(run.id):
        assert store.is_held(run.id)
        say(store, beat_at=time.time() - liveness.LOST_AFTER_S - 1)
        assert not store.is_held(run.id)
    assert not store.is_held(run.id)


def test_another_workspace_sees_the_holder(store: SqliteMetadataStore, run: Run, tmp_path: Path) -> None:
    state = tmp_path / "other-state"
    state.mkdir(mode=0o700)
    around = replace(store.around, workspace=tmp_path, state=state)
    with SqliteMetadataStore(SqliteMetadataStoreConfig(path=str(store.path)), around) as other:
        assert not other.is_held(run.id)
        with store.hold(run.id):
            assert other.is_held(run.id)
            with pytest.raises(ComponentError, match=f"process {os.getpid()}"), other.hold(run.id):
                pytest.fail("two hold one run")
        with other.hold(run.id):
            assert store.is_held(run.id)


def test_looking_makes_no_file(store: SqliteMetadataStore, run: Run) -> None:
    before = store.last_event()
    assert not store.is_held(run.id)
    assert store.run(run.id).status is RunStatus.LOST
    assert not (store.around.state / "runs").exists()
    assert store.last_event() == before


def test_what_breaks_in_the_block_comes_out_as_it_is(store: SqliteMetadataStore, run: Run) -> None:
    with pytest.raises(FileNotFoundError), store.hold(run.id):
        (store.around.state / "missing").read_text()
    assert not store.is_held(run.id)


def test_a_holder_lets_go_of_a_store_that_is_gone(store: SqliteMetadataStore, run: Run) -> None:
    with store.hold(run.id):
        for file in store.path.parent.glob("metadata.db*"):
            file.unlink()
    assert not store.path.exists()


def test_a_queued_run_waits_until_somebody_took_it(store: SqliteMetadataStore) -> None:
    queued = a_run(status=RunStatus.QUEUED, started_at=None, finished_at=None)
    store.create_run(queued, [])
    assert store.run(queued.id).status is RunStatus.QUEUED
    with store.hold(queued.id):
        assert store.run(queued.id).status is RunStatus.QUEUED
    assert store.run(queued.id).status is RunStatus.LOST


def test_a_run_whose_runner_never_came_is_lost(store: SqliteMetadataStore) -> None:
    created_at = now() - runs.START_WITHIN - timedelta(seconds=1)
    queued = a_run(status=RunStatus.QUEUED, created_at=created_at, started_at=None, finished_at=None)
    store.create_run(queued, [])
    assert store.run(queued.id).status is RunStatus.LOST
    assert store.runs(RunQuery(status=(RunStatus.QUEUED,))).runs == ()
    # Late is not never.
    with store.hold(queued.id):
        assert store.run(queued.id).status is RunStatus.QUEUED


def test_a_new_holder_clears_up_after_killed_ones(store: SqliteMetadataStore, run: Run) -> None:
    def holders() -> set[str]:
        return {row[0] for row in store._db.writer().execute("SELECT run_id FROM holds")}

    killed, far = (a_run(status=RunStatus.RUNNING, finished_at=None) for _ in range(2))
    for other in (killed, far):
        store.create_run(other, [])
    with elsewhere(store, hold_until_told) as holder:
        holder.pipe.send(killed.id)
        holder.receive()
        with store.hold(run.id):
            assert holders() == {run.id, killed.id}
        holder.kill()
    with store.hold(far.id):
        assert holders() == {far.id}
        say(store, host="other-box")
        with store.hold(run.id):
            assert holders() == {far.id, run.id}
            assert {found.id for found in store.runs(RunQuery(status=(RunStatus.RUNNING,))).runs} == {
                run.id,
                far.id,
            }
    assert store.run(killed.id).status is RunStatus.LOST


def test_tells_processes_apart() -> None:
    here = liveness.this_process()
    assert here == liveness.this_process()
    assert here.pid == os.getpid()
    assert here.started
    assert here.boot
