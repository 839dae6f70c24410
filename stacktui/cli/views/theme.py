"""Themes, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings
from stacktui.operations.documents import Document
from stacktui.operations.theme import ThemeDocument, ThemeList


def listing(document: ThemeList, face: Face) -> None:
    """The themes as a table."""
    face.out.table(
        (Column("theme"), Column("kind"), Column("from"), Column("description", least=20, drop=1)),
        [
            (row.name, "dark" if row.dark else "light", row.source, Span(row.description, Tone.MUTED))
            for row in document.themes
        ],
    )
    findings(document.diagnostics, face.err)


def show(document: ThemeDocument, face: Face) -> None:
    """Its colors by name."""
    out = face.out
    out.line(Span(document.name, Tone.STRONG), Span(f"  {document.description}", Tone.MUTED))
    out.pairs((("file", document.file or ""), ("ground", "dark" if document.dark else "light")))
    for title, items in (("Colors", document.colors), ("Variables", document.variables)):
        if items:
            out.line("")
            out.heading(title)
            out.pairs(items.items())


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {ThemeList: listing, ThemeDocument: show}
