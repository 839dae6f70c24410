"""The files that people write in a workspace, found by their endings: run files and Python, wherever they lie.

Used by renames and by whoever looks for a name in them. Never looked into: what begins with a dot, environments,
caches, the state, other workspaces, and links, whose targets are found where they lie.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.workspace import Workspace

_CACHES = frozenset(("__pycache__", "node_modules", "site-packages", "mlruns", "wandb"))
_MOST_FOLDERS = 20_000
"""A folder of data beside the code may hold any number."""


def source_files(workspace: Workspace, *endings: str) -> Iterator[Path]:
    """Every file of the workspace with one of the endings (`.py`), by folder and name."""
    root, state = str(workspace.root), str(workspace.state)
    for number, (folder, folders, files) in enumerate(os.walk(root)):
        if number > _MOST_FOLDERS:
            return
        if folder != root and (ROOT_FILE in files or "pyvenv.cfg" in files):
            folders.clear()
            continue
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _CACHES and f"{folder}{os.sep}{name}" != state
        )
        for name in sorted(files):
            if name.endswith(endings) and not name.startswith("."):
                file = Path(folder, name)
                if not file.is_symlink():
                    yield file
