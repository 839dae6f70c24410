"""Secrets managers: keep credentials by name, each a small mapping of keys to values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.base import Noun


class SecretEntry(Noun):
    """A secret without its values."""

    name: str
    keys: tuple[str, ...]


class SecretsManager(StackComponent):
    """Names, keys and values. A value is never in a repr, a log, an error or a screen unless revealed by key.

    `get` raises `NotFound` for an unknown name; everything raises `Unauthorised` and `Unreachable` in words.
    """

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"delete", "get", "list", "set"})

    @abstractmethod
    def list(self) -> list[SecretEntry]:
        """All secrets by name, with their keys and without values."""

    @abstractmethod
    def get(self, name: str) -> Mapping[str, str]:
        """The values of one secret by key, as `SecretValue`."""

    @abstractmethod
    def set(self, name: str, values: Mapping[str, str]) -> None:
        """Write values: keys that are not named stay as they are. Raises `Unsupported` where read only."""

    @abstractmethod
    def delete(self, name: str, key: str | None = None) -> None:
        """Remove one key, or the whole secret."""
