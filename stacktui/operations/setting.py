"""Settings: what is in force and who says so; the user's own and the workspace's are changed here.

The user's file is no part of a workspace, so that its changes are not undone by `undo`; those of `stacktui.yaml` are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from stacktui.operations.documents import ChangeDocument, DiagnosticPart, Document, Part, homely, relative
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.setting_sources import Setting


class SettingRow(Part):
    """One setting in force."""

    scope: Literal["yours", "workspace", "session"]
    """Whose file it belongs in; `session` is decided anew each time."""
    name: str
    value: object
    default: object
    source: Literal["default", "yours", "workspace", "environment", "command line", "checkout"]
    where: str
    """The file with its line, the variable or the option that says it; empty for a default."""
    file: str | None
    line: int | None
    choices: tuple[str, ...]
    help: str


class SettingList(Document):
    """All settings, the user's first."""

    settings: tuple[SettingRow, ...]
    diagnostics: tuple[DiagnosticPart, ...]


@operation(
    "setting list",
    writes=False,
    workspace=False,
    examples=("stacktui setting list", "stacktui setting list --json"),
)
def list_(session: Session) -> SettingList:
    """List the settings in force, each with who says so: a file and its line, a variable, an option, the default."""
    from stacktui.workspace.setting_sources import settings_in_force

    root = _root(session)
    found, problems = settings_in_force(root, session.environ, readonly_asked=session.asked_readonly)
    return SettingList(
        settings=(*(_row(each) for each in found), *_of_session(session, root)),
        diagnostics=tuple(DiagnosticPart.of(each, root or session.start) for each in problems),
    )


Name = Annotated[str, Arg("The setting.", complete="setting")]
Workspace = Annotated[bool, Opt("The workspace's, in stacktui.yaml, and not your own.")]


@operation(
    "setting set",
    writes=True,
    workspace=False,
    examples=("stacktui setting set times utc", "stacktui setting set max_runs 4 --workspace"),
)
def set_(
    session: Session,
    name: Name,
    value: Annotated[str, Arg("Its value; lists and mappings as YAML.", complete="setting_value")],
    workspace: Workspace = False,
) -> ChangeDocument:
    """Set one of your settings, or with --workspace one of the workspace's. Comments in the file stay."""
    from stacktui.operations.changes import apply

    return apply(session, setting_change(session, name, value, workspace))


@operation("setting unset", writes=True, workspace=False, examples=("stacktui setting unset theme",))
def unset(session: Session, name: Name, workspace: Workspace = False) -> ChangeDocument:
    """Take a setting out of the file, so that its default counts again."""
    from stacktui.operations.changes import apply

    return apply(session, setting_change(session, name, None, workspace))


def setting_change(session: Session, name: str, text: str | None, workspace: bool) -> Change:
    """The change that sets a setting to what was typed; with None it takes it out. Nothing is written.

    Raises `OperationError` with what is wrong with the name or the value.
    """
    from stacktui.operations.errors import OperationError
    from stacktui.workspace.yaml_editor import EditImpossible
    from stacktui.workspace.yaml_reader import YamlProblem

    value = None if text is None else checked(session, name, text, workspace)
    if text is None:
        _known(name, workspace)
    try:
        if workspace:
            return _workspace_change(session, name, value, text is None)
        return _own_change(name, value, text is None)
    except YamlProblem as problem:
        where = f", line {problem.line}" if problem.line else ""
        file = "stacktui.yaml" if workspace else "your settings.yaml"
        raise OperationError(f"{file}{where}: {problem.message}; repair the file first") from None
    except EditImpossible as error:
        raise OperationError(str(error)) from None


def checked(session: Session, name: str, text: str, workspace: bool) -> Any:
    """What was typed for a setting, as its value. Raises `OperationError` with the model's own words."""
    from pydantic import ValidationError

    from stacktui.operations.errors import OperationError, unknown
    from stacktui.operations.values import parsed
    from stacktui.workspace.documents import explained

    model = _known(name, workspace)
    value = parsed(text)
    annotation = model.model_fields[name].annotation
    if annotation is bool and isinstance(value, str):
        value = {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)
    elif value is not None and annotation in (str | None, str):
        value = text
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        raise OperationError(explained(found, {name: value}, model)[1]) from None
    root = _root(session)
    known: list[str] = []
    if name == "theme" and value is not None:
        from stacktui.workspace.themes import load_themes

        known = sorted(load_themes(root).themes)
    elif name == "default_stack" and value is not None:
        known = sorted(session.snapshot().stacks)
    if known and value not in known:
        kind = "theme" if name == "theme" else "stack"
        raise unknown(kind, str(value), known, f"stacktui {kind} list")
    return value


def _known(name: str, workspace: bool) -> Any:
    from stacktui.operations.errors import OperationError, unknown
    from stacktui.workspace.documents import WorkspaceFile
    from stacktui.workspace.settings import UserSettings

    model, other = (WorkspaceFile, UserSettings) if workspace else (UserSettings, WorkspaceFile)
    if workspace and name == "version":
        raise OperationError("the version of the files is not a setting; see: stacktui workspace upgrade")
    if name in model.model_fields:
        return model
    if name in other.model_fields:
        hint = "it is one of yours: leave out --workspace" if workspace else "set it with --workspace"
        whose = "the workspace has no setting" if workspace else "you have no setting"
        raise OperationError(f"{whose} {name!r}; {hint}")
    raise unknown("setting", name, model.model_fields, "stacktui setting list")


def _own_change(name: str, value: Any, unset: bool) -> Change:
    from stacktui.workspace.own_files import REMOVED, edit_keys
    from stacktui.workspace.setting_sources import user_file

    title = f"unset your {name}" if unset else f"set your {name}"
    return edit_keys(user_file(), title, {name: REMOVED if unset else value})


def _workspace_change(session: Session, name: str, value: Any, unset: bool) -> Change:
    from dataclasses import replace

    from stacktui.workspace.documents import WorkspaceFile
    from stacktui.workspace.edits import edit_settings

    snapshot = session.snapshot()
    said = snapshot.settings.model_dump(exclude_unset=True)
    said.pop(name, None)
    wanted = WorkspaceFile.model_validate(said if unset else {**said, name: value})
    change = edit_settings(session.workspace, snapshot, wanted)
    return replace(change, title=f"{'unset' if unset else 'set'} the workspace's {name}")


def _root(session: Session) -> Path | None:
    from stacktui.workspace.locate import WorkspaceNotFound

    try:
        return session.workspace.root
    except WorkspaceNotFound:
        return None


def _row(each: Setting) -> SettingRow:
    source = each.source
    file = None if source.file is None else homely(source.file)
    if source.kind == "workspace" and source.file is not None:
        file = source.file.name
    where = source.name or (f"{file}:{source.line}" if file and source.line else file or "")
    return SettingRow(
        scope=each.scope,
        name=each.name,
        value=_plain(each.value),
        default=_plain(each.default),
        source=source.kind,
        where=f"${where}" if source.kind == "environment" else where,
        file=None if source.file is None else str(source.file),
        line=source.line,
        choices=each.choices,
        help=each.help,
    )


def _of_session(session: Session, root: Path | None) -> tuple[SettingRow, ...]:
    """What is decided for each checkout or each call: the stack, the store, where the state lies."""
    if root is None:
        return ()
    active = session.active()
    said = {"--stack": "command line", "STACKTUI_STACK": "environment", "chosen in this checkout": "checkout"}
    kind: Any = said.get(active.reason, "workspace" if "stacktui.yaml" in active.reason else "default")
    store = session.store_override
    rows: tuple[tuple[str, object, Any, str, str], ...] = (
        ("stack", active.name, kind, active.reason, "The active stack; stacktui stack use NAME chooses it."),
        (
            "store",
            store,
            "command line" if store else "default",
            "--store" if store else "",
            "The metadata store that is read in place of the stack's.",
        ),
        (
            "state",
            relative(session.workspace.state, session.workspace.root),
            "default",
            "",
            "Where the state of this checkout lies.",
        ),
    )
    return tuple(
        SettingRow(
            scope="session", name=name, value=value, default=None, source=source,
            where=f"${where}" if source == "environment" else where, file=None, line=None, choices=(), help=text,
        )
        for name, value, source, where, text in rows
    )  # fmt: skip


def _plain(value: Any) -> object:
    from pydantic import BaseModel

    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
