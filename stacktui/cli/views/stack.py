"""Stacks, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings, references, summary
from stacktui.cli.words import verdict
from stacktui.model.category import Category
from stacktui.operations.stack import StackDifference, StackDocument, StackList, StackRow, Validation


def listing(document: StackList, face: Face) -> None:
    """The stacks as a table; the active one is marked."""
    if not document.stacks:
        face.err.line("there are no stacks yet; add one with: stacktui stack add NAME")
        return
    face.out.table(
        (
            Column(""),
            Column("name", least=12),
            Column("state"),
            Column("orchestrator", least=8, drop=1),
            Column("artifact store", least=8, drop=2),
            Column("metadata store", least=8, drop=3),
            Column("others", least=6, drop=5),
            Column("description", least=10, drop=4),
        ),
        [
            (
                "●" if row.active else "",
                Span(row.name, Tone.STRONG if row.active else Tone.PLAIN),
                _state(row),
                *(
                    ", ".join(row.components.get(category, ()))
                    for category in (
                        Category.ORCHESTRATOR,
                        Category.ARTIFACT_STORE,
                        Category.METADATA_STORE,
                    )
                ),
                Span(str(sum(not category.required for category in row.components)), Tone.MUTED),
                Span(row.description, Tone.MUTED),
            )
            for row in document.stacks
        ],
    )
    if document.active is None:
        face.err.line("no stack is active; choose one with: stacktui stack use NAME")


def show(document: StackDocument, face: Face) -> None:
    """One stack: what fills each category, and from where."""
    out = face.out
    out.line(
        Span(document.name, Tone.STRONG),
        "  ",
        verdict(document.ok),
        Span(f"  active: {document.active_reason}" if document.active else "", Tone.MUTED),
    )
    if document.description:
        out.line(document.description)
    out.pairs(
        (name, value)
        for name, value in (
            (
                "file",
                document.file + (" (broken; the last good version is in use)" if document.stale else ""),
            ),
            ("extends", " → ".join(document.ancestors) or document.extends or ""),
            ("labels", ", ".join(f"{key}={value}" for key, value in document.labels.items())),
            ("protected", "yes: writing or running asks for its name" if document.protected else ""),
        )
        if value
    )
    out.line("")
    out.table(
        (
            Column("key"),
            Column("category"),
            Column("component", least=10),
            Column("flavor", least=6, drop=2),
            Column("from", drop=1),
        ),
        [
            (
                slot.category.facts.key,
                slot.category.facts.title,
                Span(", ".join(slot.names), Tone.PLAIN)
                if slot.names
                else Span("required, and missing" if slot.required else "none", Tone.MUTED),
                ", ".join(flavor or "unknown" for flavor in slot.flavors),
                Span(slot.origin or "", Tone.MUTED),
            )
            for slot in document.slots
        ],
    )
    if document.steps:
        out.line("")
        out.heading("Step settings")
        out.pairs(
            (f"  {step}", ", ".join(f"{key}={value}" for key, value in settings.items()))
            for step, settings in document.steps.items()
        )
    references(document.used_by, out)
    if document.diagnostics:
        out.line("")
        findings(document.diagnostics, out)


def validation(document: Validation, face: Face) -> None:
    """The findings and the verdict; for CI in the form that was asked for."""
    if document.report is not None:
        face.out.raw(document.report)
        return
    findings(document.diagnostics, face.out)
    what = f"stack {document.stack}" if document.stack is not None else "the workspace"
    face.out.line(
        verdict(document.ok, f"{what} is valid", f"{what} is not valid"), f": {summary(document.diagnostics)}"
    )


def difference(document: StackDifference, face: Face) -> None:
    """What is otherwise, side by side."""
    if document.equal:
        face.out.line(f"{document.a} and {document.b} are the same after inheritance")
        return
    face.out.table(
        (
            Column("what"),
            Column(document.a, literal=True, least=10),
            Column(document.b, literal=True, least=10),
        ),
        [(each.what, _value(each.a), _value(each.b)) for each in document.differences],
    )


def _state(row: StackRow) -> Span:
    if row.ok and row.warnings:
        return Span(f"! {row.warnings} warnings" if row.warnings > 1 else "! 1 warning", Tone.WARN)
    if not row.ok:
        return verdict(False, no=f"{row.errors} errors" if row.errors > 1 else "1 error")
    return verdict(True)


def _value(value: object) -> str:
    if value is None:
        return "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


VIEWS = {
    StackList: listing,
    StackDocument: show,
    Validation: validation,
    StackDifference: difference,
}
