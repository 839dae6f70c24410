"""Runs that were waited for, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, state
from stacktui.model.base import short_id
from stacktui.operations.runs_again import WaitDocument


def waited(document: WaitDocument, face: Face) -> None:
    """How each of them ended."""
    face.out.table(
        (
            Column("run"),
            Column("state"),
            Column("name", least=10),
            Column("took", right=True),
            Column("error", least=10, drop=1),
        ),
        [
            (
                short_id(run.id),
                state(run.status.value),
                run.name,
                duration(run.duration_s),
                Span(run.error or "", Tone.ERROR),
            )
            for run in document.runs
        ],
    )


VIEWS = {WaitDocument: waited}
