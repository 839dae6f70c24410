"""The subprocess operator: each step in a fresh interpreter on this host, held to the resources that it asks for."""

from __future__ import annotations

import math
import os
import shutil
import sys
import threading
from collections import Counter, deque
from typing import ClassVar

from pydantic import Field

from stacktui.categories.base import EventSink, FlavorConfig, ProbeResult, Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.orchestrator import SecretValues, StepHandle
from stacktui.categories.step_operator import StepOperator
from stacktui.flavors.local.gpu_slots import GpuDesk, GpuSlots, TakenGpus, gpus_in_words
from stacktui.flavors.local.step_job import CANCELLED_WAITING, Job, Verdict
from stacktui.flavors.local.worker_process import WorkerProcess
from stacktui.model.category import Category
from stacktui.model.execution import StepSpec
from stacktui.model.run import StepStatus


class SubprocessStepOperatorConfig(FlavorConfig):
    """What a subprocess operator may be told."""

    python: str | None = Field(
        default=None,
        description="The interpreter, with stacktui installed; the runner's own by default.",
        json_schema_extra={"format": "file-path"},
    )
    environment: dict[str, str] = Field(
        default_factory=dict, description="Environment variables for its steps."
    )
    max_concurrent: int = Field(
        default=4, ge=1, le=256, description="How many steps run at the same time; others wait in order."
    )
    gpus: tuple[str, ...] | None = Field(
        default=None,
        description="The GPUs that it may give to steps, as CUDA_VISIBLE_DEVICES names them; "
        "by default those of that variable, else all of this host.",
    )


class SubprocessStepOperator(StepOperator):
    """Memory is the process tree's resident size: watched, and ended above the limit. Processors are by affinity
    where the system has it; GPUs by `CUDA_VISIBLE_DEVICES`, each given to one step at a time on this host.
    """

    facts: ClassVar[FlavorFacts] = FlavorFacts(
        category=Category.STEP_OPERATOR,
        name="subprocess",
        summary="a fresh interpreter a step, with limits",
        capabilities=frozenset({"cancel", "cpu", "gpu", "memory", "time"}),
    )
    Config: ClassVar[type[FlavorConfig]] = SubprocessStepOperatorConfig
    config: SubprocessStepOperatorConfig

    def __init__(self, config: FlavorConfig, around: Surroundings) -> None:
        super().__init__(config, around)
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()
        self._running: dict[WorkerProcess, Job] = {}
        self._cpus_of: dict[WorkerProcess, tuple[int, ...]] = {}
        self._closed = False
        self._slots = GpuSlots(self.config.gpus, around.environment, around.user_data)
        self._desk = GpuDesk(self._slots, self._look_again)

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        python = self._python()
        if shutil.which(python) is None:
            return ProbeResult(
                ok=False, message=f"there is no interpreter {python}; set `python` in its config"
            )
        gpus = self._slots.names
        message = f"{python}, {len(_processors())} processors, {len(gpus)} GPUs"
        return ProbeResult(ok=True, message=message + (f", taken in {self._slots.folder}" if gpus else ""))

    def submit(self, spec: StepSpec, secrets: SecretValues, sink: EventSink) -> StepHandle:
        job = Job(spec, secrets, sink)
        job.withdraw = self._withdraw
        wanted, have = spec.resources.gpu or 0, 0 if not spec.resources.gpu else len(self._slots.names)
        if wanted > have:
            message = (
                f"the step asks for {gpus_in_words(wanted)} and the step operator {self.name} has {have}"
            )
            job.fail(Verdict(StepStatus.FAILED, "NoSuchResource", message))
            return job
        with self._lock:
            if self._closed:
                raise ComponentError(f"the step operator {self.name} is closed")
            self._queue.append(job)
            self._start_what_fits()
        return job

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting, self._queue = list(self._queue), deque()
            self._start_what_fits()
            workers = list(self._running)
        for job in waiting:
            job.withdraw = None
            job.fail(CANCELLED_WAITING)
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.thread.join()

    # For the workers, as their owner.

    def finished(self, worker: WorkerProcess) -> None:
        worker.close()

    def gone(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._running.pop(worker, None)
            self._cpus_of.pop(worker, None)
            self._start_what_fits()

    def _look_again(self) -> None:
        with self._lock:
            self._start_what_fits()

    def _start_what_fits(self) -> None:
        self._desk.begin()
        for job in list(self._queue):
            if len(self._running) >= self.config.max_concurrent:
                break
            # One that waits for GPUs holds up none that asks for no GPU.
            gpus = self._desk.serve(job)
            if gpus is not None:
                self._queue.remove(job)
                self._start(job, gpus)
        self._desk.end()

    def _start(self, job: Job, gpus: TakenGpus) -> None:
        spec = job.spec
        environment = {**self.config.environment, **spec.environment}
        if spec.resources.gpu is not None:
            environment = gpus.over(environment)
        cpus = self._free_cpus(spec.resources.cpu)
        if spec.resources.cpu is not None:
            # Libraries that start a thread a processor look here, also where there is no affinity.
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
                environment.setdefault(name, str(math.ceil(spec.resources.cpu)))
        worker = WorkerProcess(
            self,
            spec.run,
            job.secrets,
            python=self._python(),
            environment=environment,
            cpus=cpus,
            locks=gpus.locks,
        )
        job.secrets = {name: value for name, value in job.secrets.items() if name in spec.secrets}
        self._running[worker] = job
        self._cpus_of[worker] = cpus
        job.spec = gpus.of(spec)
        worker.assign(job)

    def _free_cpus(self, wanted: float | None) -> tuple[int, ...]:
        """The processors that fewest steps were given; none where nothing was asked for."""
        if wanted is None:
            return ()
        use = Counter(cpu for cpus in self._cpus_of.values() for cpu in cpus)
        return tuple(sorted(_processors(), key=lambda cpu: use[cpu])[: math.ceil(wanted)])

    def _python(self) -> str:
        return self.config.python or sys.executable

    def _withdraw(self, job: Job) -> bool:
        with self._lock:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            self._desk.forget(job)
            self._start_what_fits()
            return True


def _processors() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
