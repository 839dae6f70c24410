"""The run history: newest first, it tails, a page at a time however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

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
    name: Clean
    pipeline: Clean
    stack: Clean
    params: Clean
    status: str
    created_at: datetime
    started_at: datetime | None
    duration_s: float | None


@dataclass(frozen=True)
class RunsSnapshot:
    """What is loaded of the history."""

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
        self._wanted = PAGE

    def body(self) -> ComposeResult:
        with Panel(title="runs", id="runs-panel"):
            yield Grid(
                Column("status", "state", 12),
                Column("name", "run", 18, grow=True),
                Column("pipeline", "pipeline", 14, drop=3),
                Column("stack", "stack", 11, drop=2),
                Column("params", "parameters", 18, grow=True, drop=4),
                Column("took", "took", 6, align="right"),
                Column("age", "age", 10, align="right", drop=1),
                filter_here=False,
                id="runs",
                empty=Clean("No runs yet. n starts one."),
            )

    # Loading.

    def load(self, session: Session) -> RunsSnapshot:
        from stacktui.categories.metadata_store import RunQuery

        query = RunQuery(
            status=_FILTERS[self._status][1], search=self._search or None, limit=min(self._wanted, 1000)
        )
        return load_runs(session, self._store, query)

    def show(self, snapshot: RunsSnapshot) -> None:
        grid = self.query_one("#runs", Grid)
        grid.empty = self._empty_text()
        grid.set_rows((_row(line) for line in snapshot.lines), more=snapshot.next is not None)
        self._draw_title()
        self.keep_ticking(any(line.status == "running" for line in snapshot.lines))

    def tick(self) -> None:
        grid = self.query_one("#runs", Grid)
        for line in self.snapshot.lines if self.snapshot else ():
            if line.status == "running":
                grid.update_row(_row(line))

    @on(Grid.NeedMore)
    def _load_more(self) -> None:
        if self.snapshot is None or self.snapshot.next is None:
            return
        from stacktui.categories.metadata_store import RunQuery

        shown, session = self.snapshot, self.session
        query = RunQuery(
            status=_FILTERS[self._status][1], search=self._search or None, limit=PAGE, after=shown.next
        )

        def arrived(result: Any, error: BaseException | None) -> None:
            # Another filter, or a newer first page, has replaced what this page would follow.
            if error is None and self.is_attached and self.snapshot is shown:
                self._add_page(result)

        self.workbench.background.submit(lambda: load_runs(session, self._store, query), arrived)

    def _add_page(self, page: RunsSnapshot) -> None:
        assert self.snapshot is not None
        self._wanted += PAGE
        lines = (*self.snapshot.lines, *page.lines)
        self.snapshot = RunsSnapshot(lines, page.next, self.snapshot.count)
        self.query_one("#runs", Grid).add_rows(
            (_row(line) for line in page.lines), more=page.next is not None
        )

    # What can be done.

    def subject(self) -> Subject | None:
        key = self.query_one("#runs", Grid).cursor_key if self.is_mounted else None
        if key is None or self.snapshot is None:
            return None
        line = next((line for line in self.snapshot.lines if line.id == key), None)
        return None if line is None else Subject("run", {"run_id": key}, Clean(f"run {line.name}"))

    def refusal(self, action: str) -> str | None:
        if action == "compare" and len(self._marks()) != 2:
            return "mark two runs with space first"
        if action == "operation('runs stop')":
            subject = self.subject()
            line = self._line(subject.arguments["run_id"]) if subject else None
            if line is not None and line.status not in ("queued", "running"):
                return f"the run is {line.status} already"
        return super().refusal(action)

    def focus_on(self, argument: str) -> None:
        """`:runs NAME` shows the runs of another metadata store; `:runs` those of the active stack's."""
        self._store = argument or None
        self.reload_now()

    def action_compare(self) -> None:
        marks = self._marks()
        order = [row.key for row in self.query_one("#runs", Grid).rows if row.key in marks]
        self.workbench.open_place("compare", run_ids=tuple(reversed(order)))

    def action_next_status(self) -> None:
        self._status = (self._status + 1) % len(_FILTERS)
        self._wanted = PAGE
        self.reload_now()

    @on(Grid.Opened)
    def _open(self, event: Grid.Opened) -> None:
        self.workbench.open_place("run", event.key)

    @on(Grid.FilterChanged)
    def _filter(self, event: Grid.FilterChanged) -> None:
        self._search = event.text.strip()
        self._wanted = PAGE
        self.reload_now()

    def _marks(self) -> set[str]:
        return self.query_one("#runs", Grid).marks if self.is_mounted else set()

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


def load_runs(session: Session, store_name: str | None, query: RunQuery) -> RunsSnapshot:
    """A page of runs. Blocks: reads the store."""
    store = session.store(store_name)
    page = store.runs(query)
    count = store.count_runs(query, _MOST_COUNTED) if page.next is not None else len(page.runs)
    return RunsSnapshot(tuple(_line_of(run) for run in page.runs), page.next, count)


def params_text(params: dict[str, Any]) -> Clean:
    """Parameters in one line: `lr=0.1 depth=3`."""
    return clean(" ".join(f"{name}={value}" for name, value in params.items()))


def _line_of(run: Run) -> RunLine:
    return RunLine(
        run.id, clean(run.name), clean(run.pipeline), clean(run.stack), params_text(run.params),
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
        Cell(line.params, Tone.MUTED),
        Cell(took),
        Cell(ago(line.created_at), Tone.MUTED),
    )
