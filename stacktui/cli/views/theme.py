"""Themes, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.documents import findings
from stacktui.operations.theme import ThemeList


def listing(document: ThemeList, face: Face) -> None:
    """The themes as a table."""
    face.out.table(
        (Column("theme"), Column("kind"), Column("description", least=20, drop=1)),
        [
            (row.name, "dark" if row.dark else "light", Span(row.description, Tone.MUTED))
            for row in document.themes
        ],
    )
    findings(document.diagnostics, face.err)


VIEWS = {ThemeList: listing}
