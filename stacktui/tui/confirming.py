"""What stands between a change that was asked for and its being written: why a name is to be typed, that it is still the
change that was shown, and why an edit cannot be undone. Used by `doing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.model.text import Clean, clean, clean_block

if TYPE_CHECKING:
    from stacktui.operations.errors import ConfirmationNeeded, StillUsed
    from stacktui.operations.session import Session
    from stacktui.operations.undo import UndoForbidden
    from stacktui.tui.dialogs.diff import UndoRefusedDialog
    from stacktui.workspace.changes import Change


def as_shown(session: Session, shown: Change, now: Change | None) -> None:
    """Raises `OperationError` where a change, built anew, is no longer about the files as they were when it was shown:
    one of them holds something else, is gone, or another one came to be among them."""
    from stacktui.operations.documents import relative
    from stacktui.operations.errors import OperationError

    before, after = (
        {edit.file: edit.before for edit in change.edits} if change else {} for change in (shown, now)
    )
    for file in before | after:
        if file not in before or file not in after or before[file] != after[file]:
            name = relative(file, session.workspace.root)
            raise OperationError(
                f"{name} was changed by someone else meanwhile, and nothing was written; look at it and try again"
            )


def why_the_name(error: ConfirmationNeeded | StillUsed) -> Clean:
    """Why a name is to be typed: who refers to the object, or that it is protected."""
    from stacktui.operations.errors import ConfirmationNeeded

    if isinstance(error, ConfirmationNeeded):
        return clean_block(f"{error.what} {error.why}. Type its name, {error.name}, to go on.")
    shown = error.users[:8]
    lines = [f"  {user}" for user in shown]
    if len(error.users) > len(shown):
        lines.append(f"  and {len(error.users) - len(shown)} more")
    they = "They" if len(error.users) > 1 else "It"
    return clean_block(
        "\n".join((error.said, *lines))
        + f"\n\n{they} will not be valid without it. Type {error.name} to delete it all the same."
    )


def refused_undo(verb: str, error: UndoForbidden) -> UndoRefusedDialog:
    """What was written since, and who asks for more: the list of edits."""
    from stacktui.tui.dialogs.diff import UndoRefusedDialog

    return UndoRefusedDialog(verb, clean(str(error).partition("; look at it")[0]), clean_block(error.diff))
