"""Going to another workspace: the list on its key, and what `:workspace NAME` does. The app ends, and `__main__` starts
it on the other one in the same process; runs are processes of their own and go on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.categories.homes import from_home, home_folder
from stacktui.model.text import Clean, clean
from stacktui.tui.marks import ago, glyph

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.operations.workspace import WorkspaceList, WorkspaceRow
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.widgets.chooser import Entry

_PATH_WIDTH = 36
"""Columns that a path has in the list at most."""


def open_switcher(app: WorkbenchApp, screen: WorkbenchScreen[Any]) -> None:
    """List the workspaces over a screen; the one that is chosen is opened in place of this one."""
    from stacktui.tui.doing import one_line

    def arrived(found: Any, error: BaseException | None) -> None:
        if error is not None:
            app.say(one_line(error), error=True)
        elif screen.is_current:
            from stacktui.tui.widgets.chooser import Chooser

            app.call_next(screen.mount_popup, Chooser(Clean("workspaces"), _entries(app, found)))

    app.background.submit(lambda: _listed(app.session), arrived)


def switch_to(app: WorkbenchApp, where: str) -> None:
    """Open a workspace by its path, or by the name of one that was opened before, in place of this one."""
    from stacktui.tui.doing import one_line

    def arrived(root: Any, error: BaseException | None) -> None:
        if error is not None:
            app.say(one_line(error), error=True)
        elif root == app.session.workspace.root:
            app.say(clean(f"{root} is open already"))
        else:
            app.leave(root)

    app.background.submit(lambda: _found(app.session, where), arrived)


def _listed(session: Session) -> WorkspaceList:
    from stacktui.operations.session import run_operation
    from stacktui.operations.table import operations_of

    found: WorkspaceList = run_operation(session, operations_of("workspace")["workspace list"])
    return found


def _found(session: Session, where: str) -> Path:
    from stacktui.operations.errors import OperationError, nearest
    from stacktui.workspace.locate import WorkspaceNotFound, find_root

    rows = _listed(session).workspaces
    named = [row for row in rows if row.name == where]
    if len([row for row in named if row.exists]) > 1:
        raise OperationError(f"{where} may be {' or '.join(row.path for row in named)}; type the path")
    path = Path(named[0].path) if named else session.workspace.root / from_home(where)
    try:
        # What is not there would be found to lie in the workspace around it.
        if not path.exists():
            raise WorkspaceNotFound(path)
        return find_root(path)
    except (WorkspaceNotFound, OSError):
        near = nearest(where, [row.name for row in rows if row.exists])
        raise OperationError(f"there is no workspace at {path}{near}") from None


def _entries(app: WorkbenchApp, found: WorkspaceList) -> list[Entry]:
    from stacktui.tui.widgets.chooser import Entry

    entries = [_entry(app, row) for row in found.workspaces]
    entries.append(
        Entry("", Clean("another folder"), Clean("type the path of a workspace"), partial(_ask, app))
    )
    return entries


def _entry(app: WorkbenchApp, row: WorkspaceRow) -> Entry:
    from stacktui.tui.widgets.chooser import Entry

    facts = [ago(row.opened_at), _shortened(row.path)]
    if row.exists:
        facts.insert(0, f"stack {row.active}" if row.active else "no stack")
    if row.current:
        facts.insert(0, "open now")
    return Entry(
        glyph("●") if row.current else "",
        clean(row.name),
        clean(" · ".join(facts)),
        partial(switch_to, app, row.path),
        Clean("") if row.exists else Clean("it is not there any more"),
    )


def _ask(app: WorkbenchApp) -> None:
    from stacktui.tui.dialogs.simple import PromptDialog

    app.ask(
        PromptDialog(Clean("open a workspace"), Clean("Its folder, or a file in it:")),
        lambda path: switch_to(app, path) if path else None,
    )


def _shortened(path: str) -> str:
    """A path whose end, which tells workspaces apart, has room in the line."""
    home = str(home_folder())
    shown = f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path
    return shown if len(shown) <= _PATH_WIDTH else f"…{shown[1 - _PATH_WIDTH :]}"
