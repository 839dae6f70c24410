"""A new run: choose a pipeline, fill in its parameters, see the plan, start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.newrun_form import HOW_TO, ParameterForm, StartButton
from stacktui.tui.screens.newrun_plan import Asked, PlanPanel
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.pipelines.discover import PipelineSource

_QUIET_SECONDS = 0.4
"""How long nothing is typed before the plan is made again."""


@dataclass(frozen=True)
class BrokenFile:
    """What is wrong with a file of pipelines."""

    text: Clean
    file: Path | None
    line: int | None
    column: int | None


@dataclass(frozen=True)
class NewRunSnapshot:
    """The workspace's pipelines."""

    pipelines: tuple[PipelineSource, ...]
    problems: tuple[BrokenFile, ...]
    stacks: tuple[str, ...]


class NewRunScreen(WorkbenchScreen[NewRunSnapshot]):
    """Opened by `n` everywhere. `target` chooses a pipeline, `given` fills its form in."""

    topics = frozenset({Topic.FILES})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("newrun.start", "ctrl+s", "start", "start", writes=True, rank=2, help="Start the run."),
        bind(
            "newrun.sweep", "ctrl+g", "sweep", "sweep", writes=True, rank=3,
            help="Take several values in a field, 0.1,0.2,0.4: a run for each combination.",
        ),
        bind("newrun.stack", "S", "choose_stack", "stack", rank=20, help="Run through another stack."),
        bind("newrun.editor", "E", "open_editor", "editor", writes=True, rank=21, help="Open the pipeline in $EDITOR."),
        bind("newrun.next", "tab", "focus_next", "next field", rank=30, help="To the next field."),
        bind("newrun.previous", "shift+tab", "focus_previous", "previous field", rank=150),
    ]  # fmt: skip

    def __init__(self, target: str = "", given: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._target = target
        self._given = dict(given or {})
        self._stack: str | None = None
        self._later: Timer | None = None
        self._starting = False
        self._sweep = False
        self._to_form = bool(given)
        self._drawing = asyncio.Lock()

    def body(self) -> ComposeResult:
        with Container(id="newrun"):
            with Panel(title="pipelines", id="newrun-list"):
                yield Grid(
                    Column("name", "pipeline", 14, grow=True),
                    Column("file", "file", 20, drop=1),
                    Column("summary", "", 24, grow=True, drop=2),
                    markable=False, id="pipelines", empty=Clean("No pipelines yet."),
                )  # fmt: skip
            with Vertical(id="newrun-right"):
                with Panel(title="parameters", id="newrun-params"):
                    yield Static(id="newrun-summary")
                    yield ParameterForm()
                    yield StartButton()
                yield PlanPanel()
            yield Static(Content(HOW_TO), id="newrun-howto")

    # What changes.

    def load(self, session: Session) -> NewRunSnapshot:
        from stacktui.operations.documents import relative
        from stacktui.pipelines.discover import find_pipelines

        snapshot = session.snapshot()
        found = find_pipelines(snapshot.root, snapshot.settings)
        problems = []
        for each in found.problems:
            place = ""
            if each.file is not None:
                place = relative(each.file, snapshot.root) + (f":{each.line}" if each.line else "")
            text = each.message if place.partition(":")[0] in each.message else f"{place}: {each.message}"
            if each.line and f":{each.line}" not in text:
                text += f" (line {each.line})"
            problems.append(BrokenFile(clean(text), each.file, each.line, each.column))
        return NewRunSnapshot(found.pipelines, tuple(problems), tuple(sorted(snapshot.stacks)))

    async def _show_form(self) -> None:
        source = self._source()
        form = self.query_one(ParameterForm)
        await form.show(source)
        self.query_one("#newrun-params", Panel).set_title(
            Clean(f"parameters of {clean(source.name)}") if source else "parameters"
        )
        self.query_one("#newrun-summary", Static).update(Content(clean(source.summary if source else "")))
        self.query_one("#newrun-summary", Static).display = bool(source and source.summary)
        self.query_one("#newrun-params").display = source is not None
        self._show_sweep()
        if self._to_form and source is not None:
            self._to_form = False
            if not form.focus_first():
                self.query_one(StartButton).focus()
        self.keys_changed()

    def _show_sweep(self) -> None:
        """Say what the button starts, and how several values are typed."""
        runs = self._combinations()
        self.query_one(StartButton).say(
            Clean(f"start {runs:,} runs" if self._sweep and runs > 1 else "start the run")
        )
        says = "sweep: several values with a comma between, a run each" if self._sweep else ""
        self.query_one("#newrun-params", Panel).set_note(says)

    def _axes(self) -> dict[str, tuple[str, ...]]:
        """The parameters that have several values, while it is a sweep."""
        if not self._sweep:
            return {}
        from stacktui.pipelines.sweep import values_of

        several = {name: values_of(text) for name, text in self.query_one(ParameterForm).values().items()}
        return {name: values for name, values in several.items() if len(values) > 1}

    def _combinations(self) -> int:
        return prod(len(values) for values in self._axes().values())

    def show(self, snapshot: NewRunSnapshot) -> None:
        grid = self.query_one("#pipelines", Grid)
        rows = [_pipeline_row(source) for source in snapshot.pipelines]
        rows += [_problem_row(number, problem) for number, problem in enumerate(snapshot.problems)]
        first = not grid.rows
        grid.set_rows(rows)
        empty = not rows
        self.query_one("#newrun-howto").display = empty
        self.query_one("#newrun-list").display = not empty
        self.query_one("#newrun-right").display = not empty
        if not empty and self.focused is None:
            # While it was hidden, it could not have the focus.
            self.call_after_refresh(grid.focus)
        self.query_one("#newrun-list", Panel).set_title("pipelines", len(snapshot.pipelines) or None)
        if first and self._target:
            self._choose_target(snapshot)
        self._changed(at_once=True)

    def _choose_target(self, snapshot: NewRunSnapshot) -> None:
        wanted = self._target
        found = next((each for each in snapshot.pipelines if wanted in (each.target, each.name)), None)
        if found is None:
            self._to_form = False
            self.notice(clean(f"there is no pipeline {wanted} here any more"), error=True)
            return
        self.query_one(ParameterForm).preset(found.target, self._given)
        self.query_one("#pipelines", Grid).move_to(found.target)

    @on(Grid.Moved, "#pipelines")
    def _moved(self) -> None:
        self._changed()

    @on(ParameterForm.Changed)
    def _typed(self) -> None:
        self._changed()

    def _changed(self, *, at_once: bool = False) -> None:
        """Another pipeline or other values: the form now, the plan when it is quiet."""
        self.run_worker(self._draw(at_once), group="newrun-form")

    async def _draw(self, at_once: bool) -> None:
        async with self._drawing:
            await self._show_form()
        if self._later is not None:
            self._later.stop()
            self._later = None
        panel = self.query_one(PlanPanel)
        if self._asked() == panel.asked:
            return
        panel.thinking()
        if at_once:
            self._plan()
        else:
            self._later = self.set_timer(_QUIET_SECONDS, self._plan)

    def _plan(self) -> None:
        self._later = None
        self.query_one(PlanPanel).ask(self._asked())

    def _asked(self) -> Asked:
        source, problem = self._source(), self._problem()
        if source is None:
            return Asked(stack=self._stack, broken=problem.text if problem else Clean(""))
        form = self.query_one(ParameterForm)
        # Of a sweep the plan is that of its first run.
        values = {**form.values(), **{name: several[0] for name, several in self._axes().items()}}
        return Asked(source.target, tuple(values.items()), tuple(form.missing()), self._stack)

    @on(PlanPanel.Shown)
    def _planned(self, event: PlanPanel.Shown) -> None:
        self.query_one(ParameterForm).mark(event.plan.problem)

    # What can be done.

    def subject(self) -> Subject | None:
        source = self._source()
        if source is None:
            return None
        return Subject("pipeline", {"target": source.target}, Clean(f"pipeline {clean(source.name)}"))

    def refusal(self, action: str) -> str | None:
        if action == "start" and self._source() is None:
            return "no pipeline is chosen"
        return super().refusal(action)

    @on(Grid.Opened, "#pipelines")
    def _opened(self, event: Grid.Opened) -> None:
        if self._source() is None:
            self.action_open_editor()
        elif not self.query_one(ParameterForm).focus_first():
            self.query_one(StartButton).focus()

    @on(ParameterForm.Submitted)
    @on(StartButton.Pressed)
    def _go(self) -> None:
        if self.refusal("start") is None:
            self.action_start()

    def action_start(self) -> None:
        source = self._source()
        if source is None or self._starting:
            return
        form = self.query_one(ParameterForm)
        if missing := form.missing():
            form.focus_first()
            self.notice(clean(f"fill in {', '.join(missing)} first: no default is given"), error=True)
            return
        self.notice(clean(f"starting {source.name}"))
        self._starting = True
        given, axes = form.values(), self._axes()
        arguments: dict[str, Any] = {
            "target": source.target,
            "stack": self._stack,
            "param": tuple(f"{name}={value}" for name, value in given.items() if name not in axes),
        }
        if axes:
            arguments["sweep"] = tuple(f"{name}={given[name]}" for name in axes)
        self.workbench.doing.start("run", arguments, self._started)

    def _started(self, document: Any) -> None:
        app = self.workbench
        if self.is_current:
            # esc from the run goes to where this screen was opened.
            app.pop_screen()
        group = getattr(document, "group", None)
        if group is not None:
            app.open_place("sweep", group=group)
        else:
            app.open_place("run", document.run_id)

    def action_sweep(self) -> None:
        """Several values in a field are several runs; again, one text is one value."""
        self._sweep = not self._sweep
        self.notice(
            "a sweep: 0.1,0.2 in a field makes a run of each; with several such fields, of each combination"
            if self._sweep
            else ""
        )
        self._changed()

    def notice(self, text: Clean | str, *, error: bool = False) -> None:
        # An operation that did not start ends in an error line, or in a dialog: see `on_screen_resume`.
        self._starting = False
        super().notice(text, error=error)

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        self._starting = False
        if self.snapshot is not None:
            # What ran meanwhile may be in the cache now.
            self.query_one(PlanPanel).reload()

    def action_go(self, place: str) -> None:
        if place == "newrun":
            self.query_one("#pipelines", Grid).focus()
        else:
            super().action_go(place)

    def action_choose_stack(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        plan = self.query_one(PlanPanel).snapshot
        current = str(plan.stack) if plan else ""
        names = self.snapshot.stacks if self.snapshot else ()
        self.ask(
            ChoiceDialog("run through", [(name, clean(name), Clean("")) for name in names], current=current),
            self._stack_chosen,
        )

    def _stack_chosen(self, name: str | None) -> None:
        if name is not None:
            self._stack = name
            self._changed(at_once=True)

    def action_open_editor(self) -> None:
        from stacktui.tui.editor import open_in_editor

        source, problem = self._source(), self._problem()
        if source is not None:
            open_in_editor(self.workbench, self.session.workspace.root / source.file, source.line)
        elif problem is not None and problem.file is not None:
            open_in_editor(self.workbench, problem.file, problem.line, problem.column)

    def action_back(self) -> None:
        self.remove_class("-plan")
        if isinstance(self.focused, (Input, StartButton)) or (
            isinstance(self.focused, Grid) and self.focused.id == "plan"
        ):
            self.notice("")
            self.query_one("#pipelines", Grid).focus()
        else:
            super().action_back()

    def filter_target(self) -> Grid | None:
        return self.query_one("#pipelines", Grid) if self.is_mounted else None

    def _key(self) -> str | None:
        return self.query_one("#pipelines", Grid).cursor_key if self.is_mounted else None

    def _source(self) -> PipelineSource | None:
        key = self._key()
        found = self.snapshot.pipelines if self.snapshot else ()
        return next((each for each in found if each.target == key), None)

    def _problem(self) -> BrokenFile | None:
        kind, _, number = (self._key() or "").partition("\n")
        return self.snapshot.problems[int(number)] if kind == "problem" and self.snapshot else None


def _pipeline_row(source: PipelineSource) -> Row:
    return Row(
        source.target,
        (
            Cell(clean(source.name)),
            Cell(clean(source.file), Tone.MUTED),
            Cell(clean(source.summary), Tone.MUTED),
        ),
    )


def _problem_row(number: int, problem: BrokenFile) -> Row:
    # No target has a newline in it.
    return Row(
        f"problem\n{number}",
        (Cell(Clean(f"{glyph('✗')} {problem.text}"), Tone.ERROR),),
        heading=True,
    )
