"""The user's own settings, `~/.config/stacktui/settings.yaml`: how the workbench looks and behaves for one person."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from stacktui.model.base import Noun
from stacktui.model.diagnostic import Diagnostic
from stacktui.workspace.documents import read_settings
from stacktui.workspace.forms import read_form
from stacktui.workspace.locate import ROOT_FILE, SETTINGS_FILE, user_config_dir
from stacktui.workspace.reading import Unreadable, read_bytes

__all__ = ["SETTINGS_FILE", "Loaded", "UserSettings", "load_settings", "user_config_dir"]


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
        default="auto",
        description="How the workbench marks states; auto asks the locale, and STACKTUI_ASCII=1 decides for ascii.",
    )
    editor: str | None = Field(
        default=None,
        min_length=1,
        description="The command for E, such as `nvim` or `code --wait`; without it, $VISUAL or $EDITOR.",
    )
    times: Literal["local", "utc"] = Field(
        default="local",
        description="The zone of the times that people are shown: the system's, which TZ may say, or UTC.",
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
