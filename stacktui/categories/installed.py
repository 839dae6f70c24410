"""Entry points of installed packages: how flavors, rules and materializers of others are found.

Almost nobody has any. So packages are first asked, by a few reads of small files, whether one names the group at all;
`importlib.metadata`, whose own import takes longer than a list of runs, comes only then.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group, as `importlib.metadata.entry_points` gives them."""
    if not _is_named(group):
        return ()
    from importlib import metadata

    return metadata.entry_points(group=group)


def _is_named(group: str) -> bool:
    """Whether an installed package may have entry points of the group; True wherever this cannot tell."""
    # Python's own finder is the class `PathFinder`; another one may know packages that are in no folder.
    if any(
        hasattr(finder, "find_distributions") and getattr(finder, "__name__", "") != "PathFinder"
        for finder in sys.meta_path
    ):
        return True
    return any(_names(folder or ".", group.encode()) for folder in sys.path)


def _names(folder: str, group: bytes) -> bool:
    try:
        inside = os.listdir(folder)
    except NotADirectoryError:
        # An archive of modules.
        return True
    except OSError:
        return False
    for name in inside:
        if name.lower().endswith((".dist-info", "egg-info")):
            try:
                with open(f"{folder}/{name}/entry_points.txt", "rb", buffering=0) as file:
                    if group in file.read():
                        return True
            except OSError:
                # Most packages have no entry points.
                continue
    return False
