"""A run that is taken up again: what its earlier life has left. Used by the runner with `--resume`, while it holds the run.

May be done any number of times: a runner that dies while it does this leaves a run that can be resumed as before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError, NotFound, Unsupported
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.run import RunStatus, StepAttempt, StepError, StepRun, StepStatus
from stacktui.pipelines.materializers.base import copy_content
from stacktui.pipelines.runfile import RunFile

_DONE = (StepStatus.SUCCEEDED, StepStatus.CACHED)


class Left(NamedTuple):
    """What is there before the runner begins: nothing, in a run's first life."""

    outputs: Mapping[str, Mapping[str, ArtifactRef]] = MappingProxyType({})
    """The steps that are not run again, with those of their outputs that others take."""
    attempts: Mapping[str, int] = MappingProxyType({})
    """The number of the next attempt of a step that is run again, where that is not 1."""
    reasons: Mapping[str, str] = MappingProxyType({})
    """Why a step that was done is run again, in words."""


def take_up(store: MetadataStore, file: RunFile, artifacts: ArtifactStore) -> Left:
    """Make a stopped run ready to go on: attempts that had begun are kept, and all that is not done is pending again.

    A step that was done is run again where a step that is not done takes an output of it that is not whole any more.
    """
    run_id = file.run.run_id
    records = {step.name: step for step in store.steps(run_id)}
    done = {name for name, step in records.items() if step.status in _DONE}
    outputs: dict[str, dict[str, ArtifactRef]] = {name: {} for name in done}
    reasons: dict[str, str] = {}
    nodes = {node.name: node for node in file.description.steps}
    again = [name for name in nodes if name not in done]
    for name in again:
        for item in nodes[name].inputs:
            if item.step in done and item.step is not None and item.output is not None:
                reference = _whole(store, artifacts, records[item.step].outputs.get(item.output))
                if reference is not None:
                    outputs[item.step][item.output] = reference
                    continue
                done.discard(item.step)
                del outputs[item.step]
                reasons[item.step] = f"its output `{item.output}` was not whole any more: it runs again"
                # What it takes is looked at in its turn.
                again.append(item.step)
    attempts: dict[str, int] = {}
    pending: list[StepRun] = []
    for name in again:
        record = records[name]
        attempt = record.attempt
        if record.started_at is not None:
            keep_attempt(store, record, reasons.get(name))
            attempt += 1
        attempts[name] = attempt
        pending.append(
            StepRun(
                run_id=run_id,
                name=name,
                position=record.position,
                attempt=attempt,
                where=record.where,
                params=record.params,
                cache_reason=reasons.get(name),
            )
        )
    store.record_steps(pending)
    return Left(outputs, attempts, reasons)


def keep_attempt(store: MetadataStore, record: StepRun, reason: str | None = None) -> None:
    """Keep the attempt that a step's record tells of, before the next one takes its place.

    One that was in flight, and one whose result is not whole any more (`reason`), is kept as lost.
    """
    error = record.error
    if record.status in (StepStatus.FAILED, StepStatus.RETRYING):
        status = StepStatus.FAILED
    elif record.status in (StepStatus.CANCELLED, StepStatus.SKIPPED):
        status = StepStatus.CANCELLED
    else:
        status = StepStatus.LOST
        error = StepError(type="Lost", message=reason or "the runner was gone before it ended")
    attempt = StepAttempt(
        run_id=record.run_id,
        name=record.name,
        attempt=record.attempt,
        status=status,
        where=record.where,
        started_at=record.started_at,
        finished_at=record.finished_at,
        error=error,
    )
    # A store that keeps no attempts still has their logs beside it.
    with contextlib.suppress(Unsupported):
        store.keep_attempt(attempt)


def settle_lost(store: MetadataStore, run_id: str) -> None:
    """Write that a run is lost whose runner is gone, where that is so. Used by whoever starts a retry of it."""
    run = store.run(run_id)
    if run.status is not RunStatus.LOST or run.finished_at is not None:
        return
    # Held meanwhile, so that nobody takes it up; where somebody has, it is not lost any more.
    with contextlib.suppress(ComponentError), store.hold(run.id):
        recorded = store.steps(run.id)
        times = [
            run.started_at,
            *(step.started_at for step in recorded),
            *(step.finished_at for step in recorded),
        ]
        store.record_steps(
            [
                step.model_copy(update={"status": StepStatus.LOST})
                for step in recorded
                if step.status in (StepStatus.RUNNING, StepStatus.RETRYING)
            ]
        )
        last = max(filter(None, times), default=run.created_at)
        # The holder is still the one that was lost.
        store.update_run(
            run.id, status=RunStatus.LOST, finished_at=last, error="its runner was gone", holder=run.holder
        )


def _whole(store: MetadataStore, artifacts: ArtifactStore, artifact_id: str | None) -> ArtifactRef | None:
    """The artifact, if its content is there with its digest."""
    try:
        found = store.artifact(artifact_id or "")
    except NotFound:
        return None
    reference = reference_to(found)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            copy_content(reference, artifacts, nowhere)
    except (ComponentError, OSError):
        return None
    return reference


def reference_to(artifact: Artifact) -> ArtifactRef:
    """What travels of an artifact."""
    return ArtifactRef.model_validate({name: getattr(artifact, name) for name in ArtifactRef.model_fields})
