"""The local feature store: the contract, the point-in-time join against an oracle, and files with traps."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.flavors.local.feature_store import LocalFeatureStore, LocalFeatureStoreConfig
from stacktui.testing.contracts.feature_store import T0, TRIPS, FeatureStoreContract

_VIEW = {
    "name": "trips",
    "join_keys": ["driver"],
    "source": "data/trips.parquet",
    "timestamp": "at",
    "created": "made",
    "ttl": "1d",
}


def _store(around: Surroundings, *views: dict[str, Any]) -> LocalFeatureStore:
    return LocalFeatureStore(LocalFeatureStoreConfig.model_validate({"views": views}), around)


def _write(around: Surroundings, rows: list[dict[str, Any]], name: str = "data/trips.parquet") -> Path:
    file = around.workspace / name
    file.parent.mkdir(exist_ok=True)
    table = pa.Table.from_pylist(rows)
    (pa.csv.write_csv if name.endswith("csv") else pq.write_table)(table, file)
    return file


class TestOverParquet(FeatureStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> LocalFeatureStore:
        _write(stacktui_surroundings, TRIPS)
        return _store(stacktui_surroundings, _VIEW)


class TestOverCsv(FeatureStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> LocalFeatureStore:
        _write(stacktui_surroundings, TRIPS, "data/trips.csv")
        return _store(stacktui_surroundings, {**_VIEW, "source": "data/trips.csv"})


# The oracle: what DESIGN says, row by row.


def _expected(
    rows: list[dict[str, Any]], keys: tuple[Any, ...], at: datetime | None, ttl: timedelta | None
) -> int | None:
    best: tuple[Any, ...] | None = None
    value = None
    if at is None or None in keys:
        return None
    for place, row in enumerate(rows):
        if (row["a"], row["b"]) != keys or row["at"] is None or row["at"] > at:
            continue
        made = row["made"]
        rank = (row["at"], made is not None, made or datetime.min.replace(tzinfo=UTC), place)
        if best is None or rank > best:
            best, value = rank, row["value"]
    if best is None or (ttl is not None and at - best[0] > ttl):
        return None
    return value


_times = st.integers(0, 12).map(lambda number: T0 + timedelta(minutes=30 * number, microseconds=number % 3))
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.sampled_from([1, 2, None]),
            "b": st.sampled_from(["x", "y"]),
            "at": _times | st.none(),
            "made": _times | st.none(),
            "value": st.integers(0, 99) | st.none(),
        }
    ),
    max_size=25,
)
_asked = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, None]), st.sampled_from(["x", "y", "z"]), _times | st.none()),
    max_size=12,
)
_SCHEMA = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("made", pa.timestamp("us", tz="UTC")),
        ("value", pa.int64()),
    ]
)


def _compare_with_oracle(
    folder: Path, rows: list[dict[str, Any]], asked: list[Any], ttl: timedelta | None, kind: str
) -> None:
    around = Surroundings("features", folder, folder / "state", folder / "user")
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), folder / "rows.parquet")
    store = _store(
        around,
        {
            "name": "view",
            "join_keys": ["a", "b"],
            "source": "rows.parquet",
            "timestamp": "at",
            "created": "made",
            "ttl": None if ttl is None else ttl.total_seconds(),
            "features": ["value"],
        },
    )
    entities = [{"a": a, "b": b, "event_timestamp": at} for a, b, at in asked]
    table = pa.Table.from_pylist(
        entities,
        schema=pa.schema(
            [("a", pa.int64()), ("b", pa.string()), ("event_timestamp", pa.timestamp("us", "UTC"))]
        ),
    )
    given_entities: Any = {"rows": entities, "arrow": table, "pandas": table.to_pandas()}[kind]
    found = store.historical(given_entities, ["view:value"])
    if kind == "rows":
        values = [row["view:value"] for row in found]
    elif kind == "arrow":
        values = found["view:value"].to_pylist()
    else:
        values = [None if pd.isna(value) else int(value) for value in found["view:value"]]
    assert values == [_expected(rows, (a, b), at, ttl) for a, b, at in asked]


_ttls = st.sampled_from([None, timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2, microseconds=1)])
_kinds = st.sampled_from(["rows", "arrow", "pandas"])


@settings(max_examples=60, deadline=None)
@given(_rows, _asked, _ttls, _kinds)
def test_agrees_with_the_oracle(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    asked: list[Any],
    ttl: timedelta | None,
    kind: str,
) -> None:
    _compare_with_oracle(tmp_path_factory.mktemp("view"), rows, asked, ttl, kind)


@pytest.mark.long
@settings(max_examples=2000, deadline=None)
@given(_rows, _asked, _ttls, _kinds)
def test_agrees_with_the_oracle_at_length(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    asked: list[Any],
    ttl: timedelta | None,
    kind: str,
) -> None:
    _compare_with_oracle(tmp_path_factory.mktemp("view"), rows, asked, ttl, kind)


def test_nanoseconds_count(stacktui_surroundings: Surroundings) -> None:
    first = pd.Timestamp("2026-03-01T12:00:00.000000001", tz="UTC")
    frame = pd.DataFrame({"driver": [1], "at": [first], "trips": [5]})
    file = stacktui_surroundings.workspace / "ns.parquet"
    frame.to_parquet(file, coerce_timestamps=None)
    store = _store(
        stacktui_surroundings,
        {"name": "trips", "join_keys": "driver", "source": "ns.parquet", "timestamp": "at"},
    )
    entities = pd.DataFrame(
        {"driver": [1, 1], "event_timestamp": [first - pd.Timedelta(1, "ns"), first]},
    )
    found = store.historical(entities, ["trips:trips"])["trips:trips"]
    assert pd.isna(found[0])
    assert found[1] == 5


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_without_a_zone_are_utc(stacktui_surroundings: Surroundings, zone: str | None) -> None:
    rows = [{"driver": 1, "at": T0.replace(tzinfo=None), "trips": 1}]
    _write(stacktui_surroundings, rows)
    store = _store(stacktui_surroundings, {**_VIEW, "created": None})
    times = pd.to_datetime([T0 - timedelta(seconds=1), T0], utc=True).tz_convert(zone)
    found = store.historical(pd.DataFrame({"driver": [1, 1], "event_timestamp": times}), ["trips:trips"])
    assert [bool(missing) for missing in found["trips:trips"].isna()] == [True, False]


def test_online_is_now(stacktui_surroundings: Surroundings) -> None:
    now = datetime.now(UTC)
    _write(
        stacktui_surroundings,
        [
            {"driver": 1, "at": now - timedelta(hours=1), "made": now, "trips": 3},
            {"driver": 1, "at": now + timedelta(hours=1), "made": now, "trips": 4},
            {"driver": 2, "at": now - timedelta(hours=25), "made": now, "trips": 5},
        ],
    )
    store = _store(stacktui_surroundings, _VIEW)
    # From a command line keys come as text: they are read as the file's own type.
    assert store.online([{"driver": "1"}, {"driver": 2}], ["trips:trips"]) == [
        {"trips:trips": 3},
        {"trips:trips": None},
    ]
    (view,) = store.views()
    assert view.rows == 3
    assert view.newest == now + timedelta(hours=1)


def test_online_needs_neither_pandas_nor_arrow(stacktui_surroundings: Surroundings) -> None:
    now = datetime.now(UTC)
    _write(stacktui_surroundings, [{"driver": 1, "at": now, "made": now, "trips": 3}])
    program = f"""
import sys
from pathlib import Path
sys.modules["pandas"] = sys.modules["pyarrow"] = sys.modules["numpy"] = None
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.feature_store import LocalFeatureStore, LocalFeatureStoreConfig
folder = Path({str(stacktui_surroundings.workspace)!r})
store = LocalFeatureStore(LocalFeatureStoreConfig.model_validate({{"views": [{_VIEW!r}]}}),
                          Surroundings("f", folder, folder, folder))
assert "duckdb" not in sys.modules
print(store.online([{{"driver": 1}}], ["trips:trips"]))
print(store.historical([{{"driver": 1, "when": "2000-01-01"}}], ["trips:trips"], timestamp="when"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "[{'trips:trips': 3}]",
        "[{'driver': 1, 'when': '2000-01-01', 'trips:trips': None}]",
    ], done.stderr


def test_several_views_and_types_keep_the_asked_order(stacktui_surroundings: Surroundings) -> None:
    _write(stacktui_surroundings, TRIPS)
    _write(
        stacktui_surroundings,
        [{"driver": 1, "city": "Basel", "day": T0.date(), "open": True, "seen": T0, "at": T0}],
        "data/places.parquet",
    )
    places = {
        "name": "places",
        "join_keys": ["driver", "city"],
        "source": "data/places.parquet",
        "timestamp": "at",
    }
    store = _store(stacktui_surroundings, _VIEW, places)
    assert store.entities() == ["city", "driver"]
    asked = ["places:open", "trips:trips", "places:seen", "places:day"]
    frame = pd.DataFrame(
        {"city": ["Basel", "Bern"], "driver": [1, 2], "event_timestamp": pd.to_datetime([T0, T0], utc=True)}
    )
    found = store.historical(frame, asked)
    assert list(found.columns) == [*frame.columns, *asked]
    assert list(found["places:open"]) == [True, None]
    assert list(found["trips:trips"]) == [10, 20]
    assert found["trips:trips"].dtype == "int64"
    assert found["places:seen"][0] == pd.Timestamp(T0)
    table = store.historical(pa.Table.from_pandas(frame), asked)
    assert table.column_names == [*frame.columns, *asked]
    assert table["places:open"].to_pylist() == [True, None]


def test_names_with_quotes_are_only_names(stacktui_surroundings: Surroundings) -> None:
    key, time, feature = 'dri"ver', "a t; DROP TABLE entities --", "tri'ps\"); SELECT 1"
    rows = [{key: 1, time: T0, feature: 7}]
    _write(stacktui_surroundings, rows, "data/it's.parquet")
    store = _store(
        stacktui_surroundings,
        {"name": "trips", "join_keys": [key], "source": "data/it's.parquet", "timestamp": time},
    )
    assert store.historical([{key: 1, "event_timestamp": T0}], [f"trips:{feature}"]) == [
        {key: 1, "event_timestamp": T0, f"trips:{feature}": 7}
    ]


def test_a_pattern_reads_several_files(stacktui_surroundings: Surroundings) -> None:
    _write(stacktui_surroundings, TRIPS[:2], "data/trips-1.parquet")
    _write(stacktui_surroundings, TRIPS[2:], "data/trips-2.parquet")
    store = _store(stacktui_surroundings, {**_VIEW, "source": "data/trips-*.parquet"})
    asked = [{"driver": driver, "event_timestamp": T0 + timedelta(hours=1)} for driver in (1, 2)]
    assert [row["trips:trips"] for row in store.historical(asked, ["trips:trips"])] == [12, 20]


def test_one_bad_view_does_not_hide_the_others(stacktui_surroundings: Surroundings) -> None:
    _write(stacktui_surroundings, TRIPS)
    store = _store(stacktui_surroundings, _VIEW, {**_VIEW, "name": "gone", "source": "gone.parquet"})
    gone, trips = store.views()
    assert (gone.name, gone.rows, gone.newest) == ("gone", None, None)
    assert trips.rows == 4
    result = store.probe()
    assert not result.ok
    assert "gone.parquet" in result.message
    assert "\n" not in result.message


def test_a_wrong_column_is_named_with_a_suggestion(stacktui_surroundings: Surroundings) -> None:
    _write(stacktui_surroundings, TRIPS)
    store = _store(stacktui_surroundings, {**_VIEW, "features": ["trip"]})
    with pytest.raises(ComponentError, match="did you mean 'trips'"):
        store.online([{"driver": 1}], ["trips:trip"])
    with pytest.raises(NotFound, match="did you mean 'trips'"):
        store.online([{"driver": 1}], ["trip:trips"])
    number = _store(stacktui_surroundings, {**_VIEW, "timestamp": "rating", "features": ["trips"]})
    with pytest.raises(ComponentError, match="not a time"):
        number.online([{"driver": 1}], ["trips:trips"])


def test_a_column_is_never_overwritten(stacktui_surroundings: Surroundings) -> None:
    _write(stacktui_surroundings, TRIPS)
    store = _store(stacktui_surroundings, _VIEW)
    with pytest.raises(ComponentError, match="already"):
        store.historical([{"driver": 1, "event_timestamp": T0, "trips:trips": 0}], ["trips:trips"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "s3://bucket/x.parquet"}, "URL"),
        ({"source": "x.json"}, "parquet or"),
        ({"join_keys": []}, "at least 1"),
        ({"ttl": "soon"}, "not a duration"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_view_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LocalFeatureStoreConfig.model_validate({"views": [{**_VIEW, **change}]})


def test_two_views_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two views"):
        LocalFeatureStoreConfig.model_validate({"views": [_VIEW, _VIEW]})


def test_a_source_elsewhere_is_read_too(stacktui_surroundings: Surroundings, tmp_path: Path) -> None:
    file = _write(stacktui_surroundings, TRIPS)
    elsewhere = replace(stacktui_surroundings, workspace=tmp_path)
    assert _store(elsewhere, {**_VIEW, "source": str(file)}).views()[0].rows == 4
