"""Edits of the workspace's files: each is built as a `Change`, which a face may show as a diff, then applied here.

The command line's operations build and apply at once. The workbench shows the diff in between: of what a
noun's `…_change` function built, or of what `previewed` says that an operation would write; then it calls `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.operations.documents import ChangeDocument, DiagnosticPart, FileChange, relative
from stacktui.operations.errors import AnswerIsNo, ConfirmationNeeded, OperationError
from stacktui.operations.table import Operation, ReadOnlyRefused

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change, FileEdit


class FindingsForbid(AnswerIsNo):
    """The rules found errors in what was to be written or run. `diagnostics` are all findings."""

    def __init__(self, message: str, diagnostics: tuple[DiagnosticPart, ...]) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class Preview(NamedTuple):
    """What an operation would write, for a face that shows the diff before it calls `apply`."""

    change: Change | None
    """None: the operation does not write files through `apply`, and it has been done."""
    diagnostics: tuple[Diagnostic, ...] = ()
    document: Any = None
    """The operation's result where it has been done."""


class _BuiltOnly(Exception):
    """Stops an operation that is only previewed where it would write."""

    def __init__(self, change: Change, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(change.title)
        self.change = change
        self.diagnostics = diagnostics


_PREVIEWING: ContextVar[bool] = ContextVar("previewing", default=False)


def previewed(session: Session, operation: Operation, /, **arguments: Any) -> Preview:
    """Run an operation up to where it would write files, and return the change that it built; nothing is written.

    One that does not come to `apply` is done. Raises what the operation raises, `ConfirmationNeeded` too.
    """
    from stacktui.operations.session import run_operation

    token = _PREVIEWING.set(True)
    try:
        return Preview(None, (), run_operation(session, operation, **arguments))
    except _BuiltOnly as built:
        return Preview(built.change, built.diagnostics)
    finally:
        _PREVIEWING.reset(token)


def apply(session: Session, change: Change, diagnostics: Iterable[Diagnostic] = ()) -> ChangeDocument:
    """Write a change and tell who shows the files. Raises `ReadOnlyRefused`, and `OperationError` where a file
    is no longer what the change was built on: then nothing is written."""
    if session.readonly:
        raise ReadOnlyRefused(f"{change.title}: this session is read-only")
    found = tuple(diagnostics)
    if _PREVIEWING.get():
        raise _BuiltOnly(change, found)
    from stacktui.workspace.changes import EditConflict, apply_change

    document = _document(session, change, found)
    try:
        apply_change(session.workspace, change)
    except EditConflict as conflict:
        file = relative(conflict.edit.file, session.workspace.root)
        raise OperationError(
            f"{file} was changed by someone else meanwhile, and nothing was written; look at it and try again"
        ) from conflict
    session.changed(paths=[edit.file for edit in change.edits])
    return document


def _document(session: Session, change: Change, diagnostics: Iterable[Diagnostic]) -> ChangeDocument:
    root = session.workspace.root
    return ChangeDocument(
        title=change.title,
        files=tuple(_file_change(edit, session) for edit in change.edits if edit.before != edit.after),
        diff=change.diff(root),
        diagnostics=tuple(DiagnosticPart.of(found, root) for found in diagnostics),
    )


def _file_change(edit: FileEdit, session: Session) -> FileChange:
    action: Literal["created", "changed", "deleted"] = "changed"
    if edit.before is None:
        action = "created"
    elif edit.after is None:
        action = "deleted"
    return FileChange(file=relative(edit.file, session.workspace.root), action=action)


def refuse_errors(
    session: Session, diagnostics: Iterable[Diagnostic], what: str, force: bool
) -> tuple[Diagnostic, ...]:
    """The findings, if they allow to go on; raises `FindingsForbid` where one is an error and `force` is not given."""
    found = tuple(diagnostics)
    errors = [each for each in found if each.severity is Severity.ERROR]
    if errors and not force:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        root = session.workspace.root
        raise FindingsForbid(
            f"{what} was not written: {count} ({errors[0].message}); correct it, or write it anyway with --force",
            tuple(DiagnosticPart.of(each, root) for each in found),
        )
    return found


def confirmed(name: str, protected: bool, confirm: str | None, what: str) -> None:
    """Raises `ConfirmationNeeded` where `what` is protected and `confirm` is not its name."""
    if protected and confirm != name:
        raise ConfirmationNeeded(name, what)
