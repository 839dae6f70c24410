"""Frames and tables as Parquet: pandas frames and series, polars frames, Arrow tables. Loaded late.

A pandas frame that Parquet would not give back equal (mixed objects, exotic column names) is left to pickle.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
            return _written(value, scratch, {})
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


def _packed_series(series: Any, scratch: Path) -> Packed:
    if type(series.name) not in (str, int, type(None)):
        raise Unfit(f"the series is named by a {type(series.name).__name__}")
    return _packed_pandas(series.to_frame(_SERIES), scratch, {"series": series.name})


def _packed_pandas(frame: Any, scratch: Path, notes: dict[str, Any]) -> Packed:
    import pyarrow as pa

    notes = {**notes, **_pandas_notes(frame)}
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise Unfit(str(error).splitlines()[0]) from None
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"stacktui": json.dumps(notes, sort_keys=True).encode()}
    )
    facts: dict[str, Any] = {"rows": len(frame)}
    if "series" not in notes:
        facts["columns"] = [str(column) for column in frame.columns[:200]]
    packed = _written(table, scratch, facts)
    try:
        _check_equal(frame, _restored(_read(packed.content)))
    except Unfit:
        Path(str(packed.content)).unlink()
        raise
    return packed


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
        name = frame.columns[place]
        frame[name] = frame[name].where(frame[name].notna(), float("nan"))
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
    )
    if not same:
        raise Unfit("Parquet would change it")


def _written(table: Any, scratch: Path, facts: dict[str, Any]) -> Packed:
    import pyarrow.parquet as pq

    target = new_folder(scratch) / "table.parquet"
    pq.write_table(table, target)
    return Packed(target, facts or {"rows": table.num_rows, "columns": table.column_names[:200]})
