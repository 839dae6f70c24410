"""What can be done with a component from any screen: the form for a new one, an edit or a copy; and deletion, which
names who refers to it first. Used by the category screens and the stack builder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean, clean_block

if TYPE_CHECKING:
    from stacktui.operations.documents import ChangeDocument
    from stacktui.operations.session import Session
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.workspace.changes import Change


class _Doomed(NamedTuple):
    """A component that is to be deleted."""

    change: Change
    users: tuple[str, ...]
    """Who refers to it, as people read it."""


def open_component_form(
    screen: WorkbenchScreen[Any],
    category: Category,
    name: str | None,
    *,
    clone: bool = False,
    flavor: str | None = None,
    then: Callable[[str], Any] | None = None,
) -> None:
    """Open the form: of a new component if `name` is None (of that flavor, if given), of a copy with `clone`. Nothing is written before its diff
    was accepted; `then` gets the saved component's name."""
    app = screen.workbench
    if app.feed.summary.readonly:
        screen.notice("the workbench is read-only", error=True)
        return
    session, title = screen.session, category.facts.title

    def work() -> Any:
        from stacktui.tui.dialogs.form_facts import open_draft

        return open_draft(session, category, name, clone, flavor)

    def opened(opening: Any, error: BaseException | None) -> None:
        from stacktui.tui.dialogs.form import ComponentForm
        from stacktui.tui.doing import one_line

        if error is not None:
            app.say(one_line(error), error=True)
            return
        heading = (
            f"new {title}" if name is None else f"copy of {title} {name}" if clone else f"{title} {name}"
        )
        app.ask(
            ComponentForm(clean(heading), opening, copy=clone and name is not None),
            lambda saved: then(saved) if saved is not None and then is not None else None,
        )

    app.background.submit(work, opened)


def delete_component(screen: WorkbenchScreen[Any], category: Category, name: str) -> None:
    """Delete a component's file: name who refers to it and ask, then show the diff, then write."""
    app = screen.workbench
    if app.feed.summary.readonly:
        screen.notice("the workbench is read-only", error=True)
        return
    session = screen.session
    label = Clean(f"{category.facts.title} {clean(name)}")

    def found(doomed: Any, error: BaseException | None) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog
        from stacktui.tui.doing import one_line

        if error is not None:
            app.say(one_line(error), error=True)
        elif doomed.users:
            app.ask(
                ConfirmDialog(Clean(f"delete {label}"), users_text(label, doomed.users), "delete it anyway"),
                lambda yes: accept(doomed) if yes else None,
            )
        else:
            accept(doomed)

    def accept(doomed: _Doomed) -> None:
        from stacktui.tui.dialogs.saving import save

        def saved(document: ChangeDocument) -> None:
            app.toast(clean(document.title))

        save(app, lambda _: doomed.change, saved=saved, failed=lambda text: app.say(text, error=True))

    app.background.submit(lambda: _doomed(session, category, name), found)


def users_text(label: Clean, users: tuple[str, ...]) -> Clean:
    """`… is used by`, and who, for a confirmation."""
    shown = users[:8]
    more = f"\n  and {len(users) - len(shown)} more" if len(users) > len(shown) else ""
    lines = "\n".join(f"  {clean(user)}" for user in shown)
    return clean_block(
        f"{label} is used by\n{lines}{more}\n\n{'They' if len(users) > 1 else 'It'} will not be valid without it."
    )


def _doomed(session: Session, category: Category, name: str) -> _Doomed:
    from stacktui.model.component import ComponentId
    from stacktui.operations.component_edit import component_delete_change
    from stacktui.operations.references import component_references

    used = component_references(session.snapshot(), ComponentId(category, name))
    change = component_delete_change(session, category, name, force=True)
    return _Doomed(change, tuple(f"stack {each.name}, {each}" for each in used))
