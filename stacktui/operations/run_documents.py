"""Runs and steps as documents: of `runs`, `step`, `run` and `experiment`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stacktui.model.run import Run, RunStatus, StepRun, StepStatus
from stacktui.operations.documents import Document, Moment, Part


class RunRow(Part):
    """One run in a list."""

    id: str
    name: str
    pipeline: str
    stack: str
    status: RunStatus
    params: dict[str, Any]
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    duration_s: float | None
    """Seconds from start to end; None while it runs."""
    error: str | None = None
    user: str = ""
    host: str = ""
    labels: dict[str, str] = {}
    retry_of: str | None = None

    @classmethod
    def of(cls, run: Run) -> RunRow:
        return cls(**facts_of_run(run))


def facts_of_run(run: Run) -> dict[str, Any]:
    """The fields that a run has in every document."""
    return {
        "id": run.id,
        "name": run.name,
        "pipeline": run.pipeline,
        "stack": run.stack,
        "status": run.status,
        "params": run.params,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_s": run.duration_s,
        "error": run.error,
        "user": run.user,
        "host": run.host,
        "labels": run.labels,
        "retry_of": run.retry_of,
    }


class ErrorPart(Part):
    """Why a step failed."""

    type: str
    message: str
    traceback: str
    """The user's own frames."""


class StepRow(Part):
    """One step of a run."""

    name: str
    status: StepStatus
    attempt: int
    where: str
    started_at: Moment | None
    finished_at: Moment | None
    cached_from: str | None
    """The run whose result stands in for it."""
    cache_reason: str | None
    inputs: dict[str, str]
    """Artifact ids by input name."""
    outputs: dict[str, str]
    error: ErrorPart | None
    duration_s: float | None = None
    params: dict[str, Any] = {}

    @classmethod
    def of(cls, step: StepRun) -> StepRow:
        return cls(**facts_of_step(step))


def facts_of_step(step: StepRun) -> dict[str, Any]:
    """The fields that a step has in every document."""
    error = step.error
    return {
        "name": step.name,
        "status": step.status,
        "attempt": step.attempt,
        "where": step.where,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "cached_from": step.cached_from,
        "cache_reason": step.cache_reason,
        "inputs": step.inputs,
        "outputs": step.outputs,
        "error": None
        if error is None
        else ErrorPart(type=error.type, message=error.message, traceback=error.traceback),
        "duration_s": step.duration_s,
        "params": step.params,
    }


class CodePart(Part):
    """The code that a run executed."""

    digest: str
    commit: str | None
    dirty: bool | None


class RunDocument(RunRow, Document):
    """One run, whole."""

    steps: tuple[StepRow, ...]
    metrics: dict[str, float]
    """The last value of each."""
    stack_snapshot: dict[str, Any]
    """Components and configs as they were, references unresolved."""
    code: CodePart | None
    environment: dict[str, Any] = {}
    after: dict[str, tuple[str, ...]] = {}
    """The run's graph: for each step the steps that it waits for."""
    logged: dict[str, Any] = {}
    """Parameters and files that steps logged."""


class LogPart(Part):
    """One line of a step's log."""

    at: Moment
    step: str
    stream: str
    text: str
    raw: bool = Field(default=False, exclude=True)
    """Whether its bytes go out as they are."""
