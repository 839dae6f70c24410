"""What every live pane of a category has: it is aimed at a component, reads it in a thread and shows it.

    class SecretsPane(Pane[Secrets]):
        WORD = "secrets"

        def body(self) -> ComposeResult:
            yield self.main_panel(Grid(…))

        def read(self, source: Source) -> Secrets: ...       # in a thread; may block
        def draw(self, data: Secrets) -> None: ...           # on the event loop

Used by the category screen, which finds each pane in `panes/registry.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import facts_of_action
from stacktui.tui.live import LiveView, Topic
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Grid, Tone
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.categories.base import StackComponent
    from stacktui.model.component import Component
    from stacktui.operations.session import Session
    from stacktui.tui.screens.base import Subject, WorkbenchScreen

P = TypeVar("P")

DEBOUNCE_SECONDS = 0.1
"""How long the cursor rests before what it is on is loaded."""

NOTHING_CHOSEN = Clean("")

# Lines: of a list's frame with its header, of the shortest list, of a detail worth seeing, of a pane that holds both.
_FRAME, _LEAST_ROWS, _LEAST_HEIGHT, _DETAIL_HEIGHT, _SHARED_HEIGHT = 3, 2, 5, 9, 20


class Source(NamedTuple):
    """What a pane reads from, in its thread."""

    session: Session
    component: Component
    live: StackComponent
    in_stack: bool
    """Whether the active stack holds it: operations act on that stack's components only."""


@dataclass(frozen=True)
class Shown(Generic[P]):
    """A pane's snapshot."""

    name: str
    """The component; empty for none."""
    in_stack: bool
    problem: Clean
    """Why there is nothing to show; empty if there is."""
    data: P | None


class Pane(Vertical, LiveView[Shown[P]]):
    """Base of the ten panes. Its grids, keys and empty states are its own."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE})
    WORD: ClassVar[str] = ""
    """What it lists, for its title."""
    EMPTY: ClassVar[Clean] = Clean("")
    """What to do when there is nothing to list."""
    DETAIL_ALWAYS: ClassVar[bool] = False
    """Whether even a small screen shows the detail beside the list, which is then as short as it must be."""
    STACK_ONLY: ClassVar[frozenset[str]] = frozenset()
    """Actions that go through operations on the active stack's component."""

    def __init__(self, category: Category) -> None:
        super().__init__(id="pane")
        self.category = category
        self._main: Widget | None = None
        self._aim: str | None = None
        self._detail_key: str | None = None
        self._detail_timer: Timer | None = None

    # What panes give.

    def body(self) -> ComposeResult:
        """The panels."""
        yield from ()

    def read(self, source: Source) -> P:
        """Everything that the pane shows. In a thread; may block; an exception becomes one line on the pane."""
        raise NotImplementedError

    def draw(self, data: P) -> None:
        """Show it."""
        raise NotImplementedError

    def blank(self, why: Clean) -> None:
        """There is nothing to show, and why. The default empties every grid and detail."""
        for facts in self.query(Facts):
            facts.show_sections(())
        for grid in self.query(Grid):
            grid.set_rows(())
            grid.empty = why if grid is self.main else Clean("")
        if isinstance(self.main, Facts):
            self.main.show_sections((Section(Clean(""), (Fact(Clean(""), why, Tone.WARN),)),))

    def read_detail(self, source: Source, key: str) -> tuple[Section, ...]:
        """What the detail panel says about a row. In a thread."""
        return ()

    def subject(self) -> Subject | None:
        """The object that the cursor is on, for operations of the active stack's component."""
        return None

    def opened(self, key: str) -> None:
        """Enter was pressed on a row of the main grid. The default goes to the detail."""
        self.open_detail()

    def left(self) -> None:
        """The screen was left for another one."""

    # What panes call.

    def main_panel(self, *children: Widget) -> Panel:
        """The panel with the main widget."""
        return Panel(*children, title=self.WORD, id="pane-main")

    def detail_panel(self, *children: Widget, title: str = "") -> Panel:
        """The panel below it, which narrow screens show only when it is opened."""
        return Panel(*children, title=title, id="pane-detail", classes="pane-detail")

    @property
    def main(self) -> Widget:
        """The main widget: the first grid, facts or other focusable one."""
        if self._main is None:
            self._main = next(node for node in self.query_one("#pane-main").query("*") if node.can_focus)
        return self._main

    @property
    def main_grid(self) -> Grid:
        """The main widget where it is a grid."""
        return cast(Grid, self.main)

    @property
    def host(self) -> WorkbenchScreen[Any]:
        """The screen that it is on."""
        return cast("WorkbenchScreen[Any]", self.screen)

    @property
    def component_name(self) -> str:
        """The component that is shown."""
        return self.snapshot.name if self.snapshot is not None else ""

    @property
    def data(self) -> P | None:
        """What is shown; None where there is nothing."""
        return self.snapshot.data if self.snapshot is not None else None

    @property
    def in_stack(self) -> bool:
        """Whether the component that is shown is the active stack's."""
        return self.snapshot is not None and self.snapshot.in_stack

    def entitle(self, count: int | None = None, note: str = "") -> None:
        """The main panel's title with a count, and a word at its lower right."""
        panel = self.query_one("#pane-main", Panel)
        name = self.component_name
        panel.set_title(clean(f"{self.WORD} of {name}" if name else self.WORD), count)
        panel.set_note(clean(note))

    def detail_title(self, title: Clean | str, note: Clean | str = "") -> None:
        """The detail panel's title and note."""
        panel = self.query_one("#pane-detail", Panel)
        panel.set_title(title)
        panel.set_note(note)

    def look_at(self, key: str | None, *, at_once: bool = False) -> None:
        """Load the detail of a row once the cursor rests on it."""
        self._detail_key = key
        if self._detail_timer is not None:
            self._detail_timer.stop()
            self._detail_timer = None
        if key is None:
            self.show_detail(())
        elif at_once:
            self._load_detail()
        else:
            self._detail_timer = self.set_timer(DEBOUNCE_SECONDS, self._load_detail)

    def show_detail(self, sections: tuple[Section, ...]) -> None:
        """Show the detail that was loaded."""
        for facts in self.query("#pane-detail Facts").results(Facts):
            facts.show_sections(sections)

    # Aiming.

    def aim(self, name: str | None) -> None:
        """Show another component, or none."""
        if name != self._aim:
            self._aim = name
            self._detail_key = None
            if self.is_mounted:
                self.reload_now()

    @property
    def aimed_at(self) -> str | None:
        """The component that it is to show."""
        return self._aim

    def focus_main(self) -> None:
        """Put the focus on the main widget."""
        self.remove_class("-detail")
        self.main.focus()

    def open_detail(self) -> None:
        """Go to the detail; narrow screens show it in place of the list."""
        found = next((node for node in self.query("#pane-detail *") if node.can_focus), None)
        if found is not None:
            self.add_class("-detail")
            found.focus()

    def back(self) -> bool:
        """Esc: from the detail to the list; False if there is nothing to leave."""
        focused = self.screen.focused
        if self.has_class("-detail") or (
            focused is not None and any(node.id == "pane-detail" for node in focused.ancestors)
        ):
            self.focus_main()
            return True
        return False

    # The machinery.

    def compose(self) -> ComposeResult:
        yield from self.body()

    def load(self, session: Session) -> Shown[P]:
        name = self._aim
        if name is None:
            return Shown("", False, NOTHING_CHOSEN, None)
        in_stack = False
        try:
            with self._source(session, name) as source:
                in_stack = source.in_stack
                return Shown(name, in_stack, Clean(""), self.read(source))
        except Exception as error:
            from stacktui.tui.doing import one_line

            return Shown(name, in_stack, one_line(error), None)

    def show(self, snapshot: Shown[P]) -> None:
        if snapshot.data is None:
            self.entitle()
            self.blank(snapshot.problem)
        else:
            for grid in self.query("#pane-main Grid").results(Grid):
                grid.empty = self.EMPTY
            self.draw(snapshot.data)
            self._fit()
            if self._detail_key is not None:
                self._load_detail()
        self.host.keys_changed()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The list is as high as its rows where the detail has room below it; else they share, or take turns."""
        main = self.main
        if not isinstance(main, Grid) or not self.query("#pane-detail"):
            return
        height = self.size.height
        wanted = max(main.total, _LEAST_ROWS) + _FRAME
        together = self.DETAIL_ALWAYS or height >= _SHARED_HEIGHT or wanted + _DETAIL_HEIGHT <= height
        self.set_class(not together, "-small")
        share = height - _DETAIL_HEIGHT if height < _SHARED_HEIGHT else height * 11 // 20
        lines = max(_LEAST_HEIGHT, min(wanted, share)) if together else None
        panel = self.query_one("#pane-main", Panel)
        if lines is None:
            panel.styles.height = "1fr"
        elif panel.styles.height is None or panel.styles.height.cells != lines:
            panel.styles.height = lines

    @contextmanager
    def _source(self, session: Session, name: str) -> Iterator[Source]:
        """The component, live: the active stack's own, or made for this and closed again."""
        snapshot = session.snapshot()
        component = session.component(self.category, name, snapshot).value
        active = session.active(snapshot).name
        if active in snapshot.stacks and name in session.live().names(self.category):
            yield Source(session, component, session.live().get(self.category, name), True)
            return
        with session.open(component, snapshot) as live:
            yield Source(session, component, live, False)

    def _load_detail(self) -> None:
        key, name, session = self._detail_key, self._aim, self.session
        if key is None or name is None or not self.is_attached:
            return

        def arrived(result: Any, error: BaseException | None) -> None:
            if not self.is_attached or key != self._detail_key or name != self._aim:
                return
            if error is not None:
                from stacktui.tui.doing import one_line

                result = (Section(Clean(""), (Fact(Clean(""), one_line(error), Tone.WARN),)),)
            self.show_detail(result)

        self.workbench.background.submit(partial(self._detail, session, name, key), arrived)

    def _detail(self, session: Session, name: str, key: str) -> tuple[Section, ...]:
        with self._source(session, name) as source:
            return self.read_detail(source, key)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        event.stop()
        if event.grid is self.main:
            self.opened(event.key)
        else:
            self.detail_opened(event.key)

    def detail_opened(self, key: str) -> None:
        """Enter was pressed on a row of the detail's grid."""

    # Keys.

    def refusal(self, action: str) -> str | None:
        """Why an action cannot be used now; None if it can. As `WorkbenchScreen.refusal`."""
        facts = facts_of_action(action)
        if facts is not None and facts.writes and self.workbench.feed.summary.readonly:
            return "the workbench is read-only"
        if action in self.STACK_ONLY and not self.in_stack:
            return f"{self.component_name or 'it'} is not in the active stack"
        if action.startswith("operation(") and self.subject() is None:
            return "nothing is chosen"
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        written = f"{action}({', '.join(repr(item) for item in parameters)})" if parameters else action
        if facts_of_action(written) is None:
            return super().check_action(action, parameters)
        return None if self.refusal(written) else True

    def action_operation(self, name: str) -> None:
        """Run an operation on what the cursor is on."""
        subject = self.subject()
        if subject is not None:
            self.workbench.doing.on_subject(name, subject)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard and say so."""
        self.app.copy_to_clipboard(text)
        self.host.notice(clean(f"Copied {text}"))
