"""The findings in the stack builder: enter goes to what one is about, one key mends it.

A mixin. A fix of the draft itself is made in the draft; one of another file is written after its diff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.model.diagnostic import Severity
from stacktui.model.text import clean
from stacktui.tui.marks import glyph
from stacktui.tui.screens.builder_base import BuilderBase
from stacktui.tui.screens.problems import finding_keys
from stacktui.tui.snapshots.builder import slot_of, step_of
from stacktui.tui.snapshots.builder_edits import mended

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic, Fix


class BuilderFindings(BuilderBase):
    """The list of findings."""

    def refused_finding(self, action: str) -> str | None:
        """Why an action on findings cannot be done now; None if it can, or if it is another one."""
        if action != "fix":
            return None
        if self.snapshot is not None and not self.snapshot.findings:
            return "there is nothing to mend"
        return None if self.to_mend() is not None else "no fix is known; enter goes to what it is about"

    def finding(self) -> Diagnostic | None:
        """The finding under the cursor, where the findings have the focus."""
        if not self.is_mounted or self.snapshot is None or self.where != "findings":
            return None
        key = self.findings.cursor_key
        return next((one for each, one in finding_keys(self.snapshot.findings) if each == key), None)

    def to_mend(self) -> Diagnostic | None:
        """The finding that `f` mends: the one under the cursor, elsewhere the first that can be."""
        if self.where == "findings":
            found = self.finding()
            return found if found is not None and found.fix is not None else None
        findings = self.snapshot.findings if self.snapshot is not None else ()
        return next((one for one in findings if one.fix is not None), None)

    def say_finding(self) -> None:
        """The whole of the finding under the cursor: its line may be cut off."""
        found = self.finding()
        if found is not None:
            mends = f"  f: {found.fix.title}" if found.fix is not None else ""
            self.notice(clean(found.message + mends), error=found.severity is Severity.ERROR)

    def go_to_finding(self) -> None:
        """Go to the slot, the component or the step that the finding under the cursor is about."""
        found = self.finding()
        if found is None:
            return
        slot, step = slot_of(found), step_of(found)
        if step is not None:
            self.go_to("steps")
            self.steps.move_to(step)
        elif slot is not None:
            category, name = slot
            self.slots.move_to(category.value)
            self.choose_slot(category)
            if name:
                self.go_to("components")
                self.once_listed(lambda: self.candidates.move_to(f"{category.value}/{name}"))
            else:
                self.go_to("slots")
        elif found.path[:1] == ("extends",):
            self.go_to("slots")
            self.run_if_allowed("extend")
        else:
            self.notice(clean(found.message), error=found.severity is Severity.ERROR)

    def run_if_allowed(self, action: str) -> None:
        """Run an action of this screen as its key would; refused, it says why."""
        refused = self.refusal(action)
        if refused is None:
            getattr(self, f"action_{action}")()
        else:
            self.notice(clean(refused))

    def action_fix(self) -> None:
        from stacktui.tui.dialogs.saving import save_fix

        found = self.to_mend()
        if found is None or found.fix is None or self.draft is None:
            return
        if not self._is_drafts(found.fix):
            # A parent's or a component's file: its diff is shown, then it is written.
            save_fix(self.workbench, found.fix, self.fail)
            return
        try:
            stack = mended(self.draft, found.fix)
        except ValueError as error:
            self.fail(str(error).splitlines()[0])
            return
        title = found.fix.title
        if self.put(stack, title):
            self.notice(clean(f"{glyph('✓')} {title}: {found.code} is mended in the draft. U takes it back."))

    def _is_drafts(self, fix: Fix) -> bool:
        base = self.built.base
        return fix.file == (
            base.file if base is not None else self.session.workspace.stack_file(self.built.name)
        )
