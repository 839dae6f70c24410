"""Which files of a workspace are components and stacks: listed by name, with findings about names that are not read.

Used by `Workspace.read`. Folders are listed each time, without a look into their files.
"""

from __future__ import annotations

import os
from pathlib import Path

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic
from stacktui.workspace.documents import did_you_mean, finding
from stacktui.workspace.reading import leads_nowhere

COMPONENTS, STACKS, FLAVORS, THEMES, KEYMAP = "components", "stacks", "flavors", "themes", "keymap.yaml"


class Listing:
    """Lists folders; remembers the last answer for a folder that is there and cannot be listed just now."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Diagnostic] = []
        self._last: dict[Path, list[tuple[str, str]]] = {}

    def begin(self) -> None:
        """Start anew with the findings."""
        self.problems = []

    def yaml_files(self, folder: Path) -> list[tuple[str, str]]:
        """Name and path of every object in a folder, by name. A folder that is not there holds nothing."""
        found: list[tuple[str, str]] = []
        if (folder.is_symlink() or folder.parent.is_symlink()) and leads_nowhere(str(folder), self.root):
            if folder.is_dir():
                message = (
                    "this folder is a link out of the workspace and is not read; put the folder itself here"
                )
                self.problems.append(finding("FIL010", message, folder))
            return []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    if (
                        name.endswith(".yaml") and is_name(name[:-5]) and entry.is_file(follow_symlinks=False)
                    ) or self._counts(entry):
                        found.append((name[:-5], entry.path))
        except FileNotFoundError:
            self._last.pop(folder, None)
            return []
        except OSError as error:
            message = f"the folder cannot be read: {(error.strerror or str(error)).lower()}"
            self.problems.append(finding("FIL001", message, folder))
            return self._last.get(folder, [])
        found.sort()
        self._last[folder] = found
        return found

    def check_categories(self, folder: Path) -> None:
        """Find folders in `components/` that are no category's, whose files nobody reads."""
        try:
            with os.scandir(folder) as entries:
                strangers = sorted(
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".") and entry.name not in _CATEGORIES
                )
        except OSError:
            return
        for name in strangers:
            path = folder / name
            if path.is_dir():
                message = f"{name}/ is not a category's folder{did_you_mean(name, _CATEGORIES)}"
            elif path.suffix in (".yaml", ".yml"):
                message = f"{name} is not read here; move it into its category's folder"
            else:
                continue
            self.problems.append(finding("FIL011", message, path))

    def _counts(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry that is not plainly an object's file is one after all; if it looks like one, why not."""
        name = entry.name
        stem, _, suffix = name.rpartition(".")
        if name.startswith(".") or suffix not in ("yaml", "yml") or name.startswith("#"):
            return False
        file = Path(entry.path)
        if suffix == "yml":
            self.problems.append(finding("FIL011", f"{name} is not read; rename it to {stem}.yaml", file))
        elif not is_name(stem):
            self.problems.append(finding("FIL005", f"{stem!r} is not a name: it has {NAME_RULE}", file))
        elif entry.is_symlink():
            if not leads_nowhere(entry.path, self.root):
                return True
            message = "this link leads out of the workspace or to nothing; put the file itself here"
            self.problems.append(finding("FIL010", message, file))
        else:
            self.problems.append(finding("FIL010", "this is not a regular file", file))
        return False


_CATEGORIES = frozenset(category.value for category in Category)
