"""Saving what was edited in the workbench: build the change, show its diff, write it when it is accepted.

Used by the component form, the stack builder and whatever deletes. What was typed is kept by whoever asks, so that a
refusal or somebody else's edit loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.diff import DiffDialog
from stacktui.tui.marks import glyph

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.model.component import ComponentId
    from stacktui.model.diagnostic import Fix
    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.tui.app import WorkbenchApp
    from stacktui.workspace.changes import Change, FileEdit


def save_fix(app: WorkbenchApp, fix: Fix, failed: Callable[[Clean], Any]) -> None:
    """Do what a finding's fix says, after its diff, and the name where it changes a protected stack."""

    def build(session: Session) -> Change:
        from stacktui.workspace.edits import apply_fix

        return apply_fix(session.workspace, fix)

    save(
        app,
        build,
        saved=lambda document: app.toast(clean(document.title)),
        failed=failed,
        guarded=lambda session: guarded_file(session, fix.file),
    )


class Guarded(NamedTuple):
    """What is to be changed changes a protected stack with it."""

    name: str
    """What is to be typed."""
    why: str
    """`alerter 'oncall' fills the protected stack prod`."""


def guarded_component(session: Session, id_: ComponentId) -> Guarded | None:
    """Whether a component fills a protected stack. Reads files: call it in a thread."""
    from stacktui.operations.references import protected_users, stands_in

    stacks = protected_users(session.snapshot(), id_)
    why = f"{id_.category.facts.title} {id_.name!r} {stands_in(stacks, 'fills')}"
    return Guarded(",".join(stacks), why) if stacks else None


def guarded_parent(session: Session, name: str) -> Guarded | None:
    """Whether a stack is a parent of a protected one. Reads files: call it in a thread."""
    from stacktui.operations.references import protected_children, stands_in

    stacks = protected_children(session.snapshot(), name)
    why = f"stack {name!r} {stands_in(stacks, 'is a parent of')}"
    return Guarded(",".join(stacks), why) if stacks else None


def guarded_file(session: Session, file: Path) -> Guarded | None:
    """Whether what a file holds is a protected stack, a parent of one, or a component that fills one."""
    from stacktui.operations.references import protected_stacks

    snapshot = session.snapshot()
    for name, entry in snapshot.stacks.items():
        if entry.file == file:
            if protected_stacks(snapshot, [name]):
                return Guarded(name, f"stack {name!r} is protected")
            return guarded_parent(session, name)
    for id_, component in snapshot.components.items():
        if component.file == file:
            return guarded_component(session, id_)
    return None


def save(
    app: WorkbenchApp,
    build: Callable[[Session], Change],
    *,
    saved: Callable[[ChangeDocument], Any],
    failed: Callable[[Clean], Any],
    conflict: Callable[[FileEdit], Any] | None = None,
    unchanged: Callable[[], Any] | None = None,
    note: Clean | str = "",
    guarded: Callable[[Session], Guarded | None] = lambda _: None,
) -> None:
    """Build a change in a thread, show its diff, apply it when accepted. `guarded` says, in the same thread, whether
    a name is to be typed after that, because of a protected stack.

    Exactly one of the callbacks is called on the event loop, none if the diff was left. `conflict` gets the edit
    whose file is no longer what the change was made from; `unchanged` is for a change that changes no byte.
    """
    from stacktui.tui.doing import one_line

    session = app.session

    def built(found: Any, error: BaseException | None) -> None:
        if error is not None:
            failed(one_line(error))
            return
        change, guard = found
        if change.empty:
            (unchanged or (lambda: failed(Clean("nothing differs from the file"))))()
        else:
            diff = clean_block(change.diff(session.workspace.root))
            app.ask(
                DiffDialog(clean(change.title), diff, note),
                lambda yes: accepted(change, guard) if yes else None,
            )

    def accepted(change: Change, guard: Guarded | None) -> None:
        if guard is None:
            write(change)
            return
        from stacktui.tui.dialogs.simple import NameDialog

        text = clean_block(f"{guard.why}. Type its name, {guard.name}, to go on.")
        app.ask(
            NameDialog(guard.name, clean(guard.name), text=text),
            lambda typed: write(change) if typed else None,
        )

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

    app.background.submit(lambda: (build(session), guarded(session)), built)


def errors_note(findings: Iterable[Diagnostic]) -> Clean:
    """The errors among the findings, to stand above a diff; empty without any."""
    errors = [one for one in findings if one.severity is Severity.ERROR]
    lines = [f"{glyph('✗')} {clean(one.message)}" for one in errors[:3]]
    if len(errors) > 3:
        lines.append(f"  and {len(errors) - 3} more errors")
    return clean_block("\n".join(lines))
