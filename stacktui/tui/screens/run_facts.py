"""What the run screen shows of a run and its steps: from the store's rows to clean lines. No widgets here.

What stands in the facts panel about the chosen one is made in `run_details`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.categories.errors import Unsupported
from stacktui.model.base import short_id
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.text import Clean, clean
from stacktui.operations.moments import clock, zone
from stacktui.tui.marks import ago, elapsed, glyph
from stacktui.tui.screens.run_details import (
    attempt_details,
    hook_details,
    moment,
    run_details,
    step_details,
)
from stacktui.tui.screens.run_hooks import HookLine, hook_lines
from stacktui.tui.snapshots.runs import labels_text, own_labels, params_text
from stacktui.tui.widgets.bars import progress_bar
from stacktui.tui.widgets.lanes import below, lanes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Event, Run, StepAttempt, StepError, StepProgress, StepRun
    from stacktui.operations.session import Session
    from stacktui.tui.widgets.facts import Section


_BAR = 36
_OUR_WORD = re.compile(r"\n?stacktui\.[\w.]+: [^\n]*\s*\Z")


class Progress(NamedTuple):
    """How far a running step said it is."""

    part: float | None
    """Of the whole, from 0 to 1; None where it did not say how much that is."""
    text: Clean
    """Count, rate and what it says itself: `450 of 1,000  12.3/s  loss 0.31`."""
    left_s: float | None
    """Seconds until it is done, if it goes on like this."""

    @property
    def lines(self) -> tuple[Clean, ...]:
        """The bar, where there is one, and the text."""
        left = f"{elapsed(self.left_s)} left" if self.left_s else ""
        return (self.text,) if self.part is None else (progress_bar(self.part, left, _BAR), self.text)


@dataclass(frozen=True)
class StepLine:
    """One step in the list, or an earlier attempt of one."""

    name: str
    shown: Clean
    lane: Clean
    status: str
    attempt: int
    where: Clean
    started_at: datetime | None
    duration_s: float | None
    cached: Clean
    """Where a cached result comes from, or empty."""
    error: tuple[Clean, ...]
    """Why it failed: the user's frames, the error itself last. Empty where it did not."""
    ended_at: datetime | None
    progress: Progress | None = None
    retry_at: datetime | None = None
    """When about the next attempt begins, while it waits for that."""
    hook: bool = False
    """Whether it is a hook of the pipeline and not a step."""
    earlier: bool = False
    """Whether it is an attempt after which there was another one."""

    @property
    def key(self) -> str:
        """What names the line: the step, or the step and the attempt."""
        # No step's name has a newline in it.
        return f"{self.name}\n{self.attempt}" if self.earlier or self.hook else self.name

    @property
    def is_step(self) -> bool:
        """Whether it is a step as it is now."""
        return not self.earlier and not self.hook


@dataclass(frozen=True)
class RunFacts:
    """Everything on the run screen but the log."""

    id: str
    name: Clean
    target: str
    status: str
    head: Clean
    params: Clean
    raw_params: tuple[tuple[str, Any], ...]
    """The same as they were given, to start another run with."""
    error: Clean
    """Why it failed or how it was lost, in one line."""
    advice: Clean
    """What to do about a lost run, or about one that was asked to stop and goes on; or empty."""
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    steps: tuple[StepLine, ...]
    """Each step, and below it its earlier attempts."""
    step: str | None
    """The key of the line whose details these are; None for the run's own."""
    details: tuple[Section, ...]
    about: Clean = Clean("")
    """What people made of it, in one line: pinned, noted, labelled, one of a sweep, a retry, resumed; or empty."""
    waits_for: Clean = Clean("")
    """While it is queued: what it waits for."""
    pinned: bool = False
    note: str = ""
    """As it was written."""


def load_run(session: Session, run_id: str, step: str | None, store_name: str | None = None) -> RunFacts:
    """The run with the details of one of its lines, by key, or of the run itself. Blocks: reads the store."""
    from stacktui.operations.which_run import which_run

    store = session.store(store_name)
    run = which_run(store, run_id)
    root = session.workspace.root
    steps = tuple(
        one.model_copy(update={"error": _with_short_paths(one.error, root)}) for one in store.steps(run.id)
    )
    attempts = _attempts(store, run, steps)
    drawn = lanes([one.name for one in steps], {node.name: node.after for node in run.graph})
    lines: list[StepLine] = []
    for place, one in enumerate(steps):
        lines.append(_step_line(one, drawn[place], _retry_at(session, run, one)))
        lane = below(drawn, place)
        lines += [_attempt_line(each, lane, root) for each in attempts.get(one.name, ())]
    lines += [_hook_line(each) for each in hook_lines(session.workspace.state, run, steps)]
    name, _, number = (step or "").partition("\n")
    chosen = next((one for one in steps if one.name == name), None)
    earlier = next((each for each in attempts.get(name, ()) if number == str(each.attempt)), None)
    line = next((each for each in lines if each.key == step), None)
    if line is not None and line.hook:
        details = hook_details(line.shown, line.status)
    elif chosen is None or line is None:
        details = run_details(store, run)
    elif earlier is not None:
        short = _with_short_paths(earlier.error, root)
        details = attempt_details(earlier.model_copy(update={"error": short}))
    else:
        details = step_details(store, run, chosen, line.progress.lines if line.progress else ())
    lost = run.status is RunStatus.LOST
    return RunFacts(
        id=run.id,
        name=clean(run.name),
        target=run.target,
        status=str(run.status),
        head=_head(run),
        params=params_text(run.params),
        raw_params=tuple(run.params.items()),
        error=_how_it_was_lost(store, run) if lost else clean(run.error or ""),
        advice=_advice(store, run),
        started_at=run.started_at,
        ended_at=run.finished_at,
        duration_s=run.duration_s,
        steps=tuple(lines),
        step=line.key if line else None,
        details=details,
        about=_about(run),
        waits_for=clean(run.waits_for) if run.status is RunStatus.QUEUED else Clean(""),
        pinned=run.pinned,
        note=run.note,
    )


def _advice(store: MetadataStore, run: Run) -> Clean:
    if run.status is RunStatus.LOST:
        return Clean("T resumes it: steps that have finished are not run again.")
    if run.status is not RunStatus.RUNNING:
        return Clean("")
    from stacktui.pipelines.stopping import WITHOUT_EFFECT_S, last_stop

    asked = last_stop(store, run.id)
    if asked is None:
        return Clean("")
    at = f"{clock(asked.at)} {zone(asked.at)}"
    return Clean(
        f"stopping: asked at {at}. Where that has no effect, x ends it by a signal after {WITHOUT_EFFECT_S:g} s."
    )


def _attempts(
    store: MetadataStore, run: Run, steps: Sequence[StepRun]
) -> Mapping[str, Sequence[StepAttempt]]:
    """The earlier attempts by step; none are asked for where every step is at its first."""
    if all(one.attempt == 1 for one in steps):
        return {}
    found: dict[str, list[StepAttempt]] = {}
    try:
        for each in store.attempts(run.id):
            found.setdefault(each.name, []).append(each)
    except Unsupported:
        return {}
    return found


def _retry_at(session: Session, run: Run, step: StepRun) -> datetime | None:
    """When about a step that waits for its next attempt gets it, by the run's settings; None where it does not."""
    if step.status is not StepStatus.RETRYING or step.finished_at is None:
        return None
    from stacktui.pipelines.retries import wait_s
    from stacktui.pipelines.runfile import RunFile

    try:
        settings = RunFile.read(session.workspace.state / "runs" / run.id).settings[step.name]
    except (OSError, ValueError, KeyError):
        return None
    return step.finished_at + timedelta(seconds=wait_s(settings, step.attempt, 0.0))


def _about(run: Run) -> Clean:
    pieces = [f"{glyph('◆')} pinned"] if run.pinned else []
    if run.note:
        pieces.append(run.note)
    if labels := own_labels(run):
        pieces.append(labels_text(labels))
    if run.group:
        pieces.append(f"one of sweep {short_id(run.group)}")
    if run.retry_of:
        pieces.append(f"a retry of {short_id(run.retry_of)}")
    if run.resumes:
        pieces.append("resumed once" if run.resumes == 1 else f"resumed {run.resumes} times")
    return clean(f"  {glyph('·')}  ".join(pieces))


def _head(run: Run) -> Clean:
    pieces = [f"{run.pipeline} on {run.stack}", ago(run.created_at)]
    if run.user:
        pieces.append(f"{run.user}@{run.host}")
    if run.code is not None:
        code = f"code {(run.code.commit or run.code.digest.rpartition(':')[2])[:10]}"
        pieces.append(code + (" with changes" if run.code.dirty else ""))
    return clean("  ".join(pieces))


def _how_it_was_lost(store: MetadataStore, run: Run) -> Clean:
    """Who held it, and the last that was heard of it."""
    who = f"its runner (pid {run.holder.pid} on {run.holder.host})" if run.holder else "its runner"
    said = f"{who} is gone without a word"
    last = last_event(store, run.id)
    if last is not None:
        step = last.data.get("step") or last.data.get("name") or ""
        about = " ".join(part for part in (last.kind.replace("_", " "), str(step)) if part)
        since = ago(last.at)
        said += (
            f"; last event: {about}, {'just now' if since == 'now' else f'{since} ago'} ({moment(last.at)})"
        )
    return clean(said)


def last_event(store: MetadataStore, run_id: str) -> Event | None:
    """The newest event of a run, looked for from the end; None without any. Blocks: reads the store."""
    newest, reach = store.last_event(), 1_000
    while newest > 0:
        begin, found = max(0, newest - reach), None
        while page := store.events(begin, 1_000, run_id):
            found = page[-1]
            begin = found.id
        if found is not None or newest <= reach:
            return found
        reach *= 10
    return None


def _with_short_paths(error: StepError | None, root: Path) -> StepError | None:
    """An error's frames with paths from the workspace's root, which leave room for the rest of the line."""
    if error is None or not error.traceback:
        return error
    shown = error.traceback.replace(f'File "{root}/', 'File "')
    if error.type == "Cancelled":
        # How a step is told to end is ours; where it was then is the user's.
        shown = _OUR_WORD.sub("", shown)
    return error.model_copy(update={"traceback": shown})


def _error_lines(error: StepError | None) -> tuple[Clean, ...]:
    if error is None:
        return ()
    lines = [clean(line) for line in error.traceback.rstrip().splitlines()]
    said = clean(f"{error.type}: {error.message}")
    if not lines or lines[-1] != said:
        lines += [clean(line) for line in f"{error.type}: {error.message}".splitlines()]
    return tuple(lines)


def _step_line(step: StepRun, lane: Clean, retry_at: datetime | None) -> StepLine:
    running = step.status is StepStatus.RUNNING
    return StepLine(
        name=step.name,
        shown=clean(step.name),
        lane=lane,
        status=str(step.status),
        attempt=step.attempt,
        where=clean(step.where.partition("/")[2] or step.where),
        started_at=step.started_at,
        duration_s=step.duration_s,
        cached=clean(short_id(step.cached_from)) if step.cached_from else Clean(""),
        error=_error_lines(step.error),
        ended_at=step.finished_at,
        progress=progress_of(step.progress, step.started_at) if step.progress and running else None,
        retry_at=retry_at,
    )


def _hook_line(hook: HookLine) -> StepLine:
    took = (hook.ended_at - hook.started_at).total_seconds() if hook.started_at and hook.ended_at else None
    return StepLine(
        hook.name, hook.shown, Clean(""), hook.status, hook.attempt, Clean("hook"), hook.started_at, took, Clean(""),
        (), hook.ended_at, hook=True,
    )  # fmt: skip


def _attempt_line(attempt: StepAttempt, lane: Clean, root: Path) -> StepLine:
    error = _with_short_paths(attempt.error, root)
    said = clean(f"  {error.type}: {error.message}") if error else Clean("")
    return StepLine(
        name=attempt.name,
        shown=Clean(f"{glyph('╰')} attempt {attempt.attempt}{said}"),
        lane=lane,
        status=str(attempt.status),
        attempt=attempt.attempt,
        where=clean(attempt.where.partition("/")[2] or attempt.where),
        started_at=attempt.started_at,
        duration_s=attempt.duration_s,
        cached=Clean(""),
        error=_error_lines(error),
        ended_at=attempt.finished_at,
        earlier=True,
    )


def progress_of(said: StepProgress, started: datetime | None) -> Progress:
    """What a step said of how far it is, with the rate since it began."""
    took = (said.at - started).total_seconds() if started is not None else 0.0
    rate = said.done / took if took > 0 and said.done > 0 else None
    pieces = [f"{said.done:,.6g}" if said.total is None else f"{said.done:,.6g} of {said.total:,.6g}"]
    if rate is not None:
        pieces.append(f"{rate:.3g}/s")
    part = left = None
    if said.total:
        part = min(1.0, max(0.0, said.done / said.total))
        left = max(0.0, said.total - said.done) / rate if rate else None
    return Progress(part, clean("  ".join([*pieces, said.text] if said.text else pieces)), left)
