"""The SQLite store under many processes: no lock error, nothing lost, one file made once."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from textwrap import dedent

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.metadata_store import ArtifactQuery, MetadataStore, RunQuery
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.base import now
from stacktui.model.run import Metric, RunStatus, StepAttempt, StepProgress, StepStatus
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.elsewhere import elsewhere
from stacktui.testing.contracts.nouns import a_run, a_step, an_artifact

RUNNERS = 8
STEPS = 60


@pytest.fixture
def store(stacktui_surroundings: Surroundings) -> Iterator[SqliteMetadataStore]:
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), stacktui_surroundings) as made:
        yield made


def be_a_runner(store: MetadataStore, pipe: Connection) -> None:
    """Make a run, hold it, take it through its steps, end it; all start at once. Sends its id."""
    count = pipe.recv()
    run = a_run(status=RunStatus.QUEUED, started_at=None, finished_at=None)
    steps = [a_step(run, f"s{place}", position=place, status=StepStatus.PENDING) for place in range(count)]
    store.create_run(run, steps)
    with store.hold(run.id):
        store.update_run(run.id, status=RunStatus.RUNNING)
        for step in steps:
            store.record_step(step.model_copy(update={"status": StepStatus.RUNNING}))
            store.record_step(step.model_copy(update={"status": StepStatus.SUCCEEDED}))
        store.update_run(run.id, status=RunStatus.SUCCEEDED)
    pipe.send(run.id)


def test_runners_and_a_reader_share_a_store_that_one_of_them_makes(store: SqliteMetadataStore) -> None:
    expected = RUNNERS * (3 + 2 * STEPS)
    seen: list[int] = []
    with contextlib.ExitStack() as stack:
        runners = [stack.enter_context(elsewhere(store, be_a_runner)) for _ in range(RUNNERS)]
        for runner in runners:
            runner.pipe.send(STEPS)

        def read_on() -> bool:
            # Like the workbench: the tail, the list, what is lost, while the runners write.
            seen.extend(event.id for event in store.events(seen[-1] if seen else 0))
            page = store.runs(RunQuery())
            assert not [run.id for run in page.runs if run.status is RunStatus.LOST]
            for run in page.runs[:2]:
                store.steps(run.id)
            return len(seen) >= expected

        wait_for(read_on, "the events of all runners", timeout_s=90)
        made = {runner.receive() for runner in runners}
    assert seen == list(range(1, expected + 1))
    assert {run.id for run in store.runs(RunQuery(status=(RunStatus.SUCCEEDED,))).runs} == made
    for run_id in made:
        assert {step.status for step in store.steps(run_id)} == {StepStatus.SUCCEEDED}
    assert store.store_facts(check=True).integrity == "ok"


def be_a_busy_runner(store: MetadataStore, pipe: Connection) -> None:
    """The same with everything else that a runner writes: attempts, progress, metrics, artifacts. Sends its id."""
    count = pipe.recv()
    run = a_run(
        status=RunStatus.QUEUED, started_at=None, finished_at=None, labels={"by": "busy"}, group="sweep"
    )
    steps = [a_step(run, f"s{place}", position=place, status=StepStatus.PENDING) for place in range(count)]
    store.create_run(run, steps)
    store.expect(run.id, os.getpid())
    with store.hold(run.id):
        store.update_run(run.id, waits_for="waits for 1 run")
        store.update_run(run.id, status=RunStatus.RUNNING, waits_for="")
        for step in steps:
            store.record_step(step.model_copy(update={"status": StepStatus.RUNNING}))
            store.keep_attempt(
                StepAttempt(
                    run_id=run.id, name=step.name, attempt=1, status=StepStatus.FAILED, started_at=now()
                )
            )
            store.record_step(step.model_copy(update={"status": StepStatus.RUNNING, "attempt": 2}))
            store.log_progress(run.id, step.name, StepProgress(done=1, total=2, at=now()))
            store.log_metrics(
                run.id, [Metric(key="loss", value=1.0, step=step.position, at=now(), source=step.name)]
            )
            artifact = an_artifact(run, step=step.name)
            store.record_step(
                step.model_copy(
                    update={"attempt": 2, "status": StepStatus.SUCCEEDED, "outputs": {"output": artifact.id}}
                ),
                [artifact],
            )
        store.update_run(run.id, status=RunStatus.SUCCEEDED)
    pipe.send(run.id)


def test_runners_write_while_the_store_is_copied_compacted_and_cleared(
    store: SqliteMetadataStore, tmp_path: Path
) -> None:
    steps = 25
    old = [a_run(labels={"by": "old"}) for _ in range(10)]
    for run in old:
        store.create_run(run, [a_step(run)])
    expected = len(old) * 2 + RUNNERS * (4 + 6 * steps)
    seen: list[int] = []
    copies = itertools.count()
    with contextlib.ExitStack() as stack:
        runners = [stack.enter_context(elsewhere(store, be_a_busy_runner)) for _ in range(RUNNERS)]
        for runner in runners:
            runner.pipe.send(steps)

        def look_after_it() -> bool:
            seen.extend(event.id for event in store.events(seen[-1] if seen else 0))
            assert store.count_runs(RunQuery(status=(RunStatus.LOST,))) == 0
            for run in store.runs(RunQuery(label="by=busy", group="sweep")).runs[:2]:
                store.steps(run.id)
            if old:
                store.delete_run(old.pop().id)
            store.backup(tmp_path / f"copy-{next(copies):03}.db")
            store.compact()
            assert store.store_facts(check=True).integrity == "ok"
            return len(seen) >= expected

        wait_for(look_after_it, "the events of all runners", timeout_s=90)
        made = {runner.receive() for runner in runners}
    assert old == []
    # What was deleted took its first event along, before or after it was read; no number came twice or late.
    assert seen == sorted(set(seen))
    assert seen[-1] == store.last_event() == expected
    assert {run.id for run in store.runs(RunQuery(status=(RunStatus.SUCCEEDED,))).runs} == made
    for run_id in made:
        found = store.steps(run_id)
        assert {(step.status, step.attempt, step.progress and step.progress.done) for step in found} == {
            (StepStatus.SUCCEEDED, 2, 1.0)
        }
        assert len(found) == len(store.attempts(run_id)) == len(store.metrics(run_id)) == steps
    versions = [artifact.version for artifact in store.artifacts(ArtifactQuery(name="output", limit=10_000))]
    assert len(versions) == RUNNERS * steps
    assert store.store_facts(check=True).integrity == "ok"
    for copy in sorted(tmp_path.glob("copy-*.db")):
        with SqliteMetadataStore(SqliteMetadataStoreConfig(path=str(copy)), store.around) as opened:
            facts = opened.store_facts(check=True)
            assert facts.integrity == "ok"
            # Of one moment: a run is there with all its steps.
            busy = opened.count_runs(RunQuery(label="by=busy"))
            assert facts.counts["steps"] == busy * steps + facts.counts["runs"] - busy
    assert busy == RUNNERS


def test_a_killed_runner_leaves_a_whole_store(store: SqliteMetadataStore) -> None:
    with elsewhere(store, be_a_runner) as runner:
        runner.pipe.send(5_000)
        wait_for(lambda: store.last_event() > 20, "the runner to be busy")
        runner.kill()
    (run,) = store.runs(RunQuery()).runs
    assert run.status is RunStatus.LOST
    statuses = [step.status for step in store.steps(run.id)]
    done = statuses.count(StepStatus.SUCCEEDED)
    # Everything that was told is there, in order, and no more than one step was under way.
    assert statuses[:done] == [StepStatus.SUCCEEDED] * done
    assert set(statuses[done + 1 :]) == {StepStatus.PENDING}
    told = [event for event in store.events(0, limit=10**6) if event.kind == "step_finished"]
    assert len(told) == done
    assert store.store_facts(check=True).integrity == "ok"
    store.create_run(a_run(), [])


def test_closing_while_other_threads_read_crashes_nobody(tmp_path: Path) -> None:
    # In a process of its own: closing a connection that a thread executes on would take the interpreter down.
    program = dedent(
        """
        import sys, threading
        from pathlib import Path
        from stacktui.flavors.sqlite.connection import Connections
        from tests.stores.generate import fill

        path = Path(sys.argv[1]) / "metadata.db"
        fill(path, 500)
        for _ in range(10):
            db = Connections(path)
            reading = [threading.Event() for _ in range(4)]

            def read(begun):
                connection = db.reader()
                begun.set()
                for _ in range(5):
                    connection.execute("SELECT count(*) FROM runs a, runs b WHERE a.number < b.number % 7").fetchone()

            threads = [threading.Thread(target=read, args=(begun,)) for begun in reading]
            for thread in threads:
                thread.start()
            for begun in reading:
                begun.wait()
            db.close()
            for thread in threads:
                thread.join()
        print("alive")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "alive\n", done.stderr
