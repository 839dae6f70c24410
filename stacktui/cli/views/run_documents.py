"""One run and its logs, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import duration, moment, number, plural, stamp, state
from stacktui.model.text import clean, unstyled
from stacktui.operations.documents import Part
from stacktui.operations.errors import OperationError
from stacktui.operations.moments import clock_in_zone, with_zone
from stacktui.operations.run_documents import LogPart, RunDocument, StepRow


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
            ("with", _environment(document)),
            ("retry of", document.retry_of or ""),
            ("group", document.group or ""),
            ("resumed", plural(document.resumes, "time") if document.resumes else ""),
            ("waits", document.waits_for.removeprefix("waits ")),
            ("pinned", "yes" if document.pinned else ""),
            ("note", document.note),
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
        if step.attempts:
            out.line("")
            earlier_attempts(step, face)


def earlier_attempts(step: StepRow, face: Face) -> None:
    """How the attempts before the last one ended."""
    face.out.heading(f"Earlier attempts of {clean(step.name)}")
    face.out.table(
        (
            Column("try", right=True),
            Column("state"),
            Column(with_zone("started", (each.started_at for each in step.attempts)), drop=2),
            Column("took", right=True),
            Column("where", least=10, drop=1),
            Column("error", least=12),
        ),
        [
            (
                str(each.attempt),
                state(each.status.value),
                stamp(each.started_at),
                duration(each.duration_s),
                Span(each.where, Tone.MUTED),
                Span(f"{each.error.type}: {each.error.message}" if each.error else "", Tone.ERROR),
            )
            for each in step.attempts
        ],
    )


def _environment(document: RunDocument) -> str:
    """`Python 3.11.2, Linux-…, 2 processors, 1 × A100, 84 packages`."""
    facts = document.environment
    gpus = Counter(map(str, facts.get("gpus") or ()))
    packages = facts.get("packages")
    said = [
        f"Python {facts['python']}" if facts.get("python") else "",
        str(facts.get("platform") or ""),
        plural(facts["processors"], "processor") if isinstance(facts.get("processors"), int) else "",
        *(f"{count} × {name}" for name, count in gpus.items()),
        plural(len(packages), "package") if isinstance(packages, dict) else "",
    ]
    return ", ".join(filter(None, said))


def log(part: LogPart, face: Face) -> None:
    """A line; with `--raw` its bytes as they are, which no terminal gets."""
    if part.raw:
        if face.out.terminal:
            raise OperationError("--raw writes to a pipe or a file only; leave it out to read the log here")
        face.out.raw(part.text + "\n")
        return
    time = clock_in_zone(part.at)
    tone = Tone.WARN if part.stream == "stderr" else Tone.PLAIN
    face.out.line(Span(f"{time} {part.step} │ ", Tone.MUTED), Span(unstyled(part.text), tone))


VIEWS: dict[type[Part], Callable[[Any, Face], None]] = {RunDocument: show, LogPart: log}
