"""`u` and `ctrl+r` on every screen, and `:undo`: the diff first, then through `apply`; a refusal with its reason.

Used by the screens' base and by `doing` for what is typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacktui.model.text import Clean, clean, clean_block

if TYPE_CHECKING:
    from stacktui.operations.changes import Preview
    from stacktui.operations.session import Session
    from stacktui.operations.undo import Verb
    from stacktui.tui.app import WorkbenchApp


def take_back(app: WorkbenchApp, verb: Verb, confirm: str | None = None) -> None:
    """Build the change that undoes or redoes, show its diff, write it when it is accepted."""
    from stacktui.tui.doing import one_line

    session = app.session

    def arrived(result: Any, error: BaseException | None) -> None:
        from stacktui.operations.errors import ConfirmationNeeded
        from stacktui.operations.undo import UndoForbidden
        from stacktui.tui.dialogs.simple import NameDialog

        if isinstance(error, UndoForbidden) and error.diff:
            _refused(app, verb, error)
        elif isinstance(error, ConfirmationNeeded):
            wanted = error.name
            app.ask(
                NameDialog(wanted, clean(f"stack {wanted}")),
                lambda text: take_back(app, verb, wanted) if text else None,
            )
        elif error is not None:
            app.say(one_line(error), error=True)
        else:
            preview, note = result
            _show(app, verb, preview, note)

    app.background.submit(lambda: _build(session, verb, confirm), arrived)


def _build(session: Session, verb: Verb, confirm: str | None) -> tuple[Preview, Clean]:
    """The change, and whose edit it is: it may have been made in another session, on another day."""
    from stacktui.operations.changes import previewed
    from stacktui.operations.moments import full_stamp
    from stacktui.operations.table import operations_of

    preview = previewed(session, operations_of(verb)[verb], confirm=confirm)
    change = preview.change
    record = session.workspace.journal.record(change.undoes or change.redoes) if change else None
    if record is None:
        return preview, Clean("")
    does = "Takes back" if verb == "undo" else "Does again"
    return preview, clean(
        f"{does} your edit {record.id} of {full_stamp(record.at)} on {record.who.host}: {record.title}"
    )


def _show(app: WorkbenchApp, verb: Verb, preview: Preview, note: Clean) -> None:
    from stacktui.tui.dialogs.diff import DiffDialog
    from stacktui.tui.doing import one_line

    change = preview.change
    if change is None:
        return
    session = app.session

    def answered(yes: bool | None) -> None:
        if yes:
            app.background.submit(write, written)

    def write() -> Any:
        from stacktui.operations.changes import apply

        return apply(session, change)

    def written(document: Any, error: BaseException | None) -> None:
        if error is not None:
            app.say(one_line(error), error=True)
        else:
            app.toast(clean(document.title))

    app.ask(DiffDialog(verb, clean_block(change.diff(session.workspace.root)), note), answered)


def _refused(app: WorkbenchApp, verb: Verb, error: Any) -> None:
    from stacktui.tui.dialogs.diff import UndoRefusedDialog

    app.ask(
        UndoRefusedDialog(verb, clean(str(error).partition("; look at it")[0]), clean_block(error.diff)),
        lambda look: app.open_place("edits", error.edit) if look else None,
    )
