"""The subprocess operator: the contract, and the queue for its slots and GPUs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.gpu_slots import FOLDER_VARIABLE, GpuSlots
from stacktui.flavors.local.orchestrator import LocalOrchestrator, LocalOrchestratorConfig
from stacktui.flavors.local.step_operator import SubprocessStepOperator, SubprocessStepOperatorConfig
from stacktui.model.execution import LogLine, Progress, RunContext, StepEvent
from stacktui.model.run import StepStatus
from stacktui.model.stack import Resources
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_operator import StepOperatorContract


class TestSubprocessOperator(StepOperatorContract):
    @pytest.fixture
    def component(
        self, stacktui_surroundings: Surroundings, stacktui_environment: dict[str, str], tmp_path: Path
    ) -> Iterator[SubprocessStepOperator]:
        stacktui_environment[FOLDER_VARIABLE] = str(tmp_path)
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
        assert operator._slots.names == ("GPU-a", "GPU-b")

    def test_an_interpreter_that_is_not_there_is_one_line(
        self, stacktui_surroundings: Surroundings, run: RunContext
    ) -> None:
        config = SubprocessStepOperatorConfig(python="/nowhere/python3")
        with SubprocessStepOperator(config, stacktui_surroundings) as operator:
            assert not operator.probe().ok
            result, _ = self.do(operator, run, "add", x=1)
        assert result.status is StepStatus.FAILED
        assert "/nowhere/python3 cannot be started" in result.error.message

    # GPUs. A second operator stands for another run on the same host.

    @pytest.fixture
    def other(
        self, component: SubprocessStepOperator, stacktui_surroundings: Surroundings
    ) -> Iterator[SubprocessStepOperator]:
        around = replace(stacktui_surroundings, name="other")
        with SubprocessStepOperator(component.config, around) as made:
            yield made

    def holds(self, component: Any, run: RunContext, folder: Path, gpus: int) -> Any:
        folder.mkdir()
        spec = self.spec(run, "lingers", folder=str(folder), resources=Resources(gpu=gpus))
        handle = self.submit(component, spec, {}, [])
        wait_for((folder / "pids").exists, "the first step to begin")
        return handle

    def test_a_step_of_another_run_waits_and_says_so(
        self, component: Any, other: Any, run: RunContext, tmp_path: Path
    ) -> None:
        first = self.holds(component, run, tmp_path / "first", 2)
        events: list[StepEvent] = []
        waits = self.submit(other, self.spec(run, "environment", x=1, resources=Resources(gpu=1)), {}, events)
        behind: list[StepEvent] = []
        self.submit(other, self.spec(run, "environment", x=1, resources=Resources(gpu=1)), {}, behind)
        # It needs none: it is not held up.
        result, _ = self.do(other, run, "add", x=1)
        assert result.status is StepStatus.SUCCEEDED
        assert not waits.future.done()
        assert [event.text for event in events if isinstance(event, LogLine)] == [
            "waits for 1 GPU: 0 of 2 free"
        ]
        assert [event.text for event in behind if isinstance(event, Progress)] == [
            "waits for 1 GPU: another step of this run is before it"
        ]
        first.cancel()
        result = waits.future.result(60)
        assert self.value(other, result.outputs["output"])["cuda"] == "0"
        said = [event.text for event in events if isinstance(event, LogLine)]
        assert said[1].startswith("has GPU 0 after ")
        assert [event.text for event in events if isinstance(event, Progress)] == [
            "waits for 1 GPU: 0 of 2 free",
            "",
        ]

    def test_a_step_that_waits_can_be_cancelled(
        self, component: Any, other: Any, run: RunContext, tmp_path: Path
    ) -> None:
        first = self.holds(component, run, tmp_path / "first", 1)
        waits = self.submit(other, self.spec(run, "add", x=1, resources=Resources(gpu=2)), {}, [])
        # What it had collected is free again.
        waits.cancel()
        assert waits.future.result(10).status is StepStatus.CANCELLED
        result, _ = self.do(component, run, "environment", x=1, resources=Resources(gpu=1))
        assert self.value(component, result.outputs["output"])["cuda"] == "1"
        first.cancel()

    def test_its_own_environment_names_no_other_gpu(self, component: Any, run: RunContext) -> None:
        result, _ = self.do(
            component,
            run,
            "environment",
            x=1,
            resources=Resources(gpu=1),
            environment={"CUDA_VISIBLE_DEVICES": "7", "MINE": "yes"},
        )
        found = self.value(component, result.outputs["output"])
        assert (found["cuda"], found["mine"]) == ("0", "yes")

    def test_the_orchestrator_gives_them_too(
        self, component: Any, stacktui_surroundings: Surroundings, run: RunContext, tmp_path: Path
    ) -> None:
        config = LocalOrchestratorConfig(max_workers=2, gpus=("0", "1"))
        with LocalOrchestrator(config, stacktui_surroundings) as orchestrator:
            orchestrator.open(run, {})
            plain, _ = self.do(orchestrator, run, "environment", x=1)
            first = self.holds(component, run, tmp_path / "first", 1)
            with_one, _ = self.do(orchestrator, run, "environment", x=1, resources=Resources(gpu=1))
            again, _ = self.do(orchestrator, run, "environment", x=1)
            found = [self.value(component, result.outputs["output"]) for result in (plain, with_one, again)]
            assert found[1]["cuda"] == "1"
            # The warm process is as it was, and still there.
            assert (found[0]["pid"], found[0]["cuda"]) == (found[2]["pid"], found[2]["cuda"])
            assert found[1]["pid"] != found[0]["pid"]
            waits = self.submit(
                orchestrator, self.spec(run, "environment", x=1, resources=Resources(gpu=2)), {}, []
            )
            result, _ = self.do(orchestrator, run, "add", x=1)
            assert result.status is StepStatus.SUCCEEDED
            assert not waits.future.done()
            first.cancel()
            last = waits.future.result(60)
            assert self.value(component, last.outputs["output"])["cuda"] == "0,1"
            refused, _ = self.do(orchestrator, run, "add", x=1, resources=Resources(gpu=3))
            assert "3 GPUs" in refused.error.message

    def test_where_there_is_none_only_an_operator_insists(
        self, stacktui_surroundings: Surroundings, run: RunContext
    ) -> None:
        around = replace(stacktui_surroundings, environment={"CUDA_VISIBLE_DEVICES": ""})
        asks = Resources(gpu=1)
        with SubprocessStepOperator(SubprocessStepOperatorConfig(), around) as operator:
            result, _ = self.do(operator, run, "add", x=1, resources=asks)
            assert result.error.message == "the step asks for 1 GPU and the step operator tested has 0"
        with LocalOrchestrator(LocalOrchestratorConfig(), around) as orchestrator:
            orchestrator.open(run, {})
            result, events = self.do(orchestrator, run, "add", x=1, resources=asks)
            assert result.status is StepStatus.SUCCEEDED
            assert isinstance(events[0], LogLine)
            assert events[0].text == "asks for 1 GPU, and this host has none: it runs without"

    def test_the_step_has_it_also_when_its_runner_is_gone(
        self, component: Any, run: RunContext, tmp_path: Path
    ) -> None:
        """The lock is the worker's: a runner that died does not free the GPU before the step's process is gone."""
        handle = self.holds(component, run, tmp_path / "first", 1)
        pid = next(iter(component._running)).pid
        assert all(lock._descriptor is None for worker in component._running for lock in worker._locks)
        os.kill(pid, signal.SIGSTOP)
        mine = GpuSlots(("0",), {FOLDER_VARIABLE: str(tmp_path)}, tmp_path)
        assert mine.take(1) is None
        os.kill(pid, signal.SIGKILL)
        assert handle.future.result(30).status is StepStatus.FAILED
        assert mine.take(1) is not None
