"""Who is alive, where the lock of a file says it and where it cannot."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from stacktui.categories.base import Caller, Surroundings
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.flavors.sqlite import liveness
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


def test_without_locks_the_process_counts_here_and_the_heart_elsewhere(
    store: SqliteMetadataStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with store.hold(run.id):
        assert store.is_held(run.id)
        say(store, beat_at=time.time() - liveness.LOST_AFTER_S - 1)
        assert store.is_held(run.id)
        say(store, pid=1)
        assert not store.is_held(run.id)
        # As an older version recorded it, and as it looks from elsewhere.
        for unknown in ({"started": ""}, {"host": "other-box"}):
            say(store, **unknown, beat_at=time.time())
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
    created_at = now() - liveness.START_WITHIN - timedelta(seconds=1)
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


# A process that was started to hold a run.


def queued(store: SqliteMetadataStore, **fields: object) -> Run:
    made = a_run(**{"status": RunStatus.QUEUED, "started_at": None, "finished_at": None, **fields})
    store.create_run(made, [])
    return made


@contextlib.contextmanager
def a_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def shown(store: SqliteMetadataStore, run: Run) -> RunStatus:
    """The run's status: the same by itself, in lists, filters and counts."""
    status = store.run(run.id).status
    for listed in RunStatus:
        query = RunQuery(status=(listed,))
        assert (run.id in [found.id for found in store.runs(query).runs]) == (listed is status), listed
        assert store.count_runs(query) == len(store.runs(query).runs)
    assert {found.id: found.status for found in store.runs(RunQuery()).runs}[run.id] is status
    return status


def test_a_runner_that_died_before_it_held_is_lost_at_once(store: SqliteMetadataStore) -> None:
    # Created long ago: that its process lives counts, however long it takes.
    run = queued(store, created_at=now() - timedelta(days=1))
    assert shown(store, run) is RunStatus.LOST
    with a_process() as process:
        before = store.last_event()
        store.expect(run.id, process.pid)
        assert shown(store, run) is RunStatus.QUEUED
        assert not store.is_held(run.id)
        holder = store.run(run.id).holder
        assert holder is not None
        assert holder.pid == process.pid
        with pytest.raises(ComponentError, match="queued"):
            store.delete_run(run.id)
        process.kill()
        process.wait()
        assert shown(store, run) is RunStatus.LOST
        # Whoever looks writes nothing, and so does whoever waits.
        assert store.last_event() == before


def test_one_that_ended_before_it_was_named_is_lost(store: SqliteMetadataStore) -> None:
    run = queued(store)
    with a_process() as process:
        process.kill()
        process.wait()
        store.expect(run.id, process.pid)
    assert shown(store, run) is RunStatus.LOST


def test_a_pid_that_another_process_has_now_is_not_it(store: SqliteMetadataStore) -> None:
    run = queued(store)
    store.expect(run.id, os.getpid())
    assert shown(store, run) is RunStatus.QUEUED
    say(store, started="1")
    assert shown(store, run) is RunStatus.LOST


def test_the_holder_takes_the_place_of_the_one_that_was_expected(store: SqliteMetadataStore) -> None:
    run = queued(store)
    store.expect(run.id, os.getpid())
    with elsewhere(store, hold_until_told) as holder:
        holder.pipe.send(run.id)
        holder.receive()
        # Named late, by a slow starter: nothing changes.
        store.expect(run.id, 1)
        assert store.is_held(run.id)
        assert shown(store, run) is RunStatus.QUEUED
        store.update_run(run.id, status=RunStatus.RUNNING)
        assert shown(store, run) is RunStatus.RUNNING
    assert shown(store, run) is RunStatus.LOST
    store.update_run(run.id, status=RunStatus.FAILED)
    store.expect(run.id, os.getpid())
    assert shown(store, run) is RunStatus.FAILED
    with pytest.raises(NotFound):
        store.expect("none", os.getpid())


def test_a_resumed_run_waits_for_its_new_runner(store: SqliteMetadataStore, run: Run) -> None:
    assert shown(store, run) is RunStatus.LOST
    store.expect(run.id, os.getpid())
    assert shown(store, run) is RunStatus.RUNNING
    with store.hold(run.id):
        assert shown(store, run) is RunStatus.RUNNING


def test_a_run_is_handed_over_without_being_lost_in_between(store: SqliteMetadataStore, run: Run) -> None:
    with a_process() as process:
        with store.hold(run.id):
            store.expect(run.id, process.pid)
            assert shown(store, run) is RunStatus.RUNNING
        assert shown(store, run) is RunStatus.RUNNING
        assert not store.is_held(run.id)
        with store.hold(run.id):
            assert store.is_held(run.id)
        assert shown(store, run) is RunStatus.LOST


def test_from_another_host_an_expected_runner_has_a_minute(store: SqliteMetadataStore) -> None:
    run = queued(store)
    store.expect(run.id, os.getpid())
    for far in ({"host": "other-box"}, {"boot": "another-boot"}):
        say(store, **far, beat_at=time.time())
        assert shown(store, run) is RunStatus.QUEUED
        say(store, beat_at=time.time() - liveness.START_WITHIN.total_seconds() - 1)
        assert shown(store, run) is RunStatus.LOST


def test_what_is_cleared_up_stays_lost(store: SqliteMetadataStore, run: Run) -> None:
    dead = queued(store)
    with a_process() as process:
        store.expect(dead.id, process.pid)
    with store.hold(run.id):
        (holds,) = store._db.writer().execute("SELECT count(*) FROM holds").fetchone()
        assert holds == 1
        assert shown(store, dead) is RunStatus.LOST


# Those who only look.


def files_of(store: SqliteMetadataStore) -> dict[str, tuple[bytes, int]]:
    """What lies in the store's folder, but for the shared memory, which is locks and no data."""
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in store.path.parent.iterdir()
        if file.is_file() and not file.name.endswith("-shm")
    }


def readonly(store: SqliteMetadataStore) -> SqliteMetadataStore:
    around = replace(store.around, caller=Caller(readonly=True))
    return SqliteMetadataStore(store.config, around)


def look(reader: SqliteMetadataStore, run: Run) -> None:
    assert shown(reader, run) is RunStatus.LOST
    reader.steps(run.id)
    reader.events(0)
    reader.store_facts(check=True)
    assert reader.probe().ok
    with pytest.raises(ComponentError, match="read only"):
        reader.update_run(run.id, note="x")


def test_a_reader_sees_that_a_run_is_lost_and_writes_nothing(store: SqliteMetadataStore, run: Run) -> None:
    with elsewhere(store, hold_until_told) as holder:
        holder.pipe.send(run.id)
        holder.receive()
        store.close()
        with readonly(store) as reader:
            assert shown(reader, run) is RunStatus.RUNNING
            holder.kill()
            # What the killed one wrote last is in the WAL, and stays there.
            before = files_of(store)
            assert before["metadata.db-wal"][0]
            look(reader, run)
        assert files_of(store) == before
        with readonly(store) as reader:
            look(reader, run)
        assert files_of(store) == before
    # Closed by one who may write, it is one file, and a reader leaves it alone.
    assert store.run(run.id).status is RunStatus.LOST
    store.close()
    before = files_of(store)
    assert list(before) == ["metadata.db"]
    with readonly(store) as reader:
        look(reader, run)
        assert list(store.path.parent.glob("metadata.db*")) == [store.path]
        # When somebody writes after all, it sees that.
        store.update_run(run.id, note="seen")
        assert reader.run(run.id).note == "seen"
        with store.hold(run.id):
            assert shown(reader, run) is RunStatus.RUNNING
    assert files_of(store)["metadata.db-wal"]


@pytest.mark.parametrize("killed", [False, True])
def test_a_reader_in_a_folder_that_it_cannot_write(killed: bool) -> None:
    # Below the folder of temporary files, whose folders others may enter; as root only another user may not write.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        around = Surroundings("local", folder, folder, folder)
        with SqliteMetadataStore(SqliteMetadataStoreConfig(), around) as store:
            run = a_run(status=RunStatus.RUNNING, finished_at=None)
            if killed:
                with elsewhere(store, make_and_hold) as holder:
                    holder.pipe.send(run)
                    holder.receive()
                    holder.kill()
            else:
                store.create_run(run, [])
        for file in folder.iterdir():
            file.chmod(0o444 if file.is_file() else 0o555)
        folder.chmod(0o555)
        before = files_of(store)
        assert ("metadata.db-wal" in before) == killed
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if os.getuid() == 0:
                    os.setgroups([])
                    os.setgid(65534)
                    os.setuid(65534)
                with SqliteMetadataStore(SqliteMetadataStoreConfig(), around) as reader:
                    assert shown(reader, run) is RunStatus.LOST
                    assert reader.probe().ok
                    with pytest.raises(ComponentError, match="permissions"):
                        reader.update_run(run.id, note="x")
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert files_of(store) == before
        for made_so in (folder, folder / "runs"):
            if made_so.exists():
                made_so.chmod(0o755)


def make_and_hold(store: MetadataStore, pipe: Connection) -> None:
    """Record the run that arrives, hold it, say so, and never let go."""
    run = pipe.recv()
    store.create_run(run, [])
    with store.hold(run.id):
        pipe.send("held")
        pipe.recv()
