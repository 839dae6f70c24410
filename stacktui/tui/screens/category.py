"""A category: its components, what is known about the one under the cursor, and its live pane. One class for all ten."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.timer import Timer

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, glyph, state_text, tone_of
from stacktui.tui.panes.base import DEBOUNCE_SECONDS
from stacktui.tui.panes.registry import VIEWS, pane_of
from stacktui.tui.screens.base import KeyHelp, Subject, WorkbenchScreen
from stacktui.tui.screens.category_facts import about_component
from stacktui.tui.snapshots.category import CategorySnapshot, ComponentLine, ProbeLine, load_category
from stacktui.tui.widgets.facts import Facts, Section
from stacktui.tui.widgets.filterline import FilterLine
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.gridrows import GAP
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.component import ProbeDocument
    from stacktui.operations.session import Session

_FRAME = 3
"""Lines of the list's panel beside its rows: the border and the header."""

_MARGIN = 4
"""Cells of a row beside its columns: the mark of the cursor, the right edge, and the scroll bar that may come."""


class CategoryScreen(WorkbenchScreen[CategorySnapshot]):
    """The registered components of a category with their live pane."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE, Topic.PROBES, Topic.FINDINGS})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("category.edit", "e", "edit_component", "edit", writes=True, rank=3, help="Edit it in a form."),
        bind("category.add", "a", "add_component", "add", writes=True, rank=4, help="Add a component."),
        bind("category.probe", "b", "probe", "probe", rank=5, help="Ask whether it can be reached."),
        bind("category.clone", "c", "clone_component", "clone", writes=True, rank=21, help="Add one like it."),
        bind("category.delete", "D", "delete_component", "delete", writes=True, rank=22, help="Delete it; who refers to it is shown first."),
        bind("category.about", "d", "about", "describe", rank=6, help="Its configuration, findings, and who uses it."),
        bind("category.zoom", "z", "zoom", "zoom", rank=20, help="Give the whole screen to the live pane, and back."),
        bind("category.editor", "E", "open_editor", "editor", rank=23, help="Open its file in $EDITOR."),
        bind("category.copy", "y", "copy_name", "copy name", rank=24, help="Copy its name."),
        bind("category.next", "tab", "focus_next", "next panel", rank=25, help="To the next panel."),
        bind("category.previous", "shift+tab", "focus_previous", "previous panel", rank=150),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__()
        self.category = category
        self._wanted: str | None = None
        self._aim_timer: Timer | None = None
        self._probed: dict[str, tuple[Any, ProbeLine]] = {}
        self._probing: set[str] = set()
        self._lines: dict[str, ComponentLine] = {}
        facts = category.facts
        self.pane = pane_of(category)
        """The live pane."""
        self.components = Grid(
            Column("active", "", 1),
            Column("name", "name", 10, grow=True),
            Column("flavor", "flavor", 10),
            Column("probe", "probe", 7, drop=1),
            Column("findings", "found", 5, drop=2),
            *VIEWS[category].columns,
            Column("labels", "labels", 14, drop=6),
            Column("description", "description", 24, grow=True, drop=5),
            markable=False,
            id="components",
            empty=Clean(f"No {facts.title} yet. a adds one."),
        )
        """The list of components."""

    def body(self) -> ComposeResult:
        facts = self.category.facts
        with Container(id="category"):
            with Vertical(id="category-left"):
                with Panel(title=facts.plural, id="category-list"):
                    yield self.components
                with Panel(title="about", id="category-about"):
                    yield Facts(id="about", empty=Clean("Nothing is chosen."))
            yield self.pane

    # What changes.

    def load(self, session: Session) -> CategorySnapshot:
        fields = tuple(column.key for column in VIEWS[self.category].columns)
        return load_category(session, self.category, self.workbench.feed.findings, fields)

    def show(self, snapshot: CategorySnapshot) -> None:
        first = self.components.total == 0
        self._lines = {line.name: line for line in snapshot.lines}
        for line in snapshot.lines:
            if line.probe is not None:
                self._probed[line.name] = (line.component, line.probe)
        self._draw_list(snapshot)
        if first:
            chosen = next((line.name for line in snapshot.lines if line.in_stack), None)
            if chosen is not None:
                self.components.move_to(chosen)
        if self._wanted is not None and self.components.move_to(self._wanted):
            self._wanted = None
        self._aim_now()
        self._about()
        self.keys_changed()

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        # Textual calls the base's own handler too.
        self.pane.left()

    def _draw_list(self, snapshot: CategorySnapshot) -> None:
        self.components.set_rows(self._row(line) for line in snapshot.lines)
        panel = self.query_one("#category-list", Panel)
        panel.set_title(self.category.facts.plural, len(snapshot.lines))
        marked = snapshot.stack and any(line.in_stack for line in snapshot.lines)
        panel.set_note(Clean(f"{glyph('●')} in {snapshot.stack}") if marked else "")
        self._fit()
        # On the first draw the list may not have its width yet.
        self.call_after_refresh(self._fit_columns)

    def _fit_columns(self) -> None:
        """Names are shown whole before anything is said beside flavor and probe: cut, they look alike."""
        grid = self.components
        lines = self.snapshot.lines if self.snapshot else ()
        room = grid.size.width - _MARGIN
        if not lines or room <= 0:
            return
        flavor = min(16, max(6, *(len(line.flavor) for line in lines)))
        most = room - flavor - sum(c.width + GAP for c in grid.columns if c.key in ("active", "probe")) - GAP
        name = max(10, min(most, max(len(line.shown) for line in lines)))
        widths = {"name": name, "flavor": flavor}
        columns = tuple(
            column._replace(width=widths.get(column.key, column.width)) for column in grid.columns
        )
        if columns != grid.columns:
            grid.set_columns(*columns)

    def _fit(self) -> None:
        """The list is as high as its rows, up to a share of the screen."""
        self._fit_columns()
        rows = max(1, self.components.total)
        share = self.size.height * 2 // 5 if self.has_class("-wide") else max(5, self.size.height // 3)
        height = min(rows + _FRAME, max(5, share))
        panel = self.query_one("#category-list", Panel)
        if panel.styles.height is None or panel.styles.height.value != height:
            panel.styles.height = height

    def on_resize(self) -> None:
        if self.snapshot is not None:
            self.call_after_refresh(self._fit)

    def _row(self, line: ComponentLine) -> Row:
        found = []
        if line.errors:
            found.append(f"{glyph('✗')} {line.errors}")
        elif line.warnings:
            found.append(f"{glyph('!')} {line.warnings}")
        elif line.stale:
            found.append(f"{glyph('!')} old")
        tone = Tone.ERROR if line.errors else Tone.WARN
        return Row(
            line.name,
            (
                Cell(Clean(glyph("●") if line.in_stack else ""), Tone.OK),
                Cell(line.shown, Tone.STRONG if line.in_stack else Tone.PLAIN),
                Cell(line.flavor, Tone.MUTED),
                self._probe_cell(line),
                Cell(Clean(" ".join(found)), tone),
                *(Cell(line.field(column.key), Tone.MUTED) for column in VIEWS[self.category].columns),
                Cell(line.labels, Tone.MUTED),
                Cell(line.description, Tone.MUTED),
            ),
        )

    def _probe_cell(self, line: ComponentLine) -> Cell:
        if line.name in self._probing:
            return Cell(Clean(f"{glyph('◐')} asks"), Tone.RUNNING)
        found = self._probe_of(line)
        if found is None:
            return Cell(Clean(""))
        state = "ok" if found.ok else "error"
        text = f"{glyph('✓')} {_latency(found.latency_s)}" if found.ok else f"{glyph('✗')} fails"
        return Cell(Clean(text), tone_of(state))

    def _probe_of(self, line: ComponentLine) -> ProbeLine | None:
        """The last result, unless the component is configured otherwise since."""
        component, found = self._probed.get(line.name, (None, None))
        return found if component == line.component else None

    @on(Grid.Moved, "#components")
    def _moved(self) -> None:
        if self._aim_timer is not None:
            self._aim_timer.stop()
        self._aim_timer = self.set_timer(DEBOUNCE_SECONDS, self._rested)

    def _rested(self) -> None:
        self._aim_now()
        self._about()

    def _aim_now(self) -> None:
        self.pane.aim(self.components.cursor_key)

    def _about(self) -> None:
        """Load what is said about the component under the cursor."""
        name, session = self.components.cursor_key, self.session
        panel = self.query_one("#category-about", Panel)
        if name is None:
            panel.set_title("about")
            self.query_one("#about", Facts).show_sections(())
            return

        def arrived(result: Any, error: BaseException | None) -> None:
            if not self.is_attached or name != self.components.cursor_key:
                return
            panel.set_title(clean(f"about {name}"))
            if error is not None:
                from stacktui.tui.doing import one_line

                self.notice(one_line(error), error=True)
            else:
                self.query_one("#about", Facts).show_sections(self._with_probe(result))

        self.workbench.background.submit(partial(about_component, session, self.category, name), arrived)

    def _with_probe(self, sections: tuple[Section, ...]) -> tuple[Section, ...]:
        from stacktui.tui.widgets.facts import Fact

        line = self._line()
        found = self._probe_of(line) if line is not None else None
        if found is None:
            return sections
        state = "ok" if found.ok else "error"
        facts = (
            Fact(Clean(""), Clean(f"{state_text(state)}  {_latency(found.latency_s)}"), tone_of(state)),
            Fact(Clean(""), found.message),
        )
        return (*sections[:1], Section(Clean("probe"), facts), *sections[1:])

    # Where the cursor is.

    def _line(self) -> ComponentLine | None:
        return self._lines.get(self.components.cursor_key or "")

    @property
    def _in_pane(self) -> bool:
        return self.focused is not None and self.pane in self.focused.ancestors_with_self

    def subject(self) -> Subject | None:
        if self._in_pane:
            return self.pane.subject()
        line = self._line() if self.is_mounted else None
        if line is None:
            return None
        label = Clean(f"{self.category.facts.title} {line.shown}")
        return Subject("component", {"category": self.category, "name": line.name}, label)

    def refusal(self, action: str) -> str | None:
        if action in _ON_COMPONENT and (self.snapshot is None or self._line() is None):
            return f"no {self.category.facts.title} is chosen"
        return super().refusal(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # Keys mean what has the focus: in the pane none of them reaches for the component.
        if action in _ON_LIST and self._in_pane:
            return False
        return super().check_action(action, parameters)

    def all_keys(self) -> list[KeyHelp]:
        keys = super().all_keys()
        if not self._in_pane:
            return keys
        # The base knows why the screen's own keys are refused; the pane's it knows from the pane.
        return [
            item._replace(refused=self.pane.refusal(item.facts.action) or item.refused)
            if item.refused and item.facts.id.startswith("pane_")
            else item
            for item in keys
        ]

    def focus_on(self, argument: str) -> None:
        self.components.set_filter("")
        self.components.focus()
        if not self.components.move_to(argument):
            if self.snapshot is not None and not self.loading_now:
                self.notice(
                    clean(f"There is no {self.category.facts.title} {argument}; a adds one."), error=True
                )
            else:
                self._wanted = argument

    @on(Grid.Opened, "#components")
    def _opened(self) -> None:
        self.pane.focus_main()

    # What can be done.

    def action_add_component(self) -> None:
        self._form(None)

    def action_edit_component(self) -> None:
        self._form(self.components.cursor_key)

    def action_clone_component(self) -> None:
        self._form(self.components.cursor_key, clone=True)

    def _form(self, name: str | None, *, clone: bool = False) -> None:
        from stacktui.tui.dialogs.component_actions import open_component_form

        open_component_form(self, self.category, name, clone=clone)

    def action_delete_component(self) -> None:
        from stacktui.tui.dialogs.component_actions import delete_component

        name = self.components.cursor_key
        if name is not None:
            delete_component(self, self.category, name)

    def action_probe(self) -> None:
        line = self._line()
        if line is None or line.name in self._probing:
            return
        self._probing.add(line.name)
        self._redraw_row(line.name)
        session, name = self.session, line.name

        def ask() -> ProbeDocument:
            from stacktui.operations.component import probe

            found: ProbeDocument = probe(session, self.category, name)
            return found

        def arrived(result: Any, error: BaseException | None) -> None:
            self._probing.discard(name)
            if not self.is_attached:
                return
            if error is not None:
                from stacktui.tui.doing import one_line

                self.notice(one_line(error), error=True)
            else:
                found = ProbeLine(result.ok, clean(result.message), result.latency_s)
                self._probed[name] = (line.component, found)
                self.notice(clean(f"{name}: {found.message}"), error=not found.ok)
                self.workbench.feed.publish(Topic.PROBES)
                self._about()
            self._redraw_row(name)

        self.workbench.background.submit(ask, arrived)

    def _redraw_row(self, name: str) -> None:
        line = self._lines.get(name)
        if line is not None:
            self.components.update_row(self._row(line))

    def action_open_editor(self) -> None:
        from stacktui.tui.editor import open_in_editor

        line = self._line()
        if line is not None:
            open_in_editor(self.workbench, line.file)

    def action_copy_name(self) -> None:
        line = self._line()
        if line is not None:
            self.app.copy_to_clipboard(line.name)
            self.notice(Clean(f"Copied {line.shown}."))

    def action_about(self) -> None:
        """Narrow screens show it in place of the pane."""
        self.add_class("-about")
        self.query_one("#about", Facts).focus()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self.pane.focus_main()
        else:
            self.components.focus()

    def action_back(self) -> None:
        target = self.filter_target()
        if (target is not None and target.filter_text) or any(
            line.display for line in self.query(FilterLine)
        ):
            super().action_back()
        elif self._in_pane and self.pane.back():
            self.notice("")
        elif self.has_class("-zoomed"):
            self.notice("")
            self.action_zoom()
        elif self._in_pane or self.focused is self.query_one("#about", Facts):
            self.notice("")
            self.remove_class("-about")
            self.components.focus()
        else:
            super().action_back()


_ON_COMPONENT = frozenset(
    {"edit_component", "clone_component", "delete_component", "probe", "open_editor", "copy_name", "about"}
)

_ON_LIST = _ON_COMPONENT - {"about"} | {"add_component"}


def _latency(seconds: float) -> Clean:
    return Clean(f"{seconds * 1000:.0f}ms") if seconds < 1 else elapsed(seconds)
