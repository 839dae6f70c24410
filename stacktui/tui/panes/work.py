"""What runs and waits on a component now, and what ran on it lately: the pane of orchestrators and step operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.categories.metadata_store import RunQuery
from stacktui.model.base import short_id
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, elapsed, running_for, size_text, state_text, tone_of
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.base import StackComponent
    from stacktui.model.run import Run, StepRun
    from stacktui.model.stack import Resources
    from stacktui.operations.session import Session

_UNFINISHED_RUNS = 50
_LATELY_RUNS = 12
_LATELY_STEPS = 40
_RUNNING = ("running", "retrying")


@dataclass(frozen=True)
class WorkLine:
    """One step on the component."""

    run_id: str
    run: Clean
    step: str
    status: str
    note: Clean
    """What it waits for, or what it asks for."""
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None

    @property
    def key(self) -> str:
        return f"{self.run_id}/{self.step}"


@dataclass(frozen=True)
class Work:
    """Now and lately."""

    slots: int | None
    """How many steps it runs at a time; None where it does not say."""
    now: tuple[WorkLine, ...]
    lately: tuple[WorkLine, ...]

    @property
    def busy(self) -> int:
        return sum(line.status in _RUNNING for line in self.now)


class WorkPane(Pane[Work]):
    """Steps by what they do: running, waiting, done lately."""

    topics = frozenset({Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "work"
    EMPTY = Clean("Nothing has run on it yet. n starts a run.")
    NOTE: ClassVar[str] = "note"
    SLOT: ClassVar[str] = "slot"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_work.stop", "x", "stop_run_of_step", "stop run", writes=True, rank=12, help="Stop the step's run."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("status", "state", 11),
                Column("step", "step", 12, grow=True),
                Column("note", self.NOTE, 20, grow=True, drop=1),
                Column("took", "took", 6, align="right"),
                Column("age", "ended", 5, align="right", drop=2),
                markable=False,
                marker_without_focus=False,
                id="work",
                empty=self.EMPTY,
            )
        )

    def slots_of(self, live: StackComponent) -> int | None:
        """How many steps the component runs at a time."""
        return None

    def read(self, source: Source) -> Work:
        session = source.session
        store = session.store()
        place = f"{self.category.value}/{source.component.name}"
        unfinished = store.runs(
            RunQuery(status=(RunStatus.RUNNING, RunStatus.QUEUED), limit=_UNFINISHED_RUNS)
        ).runs
        now: list[WorkLine] = []
        for run in unfinished:
            if run.status.finished:
                continue
            steps = store.steps(run.id)
            mine = [step for step in steps if step.where == place and not step.status.finished]
            if mine:
                now += _lines(session, store.run(run.id), mine, {step.name: step for step in steps})
        lately: list[WorkLine] = []
        # A run that is not over has steps that are.
        for run in store.runs(RunQuery(limit=_LATELY_RUNS)).runs:
            done = [
                s
                for s in store.steps(run.id)
                if s.where == place and (s.status.finished or run.status.finished)
            ]
            lately += _lines(session, run, [step for step in done if step.started_at is not None], {})
        order = {"running": 0, "retrying": 0}
        now.sort(key=lambda line: order.get(line.status, 1))
        lately.sort(key=_when, reverse=True)
        return Work(self.slots_of(source.live), tuple(now), tuple(lately[:_LATELY_STEPS]))

    def draw(self, data: Work) -> None:
        rows: list[Row] = []
        for group in _by_run(data.now):
            running = sum(line.status in _RUNNING for line in group)
            title = f"now  {group[0].run}  ({running} running, {len(group) - running} waiting)"
            rows.append(Row(f"now {group[0].run_id}", (Cell(clean(title)),), heading=True))
            rows += [_row(line) for line in group]
        for group in _by_run(data.lately):
            rows.append(
                Row(f"lately {group[0].run_id}", (Cell(clean(f"lately  {group[0].run}")),), heading=True)
            )
            rows += [_row(line) for line in group]
        self.main_grid.set_rows(rows)
        slots = data.slots
        places = f"{data.busy} of {slots} {self.SLOT}{'s' if slots != 1 else ''} busy" if slots else ""
        note = (
            places
            if data.now
            else f"idle  {slots} {self.SLOT}{'s' if slots != 1 else ''}"
            if slots
            else "idle"
        )
        self.entitle(note=note)
        self.keep_ticking(data.busy > 0)

    def blank(self, why: Clean) -> None:
        super().blank(why)
        self.keep_ticking(False)

    def tick(self) -> None:
        if self.data is not None:
            for line in self.data.now:
                self.main_grid.update_row(_row(line))

    def subject(self) -> Subject | None:
        run_id, slash, _ = (self.main_grid.cursor_key or "").partition("/")
        return Subject("run", {"run_id": run_id}, Clean(f"run {short_id(run_id)}")) if slash else None

    def opened(self, key: str) -> None:
        run_id, slash, _ = key.partition("/")
        if slash:
            self.workbench.open_place("run", run_id)

    def refusal(self, action: str) -> str | None:
        if action == "stop_run_of_step":
            key = self.main_grid.cursor_key
            if self.data is None or key not in {line.key for line in self.data.now}:
                return "the step does not run"
        return super().refusal(action)

    def action_stop_run_of_step(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        key, stopping = self.main_grid.cursor_key, self.workbench.stopping
        line = next((each for each in self.data.now if each.key == key), None) if self.data else None
        if line is not None:
            run = (line.run_id, line.run)
            self.workbench.ask(
                ConfirmDialog("runs stop", f"stop run {line.run}?", "stop"),
                lambda yes: stopping.stop([run]) if yes else None,
            )


def _lines(session: Session, run: Run, steps: list[StepRun], others: dict[str, StepRun]) -> list[WorkLine]:
    after = {node.name: node.after for node in run.graph}
    resources = _resources(session, run.id) if steps else {}
    lines = []
    for step in steps:
        note = resources.get(step.name, Clean(""))
        if step.status is StepStatus.PENDING and not run.status.finished:
            before = [n for n in after.get(step.name, ()) if n in others and not others[n].status.finished]
            note = clean(f"waits for {', '.join(before)}") if before else Clean("waits for its turn")
            if run.status is RunStatus.QUEUED and run.waits_for:
                note = clean(run.waits_for)
        lines.append(
            WorkLine(
                run.id, clean(run.name), step.name, _status(run, step), note,
                step.started_at, step.finished_at, step.duration_s,
            )
        )  # fmt: skip
    return lines


def _status(run: Run, step: StepRun) -> str:
    """A step that says running in a run that nobody holds is lost, as its run."""
    if run.status is RunStatus.LOST and not step.status.finished:
        return "lost"
    return step.status.value


def _resources(session: Session, run_id: str) -> dict[str, Clean]:
    """What each step of a run asks for; nothing where its file is gone."""
    from stacktui.pipelines.runfile import RunFile

    try:
        file = RunFile.read(session.workspace.state / "runs" / run_id)
    except (OSError, ValueError):
        return {}
    return {
        name: resources_text(settings.resources)
        for name, settings in file.settings.items()
        if settings.resources is not None
    }


def resources_text(wanted: Resources) -> Clean:
    """Resources in a few words: `2 cpu 16.0 GiB 10m00`."""
    parts = []
    if wanted.cpu is not None:
        parts.append(f"{wanted.cpu:g} cpu")
    if wanted.gpu is not None:
        parts.append(f"{wanted.gpu} gpu")
    if wanted.memory is not None:
        parts.append(size_text(int(wanted.memory)))
    if wanted.time is not None:
        parts.append(f"at most {elapsed(float(wanted.time))}")
    return Clean(" ".join(parts))


def _by_run(lines: tuple[WorkLine, ...]) -> list[list[WorkLine]]:
    """The lines of each run together, in the order in which runs first come."""
    groups: dict[str, list[WorkLine]] = {}
    for line in lines:
        groups.setdefault(line.run_id, []).append(line)
    return list(groups.values())


def _when(line: WorkLine) -> float:
    moment = line.finished_at or line.started_at
    return moment.timestamp() if moment is not None else 0.0


def _row(line: WorkLine) -> Row:
    running = line.status in _RUNNING
    return Row(
        line.key,
        (
            Cell(state_text(line.status), tone_of(line.status)),
            Cell(clean(line.step), Tone.STRONG if running else Tone.PLAIN),
            Cell(line.note, Tone.MUTED),
            Cell(running_for(line.started_at) if running else elapsed(line.duration_s)),
            Cell(ago(line.finished_at), Tone.MUTED),
        ),
    )
