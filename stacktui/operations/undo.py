"""Undo and redo of one's own saved edits, in whatever session and on whatever host they were made.

The workbench comes here by `u`, `ctrl+r` and `:undo`, and shows the diff before it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from stacktui.operations.changes import apply, change_document, confirmed
from stacktui.operations.documents import ChangeDocument
from stacktui.operations.errors import AnswerIsNo
from stacktui.operations.table import Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Workspace

Verb = Literal["undo", "redo"]

_DRY_RUN = Opt("Show what it would change, and write nothing.")
_CONFIRM = Opt("The protected stack's name, where it changes one.", complete="stack")


class UndoForbidden(AnswerIsNo):
    """Files changed since, so that undoing would lose what somebody wrote."""

    def __init__(self, message: str, edit: str, diff: str) -> None:
        super().__init__(message)
        self.edit = edit
        """The edit's id."""
        self.diff = diff
        """From what the edit left to what stands there now."""


class UndoDocument(ChangeDocument):
    """What was taken back or done again; with `dry_run`, what would be."""

    dry_run: bool = False


@operation("undo", writes=True, looks=("dry_run",), examples=("stacktui undo --dry-run", "stacktui undo"))
def undo(
    session: Session,
    *,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    confirm: Annotated[str | None, _CONFIRM] = None,
) -> UndoDocument:
    """Take back your last saved edit, whichever files it changed; the edits of others stay."""
    return _step(session, "undo", dry_run, confirm)


@operation("redo", writes=True, looks=("dry_run",), examples=("stacktui redo --dry-run", "stacktui redo"))
def redo(
    session: Session,
    *,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    confirm: Annotated[str | None, _CONFIRM] = None,
) -> UndoDocument:
    """Do again what you undid last, if you have saved nothing since."""
    return _step(session, "redo", dry_run, confirm)


def _step(session: Session, verb: Verb, dry_run: bool, confirm: str | None) -> UndoDocument:
    change = undo_step(session, verb)
    if dry_run:
        return UndoDocument(**change_document(session, change).model_dump(), dry_run=True)
    snapshot = session.snapshot()
    for edit in change.edits:
        if edit.file.parent == session.workspace.root / "stacks":
            entry = snapshot.stacks.get(edit.file.stem)
            protected = entry is not None and entry.value.protected
            confirmed(edit.file.stem, protected, confirm, f"stack {edit.file.stem}")
    return UndoDocument(**apply(session, change, note=_whose(session, verb, change)).model_dump())


def _whose(session: Session, verb: Verb, change: Change) -> str:
    """Which edit it is about: it may have been made in another session, on another day."""
    from stacktui.operations.moments import full_stamp

    record = session.workspace.journal.record(change.undoes or change.redoes)
    if record is None:
        return ""
    does = "Takes back" if verb == "undo" else "Does again"
    return f"{does} your edit {record.id} of {full_stamp(record.at)} on {record.who.host}: {record.title}"


def undo_step(session: Session, verb: Verb) -> Change:
    """The change that undoes or redoes. Raises `UndoForbidden` with what was written since, `AnswerIsNo` where there
    is nothing to do."""
    from stacktui.workspace.undo import NothingToUndo, UndoRefused, redo_change, undo_change

    build: Callable[[Workspace], Change] = undo_change if verb == "undo" else redo_change
    # An edit that was interrupted is ended first.
    session.snapshot()
    try:
        return build(session.workspace)
    except NothingToUndo as error:
        raise AnswerIsNo(f"{error}; see: stacktui edits list") from None
    except UndoRefused as error:
        raise UndoForbidden(
            f"{error}; look at it: stacktui edits show {error.record.id}", error.record.id, error.diff
        ) from None
