"""SQL over steps: their states, and what an earlier one left under a cache key. Used by the store.

This is the path that every step of every run takes twice: few statements, few pages of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from stacktui.categories.metadata_store import CachedStep
from stacktui.flavors.sqlite import artifacts, attempts, events, metrics, rows, runs
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.run import Metric, StepRun, StepStatus

_COLUMNS = ", ".join(rows.STEP_COLUMNS)
_CHANGING = [column for column in rows.STEP_COLUMNS if column not in ("run_id", "name")]
_WRITE = (
    f"{runs.INSERT_STEP} ON CONFLICT (run_id, name) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _CHANGING)
)  # fmt: skip
_KINDS = {
    StepStatus.PENDING: "step_changed",
    StepStatus.RUNNING: "step_started",
    StepStatus.RETRYING: "step_retrying",
}


def record(
    connection: sqlite3.Connection,
    step: StepRun,
    produced: Sequence[Artifact],
    points: Sequence[Metric],
    input_links: Mapping[str, str] | None,
) -> tuple[Artifact, ...]:
    """Write a step's state with what it produced and used."""
    connection.execute(_WRITE, rows.step_values(step))
    kept = tuple(artifacts.add(connection, artifact) for artifact in produced)
    used = step.inputs if input_links is None else input_links
    if used:
        artifacts.link(connection, step.run_id, step.name, used)
    if points:
        metrics.add(connection, step.run_id, points, step.name)
    _announce(connection, step)
    return kept


def record_all(connection: sqlite3.Connection, steps: Sequence[StepRun]) -> None:
    """Write the states of several steps."""
    for step in steps:
        connection.execute(_WRITE, rows.step_values(step))
        _announce(connection, step)


def _announce(connection: sqlite3.Connection, step: StepRun) -> None:
    data: dict[str, Any] = {"step": step.name, "status": step.status.value, "attempt": step.attempt}
    if step.where:
        data["where"] = step.where
    if step.cached_from:
        data["cached_from"] = step.cached_from
    if step.error is not None:
        data["error"] = {"type": step.error.type, "message": step.error.message}
    events.append(connection, step.run_id, _KINDS.get(step.status, "step_finished"), data)


def of_run(connection: sqlite3.Connection | None, run_id: str) -> tuple[StepRun, ...]:
    """All steps of a run by position. What still says running in a run that is lost is lost too."""
    if connection is None:
        return ()
    sql = f"SELECT {_COLUMNS} FROM steps WHERE run_id = ? ORDER BY position, name"
    told = attempts.progress(connection, run_id)
    found = [rows.step_from(row, told.get(row[1])) for row in connection.execute(sql, (run_id,))]
    unfinished = (StepStatus.RUNNING, StepStatus.RETRYING)
    if any(step.status in unfinished for step in found) and runs.is_lost(connection, run_id):
        found = [
            step.model_copy(update={"status": StepStatus.LOST}) if step.status in unfinished else step
            for step in found
        ]
    return tuple(found)


def cached(connection: sqlite3.Connection | None, cache_key: str) -> CachedStep | None:
    """The newest succeeded step with that cache key; None too if a record of its outputs is gone."""
    if connection is None:
        return None
    row = connection.execute(
        "SELECT run_id, name, finished_at, outputs FROM steps WHERE status = 'succeeded' AND cache_key = ?"
        " ORDER BY finished_at DESC LIMIT 1",
        (cache_key,),
    ).fetchone()
    if row is None or row[2] is None:
        return None
    run_id, name, finished_at, outputs = row
    references: dict[str, ArtifactRef] = {}
    for output, artifact_id in rows.unpacked(outputs).items():
        reference = artifacts.reference(connection, artifact_id)
        if reference is None:
            return None
        references[output] = reference
    return CachedStep.model_validate(
        {
            "run_id": run_id,
            "step": name,
            "finished_at": finished_at,
            "outputs": references,
            "metrics": metrics.of_source(connection, run_id, name),
        }
    )
