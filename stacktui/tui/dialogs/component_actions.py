"""The form of a component, from any screen: for a new one, an edit or a copy. Used by the category screens, the stack
builder and the flavors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stacktui.model.category import Category
from stacktui.model.text import clean

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen


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
