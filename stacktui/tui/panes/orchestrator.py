"""The live pane of an orchestrator: what runs and waits on it now, and what ran lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stacktui.model.text import Clean
from stacktui.tui.panes.work import WorkPane

if TYPE_CHECKING:
    from stacktui.categories.base import StackComponent
    from stacktui.categories.orchestrator import Orchestrator


class OrchestratorPane(WorkPane):
    """Steps on an orchestrator's workers."""

    WORD = "steps"
    EMPTY = Clean("No step has run on it yet. n starts a run.")
    NOTE = ""
    SLOT = "worker"

    def slots_of(self, live: StackComponent) -> int | None:
        return cast("Orchestrator", live).slots
