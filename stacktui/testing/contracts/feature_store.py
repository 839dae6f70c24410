"""The contract of feature stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.feature_store import FeatureStore
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, needs

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The time from which `TRIPS` counts."""

TRIPS: list[dict[str, Any]] = [
    {"driver": 1, "at": T0, "made": T0, "trips": 10, "rating": 4.5},
    {"driver": 1, "at": T0 + timedelta(hours=1), "made": T0, "trips": 11, "rating": None},
    {"driver": 1, "at": T0 + timedelta(hours=1), "made": T0 + timedelta(hours=2), "trips": 12, "rating": 4.7},
    {"driver": 2, "at": T0, "made": T0, "trips": 20, "rating": 3.0},
]
"""Rows of the view `trips`, which the component under test holds: join key `driver`, time `at`, created `made`,
features `trips` and `rating`, a ttl of one day."""


class FeatureStoreContract(ComponentContract):
    """Override the fixture `component` with a `FeatureStore` that holds one view called `trips`, with `TRIPS`."""

    category = Category.FEATURE_STORE

    def _historical(self, component: FeatureStore, *asked: tuple[int, datetime]) -> list[Any]:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(
            {"driver": [driver for driver, _ in asked], "event_timestamp": [at for _, at in asked]}
        )
        found = component.historical(frame, ["trips:trips"])
        return [None if pandas.isna(value) else int(value) for value in found["trips:trips"]]

    def test_lists_entities_and_views(self, component: FeatureStore) -> None:
        needs(component, "list")
        assert component.entities() == ["driver"]
        (view,) = component.views()
        assert (view.name, view.join_keys, view.timestamp) == ("trips", ("driver",), "at")
        assert view.ttl_s == 86400
        assert [feature.name for feature in view.features] == ["trips", "rating"]

    def test_takes_the_latest_row_that_was_known(self, component: FeatureStore) -> None:
        needs(component, "historical")
        just = timedelta(microseconds=1)
        assert self._historical(component, (1, T0 - just), (1, T0), (1, T0 + timedelta(minutes=59))) == [
            None,
            10,
            10,
        ]

    def test_breaks_ties_by_the_time_of_making(self, component: FeatureStore) -> None:
        needs(component, "historical")
        assert self._historical(component, (1, T0 + timedelta(hours=1))) == [12]

    def test_takes_nothing_that_is_too_old(self, component: FeatureStore) -> None:
        needs(component, "historical")
        day = timedelta(days=1)
        assert self._historical(component, (2, T0 + day), (2, T0 + day + timedelta(microseconds=1))) == [
            20,
            None,
        ]

    def test_keeps_the_rows_and_their_order(self, component: FeatureStore) -> None:
        needs(component, "historical")
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(
            {
                "label": ["c", "a", "b"],
                "driver": [2, 3, 1],
                "event_timestamp": [T0, T0, T0 + timedelta(hours=3)],
            },
            index=[7, 5, 9],
        )
        before = frame.copy()
        found = component.historical(frame, ["trips:rating", "trips:trips"])
        pandas.testing.assert_frame_equal(frame, before)
        assert list(found.columns) == ["label", "driver", "event_timestamp", "trips:rating", "trips:trips"]
        assert list(found.index) == [7, 5, 9]
        assert list(found["label"]) == ["c", "a", "b"]
        ratings = list(found["trips:rating"])
        assert (ratings[0], ratings[2]) == (3.0, 4.7)
        assert pandas.isna(ratings[1])

    def test_serves_features_now(self, component: FeatureStore) -> None:
        needs(component, "online")
        found = component.online([{"driver": 1}, {"driver": 404}], ["trips:trips", "trips:rating"])
        assert [list(row) for row in found] == [["trips:trips", "trips:rating"]] * 2
        # The rows of `TRIPS` are older than their day, whenever this runs.
        assert found == [{"trips:trips": None, "trips:rating": None}] * 2
        assert component.online([], ["trips:trips"]) == []

    @pytest.mark.parametrize("feature", ["none:trips", "trips:none", "trips"])
    def test_says_which_feature_is_unknown(self, component: FeatureStore, feature: str) -> None:
        needs(component, "online")
        with pytest.raises(NotFound):
            component.online([{"driver": 1}], [feature])

    def test_says_which_join_key_is_missing(self, component: FeatureStore) -> None:
        needs(component, "online")
        with pytest.raises(ComponentError, match="driver"):
            component.online([{"rider": 1}], ["trips:trips"])
