"""Feature stores: manage features and serve them, as they were at a time and as they are now."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.base import Noun


class Feature(Noun):
    """One column of a view."""

    name: str
    type: str


class FeatureView(Noun):
    """A table of features, by entity and time."""

    name: str
    join_keys: tuple[str, ...]
    timestamp: str
    """The column with each row's time."""
    ttl_s: float | None = None
    """How old a row may be, in seconds, before it no longer counts; None for ever."""
    features: tuple[Feature, ...]
    source: str
    rows: int | None = None
    newest: datetime | None = None
    """The latest row's time: how fresh the view is."""


class FeatureStore(StackComponent):
    """Feature views and two ways to read them. Features are named `view:feature`; unknown ones raise `NotFound`."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"historical", "list", "online"})

    @abstractmethod
    def entities(self) -> list[str]:
        """The join keys that views have, sorted."""

    @abstractmethod
    def views(self) -> list[FeatureView]:
        """All feature views by name, with their freshness."""

    @abstractmethod
    def historical(self, entities: Any, features: Sequence[str], timestamp: str = "event_timestamp") -> Any:
        """Point-in-time features for a frame of entities.

        `entities`: a pandas frame (or an Arrow table) with the join keys and a column `timestamp`. The result
        has its rows in the same order, of the same kind, with one more column a feature: of the view's rows
        for that entity, the latest with its time ≤ the entity's time and an age ≤ the view's ttl; none gives null.
        """

    @abstractmethod
    def online(self, entities: Sequence[Mapping[str, Any]], features: Sequence[str]) -> list[dict[str, Any]]:
        """The features of some entities now: one mapping of feature → value for each, None where there is none."""
