"""JSON for plain values: None, booleans, numbers, text, lists, mappings; tagged where JSON has no word for them.

A tag is an object whose first key starts with `$`: `{"$tuple": [1, 2]}`. A mapping with other keys than text,
or with one that starts with `$`, is written as pairs, so that a tag never stands for a mapping of the user's.

What comes back is equal and of the same type, or the value is refused: dates, decimals, enums, dataclasses and
pydantic models are kept, NumPy's scalars and small arrays inside of others too; a subclass of a built-in type is
not. A `Path` inside of another value is its text: what it leads to is not kept with it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from stacktui.pipelines.materializers import classes
from stacktui.pipelines.materializers.base import Packed, Source, Unfit

_ATOMS = frozenset({type(None), bool, int, float, str})
_PATHS = {kind.__name__: kind for kind in (PosixPath, PurePosixPath, PureWindowsPath)}
_LARGEST_ARRAY = 1 << 20
"""Bytes of an array that stands inside of another value."""


class _Json:
    name = "json"

    def pack(self, value: Any, scratch: Path) -> Packed:
        try:
            text = dumps(value)
        except (RecursionError, ValueError, OverflowError) as error:
            # A cycle, or an integer with more digits than Python writes.
            raise Unfit(str(error)) from None
        facts = _facts(value)
        if '{"$class":' in text and (names := classes.named_in(json.loads(text))):
            facts["classes"] = names
        return Packed(text.encode("ascii"), facts)

    def unpack(self, source: Source) -> Any:
        return loads(source.data())


JSON = _Json()


def dumps(value: Any) -> str:
    """`value` as ASCII JSON text. Raises `Unfit` for what it cannot give back equal."""
    return json.dumps(_encoded(value), separators=(",", ":"))


def loads(data: bytes) -> Any:
    """The value that `dumps` wrote."""
    if b'"$' not in data:
        return json.loads(data)
    return json.loads(data, object_hook=_decoded)


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list:
        return [item if type(item) in _ATOMS else _encoded(item) for item in value]
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: item if type(item) in _ATOMS else _encoded(item) for key, item in value.items()}
        return {"$dict": [[_encoded(key), _encoded(item)] for key, item in value.items()]}
    if (write := _WRITERS.get(kind)) is not None:
        return write(value)
    if kind.__module__ == "numpy":
        return _encoded_numpy(value)
    if isinstance(value, (BaseModel, Enum)) or classes.is_record(kind):
        return classes.encoded(value, _encoded, _decoded)
    raise Unfit(f"JSON has no form for {kind.__module__}.{kind.__qualname__}")


def _encoded_numpy(value: Any) -> Any:
    """A scalar by its value, an array as `.npy`: numbers that a library computed stand among others everywhere."""
    import numpy as np

    from stacktui.pipelines.materializers.arrays import NPY

    if isinstance(value, np.generic):
        if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
            return {"$numpy": value.dtype.name, "value": value.item()}
    elif value.nbytes > _LARGEST_ARRAY:
        raise Unfit(f"an array of {value.nbytes:,} bytes is too large to stand in JSON")
    content = NPY.pack(value, Path()).content
    assert isinstance(content, bytes)
    tagged = {"$npy": base64.b64encode(content).decode("ascii")}
    return {**tagged, "scalar": True} if isinstance(value, np.generic) else tagged


def _decoded_numpy(found: dict[str, Any]) -> Any:
    import numpy as np

    return np.dtype(found["$numpy"]).type(found["value"])


def _decoded_npy(found: dict[str, Any]) -> Any:
    import io

    import numpy as np

    array = np.load(io.BytesIO(base64.b64decode(found["$npy"])), allow_pickle=False)
    return array[()] if found.get("scalar") else array


def _decoded(found: dict[str, Any]) -> Any:
    tag = next(iter(found), "")
    read = _READERS.get(tag) if tag.startswith("$") else None
    return found if read is None else read(found)


def _encoded_datetime(value: datetime) -> Any:
    tagged: dict[str, Any] = {"$datetime": value.isoformat()}
    if isinstance(value.tzinfo, ZoneInfo):
        if value.tzinfo.key is None:
            raise Unfit("the time zone has no name")
        tagged = {"$datetime": value.replace(tzinfo=None).isoformat(), "zone": value.tzinfo.key}
    elif value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise Unfit(f"the time zone is a {type(value.tzinfo).__name__}")
    if value.fold:
        tagged["fold"] = value.fold
    return tagged


def _decoded_datetime(found: dict[str, Any]) -> datetime:
    value = datetime.fromisoformat(found["$datetime"])
    if "zone" in found:
        value = value.replace(tzinfo=ZoneInfo(found["zone"]))
    return value.replace(fold=found.get("fold", 0))


def _encoded_time(value: time) -> Any:
    if value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise Unfit("the time's zone has no fixed offset")
    return {"$time": value.isoformat(), "fold": value.fold}


def _set(tag: str) -> Callable[[Any], Any]:
    # Sorted by their JSON: the order of a set is not part of its value.
    return lambda value: {tag: sorted((_encoded(item) for item in value), key=json.dumps)}


_WRITERS: dict[type, Callable[[Any], Any]] = {
    tuple: lambda value: {"$tuple": [_encoded(item) for item in value]},
    set: _set("$set"),
    frozenset: _set("$frozenset"),
    bytes: lambda value: {"$bytes": base64.b64encode(value).decode("ascii")},
    bytearray: lambda value: {"$bytearray": base64.b64encode(value).decode("ascii")},
    range: lambda value: {"$range": [value.start, value.stop, value.step]},
    datetime: _encoded_datetime,
    date: lambda value: {"$date": value.isoformat()},
    time: _encoded_time,
    timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value: {"$decimal": str(value)},
    UUID: lambda value: {"$uuid": str(value)},
    complex: lambda value: {"$complex": [value.real, value.imag]},
    Fraction: lambda value: {"$fraction": [value.numerator, value.denominator]},
    **{kind: lambda value: {"$path": str(value), "kind": type(value).__name__} for kind in _PATHS.values()},
}

_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$dict": lambda found: dict(found["$dict"]),
    "$tuple": lambda found: tuple(found["$tuple"]),
    "$set": lambda found: set(found["$set"]),
    "$frozenset": lambda found: frozenset(found["$frozenset"]),
    "$bytes": lambda found: base64.b64decode(found["$bytes"]),
    "$bytearray": lambda found: bytearray(base64.b64decode(found["$bytearray"])),
    "$range": lambda found: range(*found["$range"]),
    "$datetime": _decoded_datetime,
    "$date": lambda found: date.fromisoformat(found["$date"]),
    "$time": lambda found: time.fromisoformat(found["$time"]).replace(fold=found["fold"]),
    "$timedelta": lambda found: timedelta(*found["$timedelta"]),
    "$decimal": lambda found: Decimal(found["$decimal"]),
    "$uuid": lambda found: UUID(found["$uuid"]),
    "$complex": lambda found: complex(*found["$complex"]),
    "$fraction": lambda found: Fraction(*found["$fraction"]),
    "$path": lambda found: _PATHS[found["kind"]](found["$path"]),
    "$numpy": _decoded_numpy,
    "$npy": _decoded_npy,
    "$class": classes.decoded,
}


def _facts(value: Any) -> dict[str, Any]:
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return {"value": value} if abs(value) < 1 << 53 else {}
    if isinstance(value, (str, list, dict, tuple, set, frozenset)):
        return {"length": len(value)}
    return {}
