"""The local orchestrator: the contract, and what only warm worker processes have to keep."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.orchestrator import LocalOrchestrator, LocalOrchestratorConfig
from stacktui.model.execution import RunContext
from stacktui.model.run import StepStatus
from stacktui.model.stack import Resources
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.orchestrator import OrchestratorContract
from stacktui.testing.contracts.step_running import alive


class TestLocalOrchestrator(OrchestratorContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> Iterator[LocalOrchestrator]:
        with LocalOrchestrator(LocalOrchestratorConfig(max_workers=2), stacktui_surroundings) as orchestrator:
            yield orchestrator

    def _pid(self, component: LocalOrchestrator, run: RunContext) -> int:
        result, _ = self.do(component, run, "environment", x=1)
        pid: int = self.value(component, result.outputs["output"])["pid"]
        return pid

    def test_steps_after_each_other_share_a_warm_process(
        self, component: LocalOrchestrator, run: RunContext
    ) -> None:
        assert len({self._pid(component, run) for _ in range(5)}) == 1

    def test_a_worker_that_dies_between_steps_is_replaced(
        self, component: LocalOrchestrator, run: RunContext
    ) -> None:
        pid = self._pid(component, run)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid) and not component._idle, "the worker's end to be noticed")
        assert self._pid(component, run) != pid

    def test_memory_is_watched_here_too(self, component: LocalOrchestrator, run: RunContext) -> None:
        result, _ = self.do(component, run, "eats", x=600 << 20, resources=Resources(memory=300 << 20))
        assert result.status is StepStatus.FAILED
        assert "resident memory" in result.error.message
