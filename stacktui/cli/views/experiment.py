"""Experiments, for people: tables of metrics, and curves drawn with blocks."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Out, Span, Tone
from stacktui.cli.words import moment, number, stamp, state
from stacktui.model.base import short_id
from stacktui.operations.experiment import (
    CurveDocument,
    ExperimentComparison,
    ExperimentDocument,
    ExperimentList,
)
from stacktui.operations.moments import with_zone
from stacktui.operations.runs_compare import alike

_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_COLUMNS = 6


def listing(document: ExperimentList, face: Face) -> None:
    """The experiments with their last metrics."""
    if not document.experiments:
        face.err.line("no experiment yet; a step logs with context().experiment_tracker.log_metric(…)")
        return
    keys = list(dict.fromkeys(key for row in document.experiments for key in row.metrics))[:_MOST_COLUMNS]
    face.out.table(
        (
            Column("run"),
            Column("experiment", least=8),
            Column("state"),
            Column(with_zone("started", (row.started_at for row in document.experiments)), drop=1),
            *(Column(key, literal=True, right=True, drop=2 + place) for place, key in enumerate(keys)),
            Column("parameters", least=10, drop=20),
        ),
        [
            (
                short_id(row.run_id),
                row.experiment,
                state(row.status),
                stamp(row.started_at),
                *(number(row.metrics.get(key)) for key in keys),
                Span(", ".join(f"{key}={value}" for key, value in row.params.items()), Tone.MUTED),
            )
            for row in document.experiments
        ],
    )


def show(document: ExperimentDocument, face: Face) -> None:
    """One experiment."""
    out = face.out
    out.line(Span(document.name, Tone.STRONG), "  ", state(document.status))
    out.pairs(
        (
            ("run", document.run_id),
            ("experiment", document.experiment),
            ("tracker", document.tracker),
            ("started", moment(document.started_at)),
        )
    )
    for title, items in (
        ("Parameters", {key: str(value) for key, value in document.params.items()}),
        ("Metrics", {key: number(value) for key, value in document.metrics.items()}),
    ):
        if items:
            out.line("")
            out.heading(title)
            out.pairs((f"  {key}", value) for key, value in items.items())
    if document.files:
        out.line("")
        out.heading("Files")
        for name in document.files:
            out.line("  ", name)


def curve(document: CurveDocument, face: Face) -> None:
    """The curve in a line, and where it began, turned and ended."""
    values = [point.value for point in document.points]
    out = face.out
    out.line(Span(document.key, Tone.STRONG), Span(f"  run {short_id(document.run_id)}", Tone.MUTED))
    if not values:
        return
    out.line(sparkline(values, out))
    out.pairs(
        (
            ("points", str(len(values))),
            ("first", number(values[0])),
            ("last", number(values[-1])),
            ("least", number(min(values))),
            ("most", number(max(values))),
        )
    )


def comparison(document: ExperimentComparison, face: Face) -> None:
    """A column an experiment."""
    rows = document.experiments
    columns = (
        Column(""),
        Column("what", least=10),
        *(Column(short_id(row.run_id), literal=True, least=8) for row in rows),
    )
    for title, keys in (("Parameters", document.params), ("Metrics", document.metrics)):
        if not keys:
            continue
        face.out.heading(title)
        lines = []
        for key in keys:
            values = [(row.params if title == "Parameters" else row.metrics).get(key) for row in rows]
            same = all(alike(value, values[0]) for value in values)
            shown = ["-" if v is None else number(v) if isinstance(v, float) else str(v) for v in values]
            lines.append(("" if same else Span("≠", Tone.WARN), key, *shown))
        face.out.table(columns, lines)


def sparkline(values: Sequence[float], out: Out) -> str:
    """The values as blocks of rising height, as many as there is room for."""
    room = min(out.width or 80, 80)
    if len(values) > room:
        values = [values[place * (len(values) - 1) // (room - 1)] for place in range(room)]
    finite = [value for value in values if isfinite(value)] or [0.0]
    least, most = min(finite), max(finite)
    blocks = _BLOCKS if out.unicode else "_.-~*^"
    span = (most - least) or 1.0
    return "".join(
        blocks[min(int((value - least) / span * len(blocks)), len(blocks) - 1)] if isfinite(value) else " "
        for value in values
    )


VIEWS = {
    ExperimentList: listing,
    ExperimentDocument: show,
    CurveDocument: curve,
    ExperimentComparison: comparison,
}
