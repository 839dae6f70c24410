"""The documents that many operations return, and findings and references, which stand in several."""

from __future__ import annotations

from collections.abc import Iterable

from stacktui.cli.face import Face
from stacktui.cli.terminal import Out, Span, Tone
from stacktui.cli.words import plural, severity
from stacktui.operations.documents import ChangeDocument, DiagnosticPart, DoneDocument
from stacktui.operations.references import Reference


def change(document: ChangeDocument, face: Face) -> None:
    """What was written, and on stderr what the rules say about it."""
    symbols = {"created": "+", "changed": "~", "deleted": "-"}
    if not document.files:
        face.out.line("nothing to change")
    for file in document.files:
        face.out.line(f"{symbols[file.action]} {file.action} ", file.file)
    findings(document.diagnostics, face.err)


def done(document: DoneDocument, face: Face) -> None:
    """One line."""
    face.out.line(document.done)


def findings(found: Iterable[DiagnosticPart], out: Out) -> None:
    """One finding a line, where it is, and its fix under it."""
    for each in found:
        place = each.file or each.subject or ""
        if each.line is not None:
            place += f":{each.line}" + (f":{each.column}" if each.column is not None else "")
        out.line(severity(each.severity), Span(f"  {each.code}  ", Tone.MUTED), Span(place, Tone.STRONG))
        out.line("    ", each.message)
        if each.fix is not None:
            out.line("    ", Span(f"fix: {each.fix.title}", Tone.MUTED))


def summary(found: Iterable[DiagnosticPart]) -> str:
    """`2 errors, 1 warning`, or `no findings`."""
    counts: dict[str, int] = {}
    for each in found:
        counts[each.severity.value] = counts.get(each.severity.value, 0) + 1
    parts = [plural(counts[kind], kind) for kind in ("error", "warning", "hint") if kind in counts]
    return ", ".join(parts) or "no findings"


def references(found: Iterable[Reference], out: Out) -> None:
    """Who refers to the object."""
    rows = list(found)
    if rows:
        out.line("")
        out.heading("Used by")
        for each in rows:
            place = each.file if each.line is None else f"{each.file}:{each.line}"
            out.line("  ", each.name, Span(f"  {each.how}  {place}", Tone.MUTED))


VIEWS = {ChangeDocument: change, DoneDocument: done}
