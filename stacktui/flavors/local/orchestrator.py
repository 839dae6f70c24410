"""The local orchestrator: steps in long-lived worker processes on this host."""

from __future__ import annotations

import threading
from collections import deque
from typing import ClassVar

from pydantic import Field

from stacktui.categories.base import EventSink, FlavorConfig, ProbeResult, Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.orchestrator import Orchestrator, SecretValues, StepHandle
from stacktui.flavors.local.step_job import CANCELLED_WAITING, Job
from stacktui.flavors.local.worker_process import WorkerProcess
from stacktui.model.category import Category
from stacktui.model.execution import RunContext, StepSpec


class LocalOrchestratorConfig(FlavorConfig):
    """What a local orchestrator may be told."""

    max_workers: int = Field(default=1, ge=1, le=256, description="How many steps run at the same time.")


class LocalOrchestrator(Orchestrator):
    """Keeps up to `max_workers` processes: started when a step needs one, kept warm, replaced when one dies.

    A step's limits of time and memory are watched; cpu and gpu are left to a step operator.
    """

    facts: ClassVar[FlavorFacts] = FlavorFacts(
        category=Category.ORCHESTRATOR,
        name="local",
        summary="worker processes on this host",
        capabilities=frozenset({"cancel", "parallel"}),
    )
    Config: ClassVar[type[FlavorConfig]] = LocalOrchestratorConfig
    config: LocalOrchestratorConfig

    def __init__(self, config: FlavorConfig, around: Surroundings) -> None:
        super().__init__(config, around)
        self._lock = threading.Lock()
        self._opened: tuple[RunContext, SecretValues] | None = None
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._queue: deque[Job] = deque()

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        return ProbeResult(ok=True, message=f"{self.config.max_workers} worker processes on this host")

    @property
    def slots(self) -> int:
        return self.config.max_workers

    def open(self, run: RunContext, secrets: SecretValues) -> None:
        with self._lock:
            if self._opened is not None:
                raise ComponentError(f"the orchestrator {self.name} already runs {self._opened[0].run_id}")
            self._opened = (run, secrets)

    def submit(self, spec: StepSpec, secrets: SecretValues, sink: EventSink) -> StepHandle:
        job = Job(spec, secrets, sink)
        job.withdraw = self._withdraw
        with self._lock:
            if self._opened is None:
                raise ComponentError(f"the orchestrator {self.name} is not open")
            self._place(job)
        return job

    def shut(self) -> None:
        with self._lock:
            self._opened = None
            waiting, self._queue = list(self._queue), deque()
            workers = list(self._workers)
        for job in waiting:
            job.fail(CANCELLED_WAITING)
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.thread.join()

    def close(self) -> None:
        self.shut()

    # For the workers, as their owner.

    def finished(self, worker: WorkerProcess) -> None:
        with self._lock:
            if self._queue:
                job = self._queue.popleft()
                if not worker.assign(job):
                    self._place(job, front=True)
            elif worker in self._workers:
                self._idle.append(worker)

    def gone(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._workers.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            if self._queue and self._opened is not None:
                self._place(self._queue.popleft(), front=True)

    def _place(self, job: Job, front: bool = False) -> None:
        while self._idle:
            # The one that was used last has its memory warm.
            if self._idle.pop().assign(job):
                return
        if self._opened is not None and len(self._workers) < self.config.max_workers:
            worker = WorkerProcess(self, *self._opened)
            self._workers.add(worker)
            worker.assign(job)
        elif front:
            self._queue.appendleft(job)
        else:
            self._queue.append(job)

    def _withdraw(self, job: Job) -> bool:
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            return True
