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
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.panes.base import DEBOUNCE_SECONDS
from stacktui.tui.panes.registry import VIEWS, pane_of
from stacktui.tui.screens.base import KeyHelp, Subject, WorkbenchScreen
from stacktui.tui.screens.category_facts import about_component
from stacktui.tui.screens.category_probes import Probes
from stacktui.tui.screens.objects import ObjectActions, Objects
from stacktui.tui.snapshots.category import CategorySnapshot, ComponentLine, load_category
from stacktui.tui.widgets.facts import Facts
from stacktui.tui.widgets.filterline import FilterLine
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.gridrows import GAP
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_FRAME = 3
"""Lines of the list's panel beside its rows: the border and the header."""

_MARGIN = 4
"""Cells of a row beside its columns: the mark of the cursor, the right edge, and the scroll bar that may come."""


class CategoryScreen(ObjectActions, WorkbenchScreen[CategorySnapshot]):
    """The registered components of a category with their live pane."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE, Topic.PROBES, Topic.FINDINGS})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("category.edit", "e", "edit_component", "edit", writes=True, rank=3, help="Edit it in a form."),
        bind("category.add", "a", "add_component", "add", writes=True, rank=4, help="Add a component."),
        bind("category.probe", "b", "probe", "probe", rank=5, help="Ask whether it, or what is marked, can be reached."),
        bind("category.clone", "c", "clone_component", "clone", writes=True, rank=21, help="Add one like it."),
        bind("category.rename", "R", "rename_component", "rename", writes=True, rank=22, help="Rename it, and what names it in YAML; uses in Python are listed."),
        bind("category.delete", "D", "delete_components", "delete", writes=True, rank=22, help="Delete it, or what is marked; who refers to it is shown first."),
        bind("category.label", "L", "label_components", "label", writes=True, rank=26, help="Set labels on it or on what is marked, or take them away."),
        bind("category.about", "d", "about", "describe", rank=6, help="Its configuration, findings, and who uses it."),
        bind("category.zoom", "z", "zoom", "zoom", rank=20, help="Give the whole screen to the live pane, and back."),
        bind("category.editor", "E", "open_editor", "editor", writes=True, rank=23, help="Open its file in $EDITOR, at its first finding."),
        bind("category.copy", "y", "copy_name", "copy name", rank=24, help="Copy its name, or the names of what is marked."),
        bind("category.next", "tab", "focus_next", "next panel", rank=25, help="To the next panel."),
        bind("category.previous", "shift+tab", "focus_previous", "previous panel", rank=150),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__()
        self.category = category
        self._aim_timer: Timer | None = None
        self._probes = Probes(self)
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
        self._probes.keep(snapshot.lines)
        cursor = self.components.cursor_key
        self._draw_list(snapshot)
        if first:
            chosen = next((line.name for line in snapshot.lines if line.in_stack), None)
            if chosen is not None:
                self.components.move_to(chosen)
        self.list_changed(cursor, {line.name: line.held for line in snapshot.lines})
        self._aim_now()
        self.about_again()
        self.keys_changed()

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        # Textual calls the base's own handler too.
        self.pane.left()

    def _draw_list(self, snapshot: CategorySnapshot) -> None:
        self.components.set_rows(self._row(line) for line in snapshot.lines)
        panel = self.query_one("#category-list", Panel)
        panel.set_title(self.category.facts.plural, len(snapshot.lines))
        self._say_marks()
        self._fit()
        # On the first draw the list may not have its width yet.
        self.call_after_refresh(self._fit_columns)

    def _say_marks(self) -> None:
        snapshot = self.snapshot
        if snapshot is not None:
            held = snapshot.stack and any(line.in_stack for line in snapshot.lines)
            note = Clean(f"{glyph('●')} in {snapshot.stack}") if held else Clean("")
            self.query_one("#category-list", Panel).set_note(self.marks_note(note))

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
                self._probes.cell(line),
                Cell(Clean(" ".join(found)), tone),
                *(Cell(line.field(column.key), Tone.MUTED) for column in VIEWS[self.category].columns),
                Cell(line.labels, Tone.MUTED),
                Cell(line.description, Tone.MUTED),
            ),
        )

    @on(Grid.FilterChanged, "#components")
    def _filtered(self) -> None:
        self._say_marks()
        self.keys_changed()

    @on(Grid.Moved, "#components")
    def _moved(self) -> None:
        self._say_marks()
        if self._aim_timer is not None:
            self._aim_timer.stop()
        self._aim_timer = self.set_timer(DEBOUNCE_SECONDS, self._rested)

    def _rested(self) -> None:
        self._aim_now()
        self.about_again()

    def _aim_now(self) -> None:
        self.pane.aim(self.components.cursor_key)

    def about_again(self) -> None:
        """Load what is said about the component under the cursor."""
        name, session = self.components.cursor_key, self.session
        panel, about = self.query_one("#category-about", Panel), self.query_one("#about", Facts)
        if name is None:
            panel.set_title("about")
            about.show_sections(())
            return

        def arrived(result: Any, error: BaseException | None) -> None:
            if not self.is_attached or name != self.components.cursor_key:
                return
            panel.set_title(clean(f"about {name}"))
            if error is not None:
                from stacktui.tui.doing import one_line

                self.notice(one_line(error), error=True)
            else:
                about.show_sections(self._probes.with_answer(self._line(), result))

        self.workbench.background.submit(partial(about_component, session, self.category, name), arrived)

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

    @property
    def grid(self) -> Grid:
        return self.components

    def objects(self, names: tuple[str, ...]) -> Objects:
        facts = self.category.facts
        return Objects(
            "component", names, Clean(facts.title), Clean(facts.plural), {"category": self.category}
        )

    def refusal(self, action: str) -> str | None:
        if action in _ON_COMPONENT and (self.snapshot is None or self._line() is None):
            return f"no {self.category.facts.title} is chosen"
        if action in _ON_ONE and (reason := self.several_marked()):
            return reason
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
        self.move_when_there(argument)
        if self._wanted and self.snapshot is not None and not self.loading_now:
            self._wanted = None
            self.notice(clean(f"There is no {self.category.facts.title} {argument}; a adds one."), error=True)

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

        open_component_form(self, self.category, name, clone=clone, then=self.move_when_there)

    def action_rename_component(self) -> None:
        self.rename_one()

    def action_delete_components(self) -> None:
        self.delete_chosen()

    def action_label_components(self) -> None:
        self.label_chosen()

    def action_probe(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self._probes.ask(self._lines[name] for name in chosen.names if name in self._lines)

    def redraw_row(self, name: str) -> None:
        """A component's probe began or ended."""
        line = self._lines.get(name)
        if line is not None:
            self.components.update_row(self._row(line))

    def action_open_editor(self) -> None:
        from stacktui.tui.editor import open_in_editor, worst_in

        line = self._line()
        if line is not None:
            open_in_editor(
                self.workbench, line.file, *worst_in(line.file, self.workbench.feed.findings or ())
            )

    def action_copy_name(self) -> None:
        self.copy_chosen()

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


_ON_ONE = frozenset({"edit_component", "clone_component", "rename_component", "open_editor"})

_ON_COMPONENT = _ON_ONE | {"delete_components", "label_components", "probe", "copy_name", "about"}

_ON_LIST = _ON_COMPONENT - {"about"} | {"add_component"}
