"""Runs in a list and beside each other, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, stamp, state
from stacktui.model.base import short_id
from stacktui.model.run import RunStatus
from stacktui.operations.moments import with_zone
from stacktui.operations.runs import RunList


def listing(document: RunList, face: Face) -> None:
    """The runs as a table."""
    if not document.runs:
        face.err.line("no run matches; start one with: stacktui run pipelines/hello.py:hello")
        return
    face.out.table(
        (
            Column("run"),
            Column("name", least=10, drop=2),
            Column("state"),
            Column("pipeline", least=8),
            Column("stack", least=6, drop=3),
            Column(with_zone("created", (run.created_at for run in document.runs)), drop=1),
            Column("took", right=True),
            Column("waits for", least=10, drop=4),
            Column("error", least=10, drop=4),
            Column("pinned", drop=6),
            Column("note", least=8, drop=5),
        ),
        [
            (
                short_id(run.id),
                run.name,
                state(run.status.value),
                run.pipeline,
                run.stack,
                stamp(run.created_at),
                duration(run.duration_s),
                Span(run.waits_for if run.status is RunStatus.QUEUED else "", Tone.WARN),
                Span(run.error or "", Tone.ERROR),
                "yes" if run.pinned else "",
                run.note,
            )
            for run in document.runs
        ],
    )
    if document.next is not None:
        face.err.line(f"there are more: --after {document.next}")


VIEWS = {RunList: listing}
