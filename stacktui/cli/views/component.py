"""Components, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings, references
from stacktui.cli.words import duration, verdict
from stacktui.operations.component import ComponentDocument, ComponentList, ProbeDocument


def listing(document: ComponentList, face: Face) -> None:
    """The components as a table; those of the active stack are marked."""
    if not document.components:
        face.err.line(
            "no component matches; add one with: stacktui component add CATEGORY NAME --flavor FLAVOR"
        )
        return
    face.out.table(
        (
            Column(""),
            Column("category"),
            Column("name", least=12),
            Column("state"),
            Column("flavor", least=6, drop=1),
            Column("labels", least=8, drop=3),
            Column("description", least=10, drop=2),
        ),
        [
            (
                "●" if row.in_active_stack else "",
                row.category,
                row.name,
                verdict(row.ok) if not row.stale else Span("! stale", Tone.WARN),
                row.flavor,
                Span(", ".join(f"{key}={value}" for key, value in row.labels.items()), Tone.MUTED),
                Span(row.description, Tone.MUTED),
            )
            for row in document.components
        ],
    )


def show(document: ComponentDocument, face: Face) -> None:
    """One component."""
    out = face.out
    out.line(Span(f"{document.category}/{document.name}", Tone.STRONG), "  ", verdict(document.ok))
    if document.description:
        out.line(document.description)
    stale = " (broken; the last good version is in use)" if document.stale else ""
    out.pairs(
        (name, value)
        for name, value in (
            ("flavor", document.flavor),
            ("file", document.file + stale),
            ("labels", ", ".join(f"{key}={value}" for key, value in document.labels.items())),
        )
        if value
    )
    if document.config:
        out.line("")
        out.heading("Configuration")
        out.pairs((f"  {key}", str(value)) for key, value in document.config.items())
    references(document.used_by, out)
    if document.diagnostics:
        out.line("")
        findings(document.diagnostics, out)


def probe(document: ProbeDocument, face: Face) -> None:
    """What answered, and how fast."""
    face.out.line(
        verdict(document.ok, "reachable", "not reachable"),
        f"  {document.category}/{document.name}: {document.message}",
        Span(f"  {duration(document.latency_s)}" if document.ok else "", Tone.MUTED),
    )


VIEWS = {ComponentList: listing, ComponentDocument: show, ProbeDocument: probe}
