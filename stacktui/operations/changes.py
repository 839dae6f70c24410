"""Edits of the workspace's files: each is built as a `Change`, which a face may show as a diff, then applied here.

The command line's operations build and apply at once. The workbench shows the diff in between: of what a
noun's `…_change` function built, or of what `previewed` says that an operation would write; then it calls `apply`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path
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
    note: str = ""
    """What to know before it is written: stands above the diff."""


class _BuiltOnly(Exception):
    """Stops an operation that is only previewed where it would write."""

    def __init__(self, change: Change, diagnostics: tuple[Diagnostic, ...], note: str) -> None:
        super().__init__(change.title)
        self.change = change
        self.diagnostics = diagnostics
        self.note = note


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
        return Preview(built.change, built.diagnostics, note=built.note)
    finally:
        _PREVIEWING.reset(token)


def apply(
    session: Session, change: Change, diagnostics: Iterable[Diagnostic] = (), note: str = ""
) -> ChangeDocument:
    """Write a change and tell who shows the files. `note` is for whoever looks at the diff first.

    Raises `ReadOnlyRefused`, and `OperationError` where a file is no longer what the change was built on: then
    nothing is written.
    """
    if session.readonly:
        raise ReadOnlyRefused(
            f"{change.title}: this session is read-only because of {session.readonly_because}"
        )
    found = tuple(diagnostics)
    if _PREVIEWING.get():
        raise _BuiltOnly(change, found, note)
    from stacktui.workspace.changes import EditConflict, apply_change
    from stacktui.workspace.own_files import is_own

    if is_own(change):
        from stacktui.operations.own_files import apply_own_change

        return apply_own_change(session, change, found)
    _refuse_newer(session, change)
    document = change_document(session, change, found)
    try:
        apply_change(session.workspace, change)
    except EditConflict as conflict:
        file = relative(conflict.edit.file, session.workspace.root)
        raise OperationError(
            f"{file} was changed by someone else meanwhile, and nothing was written; look at it and try again"
        ) from conflict
    if not change.empty:
        session.note(*_noted(change, session.workspace.root))
    followed = follow_rename(session, change)
    session.changed(paths=[*(edit.file for edit in change.edits), *followed])
    return document


def _refuse_newer(session: Session, change: Change) -> None:
    """What a newer stacktui wrote may mean what this one does not know: it is read as far as it goes, never written."""
    from stacktui.workspace.documents import FORMAT_VERSION

    version = session.glance().settings.version
    if version > FORMAT_VERSION:
        raise OperationError(
            f"{change.title}: this workspace has format version {version} and this stacktui writes {FORMAT_VERSION}; "
            "nothing was written: upgrade stacktui"
        )


def follow_rename(session: Session, change: Change) -> tuple[Path, ...]:
    """Let the checkout's choice of a stack follow a change that gives that stack another name, as a rename does and
    its undo. Returns what it wrote. Raises `OperationError` where the choice cannot be written."""
    from stacktui.workspace.active import choice_file, chosen_stack, use_stack

    gone, made = _other_name(change, session.workspace.root / "stacks")
    if made and session.stack_override == gone:
        session.stack_override = made
    store, new_store = _other_name(change, session.workspace.root / "components" / "metadata_store")
    if new_store and session.store_override == store:
        session.store_override = new_store
    if not made or chosen_stack(session.workspace) != gone:
        return ()
    try:
        use_stack(session.workspace, made)
    except OSError as error:
        raise OperationError(
            f"{change.title}: written, but stack {gone} is still the chosen one "
            f"({(error.strerror or str(error)).lower()}); choose the other with: stacktui stack use {made}"
        ) from None
    return (choice_file(session.workspace),)


def _other_name(change: Change, folder: Path) -> tuple[str, str]:
    """The names of the one object of a folder that a change renames, before and after; empty where there is none."""
    ours = [edit for edit in change.edits if edit.file.parent == folder and edit.file.suffix == ".yaml"]
    gone = [edit.file.stem for edit in ours if edit.after is None]
    made = [edit.file.stem for edit in ours if edit.before is None]
    return (gone[0], made[0]) if len(gone) == len(made) == 1 else ("", "")


def _noted(change: Change, root: Path) -> tuple[str, str, str]:
    """What the audit list says of a change: the deed, the object that it is about, and what it did."""
    edits = [edit for edit in change.edits if edit.before != edit.after]
    # What it makes says more than what it touches on the way, and what is gone least; a stack holds components.
    about = min(
        edits,
        key=lambda edit: (edit.after is None, edit.before is not None, edit.file.parent.name != "stacks"),
    )
    deed = "undid" if change.undoes else "redid" if change.redoes else change.deed
    more = f", {len(edits)} files" if len(edits) > 1 else ""
    return deed, object_of(relative(about.file, root)), f"{change.title}{more}"


def object_of(file: str) -> str:
    """What a file of the workspace holds: `stack/prod`, `component/alerter/oncall`; `file/…` for any other."""
    match file.removesuffix(".yaml").split("/"):
        case ["stacks", name]:
            return f"stack/{name}"
        case ["components", category, name]:
            return f"component/{category}/{name}"
    return f"file/{file}"


def change_document(
    session: Session, change: Change, diagnostics: Iterable[Diagnostic] = ()
) -> ChangeDocument:
    """What a change writes, as a document."""
    root = session.workspace.root
    return ChangeDocument(
        title=change.title,
        files=file_changes(session, change),
        diff=change.diff(root),
        diagnostics=tuple(DiagnosticPart.of(found, root) for found in diagnostics),
    )


def file_changes(session: Session, change: Change) -> tuple[FileChange, ...]:
    """The files that a change writes or removes."""
    return tuple(_file_change(edit, session) for edit in change.edits if edit.before != edit.after)


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


def confirmed(name: str, protected: bool, confirm: str | None, what: str, why: str = "is protected") -> None:
    """Raises `ConfirmationNeeded` where `what` is protected and `confirm` is not its name."""
    if protected and confirm != name:
        raise ConfirmationNeeded(name, what, why)
