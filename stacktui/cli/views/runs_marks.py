"""Runs that were deleted, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import plural
from stacktui.model.base import short_id
from stacktui.operations.runs_marks import DeletedDocument


def deleted(document: DeletedDocument, face: Face) -> None:
    """What is gone, and what stays because others rely on it."""
    names = ", ".join(short_id(run_id) for run_id in document.deleted)
    face.out.line(f"deleted {plural(len(document.deleted), 'run')}: {names}")
    for use in document.kept_artifacts:
        why = [f"tag {tag}" for tag in use.tags] + [f"used by run {short_id(each)}" for each in use.used_by]
        face.out.line(f"  kept {use.artifact}", Span(f"  {', '.join(why)}", Tone.MUTED))


VIEWS = {DeletedDocument: deleted}
