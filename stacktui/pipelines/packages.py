"""Versions of the packages that code imports, by the name it imports. Looked up once a process."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache

_NOT_INSTALLED = "not a package"


def distribution_versions(tops: frozenset[str]) -> dict[str, str]:
    """Distribution → version, for top-level names of modules. A name without a distribution stands for itself."""
    found: dict[str, str] = {}
    for top in tops:
        found.update(_versions_of(top))
    return found


@cache
def _versions_of(top: str) -> dict[str, str]:
    try:
        # Most packages are called as what they install; the table below takes a hundred times as long to make.
        return {top: importlib.metadata.version(top)}
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    found: dict[str, str] = {}
    for name in _homes().get(top, ()):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found or {top: _NOT_INSTALLED}


@cache
def _homes() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
