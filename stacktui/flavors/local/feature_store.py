"""The feature store of files: feature views over Parquet and CSV, joined by DuckDB in this process.

The point-in-time join is written in `feature_join`; here are the configuration, and the kinds of entities.
"""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.feature_store import Feature, FeatureStore, FeatureView
from stacktui.categories.flavor import FlavorFacts
from stacktui.flavors.local.probing import probe_within
from stacktui.model.base import Name, now
from stacktui.model.category import Category
from stacktui.model.stack import DurationSeconds

if TYPE_CHECKING:
    from stacktui.flavors.local.feature_join import Join

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _is_a_file(source: str) -> str:
    if "://" in source:
        raise ValueError(f"{source} is a URL: this flavor reads files on this host")
    if not source.lower().endswith((".parquet", ".pq", ".csv", ".csv.gz", ".tsv")):
        raise ValueError(f"{source!r} is no file that can be read: end it in .parquet or .csv")
    return source


Columns = Annotated[tuple[str, ...], BeforeValidator(_several)]


class FeatureViewConfig(BaseModel):
    """One feature view: which file, and what its columns mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="The view's name: its features are called NAME:COLUMN.")
    join_keys: Columns = Field(
        min_length=1, description="The columns that name the entity which a row is about; one or several."
    )
    source: Annotated[str, AfterValidator(_is_a_file)] = Field(
        description="A Parquet or CSV file, or a pattern such as data/stats-*.parquet; relative to the workspace.",
        json_schema_extra={"format": "path"},
    )
    timestamp: str = Field(
        description="The column with the time from which a row holds; UTC where it has no zone."
    )
    created: str | None = Field(
        default=None,
        description="The column that decides between rows of one entity and time: the latest counts.",
    )
    ttl: DurationSeconds = Field(
        default=None, gt=0, description="How old a row may be before it no longer counts, as 7d or 12h."
    )
    features: Columns | None = Field(
        default=None, description="The columns that are features; left out, all that are nothing else."
    )


Wanted = dict[FeatureViewConfig, list[str]]
"""The columns that were asked for, by view."""


class LocalFeatureStoreConfig(FlavorConfig):
    """The feature views of a local feature store."""

    views: tuple[FeatureViewConfig, ...] = Field(
        default=(), description="The feature views, each over a Parquet or CSV file."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> LocalFeatureStoreConfig:
        names = [view.name for view in self.views]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two views are called {twice[0]!r}")
        return self


class LocalFeatureStore(FeatureStore):
    """Feature views over files of this host.

    Times are compared in UTC, to the nanosecond where the file has it. Of several rows of one entity and time
    the one with the latest `created` counts, and among equals the last one in the file. A result's column is
    called as it was asked for, `view:feature`.
    """

    facts = FlavorFacts(
        category=Category.FEATURE_STORE,
        name="local",
        summary="Parquet and CSV, joined by DuckDB",
        packages=("duckdb>=1.1",),
        install="pip install duckdb",
        capabilities=FeatureStore.CAPABILITIES,
    )
    Config = LocalFeatureStoreConfig
    config: LocalFeatureStoreConfig

    def entities(self) -> list[str]:
        return sorted({key for view in self.config.views for key in view.join_keys})

    def views(self) -> list[FeatureView]:
        """All views by name. One whose file cannot be read is listed without rows; `probe` says why."""
        with self._join() as join:
            return [
                self._describe(join, view) for view in sorted(self.config.views, key=lambda view: view.name)
            ]

    def historical(self, entities: Any, features: Sequence[str], timestamp: str = "event_timestamp") -> Any:
        """See `FeatureStore.historical`; a list of mappings is taken too, and gives a list of mappings."""
        wanted = self._wanted(features)
        pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
        if pandas is not None and isinstance(entities, pandas.DataFrame):
            _check_columns(entities.columns, wanted, features, timestamp)
            return self._of_frame(entities, wanted, features, timestamp)
        if arrow is not None and isinstance(entities, arrow.Table):
            _check_columns(entities.column_names, wanted, features, timestamp)
            return self._of_table(entities, wanted, features, timestamp)
        if isinstance(entities, Sequence) and all(isinstance(row, Mapping) for row in entities):
            for row in entities:
                _check_columns(row, wanted, features, timestamp)
            values = self._of_rows(entities, [row[timestamp] for row in entities], wanted, features)
            return [{**row, **found} for row, found in zip(entities, values, strict=True)]
        raise ComponentError(
            f"entities are a pandas frame, an Arrow table or a list of mappings, not {type(entities).__name__}"
        )

    def online(self, entities: Sequence[Mapping[str, Any]], features: Sequence[str]) -> list[dict[str, Any]]:
        wanted = self._wanted(features)
        for row in entities:
            _check_columns(row, wanted, features, None)
        return self._of_rows(entities, [now()] * len(entities), wanted, features)

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        return probe_within(timeout_s, self._look)

    def _look(self) -> str:
        if not self.config.views:
            return "no feature views yet: name them in the component's `views`"
        with self._join() as join:
            for view in self.config.views:
                join.columns(view)
        count = len(self.config.views)
        return f"{count} {'view' if count == 1 else 'views'}, all files there with their columns"

    @contextlib.contextmanager
    def _join(self) -> Iterator[Join]:
        from stacktui.flavors.local.feature_join import Join

        with Join(self.around.workspace) as join:
            yield join

    def _describe(self, join: Join, view: FeatureViewConfig) -> FeatureView:
        rows, newest, types = None, None, dict.fromkeys(view.features or (), "")
        with contextlib.suppress(ComponentError):
            types = join.columns(view).features
            rows, newest_ns = join.freshness(view)
            newest = None if newest_ns is None else _EPOCH + timedelta(microseconds=newest_ns // 1000)
        return FeatureView(
            name=view.name,
            join_keys=view.join_keys,
            timestamp=view.timestamp,
            ttl_s=view.ttl,
            features=tuple(Feature(name=name, type=kind) for name, kind in types.items()),
            source=view.source,
            rows=rows,
            newest=newest,
        )

    def _wanted(self, features: Sequence[str]) -> Wanted:
        """The features that were asked for by view. Which columns a view really has is checked by the join."""
        views = {view.name: view for view in self.config.views}
        wanted: Wanted = {}
        for feature in dict.fromkeys(features):
            name, colon, column = feature.partition(":")
            if not colon or not column:
                raise NotFound(f"{feature!r} does not name a feature: write view:feature")
            if name not in views:
                raise NotFound(f"there is no feature view {name!r}{_meant(name, views)}")
            wanted.setdefault(views[name], []).append(column)
        return wanted

    def _of_frame(self, frame: Any, wanted: Wanted, features: Sequence[str], timestamp: str) -> Any:
        import pandas as pd

        times = frame[timestamp]
        if not pd.api.types.is_datetime64_any_dtype(times.dtype):
            times = pd.to_datetime(times, utc=True)
        if getattr(times.dt, "tz", None) is not None:
            # Without their zone, because DuckDB keeps nanoseconds only of times that have none.
            times = times.dt.tz_convert("UTC").dt.tz_localize(None)
        given = pd.DataFrame({"given_time": times.array, "pos": range(len(frame))})
        keys = _keys(wanted)
        for index, key in enumerate(keys):
            given[f"k{index}"] = frame[key].array
        added: dict[str, Any] = {}
        with self._join() as join:
            join.take_frame(given, keys)
            for view, columns in wanted.items():
                added |= join.as_pandas(view, columns)
        return frame.assign(**{name: added[name] for name in features})

    def _of_table(self, table: Any, wanted: Wanted, features: Sequence[str], timestamp: str) -> Any:
        import pyarrow as pa

        keys = _keys(wanted)
        given = pa.table(
            [table[timestamp], pa.array(range(len(table)), pa.int64()), *(table[key] for key in keys)],
            names=["given_time", "pos", *(f"k{index}" for index in range(len(keys)))],
        )
        with self._join() as join:
            join.take_frame(given, keys)
            added: dict[str, Any] = {}
            for view, columns in wanted.items():
                found = join.as_arrow(view, columns)
                added |= {name: found[name] for name in found.column_names}
        for name in dict.fromkeys(features):
            table = table.append_column(name, added[name])
        return table

    def _of_rows(
        self,
        rows: Sequence[Mapping[str, Any]],
        times: Sequence[Any],
        wanted: Wanted,
        features: Sequence[str],
    ) -> list[dict[str, Any]]:
        keys = _keys(wanted)
        found: list[dict[str, Any]] = [{} for _ in rows]
        with self._join() as join:
            types = [
                next(join.columns(view).keys[key] for view in wanted if key in view.join_keys) for key in keys
            ]
            join.take_rows(
                [
                    (_nanoseconds(at), *(row[key] for key in keys))
                    for at, row in zip(times, rows, strict=True)
                ],
                dict(zip(keys, types, strict=True)),
            )
            for view, columns in wanted.items():
                names = [f"{view.name}:{column}" for column in columns]
                for values, row in zip(join.as_rows(view, columns), found, strict=True):
                    row.update(zip(names, values, strict=True))
        return [{name: row[name] for name in features} for row in found]


def _keys(wanted: Wanted) -> list[str]:
    return sorted({key for view in wanted for key in view.join_keys})


def _check_columns(
    present: Any,
    wanted: Wanted,
    features: Sequence[str],
    timestamp: str | None,
) -> None:
    columns = [str(column) for column in present]
    if timestamp is not None and timestamp not in columns:
        raise ComponentError(
            f"the entities have no column {timestamp!r} with their time: name it by `timestamp=`"
        )
    for view in wanted:
        for key in view.join_keys:
            if key not in columns:
                raise ComponentError(f"the entities have no {key!r}, by which view {view.name!r} is joined")
    for feature in features:
        if timestamp is not None and feature in columns:
            raise ComponentError(
                f"the entities have a column {feature!r} already: rename it or do not ask for it"
            )


def _nanoseconds(moment: Any) -> int | None:
    """A time as nanoseconds since 1970 in UTC; None stays None, which no row matches."""
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ComponentError(f"{moment!r} is not a time: write it as 2026-01-31T12:00:00Z") from None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise ComponentError(f"{moment!r} is not a time: give a datetime or RFC 3339 text")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    microseconds: int = (moment - _EPOCH) // timedelta(microseconds=1)
    return microseconds * 1000


def _meant(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(known)) or 'none'}"
