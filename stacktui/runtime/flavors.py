"""The flavors that a workspace can use, found without importing them and kept until a file or a package changes.

Used by the sessions of both faces, the runner and the worker.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

from stacktui.categories.flavor import FlavorRegistry
from stacktui.flavors.manifest import BUILT_IN

_Stamp = tuple[tuple[str, int, int, int], ...]
_known: dict[Path | None, tuple[_Stamp, FlavorRegistry]] = {}
_lock = threading.Lock()


def flavor_registry(workspace_root: Path | None) -> FlavorRegistry:
    """Built-in flavors, those of installed packages, and those of the workspace's `flavors/`.

    The same registry is given until a file in that folder changes or a package is installed; then comes a new
    one, which imports anew. Never raises for a broken file: the registry lists it among its problems.
    """
    folder = workspace_root / "flavors" if workspace_root is not None else None
    stamp = (*_stamp(folder), *installed_stamp())
    with _lock:
        found = _known.get(folder)
        if found is None or found[0] != stamp:
            importlib.invalidate_caches()
            found = (stamp, FlavorRegistry.discover(BUILT_IN, folder))
            _known[folder] = found
    return found[1]


def installed_stamp() -> _Stamp:
    """What changes when a package is installed or removed, in a process that lives on."""
    found = []
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")):
            try:
                found.append((folder, os.stat(folder).st_mtime_ns, 0, 0))  # noqa: PTH116 - asked for at every redraw
            except OSError:
                continue
    return tuple(found)


def _stamp(folder: Path | None) -> _Stamp:
    if folder is None:
        return ()
    try:
        with os.scandir(folder) as entries:
            facts = [(e.name, e.stat()) for e in entries if e.name.endswith(".py")]
    except OSError:
        return ()
    return tuple(sorted((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in facts))
