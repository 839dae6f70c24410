"""The live pane of a step operator: its queue and running steps, with the resources that they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.model.text import Clean
from stacktui.tui.panes.work import WorkPane

if TYPE_CHECKING:
    from stacktui.categories.base import StackComponent


class StepOperatorPane(WorkPane):
    """Steps in their specialised environment."""

    WORD = "steps"
    EMPTY = Clean("No step has run on it yet. @step(step_operator=…) or a stack's steps: send one here.")
    NOTE = "resources"
    SLOT = "place"

    def slots_of(self, live: StackComponent) -> int | None:
        found = getattr(live.config, "max_concurrent", None)
        return found if isinstance(found, int) else None
