"""Runs in a list and beside each other, for people."""

from __future__ import annotations

from collections.abc import Sequence

from stacktui.cli.commands import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, moment, number, short_id, state
from stacktui.operations.runs import Compared, RunComparison, RunList


def listing(document: RunList, face: Face) -> None:
    """The runs as a table."""
    if not document.runs:
        face.err.line("no run matches; start one with: stacktui run pipelines/hello.py:hello")
        return
    face.out.table(
        (
            Column("run"),
            Column("name", least=10, drop=2),
            Column("state"),
            Column("pipeline", least=8),
            Column("stack", least=6, drop=3),
            Column("created", drop=1),
            Column("took", right=True),
            Column("error", least=10, drop=4),
        ),
        [
            (
                short_id(run.id),
                run.name,
                state(run.status.value),
                run.pipeline,
                run.stack,
                moment(run.created_at),
                duration(run.duration_s),
                Span(run.error or "", Tone.ERROR),
            )
            for run in document.runs
        ],
    )
    if document.next is not None:
        face.err.line(f"there are more: --after {document.next}")


def comparison(document: RunComparison, face: Face) -> None:
    """Two runs side by side; what differs is marked."""
    out = face.out
    columns = (
        Column(""),
        Column("what", least=10),
        Column(short_id(document.a.id), literal=True, least=10),
        Column(short_id(document.b.id), literal=True, least=10),
    )
    out.table(
        columns,
        [
            ("", "name", document.a.name, document.b.name),
            ("", "state", state(document.a.status.value), state(document.b.status.value)),
            ("", "created", moment(document.a.created_at), moment(document.b.created_at)),
            ("", "took", duration(document.a.duration_s), duration(document.b.duration_s)),
        ],
    )
    parts: tuple[tuple[str, Sequence[Compared]], ...] = (
        ("Parameters", document.params),
        ("Metrics", document.metrics),
        ("Code", document.code),
        ("Steps", document.steps),
        ("Artifacts", document.artifacts),
    )
    for title, rows in parts:
        if rows:
            out.line("")
            out.heading(title)
            out.table(
                columns,
                [
                    (
                        "" if each.equal else Span("≠", Tone.WARN),
                        each.what,
                        _value(each.a),
                        _value(each.b),
                    )
                    for each in rows
                ],
            )


def _value(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return number(value)
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text


VIEWS = {RunList: listing, RunComparison: comparison}
