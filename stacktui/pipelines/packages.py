"""Versions of the packages that code imports, by the name it imports. Used by the fingerprint."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping

_NOT_INSTALLED = "not a package"


class PackageVersions:
    """Looks each name up once. Made anew for each plan or run: a workbench lives longer than an installation."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._homes: Mapping[str, list[str]] | None = None

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
            return {top: importlib.metadata.version(top)}
        except (importlib.metadata.PackageNotFoundError, ValueError):
            pass
        if self._homes is None:
            self._homes = importlib.metadata.packages_distributions()
        found: dict[str, str] = {}
        for name in self._homes.get(top, ()):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return found or {top: _NOT_INSTALLED}
