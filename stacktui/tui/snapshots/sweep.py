"""Several runs as one table: what differs between their parameters, their metrics, how they went. Used by the sweep's
screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from stacktui.categories.errors import NotFound
from stacktui.model.text import Clean, clean
from stacktui.tui.snapshots.runs import params_text

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run
    from stacktui.operations.session import Session


@dataclass(frozen=True)
class SweepLine:
    """One run of the table."""

    id: str
    name: Clean
    status: str
    started_at: datetime | None
    duration_s: float | None
    values: tuple[Any, ...]
    """One a column: a number as it is, anything else as clean text; None where the run has none."""
    pinned: bool
    raw_note: str
    """As it was written."""


@dataclass(frozen=True)
class SweepColumn:
    """A parameter that differs, or a metric."""

    kind: str
    """`param` or `metric`."""
    title: Clean


@dataclass(frozen=True)
class Sweep:
    """The table."""

    group: str | None
    """The id of the sweep; None for runs that were chosen one by one."""
    title: Clean
    columns: tuple[SweepColumn, ...]
    lines: tuple[SweepLine, ...]
    same: Clean
    """The parameters that all runs share, in one line."""


def load_sweep(session: Session, group: str | None, run_ids: Sequence[str], store_name: str | None) -> Sweep:
    """The runs of a sweep, or those named, the oldest first. Blocks: reads the store."""
    from stacktui.operations.sweep import compare_runs, runs_of, which_group

    store = session.store(store_name)
    if group is not None:
        runs = runs_of(store, which_group(store, group))
    else:
        runs = [run for run_id in run_ids if (run := _found(store, run_id)) is not None]
    made = compare_runs(store, runs)
    lines = tuple(
        SweepLine(
            run.id, clean(run.name), str(run.status), run.started_at, run.duration_s,
            (
                *(_value(row.params.get(name)) for name in made.params),
                *(_value(row.metrics.get(key)) for key in made.metrics),
            ),
            run.pinned, run.note,
        )
        for run, row in zip(runs, made.runs, strict=True)
    )  # fmt: skip
    columns = (
        *(SweepColumn("param", clean(name)) for name in made.params),
        *(SweepColumn("metric", clean(key)) for key in made.metrics),
    )
    pipelines = list(dict.fromkeys(run.pipeline for run in runs))
    title = clean(f"{len(runs):,} runs of {', '.join(pipelines)}" if pipelines else "no runs")
    return Sweep(group and runs[0].group if runs else group, title, columns, lines, params_text(made.same))


def _found(store: MetadataStore, run_id: str) -> Run | None:
    try:
        return store.run(run_id)
    except NotFound:
        return None


def in_order(lines: Sequence[SweepLine], by: int | str, descending: bool) -> list[SweepLine]:
    """The lines sorted by a column's place, by `took`, or as they were started (`run`); those without a value come
    last either way."""

    def value_of(line: SweepLine) -> Any:
        if by == "run":
            return line.id
        if by == "took":
            return line.duration_s
        return line.values[by] if isinstance(by, int) and by < len(line.values) else None

    have = [line for line in lines if value_of(line) is not None]
    lack = [line for line in lines if value_of(line) is None]
    # Numbers before texts, where a parameter has both.
    have.sort(key=lambda line: (isinstance(value_of(line), str), value_of(line)), reverse=descending)
    return have + lack


def _value(value: Any) -> Any:
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return clean(value)
