"""What of a workspace is watched: which folders, which files in them, and what changed since the last look.

Used by `watch`, both with the system's notifications, which only say when and where to look, and without.
Never looked into: state, environments, caches and folders of data.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stacktui.workspace.active import choice_file
from stacktui.workspace.listing import COMPONENTS, FLAVORS, KEYMAP, STACKS, THEMES
from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.reading import Stamp
from stacktui.workspace.settings import SETTINGS_FILE, user_config_dir
from stacktui.workspace.workspace import Workspace

_UNREAD_FOLDERS = frozenset(
    (
        *("__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist", "data", "datasets"),
        *("artifacts", "mlruns", "wandb", "checkpoints", "outputs", COMPONENTS, STACKS, FLAVORS, THEMES),
    )
)
_MOST_FOLDERS = 256
_DEEPEST = 8
# As in reading: a file may change again under the time stamp of a change that is younger than this.
_COARSEST_CLOCK_NS = 50_000_000

Counts = Callable[[str], bool]


class Watched:
    """The watched files as they were at the last look. Not thread-safe; every look may block on the disk."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._settings: Stamp | None = None
        self._pipelines: tuple[str, ...] = ()
        self.folders: dict[str, int] = {}
        """Inode of each folder that is there."""
        self._counts: dict[str, Counts] = {}
        self._files: dict[str, dict[str, Stamp]] = {}
        self._unsettled: set[str] = set()
        self._missing: set[str] = set()
        self._links: dict[str, dict[str, set[str]]] = {}
        """Of each folder that links lead to: the names that they lead to, each with the folders of its links."""

    def look(self) -> set[str]:
        """Look at everything; returns the files that were made, changed or deleted since the last look."""
        before = self._files
        self._files, self._counts, self.folders, self._links = {}, {}, {}, {}
        started, again = time.time_ns(), self._unsettled
        self._unsettled = set()
        scope: dict[str, Counts] = {}
        for folder, counts in self._scope():
            known = scope.get(folder)
            scope[folder] = _either(known, counts) if known else counts
        self._missing = {
            folder for folder, counts in scope.items() if not self._look_into(folder, counts, started)
        }
        for folder, names in tuple(self._links.items()):
            known = scope.get(folder)
            self._look_into(folder, _either(known, _one_of(*names)) if known else _one_of(*names), started)
        changed = {
            path
            for folder in before.keys() | self._files.keys()
            for path in _differences(before.get(folder, {}), self._files.get(folder, {}))
        }
        return changed | {path for path in again if any(path in files for files in self._files.values())}

    def look_at(self, paths: Iterable[str]) -> set[str] | None:
        """Look where the system says that something happened; None if folders may have come or gone: look at everything."""
        touched: dict[str, set[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            made = folder in self.folders and not _ignored(name) and Path(path).is_dir()
            # The settings may name other folders of pipelines.
            if made or path in self.folders or path == str(self._workspace.file):
                return None
            touched.setdefault(folder, set()).add(path)
            for links in self._links.get(folder, {}).get(name, ()):
                touched.setdefault(links, set())
        changed: set[str] = set()
        led_to = self._led_to()
        for folder, named in touched.items():
            counts = self._counts.get(folder)
            if counts is None:
                continue
            before = self._files.get(folder, {})
            if not self._look_into(folder, counts, time.time_ns()):
                return None
            changed |= _differences(before, self._files[folder])
            # A second change under one time stamp shows in nothing but the event.
            changed |= {path for path in named if path in before or path in self._files[folder]}
        return changed if self._led_to() == led_to else changed | self.look()

    def folders_moved(self) -> bool:
        """Whether a watched folder is not the one any more that it was, or one that was missing is there.

        No notification tells of either where the folder above is not watched.
        """
        return any(_inode(folder) != inode for folder, inode in self.folders.items()) or any(
            _inode(folder) >= 0 for folder in self._missing
        )

    def _look_into(self, folder: str, counts: Counts, started: int) -> bool:
        files: dict[str, Stamp] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not counts(entry.name):
                        continue
                    try:
                        stamp = Stamp.of(entry.stat())
                    except OSError:
                        continue
                    files[entry.path] = stamp
                    if entry.is_symlink():
                        self._follow(entry.path)
                    if started - stamp.mtime_ns < _COARSEST_CLOCK_NS:
                        self._unsettled.add(entry.path)
        except OSError:
            self._files.pop(folder, None)
            self._counts.pop(folder, None)
            self.folders.pop(folder, None)
            return False
        self.folders[folder] = _inode(folder)
        self._counts[folder] = counts
        self._files[folder] = files
        return True

    def _follow(self, link: str) -> None:
        """What a link leads to is saved in its own folder, of which the link's folder hears nothing."""
        folder, _, name = os.path.realpath(link).rpartition("/")
        if Path(folder).is_relative_to(self._workspace.root.resolve()):
            self._links.setdefault(folder, {}).setdefault(name, set()).add(link.rpartition("/")[0])

    def _led_to(self) -> int:
        return sum(map(len, self._links.values()))

    def _scope(self) -> Iterator[tuple[str, Counts]]:
        """Every folder to look into, with what counts in it."""
        root = self._workspace.root
        yield str(root), _one_of(ROOT_FILE, KEYMAP)
        components = root / COMPONENTS
        yield str(components), _nothing
        for folder in _subfolders(components):
            yield folder, _yaml
        yield str(root / STACKS), _yaml
        yield str(root / THEMES), _yaml
        yield str(root / FLAVORS), _python
        yield from self._pipeline_folders()
        yield str(choice_file(self._workspace).parent), _one_of(choice_file(self._workspace).name)
        # Which secrets are there decides what is missing.
        yield str(self._workspace.state / "secrets"), _sealed
        user = user_config_dir()
        yield str(user), _one_of(SETTINGS_FILE, KEYMAP)
        yield str(user / THEMES), _yaml

    def _pipeline_folders(self) -> Iterator[tuple[str, Counts]]:
        root = self._workspace.root
        for entry in self._pipeline_places():
            place = Path(os.path.normpath(root / entry))
            for above in place.parents:
                if above.is_relative_to(root):
                    yield str(above), _nothing  # where the place may be made later
            if place.suffix == ".py":
                yield str(place.parent), _one_of(place.name)
                continue
            for folder in _tree(str(place)):
                yield folder, _python

    def _pipeline_places(self) -> tuple[str, ...]:
        try:
            stamp = Stamp.of(self._workspace.file.stat())
        except OSError:
            return self._pipelines
        if stamp != self._settings:
            self._settings = stamp
            self._pipelines = self._workspace.read().settings.pipelines
        return self._pipelines


def _differences(before: dict[str, Stamp], after: dict[str, Stamp]) -> set[str]:
    if before == after:
        return set()
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _tree(top: str) -> Iterator[str]:
    """A folder and those below it that may hold code, to a bound, so that a folder of data costs nothing."""
    waiting = [(top, 0)]
    found = 0
    while waiting and found < _MOST_FOLDERS:
        folder, depth = waiting.pop(0)
        found += 1
        yield folder
        if depth < _DEEPEST:
            waiting.extend((below, depth + 1) for below in _subfolders(folder) if _may_hold_code(below))


def _subfolders(folder: str | Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if not _ignored(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []


def _may_hold_code(folder: str) -> bool:
    name = folder.rpartition("/")[2]
    return (
        name not in _UNREAD_FOLDERS
        and not name.endswith(".egg-info")
        and not Path(folder, "pyvenv.cfg").exists()
    )


def _ignored(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith("~")


def _yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and not _ignored(name)


def _python(name: str) -> bool:
    return name.endswith(".py") and not _ignored(name)


def _sealed(name: str) -> bool:
    return name.endswith(".enc") and not _ignored(name)


def _nothing(name: str) -> bool:
    return False


def _one_of(*names: str) -> Counts:
    return frozenset(names).__contains__


def _either(one: Counts, other: Counts) -> Counts:
    return lambda name: one(name) or other(name)


def _inode(folder: str) -> int:
    try:
        return Path(folder).stat().st_ino
    except OSError:
        return -1
