"""What is installed beside us: entry points, by which flavors, rules and materializers of others are found, and versions.

Almost nobody has entry points for us, and what a flavor needs is mostly there. So the names of the packages' folders and
a few small files are asked first; `importlib.metadata` and `packaging`, which take longer to import than a stack takes
to check, come only where those do not tell.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> Iterable[EntryPoint]:
    """The entry points of a group, as `importlib.metadata.entry_points` gives them."""
    if not _is_named(group):
        return ()
    from importlib import metadata

    return metadata.entry_points(group=group)


def is_installed(requirement: str) -> bool:
    """Whether the distribution of a requirement string is there, in a version that it allows."""
    plain = _AT_LEAST.fullmatch(requirement)
    if plain and (found := _release_of(plain[1])) is not None:
        return found >= _release(plain[2])
    from importlib import metadata

    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


# Such a version has no other order than that of its numbers.
_AT_LEAST = re.compile(r"([a-z0-9_-]+)>=([0-9]+(?:\.[0-9]+)*)")
_FACTS = re.compile(r"[^-]+-([0-9]+(?:\.[0-9]+)*)\.dist-info")


def _release(version: str) -> tuple[int, ...]:
    numbers = [int(each) for each in version.split(".")]
    while numbers and not numbers[-1]:
        # 43 and 43.0 are the same.
        del numbers[-1]
    return tuple(numbers)


def _release_of(name: str) -> tuple[int, ...] | None:
    """The release of an installed distribution, as its folder is named; None wherever that does not tell it for sure."""
    if _others_know_packages():
        return None
    ours = name.replace("-", "_")
    for folder in sys.path:
        try:
            inside = _inside(folder)
        except NotADirectoryError:
            return None
        except OSError:
            continue
        facts = [
            each
            for each in inside
            if each.endswith("-info") and each.partition("-")[0].lower().replace(".", "_") == ours
        ]
        if facts:
            told = _FACTS.fullmatch(facts[0]) if len(facts) == 1 else None
            return _release(told[1]) if told and Path(folder, facts[0], "METADATA").exists() else None
        if folder.endswith(".egg"):
            return None
    return None


def _others_know_packages() -> bool:
    """Whether a finder other than Python's own, which is the class `PathFinder`, may know packages that are in no folder."""
    return any(
        hasattr(finder, "find_distributions") and getattr(finder, "__name__", "") != "PathFinder"
        for finder in sys.meta_path
    )


def _is_named(group: str) -> bool:
    """Whether an installed package may have entry points of the group; True wherever this cannot tell."""
    return _others_know_packages() or any(_names(folder, group.encode()) for folder in sys.path)


def _names(folder: str, group: bytes) -> bool:
    try:
        inside = _inside(folder)
    except NotADirectoryError:
        # An archive of modules.
        return True
    except OSError:
        return False
    for name in inside:
        if name.lower().endswith((".dist-info", "egg-info")):
            try:
                if group in Path(folder, name, "entry_points.txt").read_bytes():
                    return True
            except OSError:
                # Most packages have no entry points.
                continue
    return False


def _inside(folder: str) -> list[str]:
    with os.scandir(folder or ".") as found:
        return [each.name for each in found]
