"""The run history: newest first, it tails, a page at a time however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.base import short_id
from stacktui.model.run import RunStatus
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, operation_bindings
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, elapsed, glyph, running_for, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.run_actions import Chosen, RunActions, chosen_in
from stacktui.tui.snapshots.runs import (
    MOST_COUNTED,
    Key,
    RunLine,
    RunsSnapshot,
    Words,
    brace,
    load_runs,
    with_older,
)
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session

PAGE = 100
_FILTERS: tuple[tuple[str, tuple[RunStatus, ...]], ...] = (
    ("all", ()),
    ("going on", (RunStatus.QUEUED, RunStatus.RUNNING)),
    ("failed", (RunStatus.FAILED, RunStatus.LOST)),
    ("succeeded", (RunStatus.SUCCEEDED,)),
)
_COLUMNS = (
    Column("status", "state", 12),
    Column("name", "run", 18, grow=True),
    Column("pipeline", "pipeline", 14, drop=6),
    Column("stack", "stack", 11, drop=5),
    Column("params", "parameters / error", 24, grow=True, drop=2),
    Column("took", "took", 6, align="right"),
    Column("age", "age", 10, align="right", drop=3),
)
_SIGNS = 4
"""Cells before a name: its sweep's brace and its pin."""
_LONGEST_NAME = 40
_LABELS = Column("labels", "labels", 14, drop=4)


class RunsScreen(RunActions, WorkbenchScreen[RunsSnapshot]):
    """All runs of the active stack's metadata store, or of another one: `:runs NAME`."""

    topics = frozenset({Topic.RUNS, Topic.ACTIVE})
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings("run", without=("runs show", "runs compare")),
        bind(
            "runs.compare", "equals_sign", "compare", "compare", rank=41,
            help="Compare the marked runs: two side by side, more in a table. Without marks, the sweep.",
        ),
        bind("runs.status", "f", "next_status", "state", rank=42, help="All runs, those that go on, failed or succeeded."),
        bind(
            "runs.group", "z", "group", "sweep", rank=46,
            help="Only the runs of the sweep under the cursor; again, all of them.",
        ),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._store: str | None = None
        self._status = 0
        self._group: str | None = None
        self._words = Words()

    def body(self) -> ComposeResult:
        with Panel(title="runs", id="runs-panel"):
            grid = Grid(*_COLUMNS, filter_here=False, id="runs", empty=Clean("No runs yet. n starts one."))
            grid.filter_hint = Clean("words, label:team=vision, label:team, is:pinned")
            yield grid

    # Loading.

    def load(self, session: Session) -> RunsSnapshot:
        key, shown = self._key, self.snapshot
        fresh = load_runs(session, key, PAGE)
        if shown is None or shown.key != key:
            return fresh
        return with_older(session, fresh, shown, self.workbench.feed.touched_runs)

    @property
    def _key(self) -> Key:
        return Key(self._store, _FILTERS[self._status][1], self._words, self._group)

    def show(self, snapshot: RunsSnapshot) -> None:
        grid = self.query_one("#runs", Grid)
        grid.empty = self._empty_text()
        self._set_columns(grid)
        grid.set_rows(self._rows(), more=snapshot.next is not None)
        self._draw_title()
        self.keep_ticking(any(line.status == "running" for line in snapshot.lines))
        self.keys_changed()

    def _set_columns(self, grid: Grid) -> bool:
        """Show the columns that say something, and tell whether they are others than before."""
        columns = (*_COLUMNS[:5], _LABELS, *_COLUMNS[5:]) if self._labelled else _COLUMNS
        lines = self.snapshot.lines if self.snapshot else ()
        wanted = tuple(_fitted(column, lines) for column in columns)
        if grid.columns == wanted:
            return False
        grid.set_columns(*wanted)
        return True

    @property
    def _labelled(self) -> bool:
        return any(line.labels for line in self.snapshot.lines) if self.snapshot else False

    def _rows(self, begin: int = 0, end: int | None = None) -> list[Row]:
        lines = self.snapshot.lines if self.snapshot else ()
        labelled = self._labelled
        return [_row(lines, place, labelled) for place in range(len(lines))[begin:end]]

    def tick(self) -> None:
        grid = self.query_one("#runs", Grid)
        lines = self.snapshot.lines if self.snapshot else ()
        for place, line in enumerate(lines):
            if line.status == "running":
                grid.update_row(self._rows(place, place + 1)[0])

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
        begin = len(shown.lines)
        if self._set_columns(grid):
            grid.set_rows(self._rows(), more=page.next is not None)
        else:
            # The sweep of the last row may go on below it.
            grid.update_row(self._rows(begin - 1, begin)[0])
            grid.add_rows(self._rows(begin), more=page.next is not None)
        self._draw_title()

    # What can be done.

    def subject(self) -> Subject | None:
        key = self.query_one("#runs", Grid).cursor_key if self.is_mounted else None
        if key is None or self.snapshot is None:
            return None
        line = next((line for line in self.snapshot.lines if line.id == key), None)
        return (
            None
            if line is None
            else Subject("run", {"run_id": key, "run_ids": (key,)}, Clean(f"run {line.name}"))
        )

    def chosen_runs(self) -> tuple[Chosen, ...]:
        if not self.is_mounted or self.snapshot is None:
            return ()
        return chosen_in(self.query_one("#runs", Grid), self.snapshot.lines)

    def other_store(self) -> bool:
        return self._store is not None

    def refusal(self, action: str) -> str | None:
        if action == "compare" and len(self._to_compare()) < 2 and self._sweep_here() is None:
            return "mark two with space; more are shown in a table"
        if action == "group" and self._group is None and self._group_here() is None:
            return "the run belongs to no sweep"
        return super().refusal(action)

    def focus_on(self, argument: str) -> None:
        """`:runs NAME` shows the runs of another metadata store; `:runs` those of the active stack's."""
        self._store = argument or None
        self.reload_now()

    def action_compare(self) -> None:
        found, group = self._to_compare(), self._sweep_here()
        if group is not None:
            self.workbench.open_place("sweep", group=group, store=self._store)
        elif len(found) == 2:
            self.workbench.open_place("compare", run_ids=found, store=self._store)
        else:
            self.workbench.open_place("sweep", run_ids=found, store=self._store)

    def action_group(self) -> None:
        """Only the sweep under the cursor, or all runs again."""
        self._group = None if self._group is not None else self._group_here()
        self.reload_now()

    def action_back(self) -> None:
        grid = self.query_one("#runs", Grid)
        if self._group is not None and not grid.filter_text and not self._filters_now():
            self.action_group()
        else:
            super().action_back()

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
        words = Words.of(event.text)
        if words != self._words:
            self._words = words
            self.reload_now()

    def _to_compare(self) -> tuple[str, ...]:
        """The runs to compare, the oldest first: those marked, or the marked one and the cursor's."""
        if not self.is_mounted or self.snapshot is None:
            return ()
        grid = self.query_one("#runs", Grid)
        chosen = set(grid.marks)
        if len(chosen) == 1 and grid.cursor_key is not None:
            chosen.add(grid.cursor_key)
        return tuple(line.id for line in reversed(self.snapshot.lines) if line.id in chosen)

    def _sweep_here(self) -> str | None:
        """The sweep to compare: that of the run under the cursor, where none is marked."""
        return self._group_here() if self.is_mounted and not self.query_one("#runs", Grid).marks else None

    def _group_here(self) -> str | None:
        line = self._line(self.query_one("#runs", Grid).cursor_key or "") if self.is_mounted else None
        return line.group if line else None

    def _filters_now(self) -> bool:
        from stacktui.tui.widgets.filterline import FilterLine

        return any(line.display for line in self.query(FilterLine))

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
        if self._group is not None:
            notes.append(f"sweep {clean(short_id(self._group))}: z shows all runs, = compares")
        if self._words.search:
            notes.append(f"search: {clean(self._words.search)}")
        if self._words.label:
            notes.append(f"label: {clean(self._words.label)}")
        if self._words.pinned is not None:
            notes.append("pinned" if self._words.pinned else "not pinned")
        if self.snapshot.count >= MOST_COUNTED:
            notes.append("10,000 or more")
        panel.set_note(Clean("  ".join(notes)))

    def _empty_text(self) -> Clean:
        if self._words.search:
            return clean(
                f"No run has {self._words.search!r} in its name, parameters, labels, note or error. esc clears the "
                "search. label:team=vision, label:team and is:pinned narrow it, too."
            )
        if self._words != Words():
            return Clean("No run has that label or pin. esc clears the search.")
        if self._status:
            return Clean(f"No run is {_FILTERS[self._status][0]}. f shows other states.")
        return Clean("No runs yet. n starts the first one.")


def _fitted(column: Column, lines: tuple[RunLine, ...]) -> Column:
    """A column as wide as what stands in it: the room goes to parameters and errors."""
    if column.key == "name":
        longest = max((cell_len(line.name) for line in lines), default=0) + _SIGNS
        return column._replace(most=min(_LONGEST_NAME, max(column.width, longest)))
    texts: Iterable[str]
    if column.key in ("pipeline", "stack", "labels"):
        texts = (getattr(line, column.key) for line in lines)
    elif column.key == "age":
        texts = (ago(line.created_at) for line in lines)
    else:
        return column
    longest = max((cell_len(text) for text in texts), default=0)
    return column._replace(width=min(column.width, max(len(column.title), longest)))


def _row(lines: tuple[RunLine, ...], place: int, labelled: bool) -> Row:
    line = lines[place]
    took = running_for(line.started_at) if line.status == "running" else elapsed(line.duration_s)
    labels = (Cell(line.labels, Tone.MUTED),) if labelled else ()
    return Row(
        line.id,
        (
            Cell(state_text(line.status), tone_of(line.status)),
            Cell(_name(lines, place), Tone.STRONG if line.status == "running" else Tone.PLAIN),
            Cell(line.pipeline, Tone.MUTED),
            Cell(line.stack, Tone.MUTED),
            _about(line),
            *labels,
            Cell(took),
            Cell(ago(line.created_at), Tone.MUTED),
        ),
    )


def _name(lines: tuple[RunLine, ...], place: int) -> Clean:
    """Its name, behind what ties it to its sweep and says that it is pinned."""
    line = lines[place]
    signs = [brace(lines, place)] if line.group else []
    signs += ["◆"] if line.pinned else []
    return Clean(" ".join([*map(glyph, signs), line.name]))


def _about(line: RunLine) -> Cell:
    """What most wants to be read of a run: why it failed, what it waits for, what somebody noted, its parameters."""
    if line.error:
        return Cell(line.error, Tone.ERROR)
    if line.waits_for and line.status == "queued":
        return Cell(line.waits_for, Tone.WARN)
    if line.note:
        return Cell(Clean(f"{line.note}  {line.params}"))
    return Cell(line.params, Tone.MUTED)
