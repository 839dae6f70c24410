"""Feature views of the active stack's feature store, and their values: now, and as they were at a time."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.operations.documents import Document, Moment, Part
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_FEATURES = Opt(
    "A feature, as view:feature; all of the views that the entities fit without it.",
    short="f",
    name="feature",
)


class FeaturePart(Part):
    """One column of a view."""

    name: str
    type: str


class ViewRow(Part):
    """One feature view."""

    name: str
    join_keys: tuple[str, ...]
    timestamp: str
    ttl_s: float | None
    features: tuple[FeaturePart, ...]
    source: str
    rows: int | None
    newest: Moment | None
    """The latest row's time: how fresh the view is."""


class ViewList(Document):
    """The feature views by name."""

    store: str
    entities: tuple[str, ...]
    views: tuple[ViewRow, ...]


class FeatureRows(Document):
    """Feature values, a row an entity."""

    features: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@operation("feature views", writes=False, examples=("stacktui feature views",))
def views(session: Session) -> ViewList:
    """List the feature views with their features and freshness."""
    store = session.live().feature_store
    return ViewList(
        store=store.name,
        entities=tuple(store.entities()),
        views=tuple(
            ViewRow(
                name=view.name,
                join_keys=view.join_keys,
                timestamp=view.timestamp,
                ttl_s=view.ttl_s,
                features=tuple(FeaturePart(name=each.name, type=each.type) for each in view.features),
                source=view.source,
                rows=view.rows,
                newest=view.newest,
            )
            for view in store.views()
        ),
    )


@operation(
    "feature online",
    writes=False,
    on="feature_view",
    examples=("stacktui feature online customer_id=42 -f spending:total_30d",),
)
def online(
    session: Session,
    entities: Annotated[
        tuple[str, ...],
        Arg("Entities, each as key=value, with several keys as a=1,b=2.", name="entity"),
    ],
    *,
    features: Annotated[tuple[str, ...], _FEATURES] = (),
) -> FeatureRows:
    """Show the features of some entities as they are now."""
    if not entities:
        raise OperationError("name an entity, as customer_id=42; stacktui feature views lists the keys")
    rows = [_entity(text) for text in entities]
    keys = tuple(dict.fromkeys(key for row in rows for key in row))
    wanted = _wanted(session, features, keys)
    found = session.live().feature_store.online(rows, wanted)
    return FeatureRows(
        features=wanted,
        columns=(*keys, *wanted),
        rows=tuple(
            (*(row.get(key) for key in keys), *(_value(values, name) for name in wanted))
            for row, values in zip(rows, found, strict=True)
        ),
    )


@operation(
    "feature historical",
    writes=False,
    on="feature_view",
    examples=("stacktui feature historical entities.csv -f spending:total_30d",),
)
def historical(
    session: Session,
    entities: Annotated[Path, Arg("A CSV or Parquet file with the join keys and a time.", complete="path")],
    *,
    features: Annotated[tuple[str, ...], _FEATURES] = (),
    timestamp: Annotated[str, Opt("The column with each row's time.")] = "event_timestamp",
    limit: Annotated[int, Opt("How many rows to show, at most.", short="n")] = 100,
) -> FeatureRows:
    """Show the features of entities as they were at each one's time."""
    import pandas as pd

    file = (session.start / entities).absolute()
    try:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise OperationError(f"{file.name} cannot be read: {error}") from error
    if timestamp not in frame.columns:
        from stacktui.operations.errors import nearest

        near = nearest(timestamp, map(str, frame.columns))
        raise OperationError(
            f"{file.name} has no column {timestamp!r}{near}; name the times with --timestamp"
        )
    frame[timestamp] = _times(frame[timestamp], file.name)
    keys = tuple(str(name) for name in frame.columns if name != timestamp)
    wanted = _wanted(session, features, keys)
    result = session.live().feature_store.historical(frame, list(wanted), timestamp)
    head = json.loads(result.head(limit).to_json(orient="split", date_format="iso", default_handler=str))
    return FeatureRows(
        features=wanted, columns=tuple(map(str, head["columns"])), rows=tuple(map(tuple, head["data"]))
    )


def _times(column: Any, file: str) -> Any:
    """A file's column as times: ISO 8601, in any of its forms side by side, or one other form all the way down."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if pd.api.types.is_numeric_dtype(column.dtype):
        # Nobody knows whether a number counts seconds or nanoseconds.
        wrong = column
    else:
        times = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        wrong = column[times.isna() & column.notna()]
        if wrong.empty:
            return times
        with contextlib.suppress(ValueError, TypeError):
            return pd.to_datetime(column, utc=True)
    raise OperationError(
        f"{file} has {str(wrong.iloc[0])!r} in {column.name}, which is not a time; write 2024-01-31T12:00:00Z"
    )


def _wanted(session: Session, features: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    """The features that were named, or all of the views whose join keys are there."""
    known = session.live().feature_store.views()
    names = [f"{view.name}:{each.name}" for view in known for each in view.features]
    for name in features:
        if name not in names:
            raise unknown("feature", name, names, "stacktui feature views")
    if features:
        return features
    fitting = tuple(
        f"{view.name}:{each.name}"
        for view in known
        if set(view.join_keys) <= set(keys)
        for each in view.features
    )
    if not fitting:
        raise OperationError(
            f"no feature view has the keys {', '.join(keys)}; stacktui feature views lists them"
        )
    return fitting


def _entity(text: str) -> dict[str, Any]:
    from stacktui.operations.values import pairs, parsed

    return {key: parsed(value) for key, value in pairs(text.split(","), "entity").items()}


def _value(values: dict[str, Any], name: str) -> Any:
    return values.get(name, values.get(name.partition(":")[2]))
