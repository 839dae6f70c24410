"""The contract of step operators."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from stacktui.categories.orchestrator import StepHandle
from stacktui.model.category import Category
from stacktui.model.execution import RunContext, StepEvent, StepSpec
from stacktui.model.run import StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import Resources
from stacktui.testing.contracts.base import needs
from stacktui.testing.contracts.step_running import StepRunningContract


class StepOperatorContract(StepRunningContract):
    """Override the fixture `component` with a `StepOperator`; with at least one GPU if it declares `gpu`."""

    category = Category.STEP_OPERATOR

    def submit(
        self, component: Any, spec: StepSpec, secrets: Mapping[SecretRef, str], events: list[StepEvent]
    ) -> StepHandle:
        handle: StepHandle = component.submit(spec, secrets, events.append)
        return handle

    def test_gives_each_step_a_process_of_its_own(self, component: Any, run: RunContext) -> None:
        results = [self.do(component, run, "environment", x=number)[0] for number in range(2)]
        pids = {self.value(component, result.outputs["output"])["pid"] for result in results}
        assert len(pids) == 2

    def test_shows_a_step_the_gpus_that_it_asked_for(self, component: Any, run: RunContext) -> None:
        needs(component, "gpu")
        result, _ = self.do(component, run, "environment", x=1, resources=Resources(gpu=1))
        assert result.status is StepStatus.SUCCEEDED, result.error
        cuda = self.value(component, result.outputs["output"])["cuda"]
        assert len(cuda.split(",")) == 1
        assert cuda
        result, _ = self.do(component, run, "environment", x=1, resources=Resources(gpu=0))
        assert self.value(component, result.outputs["output"])["cuda"] == ""

    def test_refuses_what_it_does_not_have(self, component: Any, run: RunContext) -> None:
        needs(component, "gpu")
        result, _ = self.do(component, run, "environment", x=1, resources=Resources(gpu=10_000))
        assert result.status is StepStatus.FAILED
        assert "10000" in result.error.message.replace(",", "")

    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
    def test_gives_a_step_the_processors_that_it_asked_for(self, component: Any, run: RunContext) -> None:
        needs(component, "cpu")
        result, _ = self.do(component, run, "environment", x=1, resources=Resources(cpu=1))
        assert self.value(component, result.outputs["output"])["cpus"] == 1

    def test_holds_a_step_to_its_time(self, component: Any, run: RunContext, tmp_path: Any) -> None:
        needs(component, "time")
        result, _ = self.do(component, run, "lingers", folder=str(tmp_path), resources=Resources(time=2.0))
        assert result.status is StepStatus.FAILED
        assert "2 s" in result.error.message
