"""Where the parts of the stack builder stand, and how the focus goes from one to the next.

A mixin. On a wide screen all are seen at once; on a narrow one components and step settings share a place, and so do
findings and what stands beside.
"""

from __future__ import annotations

from stacktui.tui.screens.builder_base import BuilderBase, Where
from stacktui.tui.screens.builder_beside import BesidePanel
from stacktui.tui.widgets.panel import Panel
from stacktui.tui.widgets.slotboard import TWO_COLUMNS

NARROW = 100
"""The width under which two lists share a place."""
_HIGH = 28
"""The height from which there is a line for what the stack says of itself."""


class BuilderPlaces(BuilderBase):
    """The layout."""

    page: Where = "components"
    """Which of two lists is shown where there is room for one."""

    def place_lists(self) -> None:
        """Show what there is room for. Where there is room for one list only, the one that has the focus is shown."""
        width, height = self.app.size
        narrow, compared = width < NARROW, self.beside is not None
        self.query_one("#builder-self").display = height >= _HIGH
        board = 5 if width - 2 >= TWO_COLUMNS else 10
        self.query_one("#builder-slots-panel").styles.height = board + 2 + (height >= _HIGH)
        findings = self.query_one("#builder-findings-panel")
        steps = self.query_one("#builder-steps-panel")
        self.query_one(BesidePanel).display = compared
        at_steps = self.page == "steps"
        findings.display = not (narrow and compared) or self.where == "findings"
        if narrow:
            self.query_one(BesidePanel).display = compared and self.where != "findings"
            self.query_one("#builder-candidates-panel").display = not at_steps
            steps.display = at_steps
        else:
            self.query_one("#builder-candidates-panel").display = True
            steps.display = True
        self.draw_findings_title()
        self.set_class(narrow and at_steps, "-at-steps")
        self.set_class(narrow and compared, "-compared")

    def go_to(self, where: Where) -> None:
        if where in ("components", "steps"):
            self.page = where
        elif where == "slots":
            self.page = "components"
        widgets = {
            "slots": self.slots, "components": self.candidates, "steps": self.steps, "findings": self.findings,
            "beside": self.query_one("#builder-difference"),
        }  # fmt: skip
        # What is hidden cannot take the focus.
        for node in widgets[where].ancestors:
            if isinstance(node, Panel):
                node.display = True
        self.set_focus(widgets[where])

    def action_focus_next(self) -> None:
        self._step_focus(1)

    def action_focus_previous(self) -> None:
        self._step_focus(-1)

    def _step_focus(self, by: int) -> None:
        ring: list[Where] = ["slots", "components", "steps", "findings"]
        if self.beside is not None:
            ring.insert(3, "beside")
        self.go_to(ring[(ring.index(self.where) + by) % len(ring)])

    def draw_findings_title(self) -> None:
        """How many findings there are; and where the step settings are, while they are hidden."""
        panel, snapshot = self.query_one("#builder-findings-panel", Panel), self.snapshot
        if snapshot is None:
            return
        panel.set_title("findings", len(snapshot.findings) or None)
        steps = len(snapshot.steps)
        hidden = not self.query_one("#builder-steps-panel").display
        panel.set_note(f"tab: {steps or 'no'} step setting{'' if steps == 1 else 's'}" if hidden else "")
