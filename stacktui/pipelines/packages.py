"""Versions of the packages that code imports, by the name it imports. Used by the fingerprint.

What is installed from a folder that is edited there (`pip install -e`), or lies on the path without being installed,
changes without its version: its files count with their content.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

_NOT_INSTALLED = "not a package"
_SOURCES = (".py", ".so", ".pyd")


class PackageVersions:
    """Looks each name up once. Made anew for each plan or run: a workbench lives longer than an installation."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def of(self, tops: Iterable[str]) -> dict[str, str]:
        """Distribution → version, for top-level names of modules. A name without a distribution stands for itself."""
        found: dict[str, str] = {}
        for top in tops:
            if top not in self._known:
                self._known[top] = self._look_up(top)
            found.update(self._known[top])
        return found

    def _look_up(self, top: str) -> dict[str, str]:
        try:
            # Most packages are called as what they install; the table below takes a hundred times as long to make.
            return {top: _version(top, top)}
        except (importlib.metadata.PackageNotFoundError, ValueError):
            pass
        found: dict[str, str] = {}
        for name in _homes(_path_as_it_is()).get(top, ()):
            try:
                found[name] = _version(name, top)
            except importlib.metadata.PackageNotFoundError:
                continue
        return found or {top: f"{_NOT_INSTALLED}{_of_files(_on_path(top))}"}


def _path_as_it_is() -> tuple[tuple[str, int], ...]:
    """The folders that are imported from, with the time of their last change: an installation changes one of them."""
    found = []
    for entry in sys.path:
        try:
            found.append((entry, Path(entry or ".").stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


@functools.lru_cache(maxsize=1)
def _homes(_path: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:
    """Distributions by the top-level names that they install."""
    return importlib.metadata.packages_distributions()


def _version(name: str, top: str) -> str:
    """Its version, and `#` with the digest of its files where those may change without it."""
    distribution = importlib.metadata.distribution(name)
    origin = distribution.read_text("direct_url.json")
    edited = False
    if origin is not None:
        try:
            edited = bool(json.loads(origin).get("dir_info", {}).get("editable"))
        except (ValueError, AttributeError):
            edited = True
    if not edited:
        return distribution.version
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    return distribution.version + _of_files(spec)


def _on_path(top: str) -> ModuleSpec | None:
    # Without the current folder, which is on the path of some of the processes that ask, and not of others.
    here = Path.cwd()
    return PathFinder.find_spec(top, [entry for entry in sys.path if entry and Path(entry) != here])


def _of_files(spec: ModuleSpec | None) -> str:
    """`#` and a digest of a module's sources; empty where it was not found."""
    if spec is None:
        return ""
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    files = [file for place in places for file in sorted(place.rglob("*")) if file.suffix in _SOURCES]
    if not places and spec.origin is not None and Path(spec.origin).is_file():
        files = [Path(spec.origin)]
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(f"{file}\0".encode("utf-8", "surrogatepass") + file.read_bytes())
        except OSError:
            continue
    return f"#{digest.hexdigest()}" if files else ""
