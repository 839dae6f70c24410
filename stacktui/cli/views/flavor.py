"""Flavors, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import verdict
from stacktui.operations.flavor import FlavorDocument, FlavorList


def listing(document: FlavorList, face: Face) -> None:
    """The flavors as a table, with the line that installs what is missing."""
    face.out.table(
        (
            Column("category"),
            Column("flavor"),
            Column("state"),
            Column("provider", drop=1),
            Column("summary", least=12, drop=2),
            Column("install", least=10, drop=3),
        ),
        [
            (
                row.category,
                row.name,
                verdict(row.installed, "installed", "not installed"),
                row.provider,
                Span(row.summary, Tone.MUTED),
                "" if row.installed else row.install,
            )
            for row in document.flavors
        ],
    )
    for problem in document.problems:
        face.err.line(Span("✗ ", Tone.ERROR), f"{problem.source}: {problem.reason}")


def show(document: FlavorDocument, face: Face) -> None:
    """One flavor and the fields of its configuration."""
    out = face.out
    out.line(
        Span(f"{document.category}/{document.name}", Tone.STRONG),
        "  ",
        verdict(document.installed and document.problem is None, "installed", "cannot be used"),
    )
    out.line(document.summary)
    if document.problem is not None:
        out.line(Span(document.problem, Tone.ERROR))
    out.pairs(
        (name, value)
        for name, value in (
            ("provider", document.provider),
            ("runs", "" if document.remote is None else "elsewhere" if document.remote else "on this host"),
            ("can", ", ".join(document.capabilities)),
            ("cannot", ", ".join(document.absent)),
            ("missing", ", ".join(document.missing)),
            ("install", document.install),
            ("used by", ", ".join(document.used_by)),
        )
        if value
    )
    for demand in document.demands:
        out.line(Span("needs ", Tone.MUTED), demand.category.facts.title, f": {demand.reason}")
    if document.fields:
        out.line("")
        out.table(
            (
                Column("field"),
                Column("type", least=8, drop=2),
                Column("default", least=6, drop=1),
                Column("description", least=20, drop=3),
            ),
            [
                (
                    field.name,
                    field.type + (", or a secret" if field.secretable else ""),
                    Span("required", Tone.WARN)
                    if field.required
                    else ""
                    if field.default is None
                    else str(field.default),
                    Span(field.description, Tone.MUTED),
                )
                for field in document.fields
            ],
        )


VIEWS = {FlavorList: listing, FlavorDocument: show}
