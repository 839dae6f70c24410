"""The user's own settings, `~/.config/stacktui/settings.yaml`: how the workbench looks and behaves for one person."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from stacktui.model.base import Noun
from stacktui.model.diagnostic import Diagnostic
from stacktui.workspace.documents import read_settings
from stacktui.workspace.files import replace_file
from stacktui.workspace.forms import read_form
from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.reading import Unreadable, read_bytes
from stacktui.workspace.yaml_reader import read_yaml

SETTINGS_FILE = "settings.yaml"


class UserSettings(Noun):
    """What `settings.yaml` may say. Everything has a default."""

    theme: str | None = Field(default=None, description="The theme; without it, the workspace's.")
    mouse: bool = Field(default=True, description="Whether the workbench takes the mouse.")
    bell: bool = Field(
        default=True,
        description="Whether a message and a run's end ring the terminal's bell and ask it for a notification (OSC 9).",
    )
    long_run: float | None = Field(
        default=60.0,
        ge=0,
        description="Seconds from which a run's end rings the bell, tells the terminal and shows a toast; null: never.",
    )
    symbols: Literal["auto", "unicode", "ascii"] = Field(
        default="auto", description="How states are marked; auto asks the locale."
    )
    editor: str | None = Field(
        default=None, description="The command for `E`; without it, $VISUAL or $EDITOR."
    )


class Loaded(NamedTuple):
    """Settings and what is wrong with their file."""

    settings: UserSettings
    problems: tuple[Diagnostic, ...]
    workspace_theme: str | None = None

    @property
    def theme(self) -> str | None:
        """The theme's name: the user's choice, else the workspace's."""
        return self.settings.theme or self.workspace_theme


def user_config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_CONFIG_HOME/stacktui`, or `~/.config/stacktui`: on macOS too, where people of the terminal look."""
    base = (os.environ if environ is None else environ).get("XDG_CONFIG_HOME", "")
    home = Path(base) if base and Path(base).is_absolute() else Path.home() / ".config"
    return home / "stacktui"


def load_settings(root: Path | None = None, previous: UserSettings | None = None) -> Loaded:
    """The user's settings, over those of a workspace. A broken file leaves `previous` or the defaults in force."""
    theme = _workspace_theme(root) if root else None
    try:
        settings, problems = read_form(user_config_dir() / SETTINGS_FILE, UserSettings, "SET001")
    except FileNotFoundError:
        return Loaded(UserSettings(), (), theme)
    return Loaded(settings or previous or UserSettings(), problems, theme)


def _workspace_theme(root: Path) -> str | None:
    file = root / ROOT_FILE
    try:
        value = read_settings(file, read_bytes(str(file))[0]).value
    except (OSError, Unreadable):
        return None
    return value.theme if value else None


def save_setting(key: str, value: Any) -> Path:
    """Write one setting, with the rest of the file as it is; None takes it out. Returns the file.

    Raises ValueError (pydantic's) for what is not a setting, `YamlProblem` or `EditImpossible` if the file is
    broken, OSError if it cannot be written.
    """
    from stacktui.workspace.yaml_editor import rewrite

    UserSettings.model_validate({key: value})
    file = user_config_dir() / SETTINGS_FILE
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raw = b""
    data = read_yaml(raw).value
    wanted = {
        k: v for k, v in (data if isinstance(data, dict) else {}).items() if k != key or value is not None
    }
    if value is not None:
        wanted[key] = value
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(file, rewrite(raw, wanted))
    return file
