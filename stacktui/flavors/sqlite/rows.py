"""Between rows and nouns: JSON columns, times, text that SQLite cannot hold as it is. Used by every module of SQL."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json

from stacktui.model.run import Event, Metric, Run, StepAttempt, StepProgress, StepRun

RUN_COLUMNS = (
    "id", "name", "pipeline", "target", "stack", "status", "params", "labels", "created_at", "started_at",
    "finished_at", "error", "user", "host", "holder", "code", "retry_of", "group_id", "note", "pinned", "resumes",
    "waits_for",
)  # fmt: skip
RUN_FIELDS = tuple("group" if column == "group_id" else column for column in RUN_COLUMNS)
DETAIL_COLUMNS = ("graph", "stack_snapshot", "environment")
STEP_COLUMNS = (
    "run_id", "name", "position", "status", "attempt", '"where"', "started_at", "finished_at", "params",
    "cache_key", "cached_from", "cache_reason", "inputs", "outputs", "error",
)  # fmt: skip
ATTEMPT_COLUMNS = ("run_id", "name", "attempt", "status", '"where"', "started_at", "finished_at", "error")
PROGRESS_COLUMNS = ("run_id", "step", "done", "total", "text", "at")
_STEP_FIELDS = tuple(column.strip('"') for column in STEP_COLUMNS)
_ATTEMPT_FIELDS = tuple(column.strip('"') for column in ATTEMPT_COLUMNS)
_RUN_JSON = (6, 7, 14, 15)
_STEP_JSON = (8, 12, 13, 14)

Row = Sequence[Any]


def packed(value: Any) -> str:
    """`value` as JSON text. What JSON cannot say becomes its `str`; a run is never lost over a parameter."""
    if not value and isinstance(value, (dict, tuple, list)):
        return "{}" if isinstance(value, dict) else "[]"
    try:
        return to_json(value, inf_nan_mode="constants", fallback=str).decode()
    except (PydanticSerializationError, ValueError):
        # Lone surrogates, as undecodable file names have: escaped they can be stored and come back.
        return json.dumps(value, separators=(",", ":"), default=_plain)


def unpacked(text: str) -> Any:
    """The value that `packed` wrote."""
    if text == "{}":
        return {}
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def packed_noun(noun: BaseModel | None) -> str | None:
    """A nested noun as JSON text."""
    return None if noun is None else packed(noun.__dict__)


def _plain(value: Any) -> Any:
    return value.__dict__ if isinstance(value, BaseModel) else str(value)


def plain_text(text: str) -> str:
    """`text` without what UTF-8 cannot hold: half a surrogate pair becomes its escape."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def stamp(moment: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC with microseconds and `Z`: such texts sort as the times do."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def stamp_now() -> str:
    """The current time as `stamp` writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def run_values(run: Run) -> tuple[Any, ...]:
    """What `RUN_COLUMNS` hold for a run."""
    return (
        run.id, plain_text(run.name), run.pipeline, run.target, run.stack, run.status.value, packed(run.params),
        packed(run.labels), stamp(run.created_at), stamp(run.started_at), stamp(run.finished_at),
        None if run.error is None else plain_text(run.error), run.user, run.host, packed_noun(run.holder),
        packed_noun(run.code), run.retry_of, run.group, plain_text(run.note), int(run.pinned), run.resumes,
        plain_text(run.waits_for),
    )  # fmt: skip


def detail_values(run: Run) -> tuple[str, str, str]:
    """What `DETAIL_COLUMNS` hold for a run."""
    graph = [{"name": node.name, "after": node.after} for node in run.graph]
    return packed(graph), packed(run.stack_snapshot), packed(run.environment)


def run_from(row: Row, details: Row | None = None) -> Run:
    """A run from the values of `RUN_COLUMNS`, whole with those of `DETAIL_COLUMNS`."""
    fields = dict(zip(RUN_FIELDS, row, strict=False))
    for index in _RUN_JSON:
        text = row[index]
        if text is not None:
            fields[RUN_FIELDS[index]] = unpacked(text)
    if details is not None:
        fields.update(zip(DETAIL_COLUMNS, map(unpacked, details), strict=True))
    return Run.model_validate(fields)


def step_values(step: StepRun) -> tuple[Any, ...]:
    """What `STEP_COLUMNS` hold for a step."""
    return (
        step.run_id, step.name, step.position, step.status.value, step.attempt, step.where,
        stamp(step.started_at), stamp(step.finished_at), packed(step.params), step.cache_key, step.cached_from,
        step.cache_reason, packed(step.inputs), packed(step.outputs), packed_noun(step.error),
    )  # fmt: skip


def step_from(row: Row, progress: StepProgress | None = None) -> StepRun:
    """A step from the values of `STEP_COLUMNS`."""
    fields = dict(zip(_STEP_FIELDS, row, strict=True))
    if progress is not None:
        fields["progress"] = progress
    for index in _STEP_JSON:
        text = row[index]
        if text is not None:
            fields[_STEP_FIELDS[index]] = unpacked(text)
    return StepRun.model_validate(fields)


def attempt_values(attempt: StepAttempt) -> tuple[Any, ...]:
    """What `ATTEMPT_COLUMNS` hold for an attempt."""
    return (
        attempt.run_id, attempt.name, attempt.attempt, attempt.status.value, attempt.where,
        stamp(attempt.started_at), stamp(attempt.finished_at), packed_noun(attempt.error),
    )  # fmt: skip


def attempt_from(row: Row) -> StepAttempt:
    """An attempt from the values of `ATTEMPT_COLUMNS`."""
    fields = dict(zip(_ATTEMPT_FIELDS, row, strict=True))
    if fields["error"] is not None:
        fields["error"] = unpacked(fields["error"])
    return StepAttempt.model_validate(fields)


def progress_values(run_id: str, step: str, progress: StepProgress) -> tuple[Any, ...]:
    """What `PROGRESS_COLUMNS` hold."""
    # What is not a number says nothing about how far a step is.
    done = 0.0 if math.isnan(progress.done) else progress.done
    total = None if progress.total is None or math.isnan(progress.total) else progress.total
    return run_id, step, done, total, plain_text(progress.text), stamp(progress.at)


def metric_values(run_id: str, metric: Metric, source: str = "") -> tuple[Any, ...]:
    """What a row of `metrics` holds; `source` counts where the metric names none."""
    value = metric.value
    return (
        run_id, plain_text(metric.key), metric.step, stamp(metric.at), metric.source or source,
        None if math.isnan(value) else value,
    )  # fmt: skip


def metric_from(row: Row) -> Metric:
    """A metric from (key, step, at, source, value)."""
    key, step, at, source, value = row
    return Metric.model_validate(
        {"key": key, "step": step, "at": at, "source": source, "value": math.nan if value is None else value}
    )


def event_from(row: Row) -> Event:
    """An event from (id, run_id, kind, at, data)."""
    number, run_id, kind, at, data = row
    return Event.model_validate(
        {"id": number, "run_id": run_id, "kind": kind, "at": at, "data": unpacked(data)}
    )


def marks(count: int) -> str:
    """`?, ?, ?` for so many values."""
    return ", ".join("?" * count)
