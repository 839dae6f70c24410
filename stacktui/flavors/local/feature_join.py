"""The point-in-time join of the local feature store, as SQL for DuckDB.

Every identifier is quoted and every value is a parameter: names and paths come from files and callers.
Times are compared as nanoseconds since 1970 in UTC, so that no row is taken a microsecond too early.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import duckdb

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.homes import from_home

if TYPE_CHECKING:
    from stacktui.flavors.local.feature_store import FeatureViewConfig

_PLAIN_TYPE = re.compile(r"[A-Z][A-Z0-9_ ]*(\(\d+(,\s*\d+)?\))?")
_ROWS_AT_ONCE = 256
_ENTITIES = "entities"


class ViewColumns(NamedTuple):
    """The columns of a view's file that matter, each with its DuckDB type."""

    keys: dict[str, str]
    features: dict[str, str]
    time: str
    """The type of the timestamp."""
    created: str | None


class Join:
    """One connection, one table of entities, and the features of views for them. Used by one thread."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._columns: dict[str, ViewColumns] = {}
        self._keys: dict[str, str] = {}
        self._connection = duckdb.connect(
            # Nothing is fetched from the network, and no variable of this process is a table.
            config={"autoinstall_known_extensions": "false", "python_enable_replacements": "false"}
        )
        self._connection.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def columns(self, view: FeatureViewConfig) -> ViewColumns:
        """The view's columns as its file has them. Raises `ComponentError` if the file or one of them is missing."""
        if view.name not in self._columns:
            self._columns[view.name] = self._look(view)
        return self._columns[view.name]

    def freshness(self, view: FeatureViewConfig) -> tuple[int, int | None]:
        """How many rows the view has, and the newest one's time in nanoseconds."""
        at = _time_of(_quoted(view.timestamp), self.columns(view).time)
        with self._in_words(view):
            query = f"SELECT count(*), max({at}) FROM {self._reader(view)}"
            rows, newest = self._connection.execute(query, [self._path(view)]).fetchone() or (0, None)
        return int(rows), None if newest is None else int(newest)

    def take_frame(self, given: Any, keys: Sequence[str]) -> None:
        """Take in entities from a frame or table with the columns `pos`, `given_time`, and `k0`, `k1` … for `keys`."""
        self._connection.register("given", given)
        with self._in_words():
            types = dict(
                self._connection.execute("SELECT column_name, column_type FROM (DESCRIBE given)").fetchall()
            )
            at = _time_of("given_time", types["given_time"])
            columns = "".join(f", k{index}" for index in range(len(keys)))
            self._connection.execute(
                f"CREATE TABLE {_ENTITIES} AS SELECT pos, {at} AS time_ns{columns} FROM given"
            )
        self._connection.unregister("given")
        self._keys = {key: f"k{index}" for index, key in enumerate(keys)}

    def take_rows(self, rows: Sequence[tuple[Any, ...]], keys: Mapping[str, str]) -> None:
        """Take in entities as rows of a time in nanoseconds and the values of `keys`, which have DuckDB types."""
        self._keys = {key: f"k{index}" for index, key in enumerate(keys)}
        types = [kind if _PLAIN_TYPE.fullmatch(kind) else "VARCHAR" for kind in keys.values()]
        columns = "".join(f", k{index} {kind}" for index, kind in enumerate(types))
        with self._in_words():
            self._connection.execute(f"CREATE TABLE {_ENTITIES} (pos BIGINT, time_ns HUGEINT{columns})")
            one = "(" + ", ".join("?" * (2 + len(types))) + ")"
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                some = rows[start : start + _ROWS_AT_ONCE]
                values = [value for pos, row in enumerate(some, start) for value in (pos, *row)]
                self._connection.execute(
                    f"INSERT INTO {_ENTITIES} VALUES {', '.join([one] * len(some))}", values
                )

    def as_rows(self, view: FeatureViewConfig, features: Sequence[str]) -> list[tuple[Any, ...]]:
        """The features of each entity, in the entities' order."""
        with self._in_words(view):
            return list(self._joined(view, features).fetchall())

    def as_arrow(self, view: FeatureViewConfig, features: Sequence[str]) -> Any:
        """The features as an Arrow table with one column each, called `view:feature`."""
        with self._in_words(view):
            return self._joined(view, features).to_arrow_table()

    def as_pandas(self, view: FeatureViewConfig, features: Sequence[str]) -> dict[str, Any]:
        """The features as columns for a pandas frame, by `view:feature`; nulls as pandas' own joins give them."""
        import numpy as np
        import pandas as pd

        types = self.columns(view).features
        with self._in_words(view):
            found = self._joined(view, features).fetchnumpy()
        columns: dict[str, Any] = {}
        for feature in features:
            name = f"{view.name}:{feature}"
            values = found[name]
            if np.ma.isMaskedArray(values):
                missing = np.ma.getmaskarray(values)
                values = values.data
                if missing.any():
                    kind = values.dtype.kind
                    values = values.astype(
                        "float64" if kind in "iuf" else "object" if kind in "bO" else values.dtype
                    )
                    values[missing] = {
                        "f": np.nan,
                        "M": np.datetime64("NaT"),
                        "m": np.timedelta64("NaT"),
                    }.get(values.dtype.kind)
            if values.dtype.kind == "M" and ("TIME ZONE" in types[feature] or "TZ" in types[feature]):
                values = pd.Series(values).dt.tz_localize("UTC").array
            columns[name] = values
        return columns

    def _joined(self, view: FeatureViewConfig, features: Sequence[str]) -> duckdb.DuckDBPyRelation:
        columns = self.columns(view)
        for feature in features:
            if feature not in columns.features:
                close = difflib.get_close_matches(feature, columns.features, n=1)
                raise NotFound(
                    f"view {view.name!r} has no feature {feature!r}; "
                    + (f"did you mean {close[0]!r}?" if close else f"it has {', '.join(columns.features)}")
                )
        keys = [(_quoted(key), self._keys[key]) for key in view.join_keys]
        created = "NULL" if view.created is None else _order_of(_quoted(view.created), columns.created or "")
        within = "TRUE" if view.ttl is None else "e.time_ns - r.time_ns <= ?"
        chosen = ", ".join(
            f"CASE WHEN {within} THEN r.f{index} END AS {_quoted(f'{view.name}:{feature}')}"
            for index, feature in enumerate(features)
        )
        same_entity = " AND ".join(f"e.{mine} = r.{mine}" for _, mine in keys)
        # The entities' own keys and times bound what is read, sorted and kept of the file.
        query = f"""
            WITH file AS (
                SELECT *, row_number() OVER () AS {_quoted(_PLACE)} FROM {self._reader(view)}
            ), candidates AS (
                SELECT {", ".join(f"{theirs} AS {mine}" for theirs, mine in keys)},
                    {_time_of(_quoted(view.timestamp), columns.time)} AS time_ns,
                    {created} AS created, {_quoted(_PLACE)} AS place,
                    {", ".join(f"{_quoted(feature)} AS f{index}" for index, feature in enumerate(features))}
                FROM file
            ), latest AS (
                SELECT * FROM candidates r
                WHERE time_ns <= (SELECT max(time_ns) FROM {_ENTITIES})
                    AND EXISTS (SELECT 1 FROM {_ENTITIES} e WHERE {same_entity})
                QUALIFY row_number() OVER (
                    PARTITION BY {", ".join(f"r.{mine}" for _, mine in keys)}, time_ns
                    ORDER BY created DESC NULLS LAST, place DESC
                ) = 1
            )
            SELECT {chosen} FROM {_ENTITIES} e
            ASOF LEFT JOIN latest r ON {same_entity} AND e.time_ns >= r.time_ns
            ORDER BY e.pos
        """
        ttl = [] if view.ttl is None else [round(view.ttl * 1e9)] * len(features)
        return self._connection.sql(query, params=[self._path(view), *ttl])

    def _look(self, view: FeatureViewConfig) -> ViewColumns:
        with self._in_words(view):
            query = f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {self._reader(view)})"
            types: dict[str, str] = dict(self._connection.execute(query, [self._path(view)]).fetchall())
        roles = [*view.join_keys, view.timestamp, *([view.created] if view.created else [])]
        features = [name for name in types if name not in roles] if view.features is None else view.features
        for column in (*roles, *features):
            if column not in types:
                close = difflib.get_close_matches(column, types, n=1)
                raise ComponentError(
                    f"view {view.name!r}: {view.source} has no column {column!r}; "
                    + (f"did you mean {close[0]!r}?" if close else f"it has {', '.join(types)}")
                )
        if not _is_time(types[view.timestamp]):
            raise ComponentError(
                f"view {view.name!r}: column {view.timestamp!r} of {view.source} is {types[view.timestamp]}, "
                f"not a time"
            )
        return ViewColumns(
            keys={key: types[key] for key in view.join_keys},
            features={feature: types[feature] for feature in features},
            time=types[view.timestamp],
            created=types[view.created] if view.created else None,
        )

    def _path(self, view: FeatureViewConfig) -> str:
        return str(self._workspace / from_home(view.source))

    @staticmethod
    def _reader(view: FeatureViewConfig) -> str:
        if view.source.lower().endswith((".parquet", ".pq")):
            return "read_parquet(?, union_by_name = true)"
        # Types are read off the whole file: a guess from its beginning fails far into it.
        return "read_csv(?, union_by_name = true, sample_size = -1)"

    @contextlib.contextmanager
    def _in_words(self, view: FeatureViewConfig | None = None) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            first = str(error).strip().partition("\n")[0]
            where = f"view {view.name!r} over {view.source}" if view else "the entities"
            raise ComponentError(f"{where} cannot be read: {first}") from None


_PLACE = "stacktui row's place"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _is_time(kind: str) -> bool:
    return kind.startswith("TIMESTAMP") or kind in ("DATE", "VARCHAR")


def _time_of(column: str, kind: str) -> str:
    """SQL for a column's time in nanoseconds since 1970. Text and times without a zone are UTC."""
    if "_NS" in kind:
        return f"CAST(epoch_ns({column}) AS HUGEINT)"
    zoned = kind == "VARCHAR" or "TIME ZONE" in kind or "TZ" in kind
    return f"CAST(epoch_us(CAST({column} AS {'TIMESTAMPTZ' if zoned else 'TIMESTAMP'})) AS HUGEINT) * 1000"


def _order_of(column: str, kind: str) -> str:
    return _time_of(column, kind) if _is_time(kind) else column
