"""Writing a stack with all that it needs into a file for another workspace. Opened by `o` on the stacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stacktui.categories.homes import from_home
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp


def open_export(app: WorkbenchApp, given: Mapping[str, Any]) -> None:
    """Export as the operation `stack export` was asked to; where no file was named, ask for one."""
    if given.get("output") is not None:
        _write(app, dict(given))
        return

    def found(stack: Any, error: BaseException | None) -> None:
        from stacktui.tui.doing import one_line

        if error is not None:
            app.say(one_line(error), error=True)
        else:
            ask_export(app, stack, given)

    # Which one is active stands in files.
    app.background.submit(lambda: app.session.stack_name(given.get("name")), found)


def ask_export(app: WorkbenchApp, stack: str, given: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Ask where to, then write; what is there already is replaced only when that is confirmed."""
    from stacktui.tui.dialogs.file_prompt import FilePrompt

    app.ask(
        FilePrompt(
            Clean(f"export stack {clean(stack)}"),
            Clean("The file, for another workspace to import. Secrets stay references in it."),
            value=f"{stack}.bundle.yaml",
        ),
        lambda path: _write(app, {**given, "name": stack, "output": Path(path)}) if path else None,
    )


def _write(app: WorkbenchApp, arguments: dict[str, Any]) -> None:
    from stacktui.operations.errors import AnswerIsNo
    from stacktui.operations.session import run_operation
    from stacktui.operations.stack_export import FileIsThere
    from stacktui.operations.table import operation_named
    from stacktui.tui.dialogs.simple import ConfirmDialog
    from stacktui.tui.doing import one_line

    # Relative to where the workbench was opened, as people who typed it mean it.
    output = app.session.start / from_home(arguments["output"])

    def work() -> Any:
        operation = operation_named("stack", "export")
        assert operation is not None
        return run_operation(app.session, operation, **{**arguments, "output": output})

    def arrived(document: Any, error: BaseException | None) -> None:
        if error is None:
            app.toast(_told(document))
        elif isinstance(error, FileIsThere):
            again = {**arguments, "overwrite": True}
            app.ask(
                ConfirmDialog("export", Clean(f"{clean(arguments['output'])} exists already."), "replace it"),
                lambda yes: _write(app, again) if yes else None,
            )
        elif isinstance(error, AnswerIsNo):
            again = {**arguments, "force": True}
            app.ask(
                ConfirmDialog("export", f"{error}\n\nDo it anyway?", "do it anyway"),
                lambda yes: _write(app, again) if yes else None,
            )
        else:
            app.say(one_line(error), error=True)

    app.background.submit(work, arrived)


def _told(document: Any) -> Clean:
    parts = [f"wrote {Path(document.file).name}: {len(document.components)} components"]
    if document.secrets:
        parts.append(f"its import asks for {sum(len(each.keys) for each in document.secrets)} secrets")
    if document.flavors:
        names = ", ".join(f"{each.name} ({each.provider})" for each in document.flavors)
        parts.append(f"the other workspace needs the flavors {names} too")
    return clean("; ".join(parts))
