"""The inbox, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import stamp
from stacktui.model.base import short_id
from stacktui.operations.alert import AlertDocument, AlertList, AlertRow
from stacktui.operations.moments import with_zone

_LEVELS = {
    "info": ("·", Tone.PLAIN),
    "success": ("✓", Tone.OK),
    "warning": ("!", Tone.WARN),
    "error": ("✗", Tone.ERROR),
}


def listing(document: AlertList, face: Face) -> None:
    """Messages and questions as a table."""
    if not document.alerts:
        face.err.line("nothing is in the inbox")
        return
    face.out.table(
        (
            Column("id"),
            Column(with_zone("created", (row.created_at for row in document.alerts)), drop=1),
            Column("level"),
            Column("text", least=20),
            Column("answer", least=8),
            Column("from", least=6, drop=2),
        ),
        [
            (
                short_id(row.id),
                stamp(row.created_at),
                Span(f"{_LEVELS[row.level.value][0]} {row.level.value}", _LEVELS[row.level.value][1]),
                row.text,
                _answer(row),
                Span(row.alerter, Tone.MUTED),
            )
            for row in document.alerts
        ],
    )
    if any(row.pending for row in document.alerts):
        face.err.line("answer with: stacktui alert answer ID CHOICE")


def answered(document: AlertDocument, face: Face) -> None:
    """The question and its answer."""
    face.out.line(document.text, ": ", Span(document.answer_given or "", Tone.STRONG))


def _answer(row: AlertRow) -> Span:
    if row.pending:
        return Span(f"? {' / '.join(row.choices)}", Tone.WARN)
    if row.kind != "question":
        return Span("")
    who = f" by {row.answered_by}" if row.answered_by else ""
    return Span(f"{row.answer_given}{who}" if row.answer_given is not None else "none in time")


VIEWS = {AlertList: listing, AlertDocument: answered}
