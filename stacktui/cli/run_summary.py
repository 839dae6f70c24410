"""How a run ended, for people: what a colleague wants to know, and the commands that tell more. Used by the views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stacktui.cli.terminal import Out, Span, Text, Tone
from stacktui.cli.words import duration, state
from stacktui.model.base import short_id
from stacktui.model.run import Run, RunStatus, StepRun, StepStatus

_FRAMES = 12
"""Lines of an error's frames; the last ones say where it happened."""
_ERRORS = 3
_ORDER = (
    StepStatus.SUCCEEDED, StepStatus.CACHED, StepStatus.FAILED, StepStatus.LOST, StepStatus.CANCELLED,
    StepStatus.SKIPPED, StepStatus.PENDING, StepStatus.RUNNING, StepStatus.RETRYING,
)  # fmt: skip


def summary(run: Run, steps: Sequence[StepRun], out: Out) -> None:
    """State, name and time; steps by state; the steps that failed with the end of their frames."""
    took = f" in {duration(run.duration_s)}" if run.duration_s is not None else ""
    out.line(state(run.status.value), Span(f"  {run.name}", Tone.STRONG), took)
    counts = Counter(step.status for step in steps)
    said: list[Text] = [Span("  steps  ", Tone.MUTED)]
    for status in _ORDER:
        if counts[status]:
            said += [", " if len(said) > 1 else "", f"{counts[status]} {status.value}"]
            if status is StepStatus.CACHED:
                said.append(_cached_from(steps))
    out.line(*said)
    out.line(Span("  run    ", Tone.MUTED), run.id, Span(f" on stack {run.stack}", Tone.MUTED))
    broken = [step for step in steps if step.status in (StepStatus.FAILED, StepStatus.LOST)]
    if run.error and not any(step.error for step in broken):
        out.line(Span(f"  {run.error}", Tone.ERROR))
    for step in broken[:_ERRORS]:
        _broken(step, out)
    if len(broken) > _ERRORS:
        out.line(Span(f"  and {len(broken) - _ERRORS} more", Tone.MUTED))


def next_steps(run: Run, steps: Sequence[StepRun], err: Out) -> None:
    """The commands that tell more, and those that go on from here."""
    id_ = short_id(run.id)
    broken = next((step for step in steps if step.status in (StepStatus.FAILED, StepStatus.LOST)), None)
    rows = [("more", f"stacktui runs show {id_}")]
    if broken is not None:
        rows.append(("its log", f"stacktui runs logs {id_} {broken.name}"))
    if run.status is not RunStatus.SUCCEEDED:
        rows.append(("go on with this code", f"stacktui runs resume {id_}"))
        rows.append(("start anew with today's", f"stacktui runs retry {id_}"))
    wide = max(len(what) for what, _ in rows)
    for what, command in rows:
        err.line(Span(f"  {what:<{wide}}  {command}", Tone.MUTED))


def _cached_from(steps: Sequence[StepRun]) -> Span:
    runs = list(dict.fromkeys(step.cached_from for step in steps if step.cached_from))
    if not runs:
        return Span("")
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return Span(f" from run {short_id(runs[0])}{more}", Tone.MUTED)


def _broken(step: StepRun, out: Out) -> None:
    tries = f" (attempt {step.attempt})" if step.attempt > 1 else ""
    error = step.error
    what = f"{error.type}: {error.message}" if error is not None else step.status.value
    out.line("")
    # A message of many lines is shown whole by `runs show`.
    out.line(Span(f"  ✗ {step.name}{tries}: {what.splitlines()[0]}", Tone.ERROR))
    if error is not None and error.traceback:
        frames = error.traceback.rstrip("\n").splitlines()
        if len(frames) > _FRAMES:
            out.line(Span("      …", Tone.MUTED))
        out.block("\n".join(frames[-_FRAMES:]), Tone.MUTED, "    ")
