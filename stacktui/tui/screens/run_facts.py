"""What the run screen says about a run and its steps: from the store's rows to clean lines. No widgets here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacktui.categories.errors import NotFound
from stacktui.model.run import StepStatus
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.marks import Tone, ago, elapsed, size_text, state_text, tone_of
from stacktui.tui.screens.runs import params_text
from stacktui.tui.widgets.facts import Fact, Section
from stacktui.tui.widgets.lanes import lanes

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run, StepRun
    from stacktui.operations.session import Session


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


@dataclass(frozen=True)
class RunFacts:
    """Everything on the run screen but the log."""

    id: str
    name: Clean
    target: str
    status: str
    head: Clean
    params: Clean
    error: Clean
    started_at: datetime | None
    duration_s: float | None
    steps: tuple[StepLine, ...]
    step: str | None
    """Whose details these are; None for the run's own."""
    details: tuple[Section, ...]


def load_run(session: Session, run_id: str, step: str | None) -> RunFacts:
    """The run with the details of one of its steps, or of the run itself. Blocks: reads the store."""
    store = session.store()
    run = store.run(run_id)
    steps = store.steps(run.id)
    graph = {node.name: node.after for node in run.graph}
    order = [one.name for one in steps]
    drawn = lanes(order, graph)
    chosen = next((one for one in steps if one.name == step), None)
    head = f"{run.pipeline} on {run.stack}  {ago(run.created_at)}"
    if run.user:
        head += f"  {run.user}@{run.host}"
    if run.code is not None:
        head += f"  code {(run.code.commit or run.code.digest.rpartition(':')[2])[:10]}"
        head += " with changes" if run.code.dirty else ""
    return RunFacts(
        id=run.id,
        name=clean(run.name),
        target=run.target,
        status=str(run.status),
        head=clean(head),
        params=params_text(run.params),
        error=clean(run.error or ""),
        started_at=run.started_at,
        duration_s=run.duration_s,
        steps=tuple(_step_line(one, lane) for one, lane in zip(steps, drawn, strict=True)),
        step=chosen.name if chosen else None,
        details=_step_details(store, run, chosen) if chosen else _run_details(store, run),
    )


def _step_line(step: StepRun, lane: Clean) -> StepLine:
    status = str(step.status)
    return StepLine(
        step.name, clean(step.name), lane, status, step.attempt, clean(step.where.partition("/")[2] or step.where),
        step.started_at, step.duration_s, clean(step.cached_from[:8]) if step.cached_from else Clean(""),
    )  # fmt: skip


def _step_details(store: MetadataStore, run: Run, step: StepRun) -> tuple[Section, ...]:
    facts = [Fact(Clean("state"), state_text(str(step.status)), tone_of(str(step.status)))]
    if step.where:
        facts.append(Fact(Clean("where"), clean(step.where)))
    if step.started_at is not None:
        facts.append(Fact(Clean("started"), clean(step.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"))))
    if step.duration_s is not None:
        facts.append(Fact(Clean("took"), elapsed(step.duration_s)))
    if step.attempt > 1:
        facts.append(Fact(Clean("attempt"), clean(step.attempt)))
    sections = [Section(clean(step.name), tuple(facts))]
    if step.error is not None:
        error = [Fact(Clean(""), clean(f"{step.error.type}: {step.error.message}"), Tone.ERROR)]
        if step.error.traceback:
            error.append(Fact(Clean(""), clean_block(step.error.traceback.rstrip()), Tone.MUTED))
        sections.append(Section(Clean("error"), tuple(error)))
    cache = []
    if step.cache_reason:
        cache.append(Fact(Clean(""), clean(step.cache_reason)))
    if step.cached_from:
        cache.append(Fact(Clean("from run"), clean(step.cached_from), Tone.ACCENT))
    if cache:
        sections.append(
            Section(Clean("cached" if step.status is StepStatus.CACHED else "cache"), tuple(cache))
        )
    sections += _section("parameters", ((name, repr(value)) for name, value in step.params.items()))
    sections += _section("inputs", _artifacts(store, step.inputs))
    sections += _section("outputs", _artifacts(store, step.outputs))
    metrics = {m.key: m.value for m in store.metrics(run.id) if m.source == step.name}
    sections += _section("metrics", ((name, f"{value:.6g}") for name, value in metrics.items()))
    return tuple(sections)


def _run_details(store: MetadataStore, run: Run) -> tuple[Section, ...]:
    facts = [Fact(Clean("id"), clean(run.id)), Fact(Clean("target"), clean(run.target))]
    if run.started_at is not None:
        facts.append(Fact(Clean("started"), clean(run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC"))))
    if run.code is not None:
        facts.append(Fact(Clean("code"), clean(run.code.digest)))
    sections = [Section(Clean("run"), tuple(facts))]
    sections += _section("parameters", ((name, repr(value)) for name, value in run.params.items()))
    sections += _section(
        "metrics", ((name, f"{value:.6g}") for name, value in store.last_metrics(run.id).items())
    )
    sections += _section("labels", run.labels.items())
    plain = {name: value for name, value in run.environment.items() if isinstance(value, (str, int, float))}
    sections += _section("environment", plain.items())
    return tuple(sections)


def _artifacts(store: MetadataStore, ids: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for name, artifact_id in ids.items():
        try:
            artifact = store.artifact(artifact_id)
        except NotFound:
            found.append((name, f"{artifact_id} (deleted)"))
            continue
        shape = artifact.metadata.get("shape")
        about = f"{artifact.type.rpartition('.')[2]}{f' {shape}' if shape else ''}"
        found.append(
            (name, f"{about}  {size_text(artifact.size)}  {artifact.materializer}  {artifact_id[:13]}")
        )
    return found


def _section(heading: str, pairs: Any) -> list[Section]:
    facts = tuple(Fact(clean(name), clean(value)) for name, value in pairs)
    return [Section(Clean(heading), facts)] if facts else []
