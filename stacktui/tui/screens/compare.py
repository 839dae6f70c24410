"""Two runs side by side: parameters, code, metrics, steps, artifacts; what differs is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, glyph, state_text
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session


@dataclass(frozen=True)
class Difference:
    """One line: a fact and its two values."""

    key: str
    what: Clean
    left: Clean
    right: Clean
    change: Clean
    """For two numbers how much the second is more; else empty."""

    @property
    def same(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True)
class Comparison:
    """Two runs."""

    left: Clean
    right: Clean
    lines: tuple[Difference, ...]


class CompareScreen(WorkbenchScreen[Comparison]):
    """The runs in the order in which they started."""

    topics = frozenset({Topic.RUNS})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "compare.same",
            "d",
            "toggle_same",
            "only differences",
            rank=10,
            help="Hide what is the same, or show it.",
        ),
    ]

    def __init__(self, run_ids: tuple[str, ...] | str, store: str | None = None) -> None:
        super().__init__()
        self._store = store
        self._ids = tuple(run_ids.split()) if isinstance(run_ids, str) else tuple(run_ids)
        self._all = True

    def body(self) -> ComposeResult:
        with Panel(title="compare", id="compare-panel"):
            yield Grid(
                Column("mark", "", 1),
                Column("what", "", 24),
                Column("left", "", 18, grow=True),
                Column("right", "", 18, grow=True),
                Column("change", "change", 10, align="right", drop=1),
                markable=False,
                id="compare",
                empty=Clean("The runs do not differ. d shows everything."),
            )

    def load(self, session: Session) -> Comparison:
        if len(self._ids) != 2:
            raise ValueError("two runs are compared; mark two with space on the runs screen")
        return load_comparison(session.store(self._store), *self._ids)

    def show(self, snapshot: Comparison) -> None:
        grid = self.query_one("#compare", Grid)
        titles = {"left": snapshot.left, "right": snapshot.right}
        what = min(40, max((len(line.what) for line in snapshot.lines), default=24))
        grid.set_columns(
            *(
                column._replace(
                    title=titles.get(column.key, column.title),
                    width=what if column.key == "what" else column.width,
                )
                for column in grid.columns
            )
        )
        lines = [line for line in snapshot.lines if self._all or not line.same]
        grid.set_rows(_row(line) for line in lines)
        differing = sum(not line.same for line in snapshot.lines)
        panel = self.query_one("#compare-panel", Panel)
        panel.set_title("differences", differing, len(snapshot.lines))
        panel.set_note("" if self._all else "only differences")

    def action_toggle_same(self) -> None:
        self._all = not self._all
        if self.snapshot is not None:
            self.show(self.snapshot)

    @on(Grid.Opened, "#compare")
    def _opened(self, event: Grid.Opened) -> None:
        """Both values whole: a long one is cut in its column."""
        from stacktui.tui.dialogs.simple import TextDialog

        shown = self.snapshot
        line = next((line for line in shown.lines if line.key == event.key), None) if shown else None
        if shown is not None and line is not None:
            text = f"{shown.left}\n{line.left}\n\n{shown.right}\n{line.right}"
            self.ask(TextDialog(line.what, Clean(text)), lambda _: None)


def load_comparison(store: MetadataStore, first: str, second: str) -> Comparison:
    """Everything that can differ between two runs. Blocks: reads the store."""
    sides = [_facts(store, run_id) for run_id in (first, second)]
    keys = list(dict.fromkeys([*sides[0][1], *sides[1][1]]))
    order = ("state", "took", "pipeline", "stack", "code", "parameter", "metric", "step", "output")
    keys.sort(key=lambda key: order.index(key.split(" ", 1)[0]))
    absent = Clean(glyph("·"))
    lines = []
    for key in keys:
        left, right = sides[0][1].get(key), sides[1][1].get(key)
        shown = [absent if value is None else clean(value) for value in (left, right)]
        lines.append(Difference(key, clean(key), shown[0], shown[1], _change(left, right)))
    return Comparison(sides[0][0], sides[1][0], tuple(lines))


def _facts(store: MetadataStore, run_id: str) -> tuple[Clean, dict[str, Any]]:
    run = store.run(run_id)
    facts: dict[str, Any] = {
        "state": state_text(str(run.status)),
        "took": elapsed(run.duration_s),
        "pipeline": run.pipeline,
        "stack": run.stack,
    }
    if run.code is not None:
        facts["code"] = run.code.digest.rpartition(":")[2][:12] + (" dirty" if run.code.dirty else "")
    facts |= {f"parameter {name}": value for name, value in run.params.items()}
    facts |= {f"metric {name}": value for name, value in store.last_metrics(run.id).items()}
    for step in store.steps(run.id):
        facts[f"step {step.name}"] = state_text(str(step.status))
        for name, artifact_id in step.outputs.items():
            facts[f"output {step.name}/{name}"] = store.artifact(artifact_id).digest.rpartition(":")[2][:12]
    return clean(run.name), facts


def _change(left: Any, right: Any) -> Clean:
    numbers = [
        value for value in (left, right) if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    if len(numbers) != 2 or numbers[0] == numbers[1]:
        return Clean("")
    return Clean(f"{numbers[1] - numbers[0]:+.4g}")


def _row(line: Difference) -> Row:
    tone = Tone.MUTED if line.same else Tone.PLAIN
    mark = Cell(Clean("" if line.same else "≠" if glyph("●") == "●" else "!"), Tone.WARN)
    return Row(
        line.key,
        (mark, Cell(line.what, Tone.MUTED), Cell(line.left, tone), Cell(line.right, tone), Cell(line.change)),
    )
