"""What the run screen says about a run and its steps: from the store's rows to clean lines. No widgets here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacktui.categories.errors import NotFound
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.marks import Tone, ago, elapsed, size_text, state_text, tone_of
from stacktui.tui.screens.runs import params_text
from stacktui.tui.widgets.bars import curve
from stacktui.tui.widgets.facts import Fact, Section
from stacktui.tui.widgets.lanes import lanes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Event, Metric, Run, StepRun
    from stacktui.operations.session import Session

_CURVE = 24
_LONG_ID = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class StepLine:
    """One step in the list."""

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
    """What to do about a lost run, or empty."""
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    steps: tuple[StepLine, ...]
    step: str | None
    """Whose details these are; None for the run's own."""
    details: tuple[Section, ...]


def load_run(session: Session, run_id: str, step: str | None, store_name: str | None = None) -> RunFacts:
    """The run with the details of one of its steps, or of the run itself. Blocks: reads the store."""
    store = session.store(store_name)
    run = store.run(run_id)
    steps = tuple(_with_short_paths(one, session.workspace.root) for one in store.steps(run.id))
    graph = {node.name: node.after for node in run.graph}
    order = [one.name for one in steps]
    drawn = lanes(order, graph)
    chosen = next((one for one in steps if one.name == step), None)
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
        advice=Clean("What has finished is kept: n starts it anew, and takes that from the cache.")
        if lost
        else Clean(""),
        started_at=run.started_at,
        ended_at=run.finished_at,
        duration_s=run.duration_s,
        steps=tuple(_step_line(one, lane) for one, lane in zip(steps, drawn, strict=True)),
        step=chosen.name if chosen else None,
        details=_step_details(store, run, chosen) if chosen else _run_details(store, run),
    )


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


def moment(at: datetime) -> str:
    """A time as it is shown: local, to the second, with its zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").rstrip()


def short_ids(text: str) -> str:
    """A text with the ids of runs cut to what tells them apart."""
    return _LONG_ID.sub(r"\1", text)


def _with_short_paths(step: StepRun, root: Path) -> StepRun:
    """Its error's frames with paths from the workspace's root, which leave room for the rest of the line."""
    if step.error is None or not step.error.traceback:
        return step
    shorter = step.error.traceback.replace(f'File "{root}/', 'File "')
    return step.model_copy(update={"error": step.error.model_copy(update={"traceback": shorter})})


def _step_line(step: StepRun, lane: Clean) -> StepLine:
    status, error = str(step.status), step.error
    lines: list[Clean] = []
    if error is not None:
        lines = [clean(line) for line in error.traceback.rstrip().splitlines()]
        said = clean(f"{error.type}: {error.message}")
        if not lines or lines[-1] != said:
            lines += [clean(line) for line in f"{error.type}: {error.message}".splitlines()]
    return StepLine(
        name=step.name,
        shown=clean(step.name),
        lane=lane,
        status=status,
        attempt=step.attempt,
        where=clean(step.where.partition("/")[2] or step.where),
        started_at=step.started_at,
        duration_s=step.duration_s,
        cached=clean(step.cached_from[:13]) if step.cached_from else Clean(""),
        error=tuple(lines),
        ended_at=step.finished_at,
    )


def _step_details(store: MetadataStore, run: Run, step: StepRun) -> tuple[Section, ...]:
    facts = [Fact(Clean("state"), state_text(str(step.status)), tone_of(str(step.status)))]
    if step.where:
        facts.append(Fact(Clean("where"), clean(step.where)))
    if step.started_at is not None:
        facts.append(Fact(Clean("started"), clean(moment(step.started_at))))
    if step.duration_s is not None:
        facts.append(Fact(Clean("took"), elapsed(step.duration_s)))
    if step.attempt > 1:
        facts.append(Fact(Clean("attempt"), clean(step.attempt)))
    sections = [Section(Clean(""), tuple(facts))]
    if step.error is not None:
        error = [Fact(Clean(""), clean(f"{step.error.type}: {step.error.message}"), Tone.ERROR)]
        if step.error.traceback:
            error.append(Fact(Clean(""), clean_block(step.error.traceback.rstrip()), Tone.MUTED))
        sections.append(Section(Clean("error"), tuple(error)))
    cache = []
    if step.cache_reason:
        cache.append(Fact(Clean(""), clean(short_ids(step.cache_reason))))
    if step.cached_from:
        cache.append(Fact(Clean("from run"), clean(step.cached_from), Tone.ACCENT))
    if cache:
        sections.append(
            Section(Clean("cached" if step.status is StepStatus.CACHED else "cache"), tuple(cache))
        )
    sections += _section("parameters", ((name, repr(value)) for name, value in step.params.items()))
    sections += _section("inputs", _artifacts(store, run, step.inputs, made_here=False))
    sections += _section("outputs", _artifacts(store, run, step.outputs, made_here=True))
    sections += _metrics(point for point in store.metrics(run.id) if point.source == step.name)
    return tuple(sections)


def _run_details(store: MetadataStore, run: Run) -> tuple[Section, ...]:
    facts = [Fact(Clean("id"), clean(run.id)), Fact(Clean("target"), clean(run.target))]
    if run.started_at is not None:
        facts.append(Fact(Clean("started"), clean(moment(run.started_at))))
    if run.code is not None:
        facts.append(Fact(Clean("code"), clean(run.code.digest)))
    sections = [Section(Clean(""), tuple(facts))]
    sections += _section("parameters", ((name, repr(value)) for name, value in run.params.items()))
    sections += _metrics(store.metrics(run.id))
    sections += _section("labels", run.labels.items())
    plain = {name: value for name, value in run.environment.items() if isinstance(value, (str, int, float))}
    sections += _section("environment", plain.items())
    return tuple(sections)


def _metrics(points: Iterable[Metric]) -> list[Section]:
    """The last value of each metric, with its curve; of steps that log the same, each has its own."""
    curves: dict[tuple[str, str], list[float]] = {}
    for point in points:
        curves.setdefault((point.key, point.source), []).append(float(point.value))
    keys = [key for key, _ in curves]
    return _section(
        "metrics",
        (
            (
                key if keys.count(key) == 1 else f"{key} ({source})",
                f"{values[-1]:<10.6g}  {curve(values, _CURVE)}",
            )
            for (key, source), values in curves.items()
        ),
    )


def _artifacts(
    store: MetadataStore, run: Run, ids: Mapping[str, str], *, made_here: bool
) -> list[tuple[str, str]]:
    found = []
    for name, artifact_id in ids.items():
        try:
            artifact = store.artifact(artifact_id)
        except NotFound:
            found.append((name, f"{artifact_id} (deleted)"))
            continue
        shape = artifact.metadata.get("shape")
        pieces = [artifact.type.rpartition(".")[2] + (f" {shape}" if shape else ""), size_text(artifact.size)]
        if not made_here:
            pieces.append(f"from {artifact.step}")
        if artifact.run_id != run.id:
            pieces.append(f"of run {artifact.run_id[:13]}")
        if made_here:
            pieces += [artifact.materializer, f"v{artifact.version}"]
        found.append((name, "  ".join(pieces)))
    return found


def _section(heading: str, pairs: Any) -> list[Section]:
    facts = tuple(Fact(clean(name), clean(value)) for name, value in pairs)
    return [Section(Clean(heading), facts)] if facts else []
