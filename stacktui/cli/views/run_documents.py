"""One run and its logs, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.commands import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, moment, number, state
from stacktui.operations.documents import Part
from stacktui.operations.errors import OperationError
from stacktui.operations.run_documents import LogPart, RunDocument


def show(document: RunDocument, face: Face) -> None:
    """The run, its steps in order, metrics, and why it failed."""
    out = face.out
    out.line(Span(document.name, Tone.STRONG), "  ", state(document.status.value))
    code = document.code
    commit = "" if code is None or code.commit is None else f", commit {code.commit[:12]}"
    dirty = " with changes" if code is not None and code.dirty else ""
    out.pairs(
        (name, value)
        for name, value in (
            ("id", document.id),
            ("pipeline", document.pipeline),
            ("stack", document.stack),
            ("parameters", ", ".join(f"{key}={value}" for key, value in document.params.items())),
            ("labels", ", ".join(f"{key}={value}" for key, value in document.labels.items())),
            ("started", moment(document.started_at)),
            ("took", duration(document.duration_s)),
            ("by", f"{document.user} on {document.host}" if document.user else ""),
            ("code", "" if code is None else f"{code.digest[:12]}{commit}{dirty}"),
            ("retry of", document.retry_of or ""),
            ("error", Span(document.error, Tone.ERROR) if document.error else ""),
        )
        if value
    )
    out.line("")
    out.table(
        (
            Column("step", least=10),
            Column("state"),
            Column("took", right=True),
            Column("try", right=True, drop=3),
            Column("where", least=10, drop=1),
            Column("why", least=12, drop=2),
        ),
        [
            (
                step.name,
                state(step.status.value),
                duration(step.duration_s),
                str(step.attempt) if step.attempt > 1 else "",
                Span(step.where, Tone.MUTED),
                Span(step.cache_reason or "", Tone.MUTED),
            )
            for step in document.steps
        ],
    )
    if document.metrics:
        out.line("")
        out.heading("Metrics")
        out.pairs((f"  {key}", number(value)) for key, value in document.metrics.items())
    for step in document.steps:
        if step.error is not None:
            out.line("")
            out.line(Span(f"✗ {step.name}: {step.error.type}: {step.error.message}", Tone.ERROR))
            if step.error.traceback:
                out.block(step.error.traceback.rstrip("\n"), Tone.MUTED, "  ")


def log(part: LogPart, face: Face) -> None:
    """A line; with `--raw` its bytes as they are, which no terminal gets."""
    if part.raw:
        if face.out.terminal:
            raise OperationError("--raw writes to a pipe or a file only; leave it out to read the log here")
        face.out.raw(part.text + "\n")
        return
    time = part.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    tone = Tone.WARN if part.stream == "stderr" else Tone.PLAIN
    face.out.line(Span(f"{time} {part.step} │ ", Tone.MUTED), Span(part.text, tone))


VIEWS: dict[type[Part], Callable[[Any, Face], None]] = {RunDocument: show, LogPart: log}
