"""The stack builder: ten categories, what fits each and what does not with its reason, findings with every change.

Nothing is written before its diff was accepted; a protected stack asks for its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from stacktui.model.category import Category
from stacktui.model.diagnostic import Severity
from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import glyph
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.builder_rows import (
    CANDIDATES,
    FINDINGS,
    SLOTS,
    candidate_rows,
    finding_rows,
    slot_row,
)
from stacktui.tui.screens.problems import finding_keys
from stacktui.tui.snapshots.builder import (
    BuilderSnapshot,
    CandidateLine,
    load_builder,
    moved,
    rebased,
    removed,
    toggled,
)
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.tui.dialogs.diff import Verdict
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Entry


class BuilderScreen(WorkbenchScreen[BuilderSnapshot]):
    """One stack while it is being built."""

    topics = frozenset({Topic.FILES})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("builder.save", "ctrl+s", "save", "save", writes=True, rank=2, help="Show the diff, then write it."),
        bind("builder.toggle", "space", "put_in_or_out", "in or out", writes=True, rank=3,
             help="Put the component in, or take it out."),
        bind("builder.remove_too", "backspace", "remove", "take out", writes=True, rank=150),
        bind("builder.remove", "minus", "remove", "take out", writes=True, rank=4,
             help="Take out what fills the category; what is inherited is taken out by a null."),
        bind("builder.new", "a", "new_component", "new component", writes=True, rank=5,
             help="Make a new component for this category, and put it in."),
        bind("builder.later", "J", "order(1)", "later", writes=True, rank=6, help="Move it behind the next one."),
        bind("builder.earlier", "K", "order(-1)", "earlier", writes=True, rank=7,
             help="Move it before the one above; the first is the default."),
        bind("builder.extends", "x", "extend", "extends", writes=True, rank=8, help="Choose the stack it extends."),
        bind("builder.describe", "i", "describe", "description", writes=True, rank=9, help="Its description."),
        bind("builder.protect", "P", "protect", "protect", writes=True, rank=10,
             help="Ask for its name before it is changed or runs; or no longer."),
        bind("builder.edit", "e", "edit_component", "edit component", writes=True, rank=11,
             help="Edit the component under the cursor in a form."),
        bind("builder.editor", "E", "edit_file", "editor", rank=12, help="Open the stack's file in $EDITOR."),
        bind("builder.versions", "ctrl+o", "versions", "both versions", rank=13,
             help="What is on disk beside yours, after someone else saved it."),
        bind("builder.next", "tab", "focus_next", "next list", rank=60, help="To the next list."),
        bind("builder.previous", "shift+tab", "focus_previous", "list before", rank=150, help="To the list before."),
    ]  # fmt: skip

    def __init__(self, stack: str, *, new: bool = False, extends: str | None = None) -> None:
        super().__init__()
        self.stack_name = stack
        self.crumb = Clean(f"builder {clean(stack)}")
        self._fresh = (
            Stack(name=stack, extends=extends) if new and extends else Stack(name=stack) if new else None
        )
        self.draft: Stack | None = self._fresh
        """What is being built; None until the file was read."""
        self._origin: Entry[Stack] | None = None
        """The version of the file that the draft was made from; None for a new stack."""
        self._category = Category.ORCHESTRATOR
        self._leaving = False

    def body(self) -> ComposeResult:
        with Horizontal(id="builder"):
            with Panel(title="stack", id="builder-slots-panel"):
                yield Grid(*SLOTS, header=False, markable=False, id="builder-slots", empty=Clean(""))
            with Panel(title="components", id="builder-candidates-panel"):
                yield Grid(
                    *CANDIDATES, header=False, markable=False, id="builder-candidates",
                    empty=Clean("No component of this category yet. a makes one."),
                )  # fmt: skip
                yield Static(id="builder-about")
        with Panel(title="findings", id="builder-findings-panel"):
            yield Grid(
                *FINDINGS, header=False, markable=False, id="builder-findings",
                empty=Clean("Not checked yet."),
            )  # fmt: skip

    @property
    def slots(self) -> Grid:
        """The ten categories."""
        return self.query_one("#builder-slots", Grid)

    @property
    def candidates(self) -> Grid:
        """The components of the chosen category."""
        return self.query_one("#builder-candidates", Grid)

    # What is shown.

    def load(self, session: Session) -> BuilderSnapshot:
        return load_builder(session, self.stack_name, self.draft, self._category, self._fresh)

    def show(self, snapshot: BuilderSnapshot) -> None:
        if self.draft is None:
            self.draft, self._origin = snapshot.draft, snapshot.entry
        self._compare(snapshot)
        self.slots.set_rows(slot_row(slot) for slot in snapshot.slots)
        self.candidates.set_rows(candidate_rows(snapshot.category, snapshot.candidates))
        findings = self.query_one("#builder-findings", Grid)
        findings.empty = Clean(f"{glyph('✓')} Every rule passes.")
        findings.set_rows(finding_rows(snapshot.findings, snapshot.root))
        self.query_one("#builder-findings-panel", Panel).set_title("findings", len(snapshot.findings) or None)
        facts = snapshot.category.facts
        many = "one" if facts.maximum == 1 else "any number, the first is the default"
        panel = self.query_one("#builder-candidates-panel", Panel)
        panel.set_title(f"{facts.plural} ({many}{', required' if snapshot.category.required else ''})")
        self._draw_title()
        self._about()
        self.keys_changed()

    def _draw_title(self) -> None:
        draft = self.draft
        if draft is None:
            return
        parent = f" extends {clean(draft.extends)}" if draft.extends else ""
        panel = self.query_one("#builder-slots-panel", Panel)
        panel.set_title(Clean(f"stack {clean(self.stack_name)}{parent}"))
        notes = ["unsaved, ctrl+s saves"] if self.dirty or self._is_new else []
        notes += ["protected"] if draft.protected else []
        panel.set_note(f" {glyph('·')} ".join(notes))

    def _about(self) -> None:
        about, line = self.query_one("#builder-about", Static), self._candidate()
        if line is None:
            about.update(Content(""))
        elif line.reason:
            about.update(Content.assemble((f"{glyph('✗')} ", "$tone-error"), line.reason))
        else:
            about.update(Content.styled(line.description or f"flavor {line.flavor}", "$quiet"))

    @on(Grid.Moved, "#builder-slots")
    def _slot_moved(self, event: Grid.Moved) -> None:
        if event.key is not None and event.key != self._category:
            self._category = Category(event.key)
            self.reload_now()

    @on(Grid.Moved, "#builder-candidates")
    def _candidate_moved(self) -> None:
        self._about()

    @on(Grid.Moved, "#builder-findings")
    def _finding_moved(self, event: Grid.Moved) -> None:
        # Its line may be cut off: the whole of it is said below.
        if event.grid.has_focus and self.snapshot is not None:
            found = next((one for key, one in finding_keys(self.snapshot.findings) if key == event.key), None)
            if found is not None:
                self.notice(clean(found.message), error=found.severity is Severity.ERROR)

    @on(Grid.Opened, "#builder-slots")
    def _slot_opened(self) -> None:
        self.candidates.focus()
        if self.snapshot is not None and self.snapshot.category is self._category:
            names = next(slot.names for slot in self.snapshot.slots if slot.category is self._category)
            if names:
                self.candidates.move_to(f"{self._category.value}/{names[0]}")

    @on(Grid.Opened, "#builder-candidates")
    def _candidate_opened(self) -> None:
        self.action_put_in_or_out()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        super().on_descendant_focus(event)
        self._about()

    # Files that change underneath.

    @property
    def _is_new(self) -> bool:
        return self._origin is None and self._fresh is not None

    @property
    def dirty(self) -> bool:
        """Whether the draft differs from what it was made from."""
        start = self._origin.value if self._origin is not None else self._fresh
        return self.draft is not None and self.draft != start

    def _compare(self, snapshot: BuilderSnapshot) -> None:
        """Say at once that the file is no longer what the draft was made from."""
        mine, theirs = self._origin, snapshot.entry
        if mine is None or (theirs is not None and theirs.raw == mine.raw and not theirs.stale):
            return
        if theirs is None:
            self.notice("The stack's file was deleted on disk; yours is kept here.", error=True)
        elif theirs.stale:
            self.notice("The stack's file was changed on disk and cannot be read as it is now.", error=True)
        elif self.dirty:
            self.notice("The stack's file was changed on disk. ctrl+o shows both versions.", error=True)
        else:
            self._start_over()
            self.notice("The stack's file was changed on disk just now; this is what it says.")

    @property
    def _conflicts(self) -> bool:
        if self.snapshot is None or self._origin is None:
            return False
        theirs = self.snapshot.entry
        return theirs is None or theirs.raw != self._origin.raw

    def _start_over(self) -> None:
        self.draft, self._origin = None, None
        self.reload_now()

    def action_versions(self) -> None:
        """Show what is on disk beside what would be written, and ask what to keep."""
        from stacktui.tui.dialogs.saving import show_versions

        draft, mine = self.draft, self._origin
        theirs = self.snapshot.entry if self.snapshot else None
        if draft is None or mine is None or not self._conflicts:
            self.notice("The file on disk is the one that you are editing.")
            return
        if theirs is None or theirs.stale:
            self.notice("What is on disk cannot be read as a stack; yours is kept here.", error=True)
            return

        def take(verdict: Verdict) -> None:
            if verdict == "theirs":
                self._start_over()
            else:
                self.draft, self._origin = rebased(mine.value, draft, theirs.value), theirs
                self.reload_now()
            self.notice("")

        def build(session: Session) -> Change:
            from stacktui.operations.stack_edit import stack_change

            return stack_change(session, draft, mine)

        show_versions(
            self.workbench, build, theirs, failed=lambda text: self.notice(text, error=True), then=take
        )

    # Edits.

    def subject(self) -> Subject | None:
        line = self._candidate()
        if line is None or self.snapshot is None or not line.flavor:
            return None
        category = self.snapshot.category
        label = Clean(f"{category.facts.title} {clean(line.name)}")
        return Subject("component", {"category": category, "name": line.name}, label)

    def refusal(self, action: str) -> str | None:
        if self.draft is None or self.snapshot is None:
            return "the stack is not read yet" if action in _EDITS else super().refusal(action)
        line = self._candidate()
        if action in ("put_in_or_out", "edit_component", "order(1)", "order(-1)") and line is None:
            return "choose a component first: enter goes to them"
        if action.startswith("order(") and (
            line is None or not line.place or not self.snapshot.category.many
        ):
            return "only those that are in have an order"
        if action == "remove" and not any(
            s.names or s.own for s in self.snapshot.slots if s.category is self._category
        ):
            return "nothing is in it"
        if action == "versions" and not self._conflicts:
            return "nobody else has changed the file"
        if action == "save" and not self.dirty and not self._is_new:
            return "nothing was changed"
        if action == "extend" and not self.snapshot.others:
            return "there is no other stack"
        return super().refusal(action)

    def _set(self, draft: Stack) -> None:
        self.draft = draft
        self.notice("")
        self._draw_title()
        self.keys_changed()
        self.reload_now()

    def action_put_in_or_out(self) -> None:
        line = self._candidate()
        if line is not None and self.draft is not None and self.snapshot is not None:
            self._set(toggled(self.draft, dict(self.snapshot.inherited), self.snapshot.category, line.name))

    def action_remove(self) -> None:
        if self.draft is not None and self.snapshot is not None:
            self._set(removed(self.draft, dict(self.snapshot.inherited), self._category))

    def action_order(self, by: int) -> None:
        line = self._candidate()
        if line is not None and self.draft is not None and self.snapshot is not None:
            self._set(moved(self.draft, dict(self.snapshot.inherited), self.snapshot.category, line.name, by))

    def action_extend(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        if self.snapshot is None or self.draft is None:
            return
        choices = [("\0", Clean("nothing"), Clean("all ten categories are its own"))]
        choices += [(name, clean(name), Clean("")) for name in self.snapshot.others]

        def chosen(name: str | None) -> None:
            if name is not None and self.draft is not None:
                self._set(self.draft.model_copy(update={"extends": None if name == "\0" else name}))

        self.ask(ChoiceDialog(Clean("extends"), choices, current=self.draft.extends or "\0"), chosen)

    def action_describe(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        if self.draft is None:
            return

        def answered(text: str | None) -> None:
            if text is not None and self.draft is not None:
                self._set(self.draft.model_copy(update={"description": text}))

        self.ask(
            PromptDialog(
                "description", "One line for the people who choose it:", value=clean(self.draft.description)
            ),
            answered,
        )

    def action_protect(self) -> None:
        if self.draft is not None:
            self._set(self.draft.model_copy(update={"protected": not self.draft.protected}))

    def action_new_component(self) -> None:
        from stacktui.tui.dialogs.component_actions import open_component_form

        category = self._category

        def saved(name: str) -> None:
            if self.draft is not None and self.snapshot is not None:
                inherited = dict(self.snapshot.inherited)
                if name not in self.draft.components.get(category, ()):
                    self._set(toggled(self.draft, inherited, category, name))

        open_component_form(self, category, None, then=saved)

    def action_edit_component(self) -> None:
        from stacktui.tui.dialogs.component_actions import open_component_form

        line = self._candidate()
        if line is not None and self.snapshot is not None and line.flavor:
            open_component_form(self, self.snapshot.category, line.name)

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        if self._origin is not None:
            open_in_editor(self.workbench, self._origin.file, 1)
        else:
            open_in_editor(self.workbench, self.session.workspace.stack_file(self.stack_name), 1)

    def _candidate(self) -> CandidateLine | None:
        if not self.is_mounted or self.snapshot is None or not self.candidates.has_focus:
            return None
        key = self.candidates.cursor_key
        category = self.snapshot.category.value
        return next((line for line in self.snapshot.candidates if f"{category}/{line.name}" == key), None)

    # Saving.

    def action_save(self) -> None:
        from stacktui.tui.dialogs.simple import NameDialog

        draft, origin = self.draft, self._origin
        if draft is None or self.snapshot is None:
            return
        if self._conflicts:
            self.action_versions()
            return
        if self.snapshot.protected:
            self.ask(
                NameDialog(self.stack_name, Clean(f"stack {clean(self.stack_name)}")),
                lambda text: self._save(draft, origin) if text else None,
            )
        else:
            self._save(draft, origin)

    def _save(self, draft: Stack, origin: Entry[Stack] | None) -> None:
        from stacktui.tui.dialogs.saving import errors_note, save

        def build(session: Session) -> Change:
            from stacktui.operations.stack_edit import stack_change
            from stacktui.workspace.edits import new_stack

            # Not by what is there now: a stack of that name which has just appeared is a conflict.
            return (
                stack_change(session, draft, origin)
                if origin is not None
                else new_stack(session.workspace, draft)
            )

        findings = self.snapshot.findings if self.snapshot else ()
        save(
            self.workbench, build, saved=self._saved, note=errors_note(findings),
            failed=lambda text: self.notice(text, error=True),
            unchanged=lambda: self.notice("Nothing differs from the file."),
            conflict=lambda _: self.notice(
                "Someone else saved this stack; nothing was written. ctrl+o shows both versions.", error=True
            ),
        )  # fmt: skip

    def _saved(self, document: ChangeDocument) -> None:
        self.workbench.toast(clean(document.title))
        if self.is_attached:
            self._fresh = None
            self._start_over()

    # Leaving.

    def action_back(self) -> None:
        """From the components back to the categories, then away."""
        if self.candidates.has_focus and not self.candidates.filter_text:
            self.slots.focus()
        else:
            super().action_back()

    def may_leave(self, go: Callable[[], Any]) -> bool:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        if self._leaving or not self.dirty:
            return True

        def answered(yes: bool | None) -> None:
            if yes:
                self._leaving = True
                go()

        self.ask(
            ConfirmDialog(
                "unsaved", f"Throw away your changes to stack {clean(self.stack_name)}?", "throw them away"
            ),
            answered,
        )
        return False


_EDITS = frozenset(
    {"save", "put_in_or_out", "remove", "new_component", "order(1)", "order(-1)", "extend", "describe", "protect",
     "edit_component", "edit_file", "versions"}
)  # fmt: skip
