"""Which workspaces a command is about that is started in a repository's root: those in folders below.

Used by what checks or formats whole workspaces, as a hook or in CI. All else takes the one workspace upward.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stacktui.workspace.locate import ROOT_FILE, WorkspaceNotFound, find_root


def find_roots(start: Path) -> list[Path]:
    """The workspace that `start` lies in; where there is none, all below it. Raises `WorkspaceNotFound` for none."""
    try:
        return [find_root(start)]
    except WorkspaceNotFound:
        below = sorted(_below(start.resolve()))
        if not below:
            raise
        return below


def _below(start: Path) -> Iterator[Path]:
    """Those of which git knows files; without git all but in hidden folders and environments."""
    listed = _listed_by_git(start)
    if listed is None:
        for folder, folders, files in os.walk(start):
            folders[:] = [each for each in folders if not each.startswith(".") and each != "node_modules"]
            if "pyvenv.cfg" in files:
                folders.clear()
            elif ROOT_FILE in files:
                yield Path(folder)
        return
    for name in listed:
        file = start / name
        if file.is_file():
            yield file.parent


def _listed_by_git(start: Path) -> list[str] | None:
    import subprocess

    command = ["git", "-C", str(start), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    try:
        # The first pattern is of this folder's own.
        done = subprocess.run(
            [*command, ROOT_FILE, f"**/{ROOT_FILE}"],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
