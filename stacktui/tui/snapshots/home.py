"""What home shows: the active stack, the findings, what runs and what ran. Used by the home screen and, before
Textual is there, by `start`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from stacktui.categories.base import ProbeResult
    from stacktui.model.component import ComponentId
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.model.run import Run
    from stacktui.operations.session import Session

_RUNS = 30


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
            runs = session.store().runs(RunQuery(limit=_RUNS)).runs
            running = tuple(_run_line(run) for run in runs if not run.status.finished)
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
        run.started_at, run.created_at, run.duration_s,
    )  # fmt: skip
