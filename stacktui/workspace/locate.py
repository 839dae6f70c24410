"""Where the workspace is: the nearest folder upward that holds `stacktui.yaml`. Used by every face."""

from __future__ import annotations

from pathlib import Path

ROOT_FILE = "stacktui.yaml"


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
    absolute = start.expanduser().absolute()
    for folder in (absolute, *absolute.parents):
        if (folder / ROOT_FILE).is_file():
            return folder.resolve()
    raise WorkspaceNotFound(absolute)
