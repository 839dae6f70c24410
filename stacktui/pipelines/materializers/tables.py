"""Frames and tables as Parquet: pandas frames and series, polars frames, Arrow tables. Loaded late.

A pandas frame that Parquet would not give back equal (mixed objects, exotic column names) is left to pickle.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from stacktui.pipelines.materializers import plain
from stacktui.pipelines.materializers.base import Packed, Source, Unfit, new_folder, type_name

_SERIES = "value"


class _Parquet:
    name = "parquet"

    def pack(self, value: Any, scratch: Path) -> Packed:
        kind = type_name(value)
        if kind == "pandas.core.frame.DataFrame":
            return _packed_pandas(value, scratch, {})
        if kind == "pandas.core.series.Series":
            return _packed_series(value, scratch)
        if kind == "pyarrow.lib.Table":
            return _packed_arrow(value, scratch)
        if kind == "polars.dataframe.frame.DataFrame":
            target = new_folder(scratch) / "table.parquet"
            value.write_parquet(target)
            return Packed(target, {"rows": value.height, "columns": list(value.columns)})
        raise Unfit(f"Parquet has no form for {kind}")

    def unpack(self, source: Source) -> Any:
        import pyarrow as pa

        if source.ref.type == "polars.dataframe.frame.DataFrame":
            import io

            import polars

            return polars.read_parquet(io.BytesIO(source.data()))
        table = _read(pa.BufferReader(source.data()))
        if source.ref.type == "pyarrow.lib.Table":
            return table
        frame = _restored(table)
        if source.ref.type == "pandas.core.series.Series":
            series = frame.iloc[:, 0]
            series.name = json.loads(table.schema.metadata[b"stacktui"]).get("series")
            return series
        return frame


PARQUET = _Parquet()


def _packed_arrow(table: Any, scratch: Path) -> Packed:
    import pyarrow as pa

    try:
        packed = _written(table, scratch, {})
    except (pa.ArrowException, ValueError, NotImplementedError) as error:
        raise Unfit(str(error).splitlines()[0]) from None
    again = _read(packed.content)
    if again.num_rows != table.num_rows or not again.schema.equals(table.schema, check_metadata=True):
        Path(str(packed.content)).unlink()
        raise Unfit("Parquet would change it")
    return packed


def _packed_series(series: Any, scratch: Path) -> Packed:
    if type(series.name) not in (str, int, type(None)):
        raise Unfit(f"the series is named by a {type(series.name).__name__}")
    return _packed_pandas(series.to_frame(_SERIES), scratch, {"series": series.name})


def _packed_pandas(frame: Any, scratch: Path, notes: dict[str, Any]) -> Packed:
    """As Arrow keeps it, or else with its columns and their types beside it; refused if it would not come back equal."""
    facts: dict[str, Any] = {"rows": len(frame)}
    if "series" not in notes:
        facts["columns"] = [str(column) for column in frame.columns[:200]]
    notes = {**notes, **_pandas_notes(frame)}
    try:
        return _packed_as(frame, frame, scratch, notes, facts)
    except Unfit:
        plainer, more = _spelled_out(frame)
        return _packed_as(frame, plainer, scratch, {**notes, **more}, facts)


def _packed_as(
    frame: Any, written: Any, scratch: Path, notes: dict[str, Any], facts: dict[str, Any]
) -> Packed:
    import pyarrow as pa

    try:
        with warnings.catch_warnings():
            # What it would leave out is found by comparing.
            warnings.simplefilter("ignore")
            table = pa.Table.from_pandas(written)
        table = table.replace_schema_metadata(
            {**(table.schema.metadata or {}), b"stacktui": json.dumps(notes, sort_keys=True).encode()}
        )
        packed = _written(table, scratch, facts)
    except (pa.ArrowException, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise Unfit(str(error).splitlines()[0]) from None
    try:
        _check_equal(frame, _restored(_read(packed.content)))
    except Exception as error:
        Path(str(packed.content)).unlink()
        raise error if isinstance(error, Unfit) else Unfit(str(error)) from None
    return packed


def _spelled_out(frame: Any) -> tuple[Any, dict[str, Any]]:
    """The frame with columns that Arrow can tell apart, and what they were: labels that are alike or no text,
    categories that are no text or of which no row has any, times of other units."""
    import pandas as pd

    notes: dict[str, Any] = {
        "types": [_type_note(frame.iloc[:, place].dtype) for place in range(frame.shape[1])]
    }
    labels = frame.columns
    if labels.nlevels > 1 or type(labels) is not pd.Index:
        return frame, notes
    notes["labels"] = {
        "of": [json.loads(plain.dumps(label)) for label in labels],
        "type": str(labels.dtype),
        "name": json.loads(plain.dumps(labels.name)),
    }
    renamed = frame.copy(deep=False)
    renamed.columns = [f"column {place}" for place in range(frame.shape[1])]
    return renamed, notes


def _type_note(kind: Any) -> Any:
    import pandas as pd

    if isinstance(kind, pd.CategoricalDtype):
        values = kind.categories
        return {
            "categories": json.loads(plain.dumps(values.tolist())),
            "type": str(values.dtype),
            "ordered": bool(kind.ordered),
        }
    if isinstance(kind, pd.StringDtype):
        return f"string[{kind.storage}]"
    return str(kind)


def _type_of(note: Any) -> Any:
    import pandas as pd

    if isinstance(note, str):
        return note
    values = pd.Index(_plain_of(note["categories"]), dtype=note["type"])
    return pd.CategoricalDtype(values, ordered=note["ordered"])


def _plain_of(document: Any) -> Any:
    return plain.loads(json.dumps(document).encode())


def _spelled_back(frame: Any, notes: dict[str, Any]) -> Any:
    import pandas as pd

    for place, note in enumerate(notes["types"]):
        kind = _type_of(note)
        if frame.iloc[:, place].dtype != kind:
            frame.isetitem(place, frame.iloc[:, place].astype(kind))
    if "labels" in notes:
        labels = notes["labels"]
        frame.columns = pd.Index(
            [_plain_of(label) for label in labels["of"]], dtype=labels["type"], name=_plain_of(labels["name"])
        )
    return frame


def _pandas_notes(frame: Any) -> dict[str, Any]:
    """What Arrow does not carry: missing text that is NaN and not None, and the frequency of an index of times."""
    notes: dict[str, Any] = {}
    nan_columns = []
    for place, kind in enumerate(frame.dtypes):
        if kind.kind != "O" or type(kind).__module__.startswith("pandas"):
            continue
        column = frame.iloc[:, place]
        missing = column[column.isna()]
        kinds = {type(item) for item in missing}
        if kinds == {float}:
            nan_columns.append(place)
        elif kinds and kinds != {type(None)}:
            raise Unfit("a column has several kinds of missing values")
    if nan_columns:
        notes["nan"] = nan_columns
    frequency = getattr(frame.index, "freqstr", None)
    if frequency and frame.index.dtype.kind in "mM":
        notes["freq"] = frequency
    return notes


def _read(source: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(source, use_threads=False)


def _restored(table: Any) -> Any:
    frame = table.to_pandas(use_threads=False)
    notes = json.loads(table.schema.metadata.get(b"stacktui", b"{}"))
    for place in notes.get("nan", ()):
        column = frame.iloc[:, place]
        frame.isetitem(place, column.where(column.notna(), float("nan")))
    if "types" in notes:
        frame = _spelled_back(frame, notes)
    if "freq" in notes:
        frame.index.freq = notes["freq"]
    return frame


def _check_equal(frame: Any, again: Any) -> None:
    same = (
        list(frame.dtypes) == list(again.dtypes)
        and type(frame.index) is type(again.index)
        and list(frame.columns) == list(again.columns)
        and [type(name) for name in frame.columns] == [type(name) for name in again.columns]
        and list(frame.index.names) == list(again.index.names)
        and list(frame.columns.names) == list(again.columns.names)
        and frame.index.equals(again.index)
        and frame.index.dtype == again.index.dtype
        and frame.equals(again)
        and _same_attrs(frame.attrs, again.attrs)
    )
    if not same:
        raise Unfit("Parquet would change it")


def _same_attrs(before: dict[Any, Any], after: dict[Any, Any]) -> bool:
    """Whether the notes on a frame come back as they are: they are kept as JSON."""
    try:
        return plain.dumps(before) == plain.dumps(after)
    except Unfit:
        return False


def _written(table: Any, scratch: Path, facts: dict[str, Any]) -> Packed:
    import pyarrow.parquet as pq

    target = new_folder(scratch) / "table.parquet"
    # The names of what is inside of lists stay as they are.
    pq.write_table(table, target, use_compliant_nested_type=False)
    return Packed(target, facts or {"rows": table.num_rows, "columns": table.column_names[:200]})
