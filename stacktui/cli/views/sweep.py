"""A sweep as it happens, and several runs as one table, for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Text, Tone
from stacktui.cli.words import duration, number, plural, state
from stacktui.model.base import short_id
from stacktui.operations.documents import Part
from stacktui.operations.sweep import (
    ComparedRun,
    RunsCompared,
    SweepBegan,
    SweepEvent,
    SweepFinished,
    SweepStarted,
)


def started(document: SweepStarted, face: Face) -> None:
    """The runs' ids, and on stderr how to look at them as one."""
    for run_id in document.run_ids:
        face.out.line(run_id)
    face.err.line(
        f"they run by themselves; compare them with: stacktui runs compare --group {short_id(document.group)}"
    )


def began(part: SweepBegan, face: Face) -> None:
    """How many runs there are."""
    face.out.line(Span(f"sweep {short_id(part.group)}", Tone.STRONG), f" of {plural(len(part.runs), 'run')}")


def event(part: SweepEvent, face: Face) -> None:
    """A run that begins or ends, a step that fails, a question; the rest stands in the runs themselves."""
    out = face.out
    if part.event == "run_started":
        out.line(state("running"), f"  {_values(part)}")
    elif part.event == "run_finished":
        metrics = part.data.get("metrics") or {}
        shown = "  ".join(f"{key}={number(value)}" for key, value in metrics.items())
        error = f"  {part.data['error']}" if part.data.get("error") else ""
        out.line(
            state(part.status or "?"),
            f"  {_values(part)}",
            Span(f"  {shown}" if shown else "", Tone.MUTED),
            Span(error, Tone.ERROR),
            Span(f"  ({part.done} of {part.total})", Tone.MUTED),
        )
    elif part.event == "stop_requested":
        face.err.line("asked all of them to stop; once more leaves them to themselves")
    elif part.event == "left_running":
        face.err.line(f"they go on; compare them with: stacktui runs compare --group {short_id(part.group)}")
    elif part.event in ("question", "message"):
        out.line(Span("? " if part.event == "question" else "· ", Tone.WARN), part.text or "")
        if part.event == "question":
            id_, choices = short_id(str(part.data.get("id", ""))), "|".join(part.data.get("choices", ()))
            face.err.line(f"answer it with: stacktui alert answer {id_} {choices}")


def finished(part: SweepFinished, face: Face) -> None:
    """The runs as one table."""
    face.out.line("")
    comparison(part.compared, face)
    face.out.line("")
    face.out.line(state(part.status.value), Span(f"  sweep {short_id(part.group)}", Tone.STRONG))


def comparison(document: RunsCompared, face: Face) -> None:
    """A row a run: what differs, the metrics, how long it took."""
    if document.same:
        same = ", ".join(f"{name}={value}" for name, value in document.same.items())
        face.out.line(Span(f"the same in all: {same}", Tone.MUTED))
    face.out.table(
        (
            Column("run"),
            *(Column(name, literal=True, least=6) for name in document.params),
            Column("state"),
            *(Column(key, right=True, literal=True) for key in document.metrics),
            Column("took", right=True),
            Column("error", least=10, drop=1),
        ),
        [_row(run, document.params, document.metrics) for run in document.runs],
    )


def _row(run: ComparedRun, params: Sequence[str], metrics: Sequence[str]) -> Sequence[Text]:
    return (
        short_id(run.id),
        *(str(run.params.get(name, "")) for name in params),
        state(run.status.value),
        *(number(run.metrics.get(key)) for key in metrics),
        duration(run.duration_s),
        Span(run.error or "", Tone.ERROR),
    )


def _values(part: SweepEvent) -> str:
    return " ".join(f"{name}={value}" for name, value in part.values.items())


VIEWS: dict[type[Part], Callable[[Any, Face], None]] = {
    SweepStarted: started,
    SweepBegan: began,
    SweepEvent: event,
    SweepFinished: finished,
    RunsCompared: comparison,
}
