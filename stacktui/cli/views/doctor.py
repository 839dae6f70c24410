"""What the doctor found, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import severity, verdict
from stacktui.operations.doctor import CodeList, DoctorDocument

_VERDICTS = {
    "ok": ("✓", Tone.OK),
    "note": ("·", Tone.MUTED),
    "warning": ("!", Tone.WARN),
    "error": ("✗", Tone.ERROR),
}


def doctor(document: DoctorDocument, face: Face) -> None:
    """A line a check, by area, and what to do."""
    out = face.out
    area = ""
    wide = max(len(each.name) for each in document.checks)
    for each in document.checks:
        if each.area != area:
            if area:
                out.line("")
            area = each.area
            out.heading(area.capitalize())
        symbol, tone = _VERDICTS[each.verdict]
        out.line("  ", Span(symbol, tone), f" {each.name.ljust(wide)}  {each.value}")
        if each.advice:
            out.line(" " * (wide + 6), Span(each.advice, Tone.MUTED))
    out.line("")
    out.line(verdict(document.ok, "nothing stands in the way", "something stands in the way"))


def codes(document: CodeList, face: Face) -> None:
    """A line a code."""
    face.out.table(
        (Column("code"), Column("severity"), Column("what it says", least=30)),
        [(each.code, severity(each.severity.value), each.title) for each in document.codes],
    )


VIEWS = {DoctorDocument: doctor, CodeList: codes}
