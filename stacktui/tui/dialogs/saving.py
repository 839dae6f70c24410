"""Saving what was edited in the workbench: build the change, show its diff, write it when it is accepted.

Used by the component form, the stack builder and whatever deletes. What was typed is kept by whoever asks, so that a
refusal or somebody else's edit loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.diff import ConflictDialog, DiffDialog, Verdict
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.tui.app import WorkbenchApp
    from stacktui.workspace.changes import Change, FileEdit
    from stacktui.workspace.reading import Entry


def save(
    app: WorkbenchApp,
    build: Callable[[Session], Change],
    *,
    saved: Callable[[ChangeDocument], Any],
    failed: Callable[[Clean], Any],
    conflict: Callable[[FileEdit], Any] | None = None,
    unchanged: Callable[[], Any] | None = None,
    note: Clean | str = "",
) -> None:
    """Build a change in a thread, show its diff, apply it when accepted.

    Exactly one of the callbacks is called on the event loop, none if the diff was left. `conflict` gets the edit
    whose file is no longer what the change was made from; `unchanged` is for a change that changes no byte.
    """
    from stacktui.tui.doing import one_line

    session = app.session

    def built(change: Any, error: BaseException | None) -> None:
        if error is not None:
            failed(one_line(error))
        elif change.empty:
            (unchanged or (lambda: failed(Clean("nothing differs from the file"))))()
        else:
            diff = clean_block(change.diff(session.workspace.root))
            app.ask(DiffDialog(clean(change.title), diff, note), lambda yes: write(change) if yes else None)

    def write(change: Change) -> None:
        def work() -> Any:
            from stacktui.operations.changes import apply

            return apply(session, change)

        app.background.submit(work, written)

    def written(document: Any, error: BaseException | None) -> None:
        from stacktui.workspace.changes import EditConflict

        cause = error.__cause__ if error is not None else None
        if error is None:
            saved(document)
        elif isinstance(cause, EditConflict) and conflict is not None:
            conflict(cause.edit)
        else:
            failed(one_line(error))

    app.background.submit(lambda: build(session), built)


def errors_note(findings: Iterable[Diagnostic]) -> Clean:
    """The errors among the findings, to stand above a diff; empty without any."""
    errors = [one for one in findings if one.severity is Severity.ERROR]
    lines = [f"{glyph('✗')} {clean(one.message)}" for one in errors[:3]]
    if len(errors) > 3:
        lines.append(f"  and {len(errors) - 3} more errors")
    return clean_block("\n".join(lines))


def show_versions(
    app: WorkbenchApp,
    build: Callable[[Session], Change],
    theirs: Entry[Any],
    *,
    failed: Callable[[Clean], Any],
    then: Callable[[Verdict], Any],
) -> None:
    """Show what is on disk against what would be written, and ask what to keep. `then` is not called if it was left."""
    from stacktui.tui.doing import one_line

    session = app.session

    def built(change: Any, error: BaseException | None) -> None:
        if error is not None:
            failed(one_line(error))
        else:
            _ask(app, theirs.file, theirs.raw, change.edits[0].after, then)

    app.background.submit(lambda: build(session), built)


def _ask(
    app: WorkbenchApp, file: Path, theirs: bytes, mine: bytes | None, then: Callable[[Verdict], Any]
) -> None:
    from stacktui.operations.documents import relative
    from stacktui.workspace.changes import Change, FileEdit

    root = app.session.workspace.root
    diff = Change("", (FileEdit(file, theirs, mine),)).diff(root) or "Both say the same.\n"
    app.ask(
        ConflictDialog(clean(relative(file, root)), clean_block(diff)),
        lambda verdict: then(verdict) if verdict else None,
    )
