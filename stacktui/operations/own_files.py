"""Applies changes of the user's own files (settings, keymap, themes). Used by `changes.apply`, which every edit goes through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from stacktui.operations.documents import ChangeDocument, DiagnosticPart, FileChange, homely
from stacktui.operations.errors import OperationError

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change


def apply_own_change(session: Session, change: Change, diagnostics: Iterable[Diagnostic]) -> ChangeDocument:
    """Write it and tell who shows the files. Raises `OperationError` where a file is no longer what it was made from."""
    from stacktui.workspace.changes import EditConflict, WriteRefused
    from stacktui.workspace.own_files import apply_own
    from stacktui.workspace.settings import user_config_dir

    folder = user_config_dir()
    files = []
    for edit in change.edits:
        if edit.before == edit.after:
            continue
        action: Literal["created", "changed", "deleted"] = (
            "created" if edit.before is None else "deleted" if edit.after is None else "changed"
        )
        files.append(FileChange(file=homely(edit.file), action=action))
    document = ChangeDocument(
        title=change.title,
        files=tuple(files),
        diff=change.diff(folder),
        diagnostics=tuple(DiagnosticPart.of(each, folder) for each in diagnostics),
    )
    try:
        apply_own(change)
    except EditConflict as conflict:
        raise OperationError(
            f"{homely(conflict.edit.file)} was changed by someone else meanwhile, and nothing was written; "
            "look at it and try again"
        ) from conflict
    except WriteRefused as error:
        raise OperationError(str(error)) from None
    session.changed(paths=[edit.file for edit in change.edits])
    return document
