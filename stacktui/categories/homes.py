"""Where people's homes are, and paths that begin at one. Used wherever a person or a file names a path.

`Path.home` and `Path.expanduser` fail where there is no such home: a container's bare user id, a mistyped `~name`.
"""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """The user's home; where nothing names one, a folder that does not exist."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def from_home(path: str | Path) -> Path:
    """A path with its `~` or `~name` replaced by that home; one that names nobody stays as it is written, as in a
    shell."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - the one of pathlib raises
