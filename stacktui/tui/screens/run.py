"""One run: its graph and steps, and of the chosen step the followed log, or what went in and came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, operation_bindings
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, running_for, state_text, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.run_facts import RunFacts, StepLine, load_run
from stacktui.tui.widgets.facts import Facts
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.logview import LogText, LogView
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacktui.model.execution import LogLine
    from stacktui.operations.session import Session

_FOLLOW_SECONDS = 0.2
_LINES_AT_ONCE = 20_000
_UNFINISHED = ("queued", "pending", "running", "retrying")


class RunHead(Widget):
    """Two lines above: state, pipeline, who and when; then parameters, or why it failed."""

    DEFAULT_CSS = "RunHead { height: 2; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="run-head")
        self._facts: RunFacts | None = None

    def show(self, facts: RunFacts) -> None:
        self._facts = facts
        self.refresh()

    def render(self) -> Content:
        facts = self._facts
        if facts is None:
            return Content("")
        running = facts.status in ("queued", "running")
        took = running_for(facts.started_at) if running else elapsed(facts.duration_s)
        first = Content.assemble(
            (state_text(facts.status), f"bold $tone-{_tone_name(facts.status)}"), ("  ", ""), (took, ""), ("  ", ""),
            (facts.head, "$quiet"),
        )  # fmt: skip
        second = (
            (facts.error, "$tone-error")
            if facts.error
            else (facts.params or Clean("no parameters"), "$quiet")
        )
        return Content.assemble(first.truncate(self.size.width, ellipsis=True), "\n", second)


class RunScreen(WorkbenchScreen[RunFacts]):
    """A run by its id, or by the beginning of it."""

    topics = frozenset({Topic.RUNS})
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings("run", without=("runs show", "runs logs", "runs compare")),
        bind("run.log", "l", "detail('log')", "log", rank=10, help="The step's log, followed."),
        bind(
            "run.facts",
            "i",
            "detail('facts')",
            "inputs & outputs",
            rank=11,
            help="What went in and came out, and why it was cached.",
        ),
        bind(
            "run.zoom",
            "z",
            "zoom",
            "zoom",
            rank=12,
            help="Give the whole screen to the log or the facts, and back.",
        ),
        bind("run.save", "o", "save_log", "save log", rank=60, help="Save the step's log to a file."),
        bind("run.next", "tab", "focus_next", "next panel", rank=150),
        bind("run.previous", "shift+tab", "focus_previous", "previous panel", rank=150),
    ]

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id
        self._step: str | None = None
        self._chosen_by_hand = False
        self._log_of: tuple[str, int] | None = None
        self._log_offset = 0
        self._reading = False

    def body(self) -> ComposeResult:
        yield RunHead()
        with Horizontal(id="run-body"):
            with Panel(title="steps", id="run-steps"):
                yield Grid(
                    Column("lane", "", 6),
                    Column("name", "step", 14, grow=True),
                    Column("status", "state", 11),
                    Column("took", "took", 6, align="right"),
                    Column("where", "where", 12, drop=1),
                    markable=False,
                    id="steps",
                    empty=Clean("The run has no steps yet."),
                )
            with Panel(title="log", id="run-detail"), ContentSwitcher(initial="log", id="run-switch"):
                yield LogView(id="log", empty=Clean("Nothing was written yet."))
                with Vertical(id="facts"):
                    yield Facts(id="step-facts")

    # What changes.

    def load(self, session: Session) -> RunFacts:
        return load_run(session, self._run_id, self._step)

    def show(self, snapshot: RunFacts) -> None:
        self._run_id = snapshot.id
        self.set_crumb(snapshot.name)
        self.query_one(RunHead).show(snapshot)
        grid = self.query_one("#steps", Grid)
        width = min(14, max((len(line.lane) for line in snapshot.steps), default=1))
        if grid.columns[0].width != width:
            grid.set_columns(grid.columns[0]._replace(width=width), *grid.columns[1:])
        grid.set_rows(_row(line) for line in snapshot.steps)
        done = sum(line.status not in _UNFINISHED for line in snapshot.steps)
        self.query_one("#run-steps", Panel).set_title("steps", done, len(snapshot.steps))
        if not self._chosen_by_hand:
            self._go_to_what_matters(snapshot)
        self.query_one("#step-facts", Facts).show_sections(snapshot.details)
        self.keep_ticking(snapshot.status == "running")
        self._read_log()
        self._draw_detail_title()
        self.keys_changed()

    def tick(self) -> None:
        if self.snapshot is None:
            return
        self.query_one(RunHead).show(self.snapshot)
        grid = self.query_one("#steps", Grid)
        for line in self.snapshot.steps:
            if line.status in ("running", "retrying"):
                grid.update_row(_row(line))

    def _go_to_what_matters(self, snapshot: RunFacts) -> None:
        """Until the reader chooses: the step that runs, the one that failed, or else the last."""
        for wanted in (("running", "retrying"), ("failed", "lost"), ("succeeded", "cached")):
            lines = [line.name for line in snapshot.steps if line.status in wanted]
            if lines:
                name = lines[0] if wanted[0] != "succeeded" else lines[-1]
                if name != self._step:
                    self._step = name
                    self.query_one("#steps", Grid).move_to(name)
                    self.reload_now()
                return

    @on(Grid.Moved, "#steps")
    def _moved(self, event: Grid.Moved) -> None:
        if event.key is not None and event.key != self._step:
            self._chosen_by_hand = self._chosen_by_hand or self.focused is event.grid
            self._step = event.key
            self.reload_now()

    @on(Grid.Opened, "#steps")
    def _opened(self) -> None:
        self._chosen_by_hand = True
        self.action_detail("log")

    # The log.

    def _read_log(self) -> None:
        """Read what was written since; while the step runs, again a little later."""
        line = self._step_line()
        if line is None or self._reading or not self.view_visible:
            return
        log = self.query_one(LogView)
        if self._log_of != (line.name, line.attempt):
            self._log_of, self._log_offset = (line.name, line.attempt), 0
            log.start(_empty_log(line))
        from stacktui.pipelines.logs import read_log

        asked, offset, state = self._log_of, self._log_offset, self.session.workspace.state
        run_id, step, attempt = self._run_id, line.name, line.attempt
        self._reading = True

        def arrived(result: Any, error: BaseException | None) -> None:
            self._reading = False
            if not self.is_attached:
                return
            if asked != self._log_of:
                self._read_log()
            elif error is not None:
                self.load_failed(error)
            else:
                lines, self._log_offset = result
                log.add_lines(lines)
                self._again(len(lines))

        def read() -> tuple[list[LogText], int]:
            lines, following = read_log(state, run_id, step, attempt, offset, _LINES_AT_ONCE)
            return clean_lines(lines), following

        self.workbench.background.submit(read, arrived)

    def _again(self, came: int) -> None:
        line = self._step_line()
        if came >= _LINES_AT_ONCE:
            self._read_log()
        elif line is not None and line.status in ("running", "retrying") and self.view_visible:
            self.set_timer(_FOLLOW_SECONDS, self._read_log)

    def on_screen_resume(self, event: Any) -> None:
        super().on_screen_resume(event)
        self._read_log()

    # What can be done.

    def subject(self) -> Subject | None:
        if self.snapshot is None:
            return None
        return Subject("run", {"run_id": self._run_id}, Clean(f"run {self.snapshot.name}"))

    def refusal(self, action: str) -> str | None:
        if (
            action == "operation('runs stop')"
            and self.snapshot
            and self.snapshot.status not in ("queued", "running")
        ):
            return f"the run is {self.snapshot.status} already"
        return super().refusal(action)

    def action_detail(self, which: str) -> None:
        self.query_one("#run-switch", ContentSwitcher).current = which
        self.query_one(LogView if which == "log" else Facts).focus()
        self._draw_detail_title()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            current = self.query_one("#run-switch", ContentSwitcher).current
            self.query_one(LogView if current == "log" else Facts).focus()
        else:
            self.query_one("#steps", Grid).focus()

    def action_back(self) -> None:
        log = self.query_one(LogView)
        if log.search:
            log.set_search("")
        elif self.has_class("-zoomed"):
            self.action_zoom()
        elif isinstance(self.focused, (LogView, Facts)):
            self.query_one("#steps", Grid).focus()
        else:
            super().action_back()

    def action_filter(self) -> None:
        if not isinstance(self.focused, LogView):
            super().action_filter()
            return
        from stacktui.tui.dialogs.simple import PromptDialog

        log = self.focused
        self.ask(
            PromptDialog("search the log", "Text to look for; ] and [ go from hit to hit.", value=log.search),
            lambda text: None if text is None else log.set_search(text),
        )

    def action_save_log(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._step_line()
        if line is None:
            return
        name = f"{self._run_id[:13]}-{line.name}.log"
        self.ask(
            PromptDialog("save log", f"The log of {line.shown}, to a file:", value=name),
            lambda path: None if not path else self._save_log(Path(path).expanduser()),
        )

    def _save_log(self, target: Path) -> None:
        lines = [f"{line.stamp} {line.text}" for line in self.query_one(LogView).lines]

        def write() -> None:
            import os

            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)

        def done(_: Any, error: BaseException | None) -> None:
            text = f"{len(lines):,} lines saved to {target}" if error is None else f"not saved: {error}"
            self.notice(clean(text), error=error is not None)

        self.workbench.background.submit(write, done)

    @on(LogView.Changed)
    def _draw_detail_title(self) -> None:
        panel = self.query_one("#run-detail", Panel)
        line = self._step_line()
        log = self.query_one(LogView)
        if self.query_one("#run-switch", ContentSwitcher).current == "facts":
            panel.set_title(line.shown if line else "run")
            panel.set_note("")
            return
        panel.set_title(Clean(f"log of {line.shown}") if line else "log")
        notes = ["follows" if log.following else "f follows"]
        if log.wrapping:
            notes.append("wrapped")
        if log.search:
            notes.append(f"{clean(log.search)}: {log.hit_number} of {log.hit_count}")
        panel.set_note(Clean("  ".join(notes)))

    def _step_line(self) -> StepLine | None:
        steps = self.snapshot.steps if self.snapshot else ()
        return next((line for line in steps if line.name == self._step), None)


def clean_lines(lines: Sequence[LogLine]) -> list[LogText]:
    """Lines of a log as they may be shown."""
    return [
        LogText(Clean(line.at.strftime("%H:%M:%S.%f")[:12]), line.stream, clean(line.text)) for line in lines
    ]


def _empty_log(line: StepLine) -> Clean:
    if line.status == "cached":
        return Clean(f"It did not run: the result of run {line.cached} stands in. i says why.")
    if line.status in ("pending", "skipped", "cancelled"):
        return Clean(f"It did not run: {line.status}.")
    return Clean("Nothing was written yet." if line.status in _UNFINISHED else "The step wrote nothing.")


def _tone_name(status: str) -> str:
    tone = tone_of(status)
    return tone if tone in (Tone.OK, Tone.WARN, Tone.ERROR, Tone.RUNNING) else Tone.ACCENT


def _row(line: StepLine) -> Row:
    running = line.status in ("running", "retrying")
    took = running_for(line.started_at) if running else elapsed(line.duration_s)
    name = line.shown if line.attempt < 2 else Clean(f"{line.shown} ×{line.attempt}")
    return Row(
        line.name,
        (
            Cell(line.lane, Tone.MUTED),
            Cell(name, Tone.STRONG if running else Tone.PLAIN),
            Cell(state_text(line.status), tone_of(line.status)),
            Cell(took),
            Cell(line.where, Tone.MUTED),
        ),
    )
