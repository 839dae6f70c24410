"""Runs, their steps, their events: what the metadata store keeps and the workbench shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from stacktui.model.base import AnyNumber, Noun


class RunStatus(StrEnum):
    """Where a run is. `lost`: it says running and nobody holds it; readers compute that, they never write it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def finished(self) -> bool:
        """Whether it will not change by itself any more."""
        return self not in (RunStatus.QUEUED, RunStatus.RUNNING)


class StepStatus(StrEnum):
    """Where a step of a run is."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def finished(self) -> bool:
        return self not in (StepStatus.PENDING, StepStatus.RUNNING, StepStatus.RETRYING)


class Holder(Noun):
    """The process that runs a run, so that a signal never reaches another one."""

    user: str
    host: str
    boot: str
    pid: int
    started: str
    """The process's start time as the system tells it: with the pid it names one process."""


class CodeState(Noun):
    """The code that a run executes."""

    digest: str
    """Of the content-addressed snapshot."""
    commit: str | None = None
    dirty: bool | None = None


class StepError(Noun):
    """Why a step failed, without a secret and with the user's own frames only."""

    type: str
    message: str
    traceback: str = ""
    """The user's frames, with the workspace's paths."""


class StepProgress(Noun):
    """How far a running step said it is."""

    done: float
    total: float | None = None
    """What `done` will reach; None where nobody knows."""
    text: str = ""
    at: datetime


class StepAttempt(Noun):
    """An earlier attempt of a step, kept when the next one began: its log is beside the others."""

    run_id: str
    name: str
    attempt: int
    status: StepStatus
    """How it ended: `failed`, `cancelled` or `lost`."""
    where: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: StepError | None = None

    @property
    def duration_s(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class StepDefinition(Noun):
    """One node of a run's graph as the store keeps it, so that a run can be drawn without its code."""

    name: str
    after: tuple[str, ...] = ()
    """Steps that must end before it, by data or by `after`."""


class Run(Noun):
    """One execution of a pipeline through a stack."""

    id: str
    """UUIDv7."""
    name: str
    pipeline: str
    target: str = ""
    """How to start it again: `pipelines/training.py:training`."""
    stack: str
    status: RunStatus
    params: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    """One line, where the run as a whole failed."""
    user: str = ""
    host: str = ""
    holder: Holder | None = None
    code: CodeState | None = None
    stack_snapshot: dict[str, Any] = Field(default_factory=dict)
    """Components and configs as they were, references unresolved."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """Python, packages, platform."""
    graph: tuple[StepDefinition, ...] = ()
    retry_of: str | None = None
    """The run that this one is a retry of."""
    group: str | None = None
    """The id of the sweep that it belongs to: all its runs have the same."""
    note: str = ""
    """What somebody wrote about it, in a few words."""
    pinned: bool = False
    """Kept by `prune`, and not deleted before it is unpinned."""
    resumes: int = 0
    """How often it was taken up again after it had stopped."""
    waits_for: str = ""
    """While it is queued: what it waits for, in words."""

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs or if it never started."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class StepRun(Noun):
    """One step of one run: the state of its latest attempt."""

    run_id: str
    name: str
    position: int
    """Its place in the run's topological order, from 0."""
    status: StepStatus = StepStatus.PENDING
    attempt: int = 1
    where: str = ""
    """The component that runs it: `orchestrator/local` or `step_operator/a100`."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    cache_key: str | None = None
    cached_from: str | None = None
    """The run whose result stands in for it."""
    cache_reason: str | None = None
    inputs: dict[str, str] = Field(default_factory=dict)
    """Artifact ids by input name."""
    outputs: dict[str, str] = Field(default_factory=dict)
    error: StepError | None = None
    progress: StepProgress | None = None
    """The last that it said of how far it is."""

    @property
    def duration_s(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class Metric(Noun):
    """One point of one metric's curve."""

    key: str
    value: AnyNumber
    step: int = 0
    """The point's place on the curve: an epoch, an iteration."""
    at: datetime
    source: str = ""
    """The pipeline step that logged it."""


class Event(Noun):
    """A row of the append-only tail: something about a run changed."""

    id: int
    run_id: str
    kind: str
    """`run_created`, `run_started`, `step_started`, `step_finished`, `metric`, `message`, `question`, `answer`, `run_finished` …"""
    at: datetime
    data: dict[str, Any] = Field(default_factory=dict)
