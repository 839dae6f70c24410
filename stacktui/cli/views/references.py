"""Renames and deletions, for people: what was written, and who else names the object."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.views.documents import change
from stacktui.operations.references import ReferencesDocument


def names(document: ReferencesDocument, face: Face) -> None:
    """The files, and on stderr the Python that still says the old name."""
    change(document, face)
    if document.python:
        face.err.line("")
        face.err.line("not changed, because it is Python; look at:")
        for use in document.python:
            face.err.line("  ", Span(f"{use.file}:{use.line}", Tone.STRONG), f"  {use.text}")


VIEWS = {ReferencesDocument: names}
