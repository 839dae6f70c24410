"""A retry before it starts: the plan of the run with today's code, from the beginning or from a step. Opened by `t`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import state_text, tone_of
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.newrun_form import StartButton
from stacktui.tui.screens.newrun_plan import Asked, PlanPanel
from stacktui.tui.snapshots.runs import params_text
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session


@dataclass(frozen=True)
class RetrySnapshot:
    """The run that is retried."""

    id: str
    name: Clean
    status: str
    stack: str
    target: str
    params: Clean
    steps: tuple[str, ...]


class RetryScreen(WorkbenchScreen[RetrySnapshot]):
    """Enter starts the retry; in the plan `space` chooses the step that it begins with."""

    topics = frozenset({Topic.RUNS})
    AUTO_FOCUS = "StartButton"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("retry.start", "ctrl+s", "start", "start", writes=True, rank=2, help="Start the retry."),
        bind(
            "retry.begin", "space,b", "begin_here", "begin here", rank=3,
            help="Begin with the step under the cursor: what comes before it is taken from the run.",
        ),
        bind("retry.whole", "w", "whole", "whole run", rank=4, help="Retry the whole run, with the cache."),
        bind("retry.next", "tab", "focus_next", "plan", rank=5, help="To the plan, and back to the button."),
        bind("retry.previous", "shift+tab", "focus_previous", "previous", rank=150),
    ]  # fmt: skip

    def __init__(self, run_id: str, step: str | None = None) -> None:
        super().__init__()
        self._run_id = run_id
        self._begin = step
        self._starting = False

    def body(self) -> ComposeResult:
        with Vertical(id="retry"):
            with Panel(title="retry", id="retry-what"):
                yield Static(id="retry-facts")
                yield StartButton(Clean("start the retry"))
            yield PlanPanel()

    def load(self, session: Session) -> RetrySnapshot:
        run = session.store().run(self._run_id)
        return RetrySnapshot(
            run.id, clean(run.name), str(run.status), run.stack, run.target, params_text(run.params),
            tuple(node.name for node in run.graph),
        )  # fmt: skip

    def show(self, snapshot: RetrySnapshot) -> None:
        self._run_id = snapshot.id
        self.set_crumb(Clean(f"retry {snapshot.name}"))
        if self._begin not in snapshot.steps:
            self._begin = None
        self._ask()

    def _ask(self) -> None:
        """Say what will be retried, and plan it."""
        run = self.snapshot
        if run is None:
            return
        begin = f"from `{clean(self._begin)}` on" if self._begin else "the whole run, with what is cached"
        tone = tone_of(run.status)
        self.query_one("#retry-facts", Static).update(
            Content("\n").join(
                [
                    Content.assemble(
                        ("retry ", "$quiet"),
                        (run.name, "bold"),
                        "  ",
                        (state_text(run.status), f"$tone-{tone}"),
                    ),
                    Content.assemble(
                        (begin, "bold $tone-accent"), ("  with today's code and stack", "$quiet")
                    ),
                    Content.styled(run.params or Clean("no parameters"), "$quiet"),
                ]
            )
        )
        self.query_one(PlanPanel).ask(Asked(run.target, stack=run.stack, retry_of=run.id, begin=self._begin))
        self.keys_changed()

    # What can be done.

    def refusal(self, action: str) -> str | None:
        if action == "begin_here" and self._step_here() is None:
            return "tab goes to the plan: choose a step there"
        if action == "whole" and self._begin is None:
            return "it is the whole run already"
        if action == "start" and self.snapshot is None:
            return "the run is not there yet"
        return super().refusal(action)

    def action_begin_here(self) -> None:
        self._begin = self._step_here()
        self._ask()

    def action_whole(self) -> None:
        self._begin = None
        self._ask()

    def action_back(self) -> None:
        if self.has_class("-plan"):
            self.remove_class("-plan")
        else:
            super().action_back()

    @on(StartButton.Pressed)
    def _go(self) -> None:
        if self.refusal("start") is None:
            self.action_start()

    def action_start(self) -> None:
        run = self.snapshot
        if run is None or self._starting:
            return
        self._starting = True
        self.notice(f"starting the retry of {run.name}")
        arguments: dict[str, Any] = {"run_id": run.id, "from_step": self._begin}
        self.workbench.doing.start("runs retry", arguments, self._started, self._not_started)

    def _started(self, document: Any) -> None:
        app = self.workbench
        if self.is_current:
            # esc from the new run goes to where this screen was opened.
            app.pop_screen()
        app.open_place("run", run_id=document.run_id)

    def _not_started(self) -> None:
        self._starting = False

    def _step_here(self) -> str | None:
        grid = self.focused
        if not isinstance(grid, Grid) or grid.id != "plan" or grid.cursor_key is None:
            return None
        steps = self.snapshot.steps if self.snapshot else ()
        return next((name for name in steps if clean(name) == grid.cursor_key), None)
