"""One step of a run, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.views.run_documents import earlier_attempts
from stacktui.cli.words import duration, moment, number, size, state
from stacktui.model.base import short_id
from stacktui.operations.artifact import ArtifactPart
from stacktui.operations.documents import Part
from stacktui.operations.step import StepAgain, StepDocument


def show(document: StepDocument, face: Face) -> None:
    """The step, what went in, what came out, why it failed."""
    out = face.out
    out.line(Span(document.name, Tone.STRONG), "  ", state(document.status.value))
    out.pairs(
        (name, value)
        for name, value in (
            ("run", f"{document.run_id} ({document.run_status})"),
            ("pipeline", document.pipeline),
            ("where", document.where),
            ("started", moment(document.started_at)),
            ("took", duration(document.duration_s)),
            ("attempt", str(document.attempt)),
            ("after", ", ".join(document.after)),
            ("parameters", ", ".join(f"{key}={value}" for key, value in document.params.items())),
            ("metrics", ", ".join(f"{key}={number(value)}" for key, value in document.metrics.items())),
            ("cached from", document.cached_from or ""),
            ("cache", document.cache_reason or ""),
        )
        if value
    )
    if document.attempts:
        out.line("")
        earlier_attempts(document, face)
    _artifacts("Inputs", document.input_artifacts, face)
    _artifacts("Outputs", document.output_artifacts, face)
    if document.error is not None:
        out.line("")
        out.line(Span(f"✗ {document.error.type}: {document.error.message}", Tone.ERROR))
        if document.error.traceback:
            out.block(document.error.traceback.rstrip("\n"), Tone.MUTED, "  ")


def _artifacts(title: str, found: Mapping[str, ArtifactPart], face: Face) -> None:
    if not found:
        return
    face.out.line("")
    face.out.heading(title)
    face.out.table(
        (Column("name"), Column("artifact"), Column("type", least=10), Column("size", right=True)),
        [(name, short_id(each.id), each.type, size(each.size)) for name, each in found.items()],
    )


def again(document: StepAgain, face: Face) -> None:
    """What the step returned, or why it failed."""
    out = face.out
    took = duration(document.duration_s)
    out.line(
        state("succeeded" if document.ok else "failed"),
        Span(f"  {document.step}", Tone.STRONG),
        f" with the code {document.code}" if document.code != "today" else " with today's code",
        f" in {took}" if took else "",
    )
    if document.outputs:
        out.table(
            (Column("output"), Column("type", least=10), Column("value", least=20)),
            [(each.name, each.type, each.summary) for each in document.outputs],
        )
    if document.error is not None:
        out.line(Span(f"✗ {document.error.type}: {document.error.message}", Tone.ERROR))
        if document.error.traceback:
            out.block(document.error.traceback.rstrip("\n"), Tone.MUTED, "  ")
    face.err.line(Span("nothing of it was recorded", Tone.MUTED))


VIEWS: dict[type[Part], Callable[[Any, Face], None]] = {StepDocument: show, StepAgain: again}
