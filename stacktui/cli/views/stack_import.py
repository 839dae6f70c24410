"""Imported stacks, for people: what became of each thing in the file, what was written, what is still missing."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Out, Span, Tone
from stacktui.cli.views.documents import findings, summary
from stacktui.cli.words import plural, verdict
from stacktui.operations.exchange.report import SIGNS, Outcome, ReportRow, SecretNeed
from stacktui.operations.stack_import import StackImport

_STATES: dict[str, tuple[str, Tone]] = {
    "held": ("✓ there", Tone.OK),
    "set": ("✓ set now", Tone.OK),
    "missing": ("? missing", Tone.WARN),
    "unknown": ("? unknown", Tone.WARN),
}


def imported(document: StackImport, face: Face) -> None:
    """The report, then what was done, then what is left to do."""
    out = face.out
    origin = {"zenml": "ZenML", "bundle": "stacktui"}[document.source]
    out.line(
        Span(document.stack, Tone.STRONG),
        Span(f"  from a file of {origin} {document.source_version}".rstrip(), Tone.MUTED),
    )
    _report(document.report, out)
    if document.secrets:
        out.line("")
        _secrets(document.secrets, out)
    if document.diagnostics:
        out.line("")
        findings(document.diagnostics, out)
    out.line("")
    _done(document, out)
    _next(document, face.err)


def _report(rows: tuple[ReportRow, ...], out: Out) -> None:
    """A line a row, and under it why: sentences are too long for a column."""
    for row in rows:
        sign, tone = SIGNS[row.outcome][0], Tone[SIGNS[row.outcome][1]]
        origin = f"  {row.origin}" if row.origin else ""
        out.line(
            Span(f"{sign} {row.outcome.replace('_', ' '):<12} ", tone), row.subject, Span(origin, Tone.MUTED)
        )
        if row.message and row.outcome not in (Outcome.NEW, Outcome.SAME):
            out.line("    ", Span(row.message, Tone.MUTED))


def _secrets(needs: tuple[SecretNeed, ...], out: Out) -> None:
    out.table(
        (
            Column("secret", least=12),
            Column("state"),
            Column("used by", least=16),
            Column("note", least=10, drop=1),
        ),
        [
            (
                f"{each.name}.{each.key}",
                Span(*_STATES[each.state]),
                ", ".join(each.used_by),
                Span(each.reason or ("in the file in clear" if each.in_file else ""), Tone.MUTED),
            )
            for each in needs
        ],
    )


def _done(document: StackImport, out: Out) -> None:
    state = verdict(document.ok, "valid", f"not valid yet: {summary(document.diagnostics)}")
    if document.conflicts:
        out.line(f"{plural(len(document.conflicts), 'conflict')}: nothing would be written")
    elif document.dry_run:
        out.line(
            f"would write {plural(len(document.files), 'file')}; stack {document.stack} would be ", state
        )
    elif not document.written:
        out.line(f"nothing to change: all of it is here; stack {document.stack} is ", state)
    else:
        out.line(
            f"wrote {plural(len(document.files), 'file')} as one edit; stack {document.stack} is ", state
        )
    if document.dry_run or document.written:
        symbols = {"created": "+", "changed": "~", "deleted": "-"}
        for file in document.files:
            out.line(Span(f"  {symbols[file.action]} {file.file}", Tone.MUTED))


def _next(document: StackImport, err: Out) -> None:
    if document.conflicts:
        err.line(
            "choose with --on-conflict rename, keep or replace, or one by one with --choose SUBJECT=rename"
        )
    missing = [each for each in document.secrets if each.state == "missing"]
    if missing and not document.dry_run:
        first = missing[0]
        more = f" ({len(missing) - 1} more)" if len(missing) > 1 else ""
        err.line(
            f"set what is missing with: stacktui --stack {document.stack} secret set {first.name} {first.key}{more}"
        )
    if document.written:
        err.line(
            f"take all of it back with: stacktui undo; make it the active stack with: stacktui stack use {document.stack}"
        )


VIEWS = {StackImport: imported}
