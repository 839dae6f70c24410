"""What home shows: the active stack, the findings, what runs and what ran. Used by the home screen and, before
Textual is there, by `start`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from stacktui.categories.base import ProbeResult
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.component import ComponentId
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.model.run import Run, StepRun
    from stacktui.operations.session import Session

_RUNS = 30
_GOING = (RunStatus.RUNNING, RunStatus.QUEUED)
_MOVING = (StepStatus.RUNNING, StepStatus.RETRYING)
_CHEAP_SECONDS = 0.02


class Slot(NamedTuple):
    """One line of the active stack."""

    category: Category
    name: Clean
    flavor: Clean
    state: str
    """Of the last probe: `ok`, `error` or `unknown`; `missing` where the component does not exist."""
    note: Clean


class RunLine(NamedTuple):
    """One run, as home shows it."""

    id: str
    name: Clean
    pipeline: Clean
    stack: Clean
    status: str
    started_at: datetime | None
    created_at: datetime
    duration_s: float | None
    doing: Clean = Clean("")
    """Of one that goes on: what it is at, and how far; of a queued one, what it waits for; of one that ended badly, why."""
    part: float | None = None
    """How much of it is done, from 0 to 1; None where that is not known."""
    pinned: bool = False
    note: str = ""
    """As it was written."""


@dataclass(frozen=True)
class HomeSnapshot:
    """Everything on the screen."""

    stack: Clean | None
    why: Clean
    """Why there is no stack to show; empty if there is one."""
    slots: tuple[Slot, ...]
    running: tuple[RunLine, ...]
    last: tuple[RunLine, ...]
    store_problem: Clean
    findings: tuple[Diagnostic, ...] | None
    """None until the workspace has been checked."""
    root: Path


def load_home(session: Session, findings: tuple[Diagnostic, ...] | None) -> HomeSnapshot:
    """What home shows. Blocks: reads files and the store."""
    from stacktui.categories.metadata_store import RunQuery
    from stacktui.model.component import ComponentId
    from stacktui.runtime.inherit import resolve_stack

    # Not the whole workspace: the first frame waits for this.
    snapshot = session.glance()
    active = session.active(snapshot)
    slots: list[Slot] = []
    why = Clean("")
    resolved = None
    if active.name is not None and active.name in snapshot.stacks:
        resolved = resolve_stack(snapshot, active.name).stack
    if active.name is not None and resolved is None:
        why = clean(f"Stack {active.name} cannot be used ({active.reason}). p shows why; s lists the stacks.")
    if resolved is not None:
        for category in Category:
            names = resolved.names(category)
            for name in names or ("",):
                entry = snapshot.components.get(ComponentId(category, name))
                kept = session.probes.kept(ComponentId(category, name)) if entry else None
                slots.append(_slot(category, name, entry.value.flavor if entry else None, kept))
    running: tuple[RunLine, ...] = ()
    last: tuple[RunLine, ...] = ()
    problem = Clean("")
    if resolved is not None:
        try:
            store = session.store()
            runs = store.runs(RunQuery(limit=_RUNS)).runs
            # One that has gone on for days is not among the newest.
            known = {run.id for run in runs}
            older = store.runs(RunQuery(status=_GOING, limit=_RUNS)).runs
            runs = (*runs, *(run for run in older if run.id not in known))
            going = [run for run in runs if not run.status.finished]
            # Those that wait behind those that run.
            going.sort(key=lambda run: run.status is RunStatus.QUEUED)
            running = tuple(_going_line(store, run) for run in going)
            last = tuple(_run_line(run) for run in runs if run.status.finished)
        except Exception as error:
            problem = clean(str(error).strip().splitlines()[0] if str(error).strip() else repr(error))
    return HomeSnapshot(
        clean(active.name) if active.name else None, why, tuple(slots), running, last, problem,
        findings, snapshot.root,
    )  # fmt: skip


def probe_stack(session: Session) -> Iterator[tuple[ComponentId, ProbeResult]]:
    """Ask every component of the active stack anew; each answer as it comes."""
    from stacktui.operations.probing import probe_components
    from stacktui.operations.session import component_values

    snapshot = session.snapshot()
    components = list(component_values(snapshot, session.resolved(None, snapshot)))
    yield from probe_components(session, components, fresh=True)


def _slot(category: Category, name: str, flavor: str | None, probe: ProbeResult | None) -> Slot:
    if not name:
        return Slot(category, Clean(""), Clean(""), "missing" if category.required else "unknown", Clean(""))
    if flavor is None:
        return Slot(category, clean(name), Clean(""), "missing", Clean(""))
    state = "unknown" if probe is None else "ok" if probe.ok else "error"
    return Slot(category, clean(name), clean(flavor), state, clean(probe.message) if probe else Clean(""))


def _run_line(run: Run) -> RunLine:
    return RunLine(
        run.id, clean(run.name), clean(run.pipeline), clean(run.stack), str(run.status),
        run.started_at, run.created_at, run.duration_s, clean(run.error or ""), None, run.pinned, run.note,
    )  # fmt: skip


def _going_line(store: MetadataStore, run: Run) -> RunLine:
    """A run that is on its way, with what it does or waits for."""
    line = _run_line(run)
    if run.status is RunStatus.QUEUED:
        # The row says `queued` already.
        return line._replace(doing=clean(run.waits_for.removeprefix("waits for ") or "its runner starts"))
    steps = _steps_of(store, run.id)
    if not steps:
        return line
    done = sum(step.status.finished for step in steps)
    now_at = next((step for step in steps if step.status in _MOVING), None)
    said = now_at.progress if now_at is not None and now_at.status is StepStatus.RUNNING else None
    inner = min(1.0, max(0.0, said.done / said.total)) if said is not None and said.total else 0.0
    doing = f"{done}/{len(steps)}"
    if now_at is not None:
        doing += f" {now_at.name}" + (": is tried again" if now_at.status is StepStatus.RETRYING else "")
    return line._replace(doing=clean(doing), part=min(1.0, (done + inner) / len(steps)))


_COSTLY: dict[str, tuple[float, tuple[StepRun, ...]]] = {}
"""The steps of long runs that go on, and until when they are not read again: each event of theirs would do that."""


def _steps_of(store: MetadataStore, run_id: str) -> tuple[StepRun, ...]:
    until, steps = _COSTLY.get(run_id, (0.0, ()))
    began = time.monotonic()
    if began < until:
        return steps
    steps = store.steps(run_id)
    took = time.monotonic() - began
    _COSTLY.pop(run_id, None)
    if took > _CHEAP_SECONDS:
        while len(_COSTLY) >= _RUNS:
            _COSTLY.pop(next(iter(_COSTLY)))
        _COSTLY[run_id] = (time.monotonic() + min(5.0, 20 * took), steps)
    return steps
