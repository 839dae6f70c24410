"""What the parts of the stack builder share: the draft, the lists, and how an edit of the draft is made.

The parts are mixins over this: edits, step settings, findings, saving; `builder.BuilderScreen` is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from stacktui.model.category import Category
from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.builder_draft import Draft
from stacktui.tui.snapshots.builder import BuilderSlot, BuilderSnapshot, CandidateLine
from stacktui.tui.snapshots.builder_edits import Inherited, names_of
from stacktui.tui.snapshots.builder_steps import StepLine
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.slotboard import SlotBoard

Where = Literal["slots", "components", "steps", "findings", "beside"]
"""The part of the screen that has the focus."""


class BuilderBase(WorkbenchScreen[BuilderSnapshot]):
    """The draft and what is chosen."""

    built: Draft
    beside: str | None = None
    """The stack that the draft is compared with."""
    _category = Category.ORCHESTRATOR
    """The chosen slot; what is shown of it may still be on its way."""
    _waiting: tuple[Callable[[], Any], ...] = ()

    @property
    def draft(self) -> Stack | None:
        """What is being built; None until the file was read."""
        return self.built.stack

    @property
    def dirty(self) -> bool:
        """Whether the draft differs from what it was made from."""
        return self.built.dirty

    @property
    def slots(self) -> SlotBoard:
        """The ten slots."""
        return self.query_one("#builder-slots", SlotBoard)

    @property
    def candidates(self) -> Grid:
        """The components of the chosen slot."""
        return self.query_one("#builder-candidates", Grid)

    @property
    def steps(self) -> Grid:
        """The step settings."""
        return self.query_one("#builder-steps", Grid)

    @property
    def findings(self) -> Grid:
        """The findings."""
        return self.query_one("#builder-findings", Grid)

    @property
    def where(self) -> Where:
        """The part that has the focus."""
        focused = self.focused
        known: dict[str | None, Where] = {
            "builder-candidates": "components", "builder-steps": "steps", "builder-findings": "findings",
            "builder-difference": "beside",
        }  # fmt: skip
        return known.get(focused.id, "slots") if focused is not None else "slots"

    @property
    def inherited(self) -> Inherited:
        """What the parents say, by category."""
        return dict(self.snapshot.inherited) if self.snapshot is not None else {}

    @property
    def names(self) -> tuple[str, ...]:
        """What fills the chosen slot of the draft now."""
        return names_of(self.draft, self.inherited, self._category) if self.draft is not None else ()

    @property
    def list_is_there(self) -> bool:
        """Whether the components that are listed are those of the chosen slot."""
        return self.snapshot is not None and self.snapshot.category is self._category

    def slot(self) -> BuilderSlot | None:
        """The chosen slot as it is shown."""
        found = self.snapshot.slots if self.snapshot is not None else ()
        return next((each for each in found if each.category is self._category), None)

    def candidate(self) -> CandidateLine | None:
        """The component under the cursor, where the components have the focus."""
        if (
            not self.is_mounted
            or self.snapshot is None
            or self.where != "components"
            or not self.list_is_there
        ):
            return None
        key, category = self.candidates.cursor_key, self._category.value
        return next((line for line in self.snapshot.candidates if f"{category}/{line.name}" == key), None)

    def step_line(self) -> StepLine | None:
        """The step under the cursor, where the step settings have the focus."""
        if not self.is_mounted or self.snapshot is None or self.where != "steps":
            return None
        key = self.steps.cursor_key
        return next((line for line in self.snapshot.steps if line.step == key), None)

    def put(self, stack: Stack, done: str) -> bool:
        """An edit of the draft, in a few words; the screen follows. Whether it changed anything."""
        if not self.built.put(stack, done):
            return False
        self.notice("")
        self.follow_draft()
        return True

    def follow_draft(self) -> None:
        """The draft is another: read what follows from it."""
        self.draw_title()
        self.keys_changed()
        # One load at a time: keys that come quickly become one load after the one that is on its way.
        self.reload()

    def once_listed(self, call: Callable[[], Any]) -> None:
        """Call it now, or as soon as the components of the chosen slot are listed: a quick hand is faster."""
        if self.list_is_there:
            call()
        else:
            self.once_shown(call)

    def once_shown(self, call: Callable[[], Any]) -> None:
        """Call it when what was done last is shown."""
        self._waiting = (*self._waiting, call)

    def listed(self) -> None:
        """The components of a slot are listed now."""
        if self._waiting and self.list_is_there:
            calls, self._waiting = self._waiting, ()
            for call in calls:
                call()

    def choose_slot(self, category: Category) -> None:
        """Another slot; its components follow."""
        if category is not self._category:
            self._category = category
            self._waiting = ()
            self.reload()

    def fail(self, text: Clean | str) -> None:
        """Say in one line what went wrong."""
        self.notice(clean(text), error=True)

    def draw_title(self) -> None:
        """The name, its parent and whether it is saved."""
        raise NotImplementedError

    def go_to(self, where: Where) -> None:
        """Put the focus on a part, and show it where there is room for one only."""
        raise NotImplementedError
