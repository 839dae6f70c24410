"""The subprocess operator: the contract, and the queue for its slots and GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.step_operator import SubprocessStepOperator, SubprocessStepOperatorConfig
from stacktui.model.execution import RunContext
from stacktui.model.run import StepStatus
from stacktui.model.stack import Resources
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_operator import StepOperatorContract


class TestSubprocessOperator(StepOperatorContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[SubprocessStepOperator]:
        config = SubprocessStepOperatorConfig(gpus=("0", "1"), environment={"TEAM": "vision"})
        with SubprocessStepOperator(config, stacktui_surroundings) as operator:
            yield operator

    def test_a_gpu_is_given_to_one_step_at_a_time(
        self, component: SubprocessStepOperator, run: RunContext, tmp_path: Path
    ) -> None:
        spec = self.spec(run, "lingers", folder=str(tmp_path), resources=Resources(gpu=2))
        holds = self.submit(component, spec, {}, [])
        wait_for((tmp_path / "pids").exists, "the first step to begin")
        waits = self.submit(component, self.spec(run, "add", x=1, resources=Resources(gpu=1)), {}, [])
        assert not waits.future.done()
        assert len(component._queue) == 1
        holds.cancel()
        assert waits.future.result(60).status is StepStatus.SUCCEEDED

    def test_gpus_of_the_environment_are_the_default(self, stacktui_surroundings: Surroundings) -> None:
        around = replace(stacktui_surroundings, environment={"CUDA_VISIBLE_DEVICES": "GPU-a, GPU-b"})
        operator = SubprocessStepOperator(SubprocessStepOperatorConfig(), around)
        assert operator._gpus() == ("GPU-a", "GPU-b")

    def test_an_interpreter_that_is_not_there_is_one_line(
        self, stacktui_surroundings: Surroundings, run: RunContext
    ) -> None:
        config = SubprocessStepOperatorConfig(python="/nowhere/python3")
        with SubprocessStepOperator(config, stacktui_surroundings) as operator:
            assert not operator.probe().ok
            result, _ = self.do(operator, run, "add", x=1)
        assert result.status is StepStatus.FAILED
        assert "/nowhere/python3 cannot be started" in result.error.message
