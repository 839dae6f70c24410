"""One run: its graph and steps, and of the chosen step the followed log and what went in and came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical

from stacktui.categories.homes import from_home
from stacktui.model.base import now, short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, operation_bindings
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, running_for, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.run_actions import Chosen, RunActions
from stacktui.tui.screens.run_facts import RunFacts, StepLine, load_run
from stacktui.tui.screens.run_log import LogPanel
from stacktui.tui.widgets.bars import progress_bar, timeline
from stacktui.tui.widgets.facts import Facts
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.logview import LogView
from stacktui.tui.widgets.panel import Panel
from stacktui.tui.widgets.runhead import RunHead

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.operations.session import Session

_UNFINISHED = ("pending", "running", "retrying")
_MOVING = ("running", "retrying")
_TIMELINE = 22
_FEW = 200
"""Steps up to which each is redrawn by itself; of more all at once, and each second only those that run."""


class RunScreen(RunActions, WorkbenchScreen[RunFacts]):
    """A run by its id, or by the beginning of it.

    Wide: steps and facts left, the log right. Narrow: steps above, and below them the log or, with `i`, the facts.
    """

    topics = frozenset({Topic.RUNS})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings("run", without=("runs show", "runs logs", "runs compare")),
        bind("run.log", "l", "log", "log", rank=10, help="Go to the step's log, which is followed."),
        bind(
            "run.facts", "i", "facts", "in & out", rank=11,
            help="What went into the step and came out, its metrics, and why it was cached.",
        ),
        bind(
            "run.about", "I", "about", "the run", rank=41,
            help="About the run itself: environment, host, user, commit, labels, what it is a retry of.",
        ),
        bind(
            "run.zoom", "z", "zoom", "zoom", rank=42,
            help="Give the whole screen to the log or the facts, and back.",
        ),
        bind("run.save", "o", "save_log", "save log", writes=True, rank=60, help="Save the step's log to a file."),
        bind("run.next", "tab", "focus_next", "next panel", rank=150, help="To the next panel."),
        bind("run.previous", "shift+tab", "focus_previous", "previous panel", rank=150),
    ]  # fmt: skip

    def __init__(self, run_id: str, store: str | None = None) -> None:
        """`store` names the metadata store if it is not the active stack's."""
        super().__init__()
        self._run_id = run_id
        self._store = store
        self._step: str | None = None
        self._chosen_by_hand = False
        self._about_run = False
        self._drawn: dict[str, _Drawn] = {}

    @property
    def run_id(self) -> str:
        """The run that it shows; once it is loaded, the whole id."""
        return self._run_id

    def body(self) -> ComposeResult:
        yield RunHead()
        with Container(id="run-body"):
            with Vertical(id="run-left"):
                with Panel(title="steps", id="run-steps"):
                    yield Grid(
                        Column("lane", "", 6),
                        Column("name", "step", 14, grow=True),
                        Column("status", "state", 11),
                        Column("took", "took", 6, align="right"),
                        Column("timeline", "timeline", _TIMELINE, drop=2),
                        Column("where", "where", 10, drop=1),
                        markable=False, id="steps", empty=Clean("The run has no steps yet."),
                    )  # fmt: skip
                with Panel(title="in & out", id="run-facts"):
                    yield Facts(id="step-facts")
            yield LogPanel()

    # What changes.

    def load(self, session: Session) -> RunFacts:
        facts = load_run(session, self._run_id, None if self._about_run else self._step, self._store)
        # Here, in the thread: rows of ten thousand steps take longer than a key press may.
        self._drawn = _drawn(facts, self._drawn)
        return facts

    def show(self, snapshot: RunFacts) -> None:
        self._run_id = snapshot.id
        self.set_crumb(snapshot.name)
        self.query_one(RunHead).show(snapshot)
        grid = self.query_one("#steps", Grid)
        lane = min(14, max((len(line.lane) for line in snapshot.steps), default=1))
        state = max((len(_state(line)) for line in snapshot.steps), default=0)
        widths = {"lane": lane, "status": max(11, state)}
        columns = tuple(each._replace(width=widths.get(each.key, each.width)) for each in grid.columns)
        if columns != grid.columns:
            grid.set_columns(*columns)
        _set_rows(grid, [drawn.row for drawn in _drawn(snapshot, self._drawn).values()])
        panel = self.query_one("#run-steps", Panel)
        panel.set_title("steps", _done(snapshot), sum(line.is_step for line in snapshot.steps))
        # Frame, header and rows, as far as the stylesheet allows.
        panel.styles.height = len(snapshot.steps) + 3
        if not self._chosen_by_hand:
            self._go_to_what_matters(snapshot)
        self._show_step(snapshot)
        self.keep_ticking(snapshot.status == "running")
        self.keys_changed()

    def _show_step(self, snapshot: RunFacts) -> None:
        line = self._step_line()
        self.query_one(LogPanel).follow(snapshot.id, line)
        if snapshot.step == (None if self._about_run else self._step):
            self.query_one("#step-facts", Facts).show_sections(snapshot.details)
            titled = line is not None and not self._about_run
            self.query_one("#run-facts", Panel).set_title(_title(line) if line and titled else "the run")
            self.keys_changed()

    def tick(self) -> None:
        if self.snapshot is None:
            return
        self.query_one(RunHead).show(self.snapshot)
        grid = self.query_one("#steps", Grid)
        first, last = self.snapshot.started_at, _last(self.snapshot)
        bars = grid.shows("timeline") and grid.total < _FEW
        for line in self.snapshot.steps:
            # While the run goes on, the bars of what has ended shrink.
            if line.status in _MOVING or (bars and line.started_at is not None):
                grid.update_row(_row(line, first, last))

    def _go_to_what_matters(self, snapshot: RunFacts) -> None:
        """Until the reader chooses: the step that failed, the one that runs, the next one, or else the last."""
        for wanted in (("failed", "lost"), _MOVING, ("pending",), ("succeeded", "cached")):
            lines = [line.name for line in snapshot.steps if line.status in wanted and line.is_step]
            if not lines:
                continue
            name = lines[-1] if "succeeded" in wanted else lines[0]
            if self._step in lines and "succeeded" not in wanted:
                name = self._step or name
            if name != self._step:
                self._step = name
                self.query_one("#steps", Grid).move_to(name)
                self.reload_now()
            return

    @on(Grid.Moved, "#steps")
    def _moved(self, event: Grid.Moved) -> None:
        # The screen itself sets `_step` before it moves the cursor: another key was chosen by a person.
        if event.key is not None and event.key == event.grid.cursor_key and event.key != self._step:
            self._chosen_by_hand = self._step is not None
            self._step = event.key
            self._about_run = False
            if self.snapshot is not None:
                self._show_step(self.snapshot)
            self.reload_now()

    @on(Grid.Opened, "#steps")
    def _opened(self) -> None:
        self._chosen_by_hand = True
        self.action_log()

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        # Textual calls the base's handler too.
        self.query_one(LogPanel).read_soon()

    # What can be done.

    def subject(self) -> Subject | None:
        if self.snapshot is None:
            return None
        return Subject(
            "run", {"run_id": self._run_id, "run_ids": (self._run_id,)}, Clean(f"run {self.snapshot.name}")
        )

    def chosen_runs(self) -> tuple[Chosen, ...]:
        run = self.snapshot
        return (Chosen(run.id, run.name, run.status, run.pinned, run.note),) if run else ()

    def other_store(self) -> bool:
        return self._store is not None

    def retry_step(self) -> str | None:
        """From the step under the cursor; from the beginning where the cursor is elsewhere."""
        line = self._step_line()
        return line.name if line is not None and not line.hook and not self._about_run else None

    def run_resumed(self, run_id: str) -> None:
        # It is on screen already.
        self.notice("")

    def runs_deleted(self, run_ids: tuple[str, ...]) -> None:
        if self.is_current:
            self.workbench.back()

    def refusal(self, action: str) -> str | None:
        if action == "save_log" and self.is_mounted and not self.query_one(LogPanel).view.lines:
            return "the step wrote nothing"
        return super().refusal(action)

    def action_go(self, place: str) -> None:
        """`n` offers to run this pipeline again, with the parameters that it had."""
        if place == "newrun" and self.snapshot is not None and self.snapshot.target:
            given = dict(self.snapshot.raw_params)
            self.workbench.open_place("newrun", target=self.snapshot.target, given=given)
        else:
            super().action_go(place)

    def action_log(self) -> None:
        self.remove_class("-facts")
        self.query_one(LogView).focus()

    def action_facts(self) -> None:
        """To the facts, and on a narrow screen back to the log."""
        if self.has_class("-facts") and isinstance(self.focused, Facts):
            self.action_log()
            return
        self.add_class("-facts")
        self.query_one(Facts).focus()

    def action_about(self) -> None:
        """About the run itself, and back to the step."""
        self._about_run = not self._about_run
        self.reload_now()
        if self._about_run:
            self.add_class("-facts")
            self.query_one(Facts).focus()
        elif isinstance(self.focused, Facts):
            self.query_one("#steps", Grid).focus()

    @on(Facts.Opened)
    def _link(self, event: Facts.Opened) -> None:
        """Another run that the facts name: the only one, or the one that is chosen."""
        if len(event.links) == 1:
            self.workbench.open_place("run", run_id=event.links[0][0], store=self._store)
            return
        from stacktui.tui.dialogs.simple import ChoiceDialog

        self.ask(
            ChoiceDialog("open run", [(run_id, name, Clean(run_id)) for run_id, name in event.links]),
            lambda run_id: (
                self.workbench.open_place("run", run_id=run_id, store=self._store) if run_id else None
            ),
        )

    def action_zoom(self) -> None:
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        else:
            facts = isinstance(self.focused, Facts) or (
                self.has_class("-facts") and not isinstance(self.focused, LogView)
            )
            self.set_class(facts, "-facts")
            self.add_class("-zoomed")
            self.query_one(Facts if facts else LogView).focus()

    def action_back(self) -> None:
        if self.query_one(LogPanel).end_search():
            return
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif isinstance(self.focused, (LogView, Facts)):
            self.remove_class("-facts")
            if self._about_run:
                self.action_about()
            self.query_one("#steps", Grid).focus()
        else:
            super().action_back()

    async def action_filter(self) -> None:
        if isinstance(self.focused, LogView):
            self.query_one(LogPanel).search()
        elif self.has_class("-zoomed"):
            self.notice(Clean("/ searches the log: z shows it"))
        else:
            await super().action_filter()

    def action_save_log(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._step_line()
        if line is None:
            return
        name = f"{short_id(self._run_id)}-{_file_name(line.name)}.log"
        self.ask(
            PromptDialog("save log", f"The whole log of {line.shown}, to a new file:", value=name),
            lambda path: self.query_one(LogPanel).save(from_home(path)) if path else None,
        )

    def _step_line(self) -> StepLine | None:
        steps = self.snapshot.steps if self.snapshot else ()
        return next((line for line in steps if line.key == self._step), None)


def _file_name(step: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in clean(step))


def _done(facts: RunFacts) -> int:
    return sum(line.status not in _UNFINISHED and line.is_step for line in facts.steps)


def _title(line: StepLine) -> Clean:
    return Clean(f"{clean(line.name)}, attempt {line.attempt}") if line.earlier else line.shown


def _state(line: StepLine) -> Clean:
    """Symbol and word, and of a step that runs how far it is."""
    part = line.progress.part if line.progress else None
    return state_text(line.status) if part is None else Clean(f"{state_text(line.status)} {int(part * 100)}%")


class _Drawn(NamedTuple):
    """A step's row, and what it was drawn from."""

    line: StepLine
    span: tuple[datetime | None, datetime | None]
    row: Row


def _drawn(facts: RunFacts, before: dict[str, _Drawn]) -> dict[str, _Drawn]:
    """The rows of all steps in order; those that did not change are taken from `before`."""
    few = len(facts.steps) < _FEW
    # The bars of a run that goes on change all the time: with many steps they wait for its end.
    span = (facts.started_at, _last(facts)) if few or facts.ended_at else (None, None)
    rows: dict[str, _Drawn] = {}
    for line in facts.steps:
        old = before.get(line.key)
        same = old is not None and old.span == span and old.line == line and line.status not in _MOVING
        rows[line.key] = old if old is not None and same else _Drawn(line, span, _row(line, *span))
    return rows


def _set_rows(grid: Grid, rows: list[Row]) -> None:
    """Show the rows; only the lines that changed are sent where the steps are the same."""
    if len(rows) < _FEW and [row.key for row in grid.rows] == [row.key for row in rows]:
        for row in rows:
            grid.update_row(row)
    else:
        grid.set_rows(rows)


def _last(run: RunFacts) -> datetime | None:
    """Where the timeline ends: at the run's end, or now while it runs."""
    if run.status == "running":
        return now()
    ended = (step.ended_at for step in run.steps if step.ended_at is not None)
    return run.ended_at or max(ended, default=run.started_at)


def _row(line: StepLine, first: datetime | None, last: datetime | None) -> Row:
    moving = line.status in _MOVING and not line.earlier
    name = line.shown if line.attempt < 2 or not line.is_step else Clean(f"{line.shown} ×{line.attempt}")
    tone = tone_of(line.status)
    return Row(
        line.key,
        (
            Cell(line.lane, Tone.MUTED),
            Cell(name, Tone.STRONG if moving else Tone.MUTED if line.earlier else Tone.PLAIN),
            Cell(_state(line), tone),
            Cell(_took(line, moving)),
            Cell(_bar(line, first, last), tone),
            Cell(line.where, Tone.MUTED),
        ),
    )


def _took(line: StepLine, moving: bool) -> Clean:
    if line.retry_at is not None:
        wait = (line.retry_at - now()).total_seconds()
        return Clean(f"in {elapsed(float(round(wait)))}" if wait >= 1 else "soon")
    return running_for(line.started_at) if moving else elapsed(line.duration_s)


def _bar(line: StepLine, first: datetime | None, last: datetime | None) -> Clean:
    """When it ran; of a step that runs and says how far it is, that."""
    if line.progress is not None and line.progress.part is not None:
        left = line.progress.left_s
        return progress_bar(line.progress.part, f"{elapsed(left)} left" if left else "", _TIMELINE)
    if line.retry_at is not None:
        wait = (line.retry_at - now()).total_seconds()
        return Clean(f"next attempt in {wait:.0f} s" if wait >= 1 else "next attempt soon")
    if first is None or last is None:
        return Clean("")
    return timeline(line.started_at, line.ended_at, first, last, _TIMELINE)
