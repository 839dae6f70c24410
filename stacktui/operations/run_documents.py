"""Runs and steps as documents: of `runs`, `step`, `run` and `experiment`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from stacktui.model.run import Run, RunStatus, StepAttempt, StepError, StepRun, StepStatus
from stacktui.operations.documents import Document, Moment, Part

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore


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
    group: str | None = None
    """The sweep that it belongs to."""
    note: str = ""
    pinned: bool = False
    resumes: int = 0
    """How often it was taken up again."""
    waits_for: str = ""
    """What a queued run waits for, in words."""

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
        "group": run.group,
        "note": run.note,
        "pinned": run.pinned,
        "resumes": run.resumes,
        "waits_for": run.waits_for,
    }


def environment_of(run: Run) -> dict[str, Any]:
    """What a run ran with: host, user, Python, packages, GPUs, and the git commit of its code."""
    code = run.code
    commit = {} if code is None else {"commit": code.commit, "dirty": code.dirty}
    return {"host": run.host, "user": run.user, **run.environment, **commit}


class ErrorPart(Part):
    """Why a step failed."""

    type: str
    message: str
    traceback: str
    """The user's own frames."""


class AttemptPart(Part):
    """An earlier attempt of a step; `runs logs ID STEP --attempt N` has its log."""

    attempt: int
    status: StepStatus
    where: str
    started_at: Moment | None
    finished_at: Moment | None
    duration_s: float | None
    error: ErrorPart | None

    @classmethod
    def of(cls, attempt: StepAttempt) -> AttemptPart:
        return cls(
            attempt=attempt.attempt,
            status=attempt.status,
            where=attempt.where,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            duration_s=attempt.duration_s,
            error=_error_part(attempt.error),
        )


class ProgressPart(Part):
    """How far a step said it is."""

    done: float
    total: float | None
    text: str
    at: Moment


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
    attempts: tuple[AttemptPart, ...] = ()
    """The earlier ones, the first one first."""
    progress: ProgressPart | None = None
    """The last that it said of how far it is."""

    @classmethod
    def of(cls, step: StepRun, attempts: Sequence[StepAttempt] = ()) -> StepRow:
        return cls(**facts_of_step(step, attempts))


def facts_of_step(step: StepRun, attempts: Sequence[StepAttempt] = ()) -> dict[str, Any]:
    """The fields that a step has in every document."""
    progress = step.progress
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
        "error": _error_part(step.error),
        "duration_s": step.duration_s,
        "params": step.params,
        "attempts": tuple(map(AttemptPart.of, attempts)),
        "progress": None
        if progress is None
        else ProgressPart(done=progress.done, total=progress.total, text=progress.text, at=progress.at),
    }


def attempts_of(store: MetadataStore, run_id: str, step: str | None = None) -> dict[str, list[StepAttempt]]:
    """The earlier attempts of a run's steps by step; none where the store does not keep them."""
    from stacktui.categories.errors import Unsupported

    found: dict[str, list[StepAttempt]] = {}
    with contextlib.suppress(Unsupported):
        for attempt in store.attempts(run_id, step):
            found.setdefault(attempt.name, []).append(attempt)
    return found


def _error_part(error: StepError | None) -> ErrorPart | None:
    if error is None:
        return None
    return ErrorPart(type=error.type, message=error.message, traceback=error.traceback)


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
    """Host, user, Python, platform, packages, GPUs, and the git commit."""
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
