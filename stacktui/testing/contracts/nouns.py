"""Runs, steps and artifacts for the contract suites: whole ones, of which a test names only what it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stacktui.model.artifact import Artifact
from stacktui.model.base import now, uuid7
from stacktui.model.run import Run, RunStatus, StepRun, StepStatus

_last_id = ""


def next_id() -> str:
    """A UUIDv7 that sorts after every one that this gave before: ids of one millisecond do not by themselves."""
    global _last_id  # noqa: PLW0603
    while (made := uuid7()) <= _last_id:
        pass
    _last_id = made
    return made


def a_run(**fields: Any) -> Run:
    """A finished run, but for what `fields` say."""
    moment = now()
    return Run.model_validate(
        {
            "id": next_id(),
            "name": "calm-otter",
            "pipeline": "training",
            "stack": "default",
            "status": RunStatus.SUCCEEDED,
            "created_at": moment,
            "started_at": moment,
            "finished_at": moment + timedelta(seconds=2),
            **fields,
        }
    )


def an_artifact(run: Run, **fields: Any) -> Artifact:
    """An artifact of a run's step `fit`, but for what `fields` say."""
    return Artifact.model_validate(
        {
            "id": next_id(),
            "uri": "training/fit/output.json",
            "digest": "sha256:" + "ab" * 32,
            "size": 1234,
            "type": "builtins.dict",
            "materializer": "json",
            "metadata": {"length": 3, "columns": ["a", "b"]},
            "name": "output",
            "run_id": run.id,
            "pipeline": run.pipeline,
            "step": "fit",
            "version": 1,
            "created_at": now(),
            **fields,
        }
    )


def a_step(run: Run, name: str = "fit", **fields: Any) -> StepRun:
    """A step of a run that succeeded, but for what `fields` say."""
    moment = now()
    return StepRun.model_validate(
        {
            "run_id": run.id,
            "name": name,
            "position": 0,
            "status": StepStatus.SUCCEEDED,
            "where": "orchestrator/local",
            "started_at": moment,
            "finished_at": moment + timedelta(seconds=1),
            **fields,
        }
    )
