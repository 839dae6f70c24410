"""The journal of saved edits: who changed what, and which of them `undo` and `redo` take next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from stacktui.operations.documents import Document, FileChange, Moment, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.journal import EditRecord
    from stacktui.workspace.undo import EditStates


class EditPart(Part):
    """One saved edit."""

    id: str
    title: str
    at: Moment
    user: str
    host: str
    origin: str
    """The address that the SSH session came from; empty for one that began on its host."""
    mine: bool
    state: Literal["done", "undone", "taken back"]
    """`taken back`: its writer died half-way, and a file had become something else meanwhile."""
    next: Literal["undo", "redo"] | None
    """Whether `undo` or `redo` takes it next."""
    files: tuple[FileChange, ...]


class EditList(Document):
    """The saved edits, the newest first."""

    edits: tuple[EditPart, ...]
    more: int = 0
    """How many older ones are not listed."""
    others: int = 0
    """How many of other people are left out."""
    damaged: tuple[str, ...] = ()
    """Files of the journal that cannot be read."""


class EditDocument(EditPart, Document):
    """One saved edit with what it changed."""

    diff: str
    since: str
    """From what it left (or, where it was undone, from what was there before it) to what stands there now; empty where
    nothing differs."""
    problem: str = ""
    """Why its contents cannot be read; empty if they can."""


@operation("edits list", writes=False, examples=("stacktui edits list", "stacktui edits list --all"))
def list_(
    session: Session,
    *,
    all_: Annotated[bool, Opt("Those of everybody who shares the state, too.", name="all")] = False,
    limit: Annotated[int, Opt("How many at most.")] = 100,
) -> EditList:
    """List your saved edits, the newest first, and what became of them."""
    from stacktui.workspace.undo import edits_with_states
    from stacktui.workspace.who import whoami

    session.snapshot()
    user = whoami(session.environ).user
    found, states = edits_with_states(session.workspace, user)
    chosen = [record for record in found if all_ or record.who.user == user]
    return EditList(
        edits=tuple(_part(record, states, user) for record in chosen[:limit]),
        more=max(0, len(chosen) - limit),
        others=len(found) - len(chosen),
        damaged=tuple(session.workspace.journal.damaged()),
    )


@operation("edits show", writes=False, on="edit", examples=("stacktui edits show 12",))
def show(session: Session, edit: Annotated[str, Arg("The edit's number.", complete="edit")]) -> EditDocument:
    """Show what an edit changed, and what was written to its files since."""
    from stacktui.workspace.changes import Change, FileEdit
    from stacktui.workspace.journal import JournalDamaged
    from stacktui.workspace.transaction import content_of
    from stacktui.workspace.undo import edits_with_states
    from stacktui.workspace.who import whoami

    session.snapshot()
    workspace = session.workspace
    user = whoami(session.environ).user
    found, states = edits_with_states(workspace, user)
    record = workspace.journal.record(edit)
    if record is None:
        known = f"; they are {found[-1].id} to {found[0].id}" if found else "; nothing was saved yet"
        raise OperationError(f"the journal has no edit {edit!r}{known}; see: stacktui edits list --all")
    root = workspace.root
    diff = since = problem = ""
    try:
        edits = tuple(FileEdit(root / file.path, file.before, file.after) for file in record.files)
        diff = Change("", edits).diff(root)
        left = [each.after if states.of(record) == "done" else each.before for each in edits]
        since = Change(
            "",
            tuple(
                FileEdit(each.file, then, content_of(each.file))
                for each, then in zip(edits, left, strict=True)
            ),
        ).diff(root)
    except JournalDamaged as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}"
    return EditDocument(**_part(record, states, user).model_dump(), diff=diff, since=since, problem=problem)


def _part(record: EditRecord, states: EditStates, user: str) -> EditPart:
    following: Literal["undo", "redo"] | None = None
    if states.undo is not None and record.id == states.undo.id:
        following = "undo"
    elif states.redo is not None and record.id == states.redo.id:
        following = "redo"
    return EditPart(
        id=record.id,
        title=record.title,
        at=record.at,
        user=record.who.user,
        host=record.who.host,
        origin=record.who.origin,
        mine=record.who.user == user,
        state=states.of(record),
        next=following,
        files=tuple(
            FileChange(
                file=file.path,
                action="created" if file.old is None else "deleted" if file.new is None else "changed",
            )
            for file in record.files
        ),
    )
