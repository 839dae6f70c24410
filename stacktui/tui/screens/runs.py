"""The run history: newest first, it tails, a page at a time however many there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.categories.errors import NotFound
from stacktui.model.run import RunStatus
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, operation_bindings
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, elapsed, running_for, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.categories.metadata_store import RunQuery
    from stacktui.model.run import Run
    from stacktui.operations.session import Session

PAGE = 100
_MOST_COUNTED = 10_000
_FILTERS: tuple[tuple[str, tuple[RunStatus, ...]], ...] = (
    ("all", ()),
    ("running", (RunStatus.QUEUED, RunStatus.RUNNING)),
    ("failed", (RunStatus.FAILED, RunStatus.LOST)),
    ("succeeded", (RunStatus.SUCCEEDED,)),
)


@dataclass(frozen=True)
class RunLine:
    """One run, as the list shows it."""

    id: str
    target: str
    """How to start it again."""
    name: Clean
    pipeline: Clean
    stack: Clean
    params: Clean
    error: Clean
    status: str
    created_at: datetime
    started_at: datetime | None
    duration_s: float | None


class Key(NamedTuple):
    """Which runs: a store, states, words."""

    store: str | None
    status: tuple[RunStatus, ...]
    search: str

    def query(self, limit: int, after: str | None = None) -> RunQuery:
        """The same for the store."""
        from stacktui.categories.metadata_store import RunQuery

        return RunQuery(status=self.status, search=self.search or None, limit=limit, after=after)


@dataclass(frozen=True)
class RunsSnapshot:
    """What is loaded of the history."""

    key: Key
    lines: tuple[RunLine, ...]
    next: str | None
    count: int
    """How many runs the query finds, counted no further than 10,000."""


class RunsScreen(WorkbenchScreen[RunsSnapshot]):
    """All runs of the active stack's metadata store, or of another one: `:runs NAME`."""

    topics = frozenset({Topic.RUNS, Topic.ACTIVE})
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings("run", without=("runs show", "runs compare")),
        bind(
            "runs.compare", "equals_sign", "compare", "compare", rank=30, help="Compare the two marked runs."
        ),
        bind(
            "runs.status",
            "f",
            "next_status",
            "filter state",
            rank=31,
            help="All runs, those that run, failed or succeeded.",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._store: str | None = None
        self._search = ""
        self._status = 0

    def body(self) -> ComposeResult:
        with Panel(title="runs", id="runs-panel"):
            yield Grid(
                Column("status", "state", 12),
                Column("name", "run", 18, grow=True),
                Column("pipeline", "pipeline", 14, drop=3),
                Column("stack", "stack", 11, drop=2),
                Column("params", "parameters / error", 18, grow=True, drop=4),
                Column("took", "took", 6, align="right"),
                Column("age", "age", 10, align="right", drop=1),
                filter_here=False,
                id="runs",
                empty=Clean("No runs yet. n starts one."),
            )

    # Loading.

    def load(self, session: Session) -> RunsSnapshot:
        key, shown = self._key, self.snapshot
        fresh = load_runs(session, key, PAGE)
        return fresh if shown is None or shown.key != key else with_older(session, fresh, shown)

    @property
    def _key(self) -> Key:
        return Key(self._store, _FILTERS[self._status][1], self._search)

    def show(self, snapshot: RunsSnapshot) -> None:
        grid = self.query_one("#runs", Grid)
        grid.empty = self._empty_text()
        grid.set_rows((_row(line) for line in snapshot.lines), more=snapshot.next is not None)
        self._draw_title()
        self.keep_ticking(any(line.status == "running" for line in snapshot.lines))
        self.keys_changed()

    def tick(self) -> None:
        grid = self.query_one("#runs", Grid)
        for line in self.snapshot.lines if self.snapshot else ():
            if line.status == "running":
                grid.update_row(_row(line))

    @on(Grid.NeedMore)
    def _load_more(self) -> None:
        shown, session = self.snapshot, self.session
        if shown is None or shown.next is None or shown.key != self._key:
            return

        def arrived(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self.load_failed(error)
            elif self.is_attached and self.snapshot is not None and self.snapshot.next == shown.next:
                self._add_page(result)

        self.workbench.background.submit(lambda: load_runs(session, shown.key, PAGE, shown.next), arrived)

    def _add_page(self, page: RunsSnapshot) -> None:
        shown = self.snapshot
        if shown is None or shown.key != page.key:
            return
        known = {line.id for line in shown.lines}
        lines = tuple(line for line in page.lines if line.id not in known)
        self.snapshot = replace(shown, lines=(*shown.lines, *lines), next=page.next)
        grid = self.query_one("#runs", Grid)
        grid.add_rows((_row(line) for line in lines), more=page.next is not None)
        self._draw_title()

    # What can be done.

    def subject(self) -> Subject | None:
        key = self.query_one("#runs", Grid).cursor_key if self.is_mounted else None
        if key is None or self.snapshot is None:
            return None
        line = next((line for line in self.snapshot.lines if line.id == key), None)
        return None if line is None else Subject("run", {"run_id": key}, Clean(f"run {line.name}"))

    def refusal(self, action: str) -> str | None:
        if action == "compare" and len(self._pair()) != 2:
            return "mark two runs with space, or one and go to another"
        if action == "operation('runs stop')":
            if self._store is not None:
                return "these are not runs of the active stack's store"
            subject = self.subject()
            line = self._line(subject.arguments["run_id"]) if subject else None
            if line is not None and line.status not in ("queued", "running"):
                return f"the run has ended: {line.status}"
        return super().refusal(action)

    def focus_on(self, argument: str) -> None:
        """`:runs NAME` shows the runs of another metadata store; `:runs` those of the active stack's."""
        self._store = argument or None
        self.reload_now()

    def action_compare(self) -> None:
        self.workbench.open_place("compare", run_ids=self._pair(), store=self._store)

    def action_go(self, place: str) -> None:
        """`n` begins with the pipeline under the cursor."""
        line = self._line(self.query_one("#runs", Grid).cursor_key or "")
        if place == "newrun" and line is not None and line.target:
            self.workbench.open_place("newrun", target=line.target)
        else:
            super().action_go(place)

    def action_next_status(self) -> None:
        self._status = (self._status + 1) % len(_FILTERS)
        self.reload_now()

    @on(Grid.Opened)
    def _open(self, event: Grid.Opened) -> None:
        self.workbench.open_place("run", run_id=event.key, store=self._store)

    @on(Grid.FilterChanged)
    def _filter(self, event: Grid.FilterChanged) -> None:
        self._search = event.text.strip()
        self.reload_now()

    def _pair(self) -> tuple[str, ...]:
        """The two runs to compare, the older one first: those marked, or the marked one and the cursor's."""
        if not self.is_mounted or self.snapshot is None:
            return ()
        grid = self.query_one("#runs", Grid)
        chosen = set(grid.marks)
        if len(chosen) == 1 and grid.cursor_key is not None:
            chosen.add(grid.cursor_key)
        return tuple(row.key for row in reversed(grid.rows) if row.key in chosen) if chosen else ()

    def _line(self, run_id: str) -> RunLine | None:
        lines = self.snapshot.lines if self.snapshot else ()
        return next((line for line in lines if line.id == run_id), None)

    def _draw_title(self) -> None:
        assert self.snapshot is not None
        panel = self.query_one("#runs-panel", Panel)
        title = "runs" if self._store is None else f"runs in {clean(self._store)}"
        panel.set_title(title, len(self.snapshot.lines), self.snapshot.count)
        state = _FILTERS[self._status][0]
        notes = [f"state: {state}"] if self._status else []
        if self._search:
            notes.append(f"search: {clean(self._search)}")
        if self.snapshot.count >= _MOST_COUNTED:
            notes.append("10,000 or more")
        panel.set_note(Clean("  ".join(notes)))

    def _empty_text(self) -> Clean:
        if self._search:
            return clean(
                f"No run has {self._search!r} in its name, parameters, labels or error. esc clears the search."
            )
        if self._status:
            return Clean(f"No run is {_FILTERS[self._status][0]}. f shows other states.")
        return Clean("No runs yet. n starts the first one.")


def load_runs(session: Session, key: Key, limit: int, after: str | None = None) -> RunsSnapshot:
    """A page of runs. Blocks: reads the store."""
    store = session.store(key.store)
    query = key.query(limit, after)
    page = store.runs(query)
    first = after is None
    count = store.count_runs(query, _MOST_COUNTED) if first and page.next is not None else len(page.runs)
    return RunsSnapshot(key, tuple(_line_of(run) for run in page.runs), page.next, count)


def with_older(session: Session, fresh: RunsSnapshot, shown: RunsSnapshot) -> RunsSnapshot:
    """The newest page with the older runs that are on screen behind it, so that a long list stays where it is.

    Of the older ones those that had not ended are read again; ended ones do not change. Blocks: reads the store.
    """
    newest = {line.id for line in fresh.lines}
    last = next((n for n in reversed(range(len(shown.lines))) if shown.lines[n].id in newest), None)
    if fresh.next is None or last is None:
        return fresh
    store = session.store(shown.key.store)
    older = []
    for line in shown.lines[last + 1 :]:
        if line.status not in ("queued", "running"):
            older.append(line)
            continue
        try:
            run = store.run(line.id)
        except NotFound:
            continue
        if not shown.key.status or run.status in shown.key.status:
            older.append(_line_of(run))
    return replace(fresh, lines=(*fresh.lines, *older), next=shown.next if older else fresh.next)


def params_text(params: dict[str, Any]) -> Clean:
    """Parameters in one line: `lr=0.1 depth=3`."""
    return clean(" ".join(f"{name}={value}" for name, value in params.items()))


def _line_of(run: Run) -> RunLine:
    return RunLine(
        run.id, run.target, clean(run.name), clean(run.pipeline), clean(run.stack), params_text(run.params), clean(run.error or ""),
        str(run.status), run.created_at, run.started_at, run.duration_s,
    )  # fmt: skip


def _row(line: RunLine) -> Row:
    took = running_for(line.started_at) if line.status == "running" else elapsed(line.duration_s)
    return Row(line.id, _cells(line, took))


def _cells(line: RunLine, took: Clean) -> tuple[Cell, ...]:
    return (
        Cell(state_text(line.status), tone_of(line.status)),
        Cell(line.name, Tone.STRONG if line.status == "running" else Tone.PLAIN),
        Cell(line.pipeline, Tone.MUTED),
        Cell(line.stack, Tone.MUTED),
        Cell(line.error, Tone.ERROR) if line.error else Cell(line.params, Tone.MUTED),
        Cell(took),
        Cell(ago(line.created_at), Tone.MUTED),
    )
