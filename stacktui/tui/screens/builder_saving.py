"""Saving what was built, and the file that changes meanwhile: changed, renamed, deleted or broken under the builder.

A mixin. Nothing is written before its diff was accepted; what was built is never lost to what someone else does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean
from stacktui.tui.screens.builder_base import BuilderBase
from stacktui.tui.snapshots.builder_edits import same

if TYPE_CHECKING:
    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.tui.dialogs.merging import Side
    from stacktui.tui.snapshots.builder import BuilderSnapshot
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Entry

_UNREADABLE = "The stack's file was changed on disk and cannot be read as it is now. Yours is kept here."


class BuilderSaving(BuilderBase):
    """From the draft to the file."""

    def refused_saving(self, action: str) -> str | None:
        """Why it cannot be saved now, or why there are no two versions; None if it can, or for other actions."""
        if action == "save" and not self.built.dirty and not self.built.is_new:
            return "nothing was changed"
        if action == "versions" and self.theirs() is None:
            return "nobody else has changed the file"
        return None

    # The file underneath.

    def theirs(self) -> Entry[Stack] | None:
        """The file as someone else has left it, where that is not what the draft was made from."""
        entry = self.snapshot.entry if self.snapshot is not None else None
        base = self.built.base
        if entry is None or (base is None and not self.built.is_new):
            return None
        return None if base is not None and entry.raw == base.raw and not entry.stale else entry

    @property
    def file_is_gone(self) -> bool:
        """Whether the file that the draft was made from was deleted."""
        return self.snapshot is not None and self.built.base is not None and self.snapshot.entry is None

    def compare(self, snapshot: BuilderSnapshot) -> None:
        """Say at once that the file is no longer what the draft was made from; and when it is again, no longer."""
        mine, theirs = self.built.base, snapshot.entry
        said, self._said_of_file = self._said_of_file, ""
        if mine is not None and theirs is None:
            self._gone(snapshot)
        elif theirs is None or self.theirs() is None:
            if said:
                self.notice("")
        elif mine is None:
            self._say_of_file(
                "A stack of this name was made on disk meanwhile. ctrl+o shows both, field by field."
            )
        elif theirs.stale:
            self._say_of_file(_UNREADABLE)
        elif self.built.dirty:
            self._say_of_file(
                "The stack's file was changed on disk. ctrl+o shows both versions, field by field."
            )
        else:
            self.built.forget()
            self.reload()
            self.notice("The stack's file was changed on disk just now; this is what it says.")

    _said_of_file = ""

    def _say_of_file(self, text: str) -> None:
        self._said_of_file = text
        self.fail(text)

    def _gone(self, snapshot: BuilderSnapshot) -> None:
        if snapshot.moved is not None:
            name = snapshot.moved.value.name
            self.built.become(name, snapshot.moved)
            self.set_crumb(Clean(f"builder {clean(name)}"))
            self.reload()
            self.notice(f"The stack was renamed to {clean(name)} on disk; what you build goes on there.")
        elif snapshot.broken:
            self._say_of_file(_UNREADABLE)
        else:
            self._say_of_file(
                "The stack's file was deleted on disk; yours is kept here. ctrl+s writes it anew."
            )

    def action_versions(self) -> None:
        """What is on disk beside what was built, field by field, and a choice for each."""
        from stacktui.tui.dialogs.merge import MergeDialog
        from stacktui.tui.screens.builder_conflicts import merged_stack, stack_conflicts

        theirs, mine, base = self.theirs(), self.draft, self.built.base
        if theirs is None or mine is None:
            self.notice("The file on disk is the one that you are editing.")
            return
        if theirs.stale:
            self.fail("What is on disk cannot be read as a stack; yours is kept here.")
            return
        start = base.value if base is not None else Stack(name=mine.name)
        found = stack_conflicts(start, mine, theirs.value)
        if not found:
            self._go_on_from(theirs, theirs.value)
            self.notice("Both say the same.")
            return

        def chosen(sides: dict[str, Side] | None) -> None:
            if sides is None or self.draft is None:
                return
            try:
                stack = merged_stack(found, theirs.value, sides)
            except ValueError as error:
                self.fail(str(error).splitlines()[0])
                return
            self._go_on_from(theirs, stack)
            self.notice("Both are in the draft now; ctrl+s shows the diff.")

        self.ask(MergeDialog(clean(f"stack {self.built.name} changed on disk"), found), chosen)

    def _go_on_from(self, base: Entry[Stack], stack: Stack) -> None:
        self.built.start(stack, base)
        self.follow_draft()

    # Saving.

    def action_save(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        if self.draft is None or self.snapshot is None:
            return
        if self.file_is_gone:
            if self.snapshot.broken:
                self.fail(
                    "The file cannot be read as it is now: repair it first, E opens it. Yours is kept here."
                )
                return
            self.ask(
                ConfirmDialog(
                    "deleted",
                    f"Stack {clean(self.built.name)} was deleted on disk. Write it anew?",
                    "write it",
                ),
                lambda yes: self._write_anew() if yes else None,
            )
            return
        if self.theirs() is not None:
            self.action_versions()
            return
        self._save()

    def _write_anew(self) -> None:
        self.built.lose_file()
        self._save()

    def _save(self) -> None:
        from stacktui.tui.dialogs.saving import errors_note, guarded_file, save

        draft, base = self.draft, self.built.base
        if draft is None or self.snapshot is None:
            return
        if not same(self.snapshot.draft, draft):
            # The findings that stand above the diff are those of what is saved.
            self.once_shown(self._save)
            return
        file = base.file if base is not None else self.session.workspace.stack_file(draft.name)

        def build(session: Session) -> Change:
            from stacktui.operations.stack_edit import stack_change
            from stacktui.workspace.edits import new_stack

            # Not by what is there now: a stack of that name which has just appeared is a conflict.
            if base is None:
                return new_stack(session.workspace, draft)
            return stack_change(session, draft, base)

        save(
            self.workbench, build, saved=self._saved,
            note=errors_note(self.snapshot.findings),
            failed=self.fail,
            unchanged=lambda: self.notice("Nothing differs from the file."),
            conflict=lambda _: self._overtaken(),
            guarded=lambda session: guarded_file(session, file),
        )  # fmt: skip

    def _overtaken(self) -> None:
        self.reload()
        self.fail("Someone else saved this stack; nothing was written. ctrl+o shows both versions.")

    def _saved(self, document: ChangeDocument) -> None:
        self.workbench.toast(clean(document.title))
        if self.is_attached:
            self.built.forget()
            self.reload()

    # Leaving.

    _leaving = False

    def may_leave(self, go: Any) -> bool:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        if self._leaving or not self.built.dirty:
            return True

        def answered(yes: bool | None) -> None:
            if yes:
                self._leaving = True
                go()

        self.ask(
            ConfirmDialog(
                "unsaved", f"Throw away your changes to stack {clean(self.built.name)}?", "throw them away"
            ),
            answered,
        )
        return False
