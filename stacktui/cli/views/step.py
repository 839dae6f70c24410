"""One step of a run, for people."""

from __future__ import annotations

from collections.abc import Mapping

from stacktui.cli.commands import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, moment, number, short_id, size, state
from stacktui.operations.artifact import ArtifactPart
from stacktui.operations.step import StepDocument


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


VIEWS = {StepDocument: show}
