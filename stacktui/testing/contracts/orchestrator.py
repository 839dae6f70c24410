"""The contract of orchestrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.categories.orchestrator import StepHandle
from stacktui.model.category import Category
from stacktui.model.execution import RunContext, StepEvent, StepSpec
from stacktui.model.run import StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.testing.contracts.base import needs, wait_for
from stacktui.testing.contracts.step_running import StepRunningContract, alive


class OrchestratorContract(StepRunningContract):
    """Override the fixture `component` with an `Orchestrator`; with at least two slots if it declares `parallel`."""

    category = Category.ORCHESTRATOR

    @pytest.fixture(autouse=True)
    def opened(self, component: Any, run: RunContext) -> Iterator[None]:
        component.open(run, {})
        yield
        component.shut()

    def submit(
        self, component: Any, spec: StepSpec, secrets: Mapping[SecretRef, str], events: list[StepEvent]
    ) -> StepHandle:
        handle: StepHandle = component.submit(spec, secrets, events.append)
        return handle

    def test_has_slots(self, component: Any) -> None:
        assert component.slots >= 1

    def test_runs_one_run_at_a_time(self, component: Any, run: RunContext) -> None:
        with pytest.raises(ComponentError):
            component.open(run, {})

    def test_opens_again_after_it_was_shut(self, component: Any, run: RunContext) -> None:
        component.shut()
        with pytest.raises(ComponentError):
            component.submit(self.spec(run, "add", x=1), {}, print)
        component.open(run, {})
        result, _ = self.do(component, run, "add", x=1)
        assert result.status is StepStatus.SUCCEEDED

    def test_runs_as_many_at_once_as_it_has_slots(
        self, component: Any, run: RunContext, tmp_path: Path
    ) -> None:
        needs(component, "parallel")
        assert component.slots >= 2, "the fixture `component` needs two slots for this test"
        here, there = (
            self.submit(component, self.spec(run, "meets", folder=str(tmp_path), me=me, other=other), {}, [])
            for me, other in (("here", "there"), ("there", "here"))
        )
        assert here.future.result(60).status is StepStatus.SUCCEEDED
        assert there.future.result(60).status is StepStatus.SUCCEEDED

    def test_steps_beyond_the_slots_wait_and_can_be_cancelled(
        self, component: Any, run: RunContext, tmp_path: Path
    ) -> None:
        needs(component, "cancel")
        busy = []
        for number in range(component.slots):
            folder = tmp_path / str(number)
            folder.mkdir()
            busy.append(self.submit(component, self.spec(run, "lingers", folder=str(folder)), {}, []))
        waiting = self.submit(component, self.spec(run, "add", x=1), {}, [])
        last = self.submit(component, self.spec(run, "add", x=2), {}, [])
        for number in range(component.slots):
            wait_for((tmp_path / str(number) / "pids").exists, "a step to begin")
        assert not waiting.future.done()
        waiting.cancel()
        assert waiting.future.result(30).status is StepStatus.CANCELLED
        for handle in busy:
            handle.cancel()
        assert last.future.result(60).status is StepStatus.SUCCEEDED

    def test_leaves_no_process_when_it_is_shut(self, component: Any, run: RunContext, tmp_path: Path) -> None:
        handle = self.submit(component, self.spec(run, "lingers", folder=str(tmp_path)), {}, [])
        wait_for((tmp_path / "pids").exists, "the step to begin")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        component.shut()
        assert handle.future.result(1).status is StepStatus.CANCELLED
        assert not any(alive(pid) for pid in pids)
