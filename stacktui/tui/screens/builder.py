"""The stack builder: ten slots in two columns, what fits each and what does not with its reason, step settings, and
the findings with every change.

Nothing is written before its diff was accepted; a protected stack asks for its name. What can be done is in the mixins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import glyph
from stacktui.tui.screens.base import Subject
from stacktui.tui.screens.builder_beside import BesidePanel
from stacktui.tui.screens.builder_draft import Draft
from stacktui.tui.screens.builder_edits import BuilderEdits
from stacktui.tui.screens.builder_findings import BuilderFindings
from stacktui.tui.screens.builder_places import NARROW, BuilderPlaces
from stacktui.tui.screens.builder_rows import (
    CANDIDATES,
    FINDINGS,
    STEPS,
    candidate_rows,
    finding_rows,
    slot_about,
    slot_card,
    step_about,
    step_rows,
)
from stacktui.tui.screens.builder_saving import BuilderSaving
from stacktui.tui.screens.builder_steps import BuilderSteps
from stacktui.tui.snapshots.builder import BuilderRequest, BuilderSnapshot, load_builder
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.panel import Panel
from stacktui.tui.widgets.slotboard import SlotBoard

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class BuilderScreen(BuilderSaving, BuilderEdits, BuilderSteps, BuilderFindings, BuilderPlaces):
    """One stack while it is being built."""

    topics = frozenset({Topic.FILES})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]
    AUTO_FOCUS = "SlotBoard"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("builder.save", "ctrl+s", "save", "save", writes=True, rank=2, help="Show the diff, then write it."),
        bind("builder.toggle", "space", "put_in_or_out", "in or out", writes=True, rank=3,
             help="Put the component in, or take it out."),
        bind("builder.remove", "minus", "remove", "take out", writes=True, rank=4,
             help="Take out what fills the slot, the component under the cursor, or a step's settings; what is "
                  "inherited is taken out by a null."),
        bind("builder.inherit", "backspace", "inherit", "inherit", writes=True, rank=5,
             help="Back to what the parent says."),
        bind("builder.new", "a", "add", "add", writes=True, rank=6,
             help="Make a new component for the slot and put it in; among the step settings: settings of a step."),
        bind("builder.edit", "e", "edit", "edit", writes=True, rank=7,
             help="Edit the component, or the step's settings, in a form."),
        bind("builder.fix", "f", "fix", "mend", writes=True, rank=8,
             help="Mend the finding under the cursor, or the first that can be mended."),
        bind("builder.beside", "d", "beside", "compare", rank=9,
             help="Show beside it how it differs from another stack; again closes it."),
        bind("builder.take_back", "U", "take_back", "take back", writes=True, rank=10,
             help="Take the last change of the draft back."),
        bind("builder.earlier", "K", "order(-1)", "earlier", writes=True, rank=11,
             help="Move it before the one above; the first is the default."),
        bind("builder.later", "J", "order(1)", "later", writes=True, rank=12, help="Move it behind the next one."),
        bind("builder.extends", "x", "extend", "extends", writes=True, rank=13, help="Choose the stack it extends."),
        bind("builder.describe", "i", "describe", "description", writes=True, rank=14, help="Its description."),
        bind("builder.label", "L", "label", "labels", writes=True, rank=15, help="Its labels."),
        bind("builder.protect", "P", "protect", "protect", writes=True, rank=16,
             help="Ask for its name before it is changed or runs; or no longer."),
        bind("builder.clone", "c", "clone_component", "clone", writes=True, rank=17,
             help="Copy the component under another name, and put the copy in."),
        bind("builder.editor", "E", "edit_file", "editor", writes=True, rank=18, help="Open the file in $EDITOR, at the line."),
        bind("builder.versions", "ctrl+o", "versions", "both versions", rank=19,
             help="What is on disk beside yours, field by field, after someone else saved it."),
        bind("builder.again", "Y", "do_again", "do again", writes=True, rank=20,
             help="Do again what was taken back last."),
        bind("builder.delete", "D", "delete", "delete", writes=True, rank=21, help="Delete the step's settings."),
        bind("builder.next", "tab", "focus_next", "next list", rank=60, help="To the next list."),
        bind("builder.previous", "shift+tab", "focus_previous", "list before", rank=150, help="To the list before."),
    ]  # fmt: skip

    def __init__(self, stack: str, *, new: bool = False, extends: str | None = None) -> None:
        super().__init__()
        self.crumb = Clean(f"builder {clean(stack)}")
        self.built = Draft(stack, new=new, extends=extends)
        self._known: tuple[str, ...] = ()

    def body(self) -> ComposeResult:
        with Panel(title="stack", id="builder-slots-panel"):
            yield SlotBoard(id="builder-slots")
            yield Static(id="builder-self")
        with Horizontal(id="builder-lower"):
            with Panel(title="components", id="builder-candidates-panel"):
                yield Grid(
                    *CANDIDATES, header=False, markable=False, marker_without_focus=False,
                    opens="in or out", id="builder-candidates", empty=Clean(""),
                )  # fmt: skip
                yield Static(id="builder-about")
            with Vertical(id="builder-right"):
                with Panel(title="step settings", id="builder-steps-panel"):
                    yield Grid(
                        *STEPS, header=False, markable=False, marker_without_focus=False, id="builder-steps",
                        empty=Clean(""),
                    )  # fmt: skip
                    yield Static(id="builder-step-about")
                yield BesidePanel(title="beside", id="builder-beside-panel")
                with Panel(title="findings", id="builder-findings-panel"):
                    yield Grid(
                        *FINDINGS, header=False, markable=False, marker_without_focus=False,
                        id="builder-findings", empty=Clean("Not checked yet."),
                    )  # fmt: skip

    def on_mount(self) -> None:
        self.place_lists()

    def on_resize(self) -> None:
        self.place_lists()

    # What is shown.

    def load(self, session: Session) -> BuilderSnapshot:
        built = self.built
        return load_builder(
            session,
            BuilderRequest(
                built.name, built.stack, self._category, built.fresh, built.base, self.beside, self._known
            ),
        )

    def show(self, snapshot: BuilderSnapshot) -> None:
        if self.built.stack is None:
            self.built.start(snapshot.draft, snapshot.entry)
        self.compare(snapshot)
        if snapshot.entry is not None:
            self._known = snapshot.others
        self.slots.set_cards([slot_card(slot) for slot in snapshot.slots])
        self.candidates.set_rows(candidate_rows(snapshot.category, snapshot.candidates))
        self.steps.set_rows(step_rows(snapshot.steps))
        self.query_one("#builder-steps-panel", Panel).set_title("step settings", len(snapshot.steps) or None)
        self.candidates.empty = Clean(f"No {snapshot.category.facts.title} yet. a makes one.")
        self.steps.empty = Clean("No step settings: retries, resources, where a step runs. a adds some.")
        self.findings.empty = Clean(f"{glyph('✓')} Every rule passes.")
        self.findings.set_rows(finding_rows(snapshot.findings, snapshot.root))
        self.draw_findings_title()
        if self.beside is not None:
            self.query_one(BesidePanel).show_difference(snapshot.difference, self.beside)
        self._draw_slot()
        self.draw_title()
        self._about()
        self.listed()
        self.keys_changed()

    def load_failed(self, error: BaseException) -> None:
        super().load_failed(error)
        if self.snapshot is None:
            # It stays there when the line above the keys has gone.
            self.candidates.empty = clean(str(error))
            self.steps.empty = self.findings.empty = Clean("")

    def draw_title(self) -> None:
        draft = self.draft
        if draft is None:
            return
        parents = self.snapshot.parents if self.snapshot is not None else ()
        panel = self.query_one("#builder-slots-panel", Panel)
        said = f"stack {clean(self.built.name)}"
        if draft.extends:
            rest = parents[1:] if parents[:1] == (draft.extends,) else ()
            arrow = f" {glyph('›')} "
            said += f" extends {clean(arrow.join((draft.extends, *rest)))}"
        panel.set_title(Clean(said))
        notes = ["unsaved, ctrl+s saves"] if self.dirty or self.built.is_new else []
        notes += ["protected"] if self._protected() else []
        panel.set_note(f" {glyph('·')} ".join(notes))
        self.query_one("#builder-self", Static).update(self._self())

    def _protected(self) -> bool:
        if self.draft is not None and "protected" in self.draft.model_fields_set:
            return self.draft.protected
        return self.snapshot is not None and self.snapshot.parents_protected

    def _self(self) -> Content:
        """Its description and labels in a line."""
        if self.draft is None or self.snapshot is None:
            return Content("")
        pieces: list[tuple[str, str]] = [
            (clean(self.draft.description), "") if self.draft.description else ("no description, i writes one", "$quiet")
        ]  # fmt: skip
        for line in self.snapshot.labels:
            origin = f" {glyph('←')} {line.origin}" if line.origin else ""
            pieces += [
                ("   ", ""),
                (f"{clean(line.key)}=", "$quiet"),
                (clean(line.value), "$tone-accent"),
                (origin, "$quiet"),
            ]
        return Content.assemble(*pieces)

    def _draw_slot(self) -> None:
        """The title over the components: how many may stand in the slot, and where what does comes from."""
        category, slot = self._category, self.slot()
        facts = category.facts
        many = "one" if facts.maximum == 1 else "any number, the first is the default"
        panel = self.query_one("#builder-candidates-panel", Panel)
        panel.set_title(f"{facts.plural} ({many}{', required' if category.required else ''})")
        panel.set_note(slot_about(slot) if slot is not None else "")

    def _about(self) -> None:
        """The whole of what is under the cursor, where its line may be cut off."""
        about, line = self.query_one("#builder-about", Static), self.candidate()
        if line is None and self.where == "slots" and self.list_is_there and self.snapshot is not None:
            line = next((each for each in self.snapshot.candidates if each.place and each.reason), None)
        if line is None:
            about.update(Content(""))
        elif line.reason:
            about.update(Content.assemble((f"{glyph('✗')} ", "$tone-error"), line.reason))
        else:
            about.update(Content.styled(line.description or f"flavor {line.flavor}", "$quiet"))
        step = self.step_line()
        said = step_about(step) if step is not None else Clean("")
        self.query_one("#builder-step-about", Static).update(Content.styled(said, "$quiet"))

    # Where one goes.

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        super().on_descendant_focus(event)
        if self.where in ("components", "steps"):
            self.page = self.where
        self.place_lists()
        self._about()
        self.say_finding()

    @on(SlotBoard.Moved)
    def _slot_moved(self, event: SlotBoard.Moved) -> None:
        self._notice_was_read()
        self.choose_slot(Category(event.key))
        if self.page == "steps":
            self.page = "components"
            self.place_lists()
        self._draw_slot()
        self.keys_changed()

    @on(SlotBoard.Opened)
    def _slot_opened(self) -> None:
        self.go_to("components")
        category = self._category

        def at_what_is_in() -> None:
            names = self.names
            if names:
                self.candidates.move_to(f"{category.value}/{names[0]}")

        self.once_listed(at_what_is_in)

    @on(Grid.Moved, "#builder-steps")
    @on(Grid.Moved, "#builder-candidates")
    def _row_moved(self) -> None:
        self._about()

    @on(Grid.Moved, "#builder-findings")
    def _finding_moved(self) -> None:
        self.say_finding()

    @on(Grid.Opened, "#builder-candidates")
    def _candidate_opened(self) -> None:
        self.run_if_allowed("put_in_or_out")

    @on(Grid.Opened, "#builder-steps")
    def _step_opened(self) -> None:
        self.run_if_allowed("edit")

    @on(Grid.Opened, "#builder-findings")
    def _finding_opened(self) -> None:
        self.go_to_finding()

    # What can be done.

    def subject(self) -> Subject | None:
        line = self.candidate()
        if line is None or not line.flavor:
            return None
        label = Clean(f"{self._category.facts.title} {clean(line.name)}")
        return Subject("component", {"category": self._category, "name": line.name}, label)

    def refusal(self, action: str) -> str | None:
        if self.draft is None or self.snapshot is None:
            return "the stack is not read yet" if action in _EDITS else super().refusal(action)
        if action == "edit" and self.where != "steps" and not self.component_to_edit():
            return (
                "nothing is in it: a makes a new one" if self.where == "slots" else "choose a component first"
            )
        if action == "take_back" and not self.built.last_done:
            return "nothing was changed here; u takes back what was saved"
        if action == "do_again" and not self.built.last_taken_back:
            return "nothing was taken back here"
        if action == "beside" and self.beside is None and not self.snapshot.others and self.built.is_new:
            return "there is no other stack"
        return (
            self.refused_saving(action)
            or self.refused_step(action)
            or self.refused_edit(action)
            or self.refused_finding(action)
            or super().refusal(action)
        )

    def action_add(self) -> None:
        if self.where == "steps":
            self.add_step()
        else:
            self.new_component()

    def action_edit(self) -> None:
        line = self.step_line()
        if self.where == "steps" and line is not None:
            self.edit_step(line.step)
        elif self.where != "steps":
            self.edit_component()

    def action_remove(self) -> None:
        if self.where == "steps":
            self.remove_step()
        else:
            self.take_out()

    def action_inherit(self) -> None:
        if self.where == "steps":
            self.remove_step()
        else:
            self.back_to_inherited()

    def action_delete(self) -> None:
        self.remove_step()

    def action_beside(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        if self.beside is not None:
            self._compare_with(None)
            return
        if self.snapshot is None:
            return
        choices = [(name, clean(name), Clean("")) for name in self.snapshot.others]
        if self.built.base is not None:
            name = self.built.name
            choices.insert(0, (name, clean(name), Clean("as it is saved")))
        self.ask(ChoiceDialog("compare with", choices), self._compare_with_chosen)

    def _compare_with_chosen(self, name: str | None) -> None:
        if name is not None:
            self._compare_with(name)

    def _compare_with(self, name: str | None) -> None:
        if name is None and self.where == "beside":
            self.go_to("slots")
        self.beside = name
        self.place_lists()
        self.keys_changed()
        self.reload()

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        found, line, step = self.finding(), self.candidate(), self.step_line()
        base = self.built.base
        if found is not None and found.file is not None:
            open_in_editor(self.workbench, found.file, found.line, found.column)
        elif line is not None:
            open_in_editor(
                self.workbench, self.session.workspace.component_file(self._category, line.name), 1
            )
        elif base is None:
            open_in_editor(self.workbench, self.session.workspace.stack_file(self.built.name), 1)
        else:
            path = ("steps", step.step) if step is not None else ("components", self._category.value)
            place = base.position(*path)
            open_in_editor(
                self.workbench, base.file, place.line if place else 1, place.column if place else None
            )

    # Leaving.

    def action_back(self) -> None:
        """From a list back to the slots, then close what stands beside, then away."""
        if self.snapshot is None:
            super().action_back()
        elif self.where != "slots" and not any(
            grid.filter_text for grid in (self.candidates, self.steps, self.findings)
        ):
            self.notice("")
            self.go_to("slots")
        elif self.where == "slots" and self.beside is not None:
            self._compare_with(None)
        else:
            super().action_back()


_EDITS = frozenset(
    {"save", "put_in_or_out", "remove", "inherit", "add", "order(1)", "order(-1)", "extend", "describe", "label", "protect",
     "edit", "fix", "beside", "take_back", "do_again", "clone_component", "delete", "edit_file", "versions"}
)  # fmt: skip
