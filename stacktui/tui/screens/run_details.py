"""What the facts panel of the run screen says about the chosen step, an earlier attempt of it, or the run. No widgets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stacktui.categories.errors import NotFound
from stacktui.model.base import short_id
from stacktui.model.run import StepStatus
from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.moments import full_stamp
from stacktui.tui.marks import Tone, elapsed, glyph, size_text, state_text, tone_of
from stacktui.tui.widgets.bars import curve
from stacktui.tui.widgets.facts import Fact, Section

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Metric, Run, StepAttempt, StepError, StepRun

_CURVE = 24
_LONG_ID = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def moment(at: datetime) -> str:
    """A time as it is shown: to the second, with its zone."""
    return full_stamp(at)


def short_ids(text: str) -> str:
    """A text with the ids of runs cut to what tells them apart."""
    return _LONG_ID.sub(r"\1", text)


def step_details(
    store: MetadataStore, run: Run, step: StepRun, progress: Sequence[Clean] = ()
) -> tuple[Section, ...]:
    """A step: its state, why it was cached or not, what went in and came out."""
    facts = [Fact(Clean("state"), state_text(str(step.status)), tone_of(str(step.status)))]
    if step.where:
        facts.append(Fact(Clean("where"), clean(step.where)))
    if step.started_at is not None:
        facts.append(Fact(Clean("started"), clean(moment(step.started_at))))
    if step.duration_s is not None:
        facts.append(Fact(Clean("took"), elapsed(step.duration_s)))
    if step.attempt > 1:
        facts.append(Fact(Clean("attempt"), clean(step.attempt)))
    for place, line in enumerate(progress):
        facts.append(Fact(Clean("" if place else "progress"), line, Tone.RUNNING))
    sections = [Section(Clean(""), tuple(facts)), *_error(step.error)]
    cache = []
    if step.cache_reason:
        cache.append(Fact(Clean(""), clean(short_ids(step.cache_reason))))
    if step.cached_from:
        cache.append(Fact(Clean("from run"), clean(step.cached_from), Tone.ACCENT, step.cached_from))
    if cache:
        ran = step.started_at is not None and step.status is not StepStatus.CACHED
        heading = (
            "why it was cached" if step.status is StepStatus.CACHED else "why it ran" if ran else "cache"
        )
        sections.append(Section(Clean(heading), tuple(cache)))
    sections += _section("parameters", ((name, repr(value)) for name, value in step.params.items()))
    sections += _section("inputs", _artifacts(store, run, step.inputs, made_here=False))
    sections += _section("outputs", _artifacts(store, run, step.outputs, made_here=True))
    sections += _metrics(point for point in store.metrics(run.id) if point.source == step.name)
    return tuple(sections)


def run_details(store: MetadataStore, run: Run) -> tuple[Section, ...]:
    """The run itself: what it came from, what was asked for, where and with what it ran."""
    facts = [Fact(Clean("id"), clean(run.id)), Fact(Clean("target"), clean(run.target))]
    for name, at in (("created", run.created_at), ("started", run.started_at), ("ended", run.finished_at)):
        if at is not None:
            facts.append(Fact(Clean(name), clean(moment(at))))
    if run.duration_s is not None:
        facts.append(Fact(Clean("took"), elapsed(run.duration_s)))
    if run.waits_for and not run.status.finished:
        facts.append(Fact(Clean("waits for"), clean(run.waits_for), Tone.WARN))
    if run.retry_of:
        facts.append(Fact(Clean("retry of"), clean(run.retry_of), Tone.ACCENT, run.retry_of))
    if run.group:
        facts.append(Fact(Clean("sweep"), clean(run.group)))
    if run.resumes:
        facts.append(Fact(Clean("resumed"), Clean("once" if run.resumes == 1 else f"{run.resumes} times")))
    if run.pinned:
        facts.append(Fact(Clean("pinned"), Clean("yes: prune keeps it")))
    if run.note:
        facts.append(Fact(Clean("note"), clean_block(run.note)))
    sections = [Section(Clean(""), tuple(facts))]
    sections += _section("where and with what", _surroundings(run))
    sections += _section("labels", run.labels.items())
    sections += _section("parameters", ((name, repr(value)) for name, value in run.params.items()))
    sections += _metrics(store.metrics(run.id))
    packages = run.environment.get("packages")
    if isinstance(packages, Mapping) and packages:
        listed = f" {glyph('·')} ".join(f"{name} {version}" for name, version in packages.items())
        sections.append(
            Section(Clean(f"{len(packages)} packages"), (Fact(Clean(""), clean(listed), Tone.MUTED),))
        )
    return tuple(sections)


def attempt_details(attempt: StepAttempt) -> tuple[Section, ...]:
    """An earlier attempt of a step."""
    status = str(attempt.status)
    facts = [
        Fact(Clean("attempt"), clean(attempt.attempt)),
        Fact(Clean("state"), state_text(status), tone_of(status)),
    ]
    if attempt.where:
        facts.append(Fact(Clean("where"), clean(attempt.where)))
    for name, at in (("started", attempt.started_at), ("ended", attempt.finished_at)):
        if at is not None:
            facts.append(Fact(Clean(name), clean(moment(at))))
    if attempt.duration_s is not None:
        facts.append(Fact(Clean("took"), elapsed(attempt.duration_s)))
    return (Section(Clean(""), tuple(facts)), *_error(attempt.error))


def hook_details(hook: Clean, status: str) -> tuple[Section, ...]:
    """A hook of the pipeline that was called."""
    said = Clean("It was called when the steps were over. What goes wrong in it changes nothing of the run.")
    facts = (Fact(Clean("hook"), hook), Fact(Clean("state"), state_text(status), tone_of(status)))
    return (Section(Clean(""), facts), Section(Clean(""), (Fact(Clean(""), said, Tone.MUTED),)))


def _error(error: StepError | None) -> list[Section]:
    if error is None:
        return []
    said = f"{error.type}: {error.message}"
    facts = [Fact(Clean(""), clean(said), Tone.ERROR)]
    # The traceback ends with what stands above it already.
    if frames := error.traceback.rstrip().removesuffix(said).rstrip():
        facts.append(Fact(Clean(""), clean_block(frames), Tone.MUTED))
    return [Section(Clean("error"), tuple(facts))]


def _surroundings(run: Run) -> list[tuple[str, Any]]:
    """Host, user, code and the environment, but for the packages."""
    found: list[tuple[str, Any]] = [("host", run.host), ("user", run.user)]
    if run.code is not None:
        if run.code.commit:
            found.append(("commit", run.code.commit + (" with changes" if run.code.dirty else "")))
        found.append(("code", run.code.digest.rpartition(":")[2][:16]))
    for name, value in run.environment.items():
        if name in ("host", "user") and getattr(run, name):
            # Told above.
            continue
        if isinstance(value, (str, int, float)):
            found.append((name, value))
        elif isinstance(value, (list, tuple)):
            found.append((name, ", ".join(map(_named, value)) or "none"))
    return [(name, value) for name, value in found if value not in ("", None)]


def _named(value: Any) -> str:
    """One of several things of an environment: a GPU's name and what else is said of it."""
    return " ".join(str(each) for each in value.values()) if isinstance(value, Mapping) else str(value)


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
            pieces.append(f"of run {short_id(artifact.run_id)}")
        if made_here:
            pieces += [artifact.materializer, f"v{artifact.version}"]
        found.append((name, "  ".join(pieces)))
    return found


def _section(heading: str, pairs: Any) -> list[Section]:
    facts = tuple(Fact(clean(name), clean(value)) for name, value in pairs)
    return [Section(Clean(heading), facts)] if facts else []
