"""Two runs beside each other, for people."""

from __future__ import annotations

from collections.abc import Sequence

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, moment, number, state
from stacktui.model.base import short_id
from stacktui.operations.runs_compare import Compared, RunComparison


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


VIEWS = {RunComparison: comparison}
