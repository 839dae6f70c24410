"""Edits of the draft in the stack builder: what fills a slot, in which order, and what the stack says of itself.

A mixin. Each edit can be taken back; nothing here writes a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from stacktui.model.base import Noun
from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.screens.builder_base import BuilderBase
from stacktui.tui.snapshots.builder_edits import (
    moved,
    names_of,
    removed,
    toggled,
    with_protection,
    without_category,
)

_NOTHING = "\0"


class Labels(Noun):
    """What the form of a stack's labels edits."""

    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Free labels to filter by, as team: vision; a parent's stay beside them.",
    )


class BuilderEdits(BuilderBase):
    """What can be done to the draft itself."""

    def refused_edit(self, action: str) -> str | None:
        """Why an edit of a slot cannot be done now; None if it can, or if it is no such action."""
        slot = self.slot()
        if action == "put_in_or_out" and self.where == "steps":
            return "e edits a step's settings, - takes them out"
        if action in ("put_in_or_out", "clone_component") and self.candidate() is None and self.list_is_there:
            return "choose a component first: enter goes to them"
        if action in ("order(1)", "order(-1)"):
            return self._refused_order(1 if action == "order(1)" else -1)
        if action == "remove" and self.where != "steps" and not self.names:
            return "nothing is in it"
        if action == "inherit" and self.where != "steps" and slot is not None:
            if self.draft is not None and self._category not in self.draft.components:
                return "it is inherited already" if slot.parent else "it says nothing of its own here"
            if not slot.parent:
                return "no parent fills it: - takes it out"
        if action == "extend" and not self._could_extend:
            return "there is no other stack that it could extend"
        return None

    @property
    def _could_extend(self) -> bool:
        """Whether there is a choice: another parent, or none in place of the one that it has."""
        return bool(self.snapshot and self.snapshot.could_extend) or bool(self.draft and self.draft.extends)

    def _refused_order(self, by: int) -> str | None:
        if not self._category.many:
            return f"a stack has one {self._category.facts.title}"
        line, names = self.candidate(), self.names
        if line is None:
            return "choose a component first: enter goes to them"
        if line.name not in names:
            return "only those that are in have an order"
        place = names.index(line.name) + by
        if not 0 <= place < len(names):
            return "it is the first, the default" if by < 0 else "it is the last"
        return None

    # Slots.

    def action_put_in_or_out(self) -> None:
        def put() -> None:
            line = self.candidate()
            if line is None or self.draft is None:
                return
            category, inside = self._category, line.name in self.names
            self.put(
                toggled(self.draft, self.inherited, category, line.name),
                f"{category.facts.title} {line.name} {'taken out' if inside else 'put in'}",
            )

        self.once_listed(put)

    def take_out(self) -> None:
        """Take out the component under the cursor, or all that fills the slot."""
        if self.draft is None:
            return
        line, category = self.candidate(), self._category
        if line is not None and line.name in self.names and len(self.names) > 1:
            self.put(
                toggled(self.draft, self.inherited, category, line.name),
                f"{category.facts.title} {line.name} taken out",
            )
        else:
            self.put(removed(self.draft, self.inherited, category), f"{category.facts.title} taken out")

    def back_to_inherited(self) -> None:
        """What the draft says of the slot goes, so that its parent's counts."""
        if self.draft is not None:
            self.put(
                without_category(self.draft, self._category), f"{self._category.facts.title} inherited again"
            )

    def action_order(self, by: int) -> None:
        line = self.candidate()
        if line is not None and self.draft is not None:
            self.put(
                moved(self.draft, self.inherited, self._category, line.name, by),
                f"{line.name} moved {'later' if by > 0 else 'earlier'}",
            )

    # Components in place.

    def new_component(self) -> None:
        """A new component for the slot, in its form; saved, it is put in."""
        from stacktui.tui.dialogs.component_actions import open_component_form

        open_component_form(self, self._category, None, then=self._putting_in(self._category))

    def action_clone_component(self) -> None:
        """A copy of the component under the cursor, in its form; saved, it takes the place of the first."""
        from stacktui.tui.dialogs.component_actions import open_component_form

        line = self.candidate()
        if line is not None and line.flavor:
            open_component_form(
                self, self._category, line.name, clone=True, then=self._putting_in(self._category)
            )

    def edit_component(self) -> None:
        """The component under the cursor, or the first that fills the slot, in its form."""
        from stacktui.tui.dialogs.component_actions import open_component_form

        name = self.component_to_edit()
        if name:
            open_component_form(self, self._category, name)

    def component_to_edit(self) -> str:
        """Which component `e` would edit; empty for none."""
        if self.where == "components":
            line = self.candidate()
            return line.name if line is not None and line.flavor else ""
        return self.names[0] if self.names else ""

    def _putting_in(self, category: Category) -> Callable[[str], Any]:
        def saved(name: str) -> None:
            if self.draft is None or not self.is_attached:
                return
            if name not in names_of(self.draft, self.inherited, category):
                self.put(
                    toggled(self.draft, self.inherited, category, name),
                    f"{category.facts.title} {name} put in",
                )
            self.once_listed(lambda: self.candidates.move_to(f"{category.value}/{name}"))

        return saved

    # What it says of itself.

    def action_extend(self) -> None:
        from stacktui.tui.dialogs.simple import ChoiceDialog

        if self.snapshot is None or self.draft is None:
            return
        choices = [(_NOTHING, Clean("nothing"), Clean("all ten slots are its own"))]
        choices += [(name, clean(name), Clean("")) for name in self.snapshot.could_extend]

        def chosen(name: str | None) -> None:
            if name is not None and self.draft is not None:
                parent = None if name == _NOTHING else name
                self.put(
                    self.draft.model_copy(update={"extends": parent}),
                    f"extends {parent}" if parent else "extends nothing",
                )

        self.ask(ChoiceDialog(Clean("extends"), choices, current=self.draft.extends or _NOTHING), chosen)

    def action_describe(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        if self.draft is None:
            return

        def answered(text: str | None) -> None:
            if text is not None and self.draft is not None:
                self.put(self.draft.model_copy(update={"description": text.strip()}), "described")

        self.ask(
            PromptDialog(
                "description", "One line for the people who choose it:", value=clean(self.draft.description)
            ),
            answered,
        )

    def action_label(self) -> None:
        from stacktui.tui.dialogs.model_form import ModelForm

        if self.draft is None or self.snapshot is None:
            return
        inherited = [line for line in self.snapshot.labels if line.origin]
        shown = ", ".join(f"{clean(line.key)}: {clean(line.value)} from {line.origin}" for line in inherited)

        def answered(data: dict[str, Any] | None) -> None:
            if data is not None and self.draft is not None:
                labels = Labels.model_validate(data).labels
                self.put(self.draft.model_copy(update={"labels": labels}), "labelled")

        self.ask(
            ModelForm(
                Clean(f"labels of {clean(self.built.name)}"), Labels, {"labels": self.draft.labels} if self.draft.labels else {},
                note=Clean(f"Inherited: {shown}") if shown else "", secrets=(),
            ),
            answered,
        )  # fmt: skip

    def action_protect(self) -> None:
        if self.draft is not None and self.snapshot is not None:
            parents = self.snapshot.parents_protected
            said = self.draft.protected if "protected" in self.draft.model_fields_set else parents
            self.put(
                with_protection(self.draft, parents, not said), "no longer protected" if said else "protected"
            )

    # Steps taken back.

    def action_take_back(self) -> None:
        done = self.built.take_back()
        if done:
            self.follow_draft()
            self.notice(clean(f"Taken back: {done}. Y does it again."))

    def action_do_again(self) -> None:
        done = self.built.do_again()
        if done:
            self.follow_draft()
            self.notice(clean(f"Done again: {done}."))
