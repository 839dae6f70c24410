"""The live pane of an experiment tracker: runs by a metric, and its curve of the run under the cursor and of all
marked ones in one plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, glyph, symbol_of, tone_of
from stacktui.tui.panes.base import DEBOUNCE_SECONDS, Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.curve import LETTERS, TONES, Curves, Series, number_text
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from textual.timer import Timer

    from stacktui.categories.experiment_tracker import ExperimentTracker
    from stacktui.operations.session import Session

_AT_MOST = 200
_POINTS = 600
_TRIED = 20
_VALUE = 3
"""The column with the metric."""
_ORDERS = ("newest", "greatest", "least")


@dataclass(frozen=True)
class ExperimentLine:
    """One experiment."""

    run_id: str
    name: Clean
    experiment: Clean
    status: str
    started_at: datetime | None
    params: Clean
    metrics: tuple[tuple[str, float], ...]
    """The last value of each."""

    def value(self, metric: str | None) -> float:
        """The last value of a metric; not a number where it has none."""
        return dict(self.metrics).get(metric or "", math.nan)


@dataclass(frozen=True)
class Experiments:
    """The newest experiments, and every metric that one of them has, the commonest first."""

    lines: tuple[ExperimentLine, ...]
    metrics: tuple[str, ...]
    longest: str
    """The metric with the longest curve in the newest experiment that has any: the one to begin with."""


class ExperimentTrackerPane(Pane[Experiments]):
    """Runs by metric, and curves."""

    topics = frozenset({Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "experiments"
    DETAIL_ALWAYS = True
    EMPTY = Clean(
        "Nothing is tracked yet: in a step, context().experiment_tracker.log_metric(…) draws a curve here."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_experiments.metric", "m", "choose_metric", "metric", rank=2, help="Choose the metric that is listed and drawn."),
        bind("pane_experiments.order", "o", "turn_order", "order", rank=3, help="Newest first, greatest first, least first."),
        bind("pane_experiments.compare", "equals_sign", "compare_marked", "compare", rank=4, help="Parameters and metrics of the marked experiments side by side."),
        bind("pane_experiments.copy", "y", "copy_run", "copy id", rank=30, help="Copy the run's id."),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__(category)
        self._metric: str | None = None
        self._order = _ORDERS[0]
        self._curve_timer: Timer | None = None
        self._asked: tuple[object, ...] = ()
        self._letters: dict[str, str] = {}
        """Which letter each drawn run has in the plot, where there are several."""

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                *_columns(None),
                marker_without_focus=False,
                id="experiments",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Curves(id="curves"), title="curve")

    def read(self, source: Source) -> Experiments:
        tracker = cast("ExperimentTracker", source.live)
        lines = []
        counts: dict[str, int] = {}
        for run in tracker.runs(limit=_AT_MOST):
            for key in run.metrics:
                counts[key] = counts.get(key, 0) + 1
            params = " ".join(f"{key}={_short(value)}" for key, value in run.params.items())
            lines.append(
                ExperimentLine(
                    run.run_id, clean(run.name), clean(run.experiment), run.status, run.started_at,
                    clean(params), tuple(run.metrics.items()),
                )
            )  # fmt: skip
        metrics = sorted(counts, key=lambda key: (-counts[key], key))
        return Experiments(tuple(lines), tuple(metrics), self._longest(tracker, lines))

    def _longest(self, tracker: ExperimentTracker, lines: list[ExperimentLine]) -> str:
        if (
            self.data is not None
            and self.data.longest
            and self.data.longest in dict(lines[0].metrics if lines else ())
        ):
            return self.data.longest
        for line in lines:
            if line.metrics:
                names = [key for key, _ in line.metrics][:_TRIED]
                return max(names, key=lambda key: len(tracker.curve(line.run_id, key, _POINTS)))
        return ""

    def draw(self, data: Experiments) -> None:
        if self._metric not in data.metrics:
            self._metric = data.longest or None
        lines = list(data.lines)
        if self._order != "newest" and self._metric is not None:
            lines.sort(key=self._rank)
        grid = self.main_grid
        if grid.columns[_VALUE].title != (self._metric or "metric"):
            grid.set_columns(*_columns(self._metric))
        best = self._best(data)
        grid.set_rows(_row(line, self._metric, best, self._letters.get(line.run_id, "")) for line in lines)
        order = "" if self._order == "newest" else f"{self._order} first"
        self.entitle(len(lines), order)
        self._draw_curves()

    def blank(self, why: Clean) -> None:
        super().blank(why)
        self.query_one(Curves).show_series((), Clean(""))

    def _rank(self, line: ExperimentLine) -> tuple[bool, float]:
        value = line.value(self._metric)
        return math.isnan(value), -value if self._order == "greatest" else value

    def _best(self, data: Experiments) -> float:
        """The extreme of the order in force; not a number where runs are by time."""
        values = [value for line in data.lines if math.isfinite(value := line.value(self._metric))]
        if not values or self._order == "newest":
            return math.nan
        return max(values) if self._order == "greatest" else min(values)

    # Curves.

    def on_grid_moved(self, event: Grid.Moved) -> None:
        if self._curve_timer is not None:
            self._curve_timer.stop()
        self._curve_timer = self.set_timer(DEBOUNCE_SECONDS, self._draw_curves)

    def _draw_curves(self) -> None:
        """Load the curves of the run under the cursor and of the marked ones."""
        data, name, session, metric = self.data, self.aimed_at, self.session, self._metric
        grid = self.main_grid
        wanted = [line for line in (data.lines if data else ()) if line.run_id in grid.marks]
        places = {row.key: place for place, row in enumerate(grid.rows)}
        wanted.sort(key=lambda line: places.get(line.run_id, len(places)))
        under = self._line()
        if under is not None and under not in wanted:
            # Last, so that the marked ones keep their letters while the cursor moves.
            wanted = [*wanted[: len(LETTERS) - 1], under]
        if name is None or metric is None or not wanted:
            self.query_one(Curves).show_series((), Clean("No curve: it logged no metric."))
            self.detail_title("curve")
            self._show_letters(())
            return
        wanted = wanted[: len(LETTERS)]
        asked = (name, metric, tuple(line.run_id for line in wanted))
        self._asked = asked

        def arrived(result: Any, error: BaseException | None) -> None:
            if not self.is_attached or self._asked != asked:
                return
            if error is not None:
                from stacktui.tui.doing import one_line

                self.query_one(Curves).show_series((), one_line(error))
            else:
                none = Clean(f"{clean(wanted[0].name)} has no {clean(metric)}; m chooses another metric.")
                self.query_one(Curves).show_series(result, none)
                self._curve_title(metric, result)
                self._show_letters(result)

        self.workbench.background.submit(partial(self._curves, session, name, metric, tuple(wanted)), arrived)

    def _curve_title(self, metric: str, series: tuple[Series, ...]) -> None:
        if len(series) == 1:
            values = [value for _, value in series[0].points if math.isfinite(value)]
            note = f"{len(values)} points  last {number_text(values[-1])}" if values else ""
            self.detail_title(clean(f"{metric} of {series[0].label}"), Clean(note))
        else:
            self.detail_title(clean(f"{metric} of {len(series)} runs"), Clean("= compares" if series else ""))

    def _show_letters(self, series: tuple[Series, ...]) -> None:
        """Say in the list which curve is whose."""
        letters = {one.key: LETTERS[number] for number, one in enumerate(series)} if len(series) > 1 else {}
        old, self._letters = self._letters, letters
        if old == letters or self.data is None:
            return
        best = self._best(self.data)
        for line in self.data.lines:
            if old.get(line.run_id) != letters.get(line.run_id):
                row = _row(line, self._metric, best, letters.get(line.run_id, ""))
                self.main_grid.update_row(row)

    def _curves(
        self, session: Session, name: str, metric: str, lines: tuple[ExperimentLine, ...]
    ) -> tuple[Series, ...]:
        with self._source(session, name) as source:
            tracker = cast("ExperimentTracker", source.live)
            found = []
            for line in lines:
                points = tracker.curve(line.run_id, metric, _POINTS)
                if points:
                    found.append(
                        Series(line.run_id, line.name, tuple((float(p.step), p.value) for p in points))
                    )
            return tuple(found)

    # What can be done.

    def _line(self) -> ExperimentLine | None:
        key = self.main_grid.cursor_key
        return next((line for line in self.data.lines if line.run_id == key), None) if self.data else None

    def opened(self, key: str) -> None:
        self.workbench.open_place("run", key)

    def subject(self) -> Subject | None:
        line = self._line()
        if line is None or not self.in_stack:
            return None
        arguments = {"run_id": line.run_id, "tracker": self.component_name}
        return Subject("experiment", arguments, clean(f"experiment {line.name}"))

    def refusal(self, action: str) -> str | None:
        if action == "choose_metric" and not (self.data and self.data.metrics):
            return "no metric is logged yet"
        if action == "compare_marked":
            marks = len(self.main_grid.marks)
            if marks < 2:
                return "mark two or more with space first"
            if not self.in_stack:
                return f"{self.component_name} is not in the active stack"
        if action == "copy_run" and self._line() is None:
            return "nothing is chosen"
        return super().refusal(action)

    def action_choose_metric(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        data = self.data
        if data is None or not data.metrics:
            return
        line = self._line()
        choices = [
            (key, clean(key), clean(number_text(value)) if line and math.isfinite(value := line.value(key)) else Clean(""))
            for key in data.metrics
        ]  # fmt: skip
        self.host.ask(
            ChoiceDialog("metric", choices, text="What is listed and drawn.", current=self._metric),
            self._chosen,
        )

    def _chosen(self, metric: str | None) -> None:
        if metric is not None and self.data is not None:
            self._metric = metric
            self.draw(self.data)

    def action_turn_order(self) -> None:
        self._order = _ORDERS[(_ORDERS.index(self._order) + 1) % len(_ORDERS)]
        if self.data is not None:
            self.draw(self.data)

    def action_compare_marked(self) -> None:
        runs = tuple(
            line.run_id
            for line in (self.data.lines if self.data else ())
            if line.run_id in self.main_grid.marks
        )
        self.host.do("experiment compare", self._compared, run_ids=runs, tracker=self.component_name)

    def _compared(self, document: Any) -> None:
        from stacktui.tui.dialogs.simple import TextDialog
        from stacktui.tui.widgets.texttable import text_table

        rows = document.experiments
        names = ["", *(str(row.name) for row in rows)]
        lines: list[list[object]] = []
        for key in document.params:
            values = [row.params.get(key) for row in rows]
            same = all(value == values[0] for value in values)
            lines.append([key if same else f"{glyph('!')} {key}", *map(_short, values)])
        metrics: list[list[object]] = [
            [key, *(row.metrics.get(key) for row in rows)] for key in document.metrics
        ]
        width = self.app.size.width - 12
        text = "\n\n".join(
            f"{title}\n{text_table(names, table, width)}"
            for title, table in (
                ("parameters (! where they differ)", lines),
                ("last value of each metric", metrics),
            )
            if table
        )
        self.workbench.push_screen(TextDialog(Clean(f"{len(rows)} experiments"), Clean(text)))

    def action_copy_run(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(line.run_id)


def _columns(metric: str | None) -> tuple[Column, ...]:
    title = clean(metric or "metric")
    return (
        Column("status", "", 1),
        Column("letter", "", 1),
        Column("name", "run", 16, grow=True),
        Column("value", title, min(max(len(title), 8), 18), align="right"),
        Column("experiment", "experiment", 10, drop=2),
        Column("params", "parameters", 20, grow=True, drop=3),
        Column("age", "age", 4, align="right", drop=1),
    )


def _row(line: ExperimentLine, metric: str | None, best: float, letter: str) -> Row:
    value = line.value(metric)
    shown = Clean("-") if math.isnan(value) else clean(number_text(value))
    tone = Tone.MUTED if math.isnan(value) else Tone.OK if value == best else Tone.STRONG
    return Row(
        line.run_id,
        (
            Cell(symbol_of(line.status), tone_of(line.status)),
            Cell(Clean(letter), TONES[LETTERS.index(letter)] if letter else Tone.PLAIN),
            Cell(line.name),
            Cell(Clean(f"{glyph('✓')} {shown}") if value == best else shown, tone),
            Cell(line.experiment, Tone.MUTED),
            Cell(line.params, Tone.MUTED),
            Cell(ago(line.started_at), Tone.MUTED),
        ),
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
