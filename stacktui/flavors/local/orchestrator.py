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
from stacktui.flavors.local.gpu_slots import GpuDesk, GpuSlots, gpus_in_words
from stacktui.flavors.local.step_job import CANCELLED_WAITING, Job, Verdict
from stacktui.flavors.local.worker_process import WorkerProcess
from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.execution import LogLine, RunContext, StepSpec
from stacktui.model.run import StepStatus


class LocalOrchestratorConfig(FlavorConfig):
    """What a local orchestrator may be told."""

    max_workers: int = Field(default=1, ge=1, le=256, description="How many steps run at the same time.")
    gpus: tuple[str, ...] | None = Field(
        default=None,
        description="The GPUs that it may give to steps, as CUDA_VISIBLE_DEVICES names them; "
        "by default those of that variable, else all of this host.",
    )


class LocalOrchestrator(Orchestrator):
    """Keeps up to `max_workers` processes: started when a step needs one, kept warm, replaced when one dies.

    A step's limits of time and memory are watched; cpu is left to a step operator. One that asks for GPUs has a process
    of its own, because a process sees the same GPUs for as long as it lives.
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
        self._for_gpus: deque[Job] = deque()
        """Those that wait for GPUs."""
        self._own: set[WorkerProcess] = set()
        """Workers of one step each, which has GPUs."""
        self._slots = GpuSlots(self.config.gpus, around.environment, around.user_data)
        self._desk = GpuDesk(self._slots, self._look_again)

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
        wanted = spec.resources.gpu
        have = len(self._slots.names) if wanted else 0
        if wanted and not have:
            # A laptop of somebody who works on a team's pipeline: only a step operator insists.
            text = f"asks for {gpus_in_words(wanted)}, and this host has none: it runs without"
            sink(LogLine.model_construct(kind="log", at=now(), stream="logging", text=text, partial=False))
            wanted = None
        elif wanted and wanted > have:
            message = f"the step asks for {gpus_in_words(wanted)} and the orchestrator {self.name} has {have}"
            job.fail(Verdict(StepStatus.FAILED, "NoSuchResource", message))
            return job
        with self._lock:
            if self._opened is None:
                raise ComponentError(f"the orchestrator {self.name} is not open")
            if wanted is None:
                self._place(job)
            else:
                self._for_gpus.append(job)
                self._start_with_gpus()
        return job

    def shut(self) -> None:
        with self._lock:
            self._opened = None
            waiting = [*self._queue, *self._for_gpus]
            self._queue, self._for_gpus = deque(), deque()
            self._start_with_gpus()
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
            if worker in self._own:
                worker.close()
            elif self._queue:
                job = self._queue.popleft()
                if not worker.assign(job):
                    self._place(job, front=True)
            elif worker in self._workers:
                self._idle.append(worker)
                self._start_with_gpus()

    def gone(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._workers.discard(worker)
            self._own.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            if self._queue and self._opened is not None:
                self._place(self._queue.popleft(), front=True)
            self._start_with_gpus()

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

    def _look_again(self) -> None:
        with self._lock:
            self._start_with_gpus()

    def _start_with_gpus(self) -> None:
        self._desk.begin()
        for job in list(self._for_gpus):
            if self._opened is None or len(self._workers) - len(self._idle) >= self.config.max_workers:
                break
            gpus = self._desk.serve(job)
            if gpus is None:
                break
            if len(self._workers) >= self.config.max_workers:
                self._idle.pop(0).close()
            self._for_gpus.remove(job)
            run, secrets = self._opened
            job.spec = gpus.of(job.spec)
            worker = WorkerProcess(self, run, secrets, environment=gpus.over({}), locks=gpus.locks)
            self._workers.add(worker)
            self._own.add(worker)
            worker.assign(job)
        self._desk.end()

    def _withdraw(self, job: Job) -> bool:
        with self._lock:
            for queue in (self._queue, self._for_gpus):
                if job in queue:
                    queue.remove(job)
                    self._desk.forget(job)
                    self._start_with_gpus()
                    return True
            return False
