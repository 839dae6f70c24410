"""Undo and redo, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.views import documents
from stacktui.operations.documents import Document
from stacktui.operations.undo import UndoDocument


def step(document: UndoDocument, face: Face) -> None:
    """What was written; with `--dry-run` the diff of what would be."""
    if document.dry_run:
        face.out.block(document.diff.rstrip("\n"))
        face.err.line(
            Span(f"{document.title}: nothing was written; leave out --dry-run to do it", Tone.MUTED)
        )
        return
    face.err.line(Span("✓ ", Tone.OK), document.title)
    documents.change(document, face)


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {UndoDocument: step}
