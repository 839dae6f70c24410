"""Several runs as one table: the parameters that differ, the metrics, how long each took; sorted by any of them.

Opened by `=` on a sweep or on three and more marked runs, and after a sweep was started: it fills while they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, operation_bindings
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, glyph, running_for, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.run_actions import Chosen, RunActions, chosen_in
from stacktui.tui.snapshots.sweep import Sweep, SweepLine, in_order, load_sweep
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_WIDEST = 24


class SweepScreen(RunActions, WorkbenchScreen[Sweep]):
    """The runs of a group, or those with the given ids."""

    topics = frozenset({Topic.RUNS})
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings("run", without=("runs show", "runs compare")),
        bind("sweep.right", "right,l", "sort_by(1)", "sort by next", rank=10, help="Sort by the next column."),
        bind("sweep.left", "left", "sort_by(-1)", "sort by previous", rank=110, help="Sort by the column before."),
        bind("sweep.order", "o", "turn", "turn order", rank=11, help="The largest first, or the smallest."),
        bind("sweep.compare", "equals_sign", "compare", "compare two", rank=30, help="Two marked runs side by side."),
    ]  # fmt: skip

    def __init__(
        self, group: str | None = None, run_ids: tuple[str, ...] = (), store: str | None = None
    ) -> None:
        super().__init__()
        self._group = group
        self._ids = run_ids
        self._store = store
        self._by: int | str = "run"
        self._descending = False
        self._chosen_by_hand = False

    def body(self) -> ComposeResult:
        with Panel(title="sweep", id="sweep-panel"):
            yield Grid(Column("run", "run", 16, grow=True), id="sweep", empty=Clean("No run of it is left."))

    def load(self, session: Session) -> Sweep:
        return load_sweep(session, self._group, self._ids, self._store)

    def show(self, snapshot: Sweep) -> None:
        if not self._chosen_by_hand:
            # What people came for: the first metric, the best of it above if more is better, which it mostly is.
            metrics = [n for n, column in enumerate(snapshot.columns) if column.kind == "metric"]
            self._by, self._descending = (metrics[0], True) if metrics else ("run", False)
        self.set_crumb(clean(f"sweep {short_id(snapshot.group)}") if snapshot.group else Clean("comparison"))
        self._draw(snapshot)
        going = any(line.status == "running" for line in snapshot.lines)
        self.keep_ticking(going)
        self.keys_changed()

    def _draw(self, snapshot: Sweep) -> None:
        grid = self.query_one("#sweep", Grid)
        columns = self._columns(snapshot)
        if columns != grid.columns:
            grid.set_columns(*columns)
        grid.set_rows(self._row(line) for line in in_order(snapshot.lines, self._by, self._descending))
        panel = self.query_one("#sweep-panel", Panel)
        panel.set_title(snapshot.title)
        panel.set_note(Clean(f"all: {snapshot.same}") if snapshot.same else "")

    def _columns(self, snapshot: Sweep) -> tuple[Column, ...]:
        values = []
        for place, column in enumerate(snapshot.columns):
            texts = [_text(line.values[place]) for line in snapshot.lines]
            width = min(_WIDEST, max((len(text) for text in [column.title, *texts]), default=4) + 2)
            # The later ones vanish first; the one that it is sorted by never does.
            drop = 0 if place == self._by else 2 + place
            title = self._titled(column.title, place)
            values.append(Column(f"value{place}", title, max(width, len(title)), False, "right", drop))
        return (
            Column("status", "state", 12),
            Column("run", self._titled("run", "run"), 12, grow=True, drop=1),
            *values,
            Column("took", self._titled("took", "took"), 7, False, "right"),
        )

    def _titled(self, title: str, place: int | str) -> str:
        arrow = glyph("↓" if self._descending else "↑")
        return f"{title} {arrow}" if place == self._by else title

    def tick(self) -> None:
        grid = self.query_one("#sweep", Grid)
        for line in self.snapshot.lines if self.snapshot else ():
            if line.status == "running":
                grid.update_row(self._row(line))

    def _row(self, line: SweepLine) -> Row:
        took = running_for(line.started_at) if line.status == "running" else elapsed(line.duration_s)
        name = Clean(f"{glyph('◆')} {line.name}") if line.pinned else line.name
        return Row(
            line.id,
            (
                Cell(state_text(line.status), tone_of(line.status)),
                Cell(name, Tone.MUTED),
                *(
                    Cell(_text(value), Tone.STRONG if place == self._by else Tone.PLAIN)
                    for place, value in enumerate(line.values)
                ),
                Cell(took, Tone.MUTED),
            ),
        )

    # What can be done.

    def subject(self) -> Subject | None:
        line = self._line()
        arguments: dict[str, Any] = {"run_id": line.id, "run_ids": (line.id,)} if line else {}
        return Subject("run", arguments, Clean(f"run {line.name}")) if line else None

    def chosen_runs(self) -> tuple[Chosen, ...]:
        if not self.is_mounted or self.snapshot is None:
            return ()
        return chosen_in(self.query_one("#sweep", Grid), self.snapshot.lines)

    def other_store(self) -> bool:
        return self._store is not None

    def refusal(self, action: str) -> str | None:
        if action == "compare" and len(self._pair()) != 2:
            return "mark two runs with space"
        return super().refusal(action)

    def action_sort_by(self, by: int) -> None:
        count = len(self.snapshot.columns) if self.snapshot else 0
        order: list[int | str] = ["run", *range(count), "took"]
        place = order.index(self._by) if self._by in order else 0
        self._by = order[(place + by) % len(order)]
        self._chosen_by_hand = True
        self._draw_again()

    def action_turn(self) -> None:
        self._descending = not self._descending
        self._chosen_by_hand = True
        self._draw_again()

    def action_compare(self) -> None:
        self.workbench.open_place("compare", run_ids=self._pair(), store=self._store)

    @on(Grid.Opened, "#sweep")
    def _open(self, event: Grid.Opened) -> None:
        self.workbench.open_place("run", run_id=event.key, store=self._store)

    def _draw_again(self) -> None:
        if self.snapshot is not None:
            self._draw(self.snapshot)
            # The best one is what is looked for.
            self.query_one("#sweep", Grid).action_cursor_to(0)

    def _pair(self) -> tuple[str, ...]:
        grid = self.query_one("#sweep", Grid) if self.is_mounted else None
        if grid is None or self.snapshot is None:
            return ()
        chosen = set(grid.marks)
        if len(chosen) == 1 and grid.cursor_key is not None:
            chosen.add(grid.cursor_key)
        return tuple(line.id for line in self.snapshot.lines if line.id in chosen)

    def _line(self) -> SweepLine | None:
        key = self.query_one("#sweep", Grid).cursor_key if self.is_mounted else None
        lines = self.snapshot.lines if self.snapshot else ()
        return next((line for line in lines if line.id == key), None)


def _text(value: Any) -> Clean:
    if value is None:
        return Clean(glyph("·"))
    return (
        value
        if isinstance(value, Clean)
        else Clean(f"{value:.6g}" if isinstance(value, float) else f"{value}")
    )
