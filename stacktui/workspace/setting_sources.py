"""Which settings are in force and who says so: a default, the user's file, the workspace's, the environment or the
command line. Used by the operations on settings, and so by `setting list` and the settings screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stacktui.model.diagnostic import Diagnostic, Position
from stacktui.workspace.documents import WorkspaceFile, did_you_mean, finding, read_settings
from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.reading import Unreadable, read_bytes
from stacktui.workspace.settings import SETTINGS_FILE, UserSettings, load_settings, user_config_dir
from stacktui.workspace.state import STATE_VARIABLE
from stacktui.workspace.themes import DEFAULT_THEME, load_themes
from stacktui.workspace.yaml_reader import YamlProblem, position, read_yaml

ASCII_VARIABLE, READONLY_VARIABLE, NO_COLOR = "STACKTUI_ASCII", "STACKTUI_READONLY", "NO_COLOR"
NO_COLOR_THEME = "terminal"

Kind = Literal["default", "yours", "workspace", "environment", "command line"]


class Source(NamedTuple):
    """Who says what a setting is."""

    kind: Kind
    name: str = ""
    """The variable or the option; empty for files and defaults."""
    file: Path | None = None
    line: int | None = None


class Setting(NamedTuple):
    """One setting with its value in force."""

    scope: Literal["yours", "workspace"]
    """Whose file it belongs in."""
    name: str
    value: Any
    default: Any
    source: Source
    help: str
    choices: tuple[str, ...]
    """What it can be, where that is a few words."""


DEFAULT = Source("default")


def user_file() -> Path:
    """Where the user's settings stand, or would."""
    return user_config_dir() / SETTINGS_FILE


def settings_in_force(
    root: Path | None, environ: Mapping[str, str], *, readonly_asked: bool = False
) -> tuple[tuple[Setting, ...], tuple[Diagnostic, ...]]:
    """Every setting, the user's first, and what is wrong with the user's file. Reads files.

    `root` is the workspace's, None outside one; `readonly_asked` says that `--readonly` was given.
    """
    loaded = load_settings(root)
    lines = _lines(user_file())
    themes = tuple(sorted(load_themes(root).themes))
    choices = {"theme": themes}
    workspace, workspace_lines = _workspace(root)
    settings = []
    for name in UserSettings.model_fields:
        value, source = getattr(loaded.settings, name), DEFAULT
        if name in loaded.settings.model_fields_set:
            source = Source("yours", file=user_file(), line=lines.get(name))
        elif name == "theme":
            value = DEFAULT_THEME
            if root is not None and workspace is not None and workspace.theme:
                value, source = (
                    workspace.theme,
                    Source("workspace", file=root / ROOT_FILE, line=workspace_lines.get(name)),
                )
        value, source = _overridden(name, value, source, environ)
        settings.append(_setting("yours", UserSettings, name, value, source, choices))
    if root is not None and workspace is not None:
        for name in WorkspaceFile.model_fields:
            value, source = getattr(workspace, name), DEFAULT
            if name in workspace_lines:
                source = Source("workspace", file=root / ROOT_FILE, line=workspace_lines.get(name))
            if name == "state" and environ.get(STATE_VARIABLE):
                value, source = environ[STATE_VARIABLE], Source("environment", STATE_VARIABLE)
            if name == "readonly" and environ.get(READONLY_VARIABLE, "") not in ("", "0"):
                value, source = True, Source("environment", READONLY_VARIABLE)
            elif name == "readonly" and readonly_asked:
                value, source = True, Source("command line", "--readonly")
            settings.append(_setting("workspace", WorkspaceFile, name, value, source, choices))
    return tuple(settings), (*loaded.problems, *unknown_theme(loaded.settings, themes))


def unknown_theme(settings: UserSettings, themes: tuple[str, ...]) -> tuple[Diagnostic, ...]:
    """A finding where the user's file names a theme that there is not."""
    name = settings.theme
    if name is None or name in themes:
        return ()
    line = _lines(user_file()).get("theme")
    message = f"there is no theme {name!r}{did_you_mean(name, themes)}; {DEFAULT_THEME} is used"
    at = Position(line=line, column=1) if line else None
    return (finding("SET002", message, user_file(), at),)


def _overridden(name: str, value: Any, source: Source, environ: Mapping[str, str]) -> tuple[Any, Source]:
    if name == "theme" and NO_COLOR in environ:
        return NO_COLOR_THEME, Source("environment", NO_COLOR)
    if name == "symbols" and environ.get(ASCII_VARIABLE):
        return "ascii", Source("environment", ASCII_VARIABLE)
    if name == "editor" and not value:
        for variable in ("VISUAL", "EDITOR"):
            if environ.get(variable):
                return environ[variable], Source("environment", variable)
    return value, source


def _setting(
    scope: Literal["yours", "workspace"],
    model: type[BaseModel],
    name: str,
    value: Any,
    source: Source,
    choices: Mapping[str, tuple[str, ...]],
) -> Setting:
    field = model.model_fields[name]
    default = None if field.default is PydanticUndefined else field.default
    words = choices.get(name) or tuple(_words(field.annotation))
    return Setting(scope, name, value, default, source, field.description or "", words)


def _words(annotation: Any) -> Iterator[str]:
    if annotation is bool:
        yield from ("true", "false")
    elif getattr(annotation, "__origin__", None) is Literal:
        yield from (str(each) for each in get_args(annotation))


def _workspace(root: Path | None) -> tuple[WorkspaceFile | None, dict[str, int]]:
    if root is None:
        return None, {}
    file = root / ROOT_FILE
    try:
        value = read_settings(file, read_bytes(str(file))[0]).value
    except (OSError, Unreadable):
        return WorkspaceFile(), {}
    return value or WorkspaceFile(), _lines(file)


def _lines(file: Path) -> dict[str, int]:
    """The line of each top key of a file; none where it cannot be read."""
    try:
        raw, _ = read_bytes(str(file))
        data = read_yaml(raw).value
    except (OSError, Unreadable, YamlProblem):
        return {}
    found = {}
    for name in data if isinstance(data, dict) else ():
        at = position(raw, (name,))
        if at is not None:
            found[str(name)] = at.line
    return found
