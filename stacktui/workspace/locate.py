"""Where the workspace is, the nearest folder upward that holds `stacktui.yaml`, and where the user's own files are. Used
by every face."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stacktui.categories.homes import from_home, home_folder

ROOT_FILE = "stacktui.yaml"
SETTINGS_FILE = "settings.yaml"
"""The user's, in `user_config_dir`."""


class WorkspaceNotFound(Exception):
    """No folder from the start upward holds `stacktui.yaml`."""

    def __init__(self, start: Path) -> None:
        super().__init__(
            f"no {ROOT_FILE} in {start} or a folder above it; "
            "make a workspace with `stacktui init`, or name one with -C DIR"
        )
        self.start = start


def find_root(start: Path) -> Path:
    """The workspace that `start`, a folder or a file in it, belongs to. Raises `WorkspaceNotFound`."""
    absolute = from_home(start).absolute()
    for folder in (absolute, *absolute.parents):
        if (folder / ROOT_FILE).is_file():
            return folder.resolve()
    raise WorkspaceNotFound(absolute)


def user_config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_CONFIG_HOME/stacktui`, or `~/.config/stacktui`: on macOS too, where people of the terminal look."""
    base = (os.environ if environ is None else environ).get("XDG_CONFIG_HOME", "")
    home = Path(base) if base and Path(base).is_absolute() else home_folder() / ".config"
    return home / "stacktui"
