"""A run as it happens, for people: a line an event."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import duration, number, state
from stacktui.model.base import short_id
from stacktui.model.text import unstyled
from stacktui.operations.following import RunEvent


def event(part: RunEvent, face: Face) -> None:
    """What happened; a log line after its step's name."""
    out = face.out
    if part.event == "log":
        tone = Tone.WARN if part.stream == "stderr" else Tone.PLAIN
        out.line(Span(f"{part.step} │ ", Tone.MUTED), Span(unstyled(part.text or ""), tone))
    elif part.event == "run_created":
        out.line(
            Span(f"run {short_id(part.run_id)}", Tone.STRONG),
            f" of {part.data.get('pipeline')} on stack {part.data.get('stack')}",
        )
    elif part.event == "run_finished":
        _finished(part, face)
    elif part.event == "stop_requested":
        face.err.line("asked the run to stop; ctrl+c once more stops looking on")
    elif part.event == "left_running":
        _left(part, face)
    elif part.data.get("waits_for"):
        out.line(state("queued"), f"  {part.data['waits_for']}")
    elif part.event in ("question", "message"):
        out.line(Span("? " if part.event == "question" else "· ", Tone.WARN), part.text or "")
        if part.event == "question":
            id_, choices = short_id(str(part.data.get("id", ""))), "|".join(part.data.get("choices", ()))
            face.err.line(f"answer it with: stacktui alert answer {id_} {choices}")
    elif part.event == "answer":
        answer, by = part.data.get("answer"), part.data.get("by")
        said = (
            "nobody answered in time"
            if answer is None
            else f"answered {answer}" + (f" by {by}" if by else "")
        )
        out.line(Span("? ", Tone.WARN), said)
    elif part.event == "metric":
        values = part.data.get("last")
        if isinstance(values, dict):
            shown = ", ".join(f"{key}={number(value)}" for key, value in values.items())
            out.line(Span(f"{part.step or ''} │ {shown}", Tone.MUTED))
    elif part.event == "step_attempt_ended" or part.status == "pending":
        # Told already as `retrying`, and by the run that is taken up again.
        return
    elif part.step is not None and part.status is not None:
        cause = part.data.get("error")
        why = f": {cause.get('type')}: {cause.get('message')}" if isinstance(cause, dict) else ""
        out.line(
            state(part.status),
            f"  {part.step}",
            Span(f"  {part.data.get('where', '')}" if part.status == "running" else "", Tone.MUTED),
            Span(why, Tone.ERROR),
            Span(_next_attempt(part) if part.status == "retrying" else "", Tone.WARN),
        )


def _finished(part: RunEvent, face: Face) -> None:
    """How it ended, as one would tell a colleague, and where to read on."""
    from stacktui.cli.run_summary import next_steps, summary

    if part.followed is None:
        face.out.line(state(part.status or "?"), Span(f"  run {short_id(part.run_id)}", Tone.STRONG))
        return
    run, steps = part.followed.run(), part.followed.steps()
    summary(run, steps, face.out)
    if part.status == "lost":
        said = part.followed.last_words()
        face.out.line(Span(f"  its runner is gone{f': {said}' if said else ''}", Tone.ERROR))
    next_steps(run, steps, face.err)


def _next_attempt(part: RunEvent) -> str:
    """Which attempt comes next, and when."""
    settings = part.followed.settings().get(part.step) if part.followed is not None else None
    attempt = part.data.get("attempt")
    if settings is None or not isinstance(attempt, int):
        return ""
    # Attempts of earlier lives of the run do not count against its retries.
    wait = part.followed.next_attempt_s(settings, min(attempt, settings.retries or 1))
    if not wait:
        return f"; attempt {attempt + 1} at once"
    about = "about " if settings.retry_jitter else ""
    return f"; attempt {attempt + 1} in {about}{duration(wait)}"


def _left(part: RunEvent, face: Face) -> None:
    run = short_id(part.run_id)
    goes_on = "it stops by itself; see how" if part.data.get("stopping") else "left running; follow"
    face.err.line(f"{goes_on}: stacktui runs logs -f {run}")


VIEWS = {RunEvent: event}
