"""Undo and redo: which of one's own saved edits is next, and the change that takes it back or does it again.

Used by the operations `undo`, `redo` and `edits`. Nothing here writes: the change goes through `apply_change`, and its
record says which edit it took back. An edit is one's own by its user, on whatever host it was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.journal import EditedFile, EditRecord, JournalDamaged
from stacktui.workspace.transaction import content_of
from stacktui.workspace.who import whoami
from stacktui.workspace.workspace import Workspace

State = Literal["done", "undone", "taken back"]


class NothingToUndo(Exception):
    """There is no saved edit of one's own to take back, or none that was taken back to do again."""


class UndoRefused(Exception):
    """A file is not what the edit left, so that undoing it would lose what was written since. Nothing was changed."""

    def __init__(self, message: str, record: EditRecord, diff: str = "") -> None:
        super().__init__(message)
        self.record = record
        self.diff = diff
        """From what the edit left to what stands there now, as a unified diff."""


@dataclass
class EditStates:
    """What became of edits, and what `undo` and `redo` would take, as far as the journal was walked."""

    undo: EditRecord | None = None
    """The edit that is undone next."""
    redo: EditRecord | None = None
    """The edit that is done again next."""
    _decided: dict[str, State] = field(default_factory=dict)

    def of(self, record: EditRecord) -> State:
        """Whether an edit is in force. Right for those that the walk has passed."""
        return "taken back" if record.taken_back else self._decided.get(record.id, "done")


def edit_states(workspace: Workspace, user: str | None = None) -> EditStates:
    """What `undo` and `redo` would take for a user, by default the one of this process. Reads no more records than
    it takes to know, mostly one."""
    states = EditStates()
    for _ in _walk(workspace, states, user or whoami().user):
        if states.undo is not None:
            break
    return states


def edits_with_states(workspace: Workspace, user: str | None = None) -> tuple[list[EditRecord], EditStates]:
    """All edits, the newest first and without those that only took back or did again; and what became of them."""
    states = EditStates()
    found = [
        record
        for record in _walk(workspace, states, user or whoami().user)
        if not record.undoes and not record.redoes
    ]
    return found, states


def undo_change(workspace: Workspace) -> Change:
    """The change that takes back one's last edit that is in force. Raises `NothingToUndo`, `UndoRefused`."""
    record = edit_states(workspace).undo
    if record is None:
        raise NothingToUndo("there is nothing to undo: no saved edit of yours is in force")
    return replace(_change(workspace, record, back=True), undoes=record.id)


def redo_change(workspace: Workspace) -> Change:
    """The change that does again what was undone last. Raises `NothingToUndo`, `UndoRefused`."""
    record = edit_states(workspace).redo
    if record is None:
        raise NothingToUndo("there is nothing to redo: no edit of yours was undone since your last one")
    return replace(_change(workspace, record, back=False), redoes=record.id)


def _walk(workspace: Workspace, states: EditStates, user: str) -> Iterator[EditRecord]:
    """The journal from the newest on; `states` is right for each record as it comes."""
    decided = states._decided
    own_edit_passed = False
    waiting: list[str] = []
    for record in workspace.journal.newest_first():
        mine = record.who.user == user and not record.taken_back
        if record.undoes:
            if decided.setdefault(record.undoes, "undone") == "undone" and mine and not own_edit_passed:
                # A new edit after it would have ended what could be done again.
                waiting.append(record.undoes)
        elif record.redoes:
            decided.setdefault(record.redoes, "done")
        elif mine:
            own_edit_passed = True
            if states.undo is None and decided.get(record.id, "done") == "done":
                states.undo = record
        if waiting and states.redo is None:
            # The newest undo is the first to be done again.
            states.redo = workspace.journal.record(waiting[0])
        yield record


def _change(workspace: Workspace, record: EditRecord, *, back: bool) -> Change:
    verb = "undo" if back else "redo"
    try:
        steps = [_step(file, back) for file in record.files]
    except JournalDamaged as error:
        raise UndoRefused(f"cannot {verb} {record.title!r}: {error}", record) from None
    edits: list[FileEdit] = []
    differing: list[FileEdit] = []
    for file, (then, wanted) in zip(record.files, steps, strict=True):
        path = workspace.root / file.path
        try:
            now = content_of(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UndoRefused(
                f"cannot {verb} {record.title!r}: {file.path} cannot be read: {reason}", record
            ) from None
        edits.append(FileEdit(path, then, wanted, file.mode))
        if now != then:
            differing.append(FileEdit(path, then, now))
    if differing:
        what = ", ".join(_since(edit, workspace) for edit in differing[:3])
        more = f" and {len(differing) - 3} more files" if len(differing) > 3 else ""
        raise UndoRefused(
            f"cannot {verb} {record.title!r}: {what}{more} since, and that would be lost",
            record,
            Change("", tuple(differing)).diff(workspace.root),
        )
    return Change(f"{verb}: {record.title}", tuple(edits))


def _step(file: EditedFile, back: bool) -> tuple[bytes | None, bytes | None]:
    """What the file must hold now, and what it is to hold."""
    return (file.after, file.before) if back else (file.before, file.after)


def _since(edit: FileEdit, workspace: Workspace) -> str:
    what = "was deleted" if edit.after is None else "was made" if edit.before is None else "was changed"
    return f"{edit.file.relative_to(workspace.root).as_posix()} {what}"
