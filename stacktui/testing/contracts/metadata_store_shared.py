"""The part of the metadata store's contract about several users at once, who is alive, and upkeep."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError, NotFound, Unsupported
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.base import uuid7
from stacktui.model.run import Metric, RunStatus, StepStatus
from stacktui.testing.contracts import elsewhere as work
from stacktui.testing.contracts.base import lacks, needs, wait_for
from stacktui.testing.contracts.elsewhere import elsewhere
from stacktui.testing.contracts.nouns import a_run, a_step

WRITERS = 4
STEPS_EACH = 40


class SharedStoreContract:
    """Included in `MetadataStoreContract`."""

    @pytest.fixture
    def second(self, component: MetadataStore) -> Iterator[MetadataStore]:
        """The same store, opened again as another user in this process would."""
        with type(component)(component.config, component.around) as opened:
            yield opened

    def test_everybody_sees_what_was_written(self, component: MetadataStore, second: MetadataStore) -> None:
        assert second.runs(RunQuery()).runs == ()
        run = a_run()
        component.create_run(run, [])
        assert second.run(run.id) == run
        second.update_run(run.id, labels={"seen": "yes"})
        assert component.run(run.id).labels == {"seen": "yes"}
        assert component.last_event() == second.last_event() > 0

    def test_threads_share_it(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [])
        errors: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                for index in range(20):
                    component.record_step(a_step(run, f"w{writer}-{index}", position=index))
                    component.steps(run.id)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(component.steps(run.id)) == 80

    def test_processes_write_at_once_and_nothing_is_lost(self, component: MetadataStore) -> None:
        runs = [a_run(status=RunStatus.QUEUED, finished_at=None) for _ in range(WRITERS)]
        for run in runs:
            component.create_run(run, [])
        seen: list[int] = []
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(elsewhere(component, work.write_steps)) for _ in runs]
            for number, (writer, run) in enumerate(zip(writers, runs, strict=True)):
                writer.pipe.send((run.id, number, STEPS_EACH))
            # Tail meanwhile, as a screen does: no event comes late behind one that was read already.
            expected = component.last_event() + WRITERS * STEPS_EACH * 3

            def tailed() -> bool:
                seen.extend(event.id for event in component.events(seen[-1] if seen else 0))
                return len(seen) >= expected

            wait_for(tailed, "all events of the writers", timeout_s=90)
            assert [writer.receive() for writer in writers] == [STEPS_EACH] * WRITERS
        assert seen == [event.id for event in component.events(0, limit=10 * expected)]
        for number, run in enumerate(runs):
            steps = component.steps(run.id)
            assert {step.status for step in steps} == {StepStatus.SUCCEEDED}
            assert len(steps) == STEPS_EACH
            assert len(component.metrics(run.id, f"loss-{number}")) == STEPS_EACH

    # Liveness.

    def test_holds_a_run(self, component: MetadataStore, second: MetadataStore) -> None:
        needs(component, "hold")
        run = a_run(status=RunStatus.QUEUED, started_at=None, finished_at=None)
        component.create_run(run, [])
        assert component.run(run.id).status is RunStatus.QUEUED
        assert not second.is_held(run.id)
        with component.hold(run.id):
            component.update_run(run.id, status=RunStatus.RUNNING)
            assert component.is_held(run.id)
            assert second.is_held(run.id)
            found = second.run(run.id)
            assert found.status is RunStatus.RUNNING
            assert found.holder is not None
            assert found.holder.pid == os.getpid()
            with pytest.raises(ComponentError, match="held"), second.hold(run.id):
                pytest.fail("two hold one run")
        assert not component.is_held(run.id)
        assert second.run(run.id).status is RunStatus.LOST
        with second.hold(run.id):
            assert component.run(run.id).status is RunStatus.RUNNING
        component.update_run(run.id, status=RunStatus.FAILED)
        assert second.run(run.id).status is RunStatus.FAILED

    def test_expects_a_holder(self, component: MetadataStore, second: MetadataStore) -> None:
        needs(component, "hold")
        run = a_run(status=RunStatus.QUEUED, started_at=None, finished_at=None)
        component.create_run(run, [])
        before = component.last_event()
        component.expect(run.id, os.getpid())
        assert component.last_event() == before
        assert second.run(run.id).status is RunStatus.QUEUED
        assert not second.is_held(run.id)
        with elsewhere(component, work.hold_until_told) as holder:
            holder.pipe.send(run.id)
            assert holder.receive() == "held"
            component.expect(run.id, os.getpid())
            assert component.is_held(run.id)

    def test_holds_only_what_exists(self, component: MetadataStore) -> None:
        needs(component, "hold")
        component.create_run(a_run(), [])
        with pytest.raises(NotFound), component.hold(uuid7()):
            pytest.fail("an unknown run is held")
        with pytest.raises(ComponentError), component.hold("../../outside"):
            pytest.fail("a path is held")

    def test_a_killed_holder_loses_its_run(self, component: MetadataStore) -> None:
        needs(component, "hold")
        run, other = (a_run(status=RunStatus.RUNNING, finished_at=None) for _ in range(2))
        component.create_run(run, [a_step(run, status=StepStatus.RUNNING, finished_at=None)])
        component.create_run(other, [])
        with elsewhere(component, work.hold_until_told) as holder, component.hold(other.id):
            holder.pipe.send(run.id)
            assert holder.receive() == "held"
            assert component.is_held(run.id)
            assert _found(component, RunStatus.RUNNING) == [other.id, run.id]
            assert _found(component, RunStatus.LOST) == []
            assert component.steps(run.id)[0].status is StepStatus.RUNNING
            before = component.last_event()
            holder.kill()
            assert not component.is_held(run.id)
            assert component.run(run.id).status is RunStatus.LOST
            assert _found(component, RunStatus.RUNNING) == [other.id]
            assert _found(component, RunStatus.LOST) == [run.id]
            assert component.count_runs(RunQuery(status=(RunStatus.LOST,))) == 1
            assert component.runs(RunQuery(limit=1, after=other.id)).runs[0].status is RunStatus.LOST
            assert component.steps(run.id)[0].status is StepStatus.LOST
            # Those who look write nothing.
            assert component.last_event() == before
        with component.hold(run.id):
            assert component.is_held(run.id)

    def test_a_holder_lets_go(self, component: MetadataStore) -> None:
        needs(component, "hold")
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        component.create_run(run, [])
        with elsewhere(component, work.hold_until_told) as holder:
            holder.pipe.send(run.id)
            assert holder.receive() == "held"
            holder.pipe.send("let go")
            assert holder.receive() == "released"
            assert not component.is_held(run.id)

    def test_children_do_not_hold(self, component: MetadataStore) -> None:
        needs(component, "hold")
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        component.create_run(run, [])
        children: list[int] = []
        try:
            with elsewhere(component, work.hold_with_children) as holder:
                holder.pipe.send(run.id)
                children += holder.receive()
                assert component.is_held(run.id)
                holder.kill()
                # The forked one may not have run yet when its parent dies.
                wait_for(lambda: not component.is_held(run.id), "the children not to hold the run")
                for child in children:
                    os.kill(child, 0)  # Both still live.
        finally:
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def test_many_readers_do_not_disturb_a_holder(self, component: MetadataStore) -> None:
        needs(component, "hold")
        run = a_run(status=RunStatus.RUNNING, finished_at=None)
        component.create_run(run, [])
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                component.is_held(run.id)

        readers = [threading.Thread(target=look) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(30):
                with component.hold(run.id):
                    component.log_metrics(run.id, [Metric(key="x", value=1, at=run.created_at)])
                    assert component.is_held(run.id)
        finally:
            stop.set()
            for reader in readers:
                reader.join()

    # Upkeep.

    def test_tells_its_size(self, component: MetadataStore) -> None:
        run = a_run()
        component.create_run(run, [a_step(run)])
        facts = component.store_facts(check=True)
        assert (facts.counts["runs"], facts.counts["steps"]) == (1, 1)
        assert facts.integrity == "ok"
        assert facts.size > 0
        assert facts.oldest_run == facts.newest_run == run.created_at
        assert component.store_facts().integrity == ""

    def test_backs_up_and_compacts(self, component: MetadataStore, tmp_path: Path) -> None:
        needs(component, "backup", "compact")
        component.create_run(a_run(), [])
        target = tmp_path / "copies" / "store.backup"
        component.backup(target)
        assert target.stat().st_size > 0
        with pytest.raises(ComponentError, match="exists"):
            component.backup(target)
        component.compact()
        assert component.count_runs(RunQuery()) == 1

    def test_says_that_it_cannot_back_up(self, component: MetadataStore, tmp_path: Path) -> None:
        lacks(component, "backup")
        with pytest.raises(Unsupported):
            component.backup(tmp_path / "store.backup")


def _found(store: MetadataStore, status: RunStatus) -> list[str]:
    page: Any = store.runs(RunQuery(status=(status,)))
    return [run.id for run in page.runs]
