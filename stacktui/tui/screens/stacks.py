"""All stacks, and the one under the cursor resolved: its ten categories, where each is said, and its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.objects import ObjectActions, Objects
from stacktui.tui.screens.stack_panel import StackPanel, difference_text
from stacktui.tui.snapshots.stacks import (
    StackLine,
    StacksSnapshot,
    load_stacks,
)
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_ON_ONE = frozenset(
    {"build", "use_stack", "clone_stack", "rename_stack", "edit_stack_file", "diff_stacks", "export_stack"}
)
_ON_STACK = _ON_ONE | {"delete_stacks", "label_stacks", "probe_stack", "copy_name"}


class StacksScreen(ObjectActions, WorkbenchScreen[StacksSnapshot]):
    """The list on one side, the chosen stack on the other."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("stacks.use", "A", "use_stack", "make active", writes=True, rank=2, help="Make it the active stack."),
        bind("stacks.add", "a", "add_stack", "add", writes=True, rank=3, help="A new stack, in the builder."),
        bind("stacks.build", "e", "build", "builder", writes=True, rank=4, help="Open it in the stack builder."),
        bind("stacks.diff", "d", "diff_stacks", "compare", rank=5, help="How it differs from another stack."),
        bind("stacks.probe", "b", "probe_stack", "probe", rank=6, help="Ask all its components, or those of what is marked, whether they answer."),
        bind("stacks.clone", "c", "clone_stack", "clone", writes=True, rank=7, help="Copy it under another name."),
        bind("stacks.rename", "R", "rename_stack", "rename", writes=True, rank=8,
             help="Rename it, and what names it in YAML; uses in Python are listed."),
        bind("stacks.delete", "D", "delete_stacks", "delete", writes=True, rank=8,
             help="Delete it, or what is marked; who refers to it is named first."),
        bind("stacks.label", "L", "label_stacks", "label", writes=True, rank=10,
             help="Set labels on it or on what is marked, or take them away."),
        bind("stacks.editor", "E", "edit_stack_file", "editor", writes=True, rank=9,
             help="Open its file in $EDITOR: at the category or the finding that is chosen, else at the first finding."),
        bind("stacks.import", "i", "import_stack", "import", writes=True, rank=10,
             help="Take a stack in from a file: a bundle, or what ZenML exported."),
        bind("stacks.export", "o", "export_stack", "export", rank=11,
             help="Write it with all that it needs into a file for another workspace."),
        bind("stacks.copy", "y", "copy_name", "copy name", rank=70, help="Copy its name, or the names of what is marked."),
        bind("stacks.next", "tab", "focus_next", "next list", rank=71, help="To the next list."),
        bind("stacks.previous", "shift+tab", "focus_previous", "list before", rank=150, help="To the list before."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        with Horizontal(id="stacks"):
            with Panel(title="stacks", id="stacks-panel"):
                yield Grid(
                    Column("active", "", 1),
                    Column("name", "stack", 12, grow=True),
                    Column("extends", "extends", 11, drop=2),
                    Column("count", "holds", 5, align="right", drop=3),
                    Column("state", "state", 8),
                    Column("lock", "", 9, drop=1),
                    Column("description", "description", 20, grow=True, drop=4),
                    id="stacks-list",
                    empty=Clean("No stacks yet. a adds one: which components your pipelines run on. i imports one."),
                )  # fmt: skip
            yield StackPanel(id="stack-panel")

    @property
    def list(self) -> Grid:
        """The stacks."""
        return self.query_one("#stacks-list", Grid)

    @property
    def detail(self) -> StackPanel:
        """The chosen stack."""
        return self.query_one(StackPanel)

    def load(self, session: Session) -> StacksSnapshot:
        return load_stacks(session)

    def show(self, snapshot: StacksSnapshot) -> None:
        first = not self.list.rows
        cursor = self.list.cursor_key
        self.list.set_rows(_row(line) for line in snapshot.stacks)
        if first and (active := next((line.name for line in snapshot.stacks if line.active), None)):
            self.list.move_to(active)
        panel = self.query_one("#stacks-panel", Panel)
        panel.set_title("stacks", len(snapshot.stacks))
        self.list_changed(cursor, {line.name: line.held for line in snapshot.stacks})
        self._say_marks()
        self.detail.choose(self.list.cursor_key)
        self.keys_changed()

    def _say_marks(self) -> None:
        snapshot = self.snapshot
        if snapshot is not None:
            active = any(line.active for line in snapshot.stacks)
            note = Clean(f"{glyph('●')} active: {snapshot.reason}") if active else Clean("")
            self.query_one("#stacks-panel", Panel).set_note(self.marks_note(note))

    @on(Grid.FilterChanged, "#stacks-list")
    def _filtered(self) -> None:
        self._say_marks()
        self.keys_changed()

    @on(Grid.Moved, "#stacks-list")
    def _moved(self, event: Grid.Moved) -> None:
        self._say_marks()
        self.detail.choose(event.key)

    @on(Grid.Opened, "#stacks-list")
    def _opened(self) -> None:
        if self.workbench.feed.summary.readonly:
            self.query_one("#stack-slots", Grid).focus()
        else:
            self.action_build()

    @on(Grid.Opened, "#stack-slots")
    def _slot_opened(self, event: Grid.Opened) -> None:
        slot = self.detail.slot(event.key)
        if slot is not None:
            self.workbench.open_place(slot.category.value, slot.names[0] if slot.names else "")

    @on(Grid.Moved, "#stack-findings")
    def _finding_moved(self, event: Grid.Moved) -> None:
        # Its line may be cut off: the whole of it is said below.
        finding = self.detail.finding() if event.grid.has_focus else None
        if finding is not None:
            self.notice(clean(finding.message), error=finding.severity == "error")

    @on(Grid.Opened, "#stack-findings")
    def _finding_opened(self, event: Grid.Opened) -> None:
        self.workbench.open_place("problems", event.key)

    # What can be done.

    def subject(self) -> Subject | None:
        line = self._line()
        if line is None:
            return None
        name = line.name
        return Subject("stack", {"name": name}, Clean(f"stack {clean(name)}"), name if line.protected else "")

    @property
    def grid(self) -> Grid:
        return self.list

    def objects(self, names: tuple[str, ...]) -> Objects:
        return Objects("stack", names, Clean("stack"), Clean("stacks"), {})

    def focus_on(self, argument: str) -> None:
        self.list.set_filter("")
        self.list.focus()
        self.move_when_there(argument)

    def refusal(self, action: str) -> str | None:
        line = self._line()
        if action in _ON_STACK and line is None:
            return "no stack is chosen"
        if action in _ON_ONE and (reason := self.several_marked()):
            return reason
        if action == "use_stack" and line is not None and line.active:
            return "it is the active stack"
        if action in ("build", "clone_stack") and line is not None and line.stale:
            return "its file cannot be read as it is now; E opens it in your editor"
        if action == "diff_stacks" and self.list.total < 2:
            return "there is no other stack"
        if action == "probe_stack" and self.detail.probing:
            return "it is being probed"
        return super().refusal(action)

    def action_build(self) -> None:
        line = self._line()
        if line is None:
            return
        if line.stale:
            self.notice("Its file cannot be read as it is now; E opens it in your editor.", error=True)
            return
        self.workbench.open_place("builder", line.name)

    def action_use_stack(self) -> None:
        line = self._line()
        if line is not None:
            self.do("stack use", name=line.name)

    def action_add_stack(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog, PromptDialog

        names = [line.name for line in self.snapshot.stacks] if self.snapshot else []

        def named(name: str | None) -> None:
            if not name:
                return
            if not names:
                self.workbench.open_place("builder", name, new=True)
                return
            choices = [("", Clean("nothing"), Clean("all ten categories are its own"))]
            choices += [
                (each, clean(each), Clean("takes from it what it does not say itself")) for each in names
            ]
            self.ask(
                ChoiceDialog(Clean(f"{name} extends"), choices),
                lambda parent: self._build_new(name, parent),
            )

        self.ask(
            PromptDialog("new stack", "Its name, as it stands in stacks/NAME.yaml:", check=self.name_problem),
            named,
        )

    def _build_new(self, name: str, parent: str | None) -> None:
        if parent is not None:
            self.workbench.open_place("builder", name, new=True, extends=parent or None)

    def action_clone_stack(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        line = self._line()
        if line is None:
            return
        source = line.name

        def named(name: str | None) -> None:
            if not name:
                return

            def saved(document: Any) -> None:
                self.workbench.toast(clean(document.title))
                self.move_when_there(name)

            self.workbench.doing.edit("stack clone", {"name": source, "new": name}, saved)

        self.ask(
            PromptDialog(Clean(f"copy of {clean(source)}"), "The copy's name:", value=f"{source}-copy"[:63],
                         check=self.name_problem),
            named,
        )  # fmt: skip

    def action_rename_stack(self) -> None:
        self.rename_one()

    def action_delete_stacks(self) -> None:
        self.delete_chosen()

    def action_label_stacks(self) -> None:
        self.label_chosen()

    def action_probe_stack(self) -> None:
        chosen = self.chosen()
        if chosen is not None:
            self.detail.probe(chosen.names)

    def action_edit_stack_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        line = self._line()
        if line is not None:
            open_in_editor(self.workbench, *(self.detail.place() or (line.file, 1, 1)))

    def action_import_stack(self) -> None:
        from stacktui.tui.dialogs.importing import ask_import

        ask_import(self.workbench)

    def action_export_stack(self) -> None:
        from stacktui.tui.dialogs.exporting import ask_export

        line = self._line()
        if line is not None:
            ask_export(self.workbench, line.name)

    def action_copy_name(self) -> None:
        self.copy_chosen()

    def action_diff_stacks(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        line = self._line()
        if line is None or self.snapshot is None:
            return
        name = line.name
        others = [
            (each.name, clean(each.name), each.description)
            for each in self.snapshot.stacks
            if each.name != name
        ]

        def chosen(other: str | None) -> None:
            if other is not None:
                self.do("stack diff", self._show_difference, a=name, b=other)

        self.ask(ChoiceDialog(Clean(f"compare {clean(name)} with"), others), chosen)

    def _show_difference(self, found: Any) -> None:
        from stacktui.tui.dialogs.simple import TextDialog

        self.ask(
            TextDialog(clean(f"{found.a} and {found.b}, after inheritance"), difference_text(found)), _nothing
        )

    def _line(self) -> StackLine | None:
        if not self.is_mounted or self.snapshot is None:
            return None
        key = self.list.cursor_key
        return next((line for line in self.snapshot.stacks if line.name == key), None)


def _row(line: StackLine) -> Row:
    if line.stale:
        state, tone = Clean(f"{glyph('✗')} broken"), Tone.ERROR
    elif line.errors:
        warned = f" ! {line.warnings}" if line.warnings else ""
        state, tone = Clean(f"{glyph('✗')} {line.errors}{warned}"), Tone.ERROR
    elif line.warnings:
        state, tone = Clean(f"! {line.warnings}"), Tone.WARN
    else:
        state, tone = Clean(f"{glyph('✓')} ok"), Tone.OK
    return Row(
        line.name,
        (
            Cell(Clean(glyph("●") if line.active else ""), Tone.ACCENT),
            Cell(clean(line.name), Tone.STRONG if line.active else Tone.PLAIN),
            Cell(line.extends, Tone.MUTED),
            Cell(Clean(str(line.holds) if line.holds else ""), Tone.MUTED),
            Cell(state, tone),
            Cell(Clean("protected" if line.protected else ""), Tone.WARN),
            Cell(line.description, Tone.MUTED),
        ),
    )


def _nothing(_: object) -> None:
    """What follows a text that was read."""
