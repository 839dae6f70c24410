"""JSON for plain values: None, booleans, numbers, text, lists, mappings; tagged where JSON has no word for them.

A tag is an object whose first key starts with `$`: `{"$tuple": [1, 2]}`. A mapping with other keys than text,
or with one that starts with `$`, is written as pairs, so that a tag never stands for a mapping of the user's.
"""

from __future__ import annotations

import base64
import importlib
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from stacktui.pipelines.materializers.base import MaterializerError, Packed, Source, Unfit

_ATOMS = frozenset({type(None), bool, int, float, str})


class _Json:
    name = "json"

    def pack(self, value: Any, scratch: Path) -> Packed:
        try:
            text = dumps(value)
        except (RecursionError, ValueError, OverflowError) as error:
            # A cycle, or an integer with more digits than Python writes.
            raise Unfit(str(error)) from None
        return Packed(text.encode("ascii"), _facts(value))

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
    if isinstance(value, BaseModel):
        return _encoded_model(value)
    raise Unfit(f"JSON has no form for {kind.__module__}.{kind.__qualname__}")


def _encoded_model(model: BaseModel) -> Any:
    kind = type(model)
    if model.model_extra or getattr(model, "__pydantic_private__", None) or "<" in kind.__qualname__:
        raise Unfit(f"{kind.__qualname__} holds more than its fields")
    name = f"{kind.__module__}:{kind.__qualname__}"
    tagged = {
        "$model": name,
        "fields": {field: _encoded(item) for field, item in model.__dict__.items()},
    }
    # A model whose validators do not give the same values back is not kept this way.
    try:
        again = _model(tagged["fields"], kind)
        same = json.dumps({field: _encoded(item) for field, item in again.__dict__.items()}) == json.dumps(
            tagged["fields"]
        )
    except Exception as error:
        raise Unfit(f"{kind.__qualname__} does not validate its own values: {type(error).__name__}") from None
    if not same:
        raise Unfit(f"{kind.__qualname__} changes its values when it validates them")
    return tagged


def _model(encoded_fields: Any, kind: type[BaseModel]) -> BaseModel:
    return _validated(json.loads(json.dumps(encoded_fields), object_hook=_decoded), kind)


def _validated(fields: dict[str, Any], kind: type[BaseModel]) -> BaseModel:
    return kind.model_validate(fields, by_alias=False, by_name=True)


def _decoded(found: dict[str, Any]) -> Any:
    tag = next(iter(found), "")
    read = _READERS.get(tag) if tag.startswith("$") else None
    return found if read is None else read(found)


def _decoded_model(found: dict[str, Any]) -> BaseModel:
    module, _, qualified = found["$model"].partition(":")
    kind: Any = importlib.import_module(module)
    for part in qualified.split("."):
        kind = getattr(kind, part, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        raise MaterializerError(f"{found['$model']} is not a pydantic model any more")
    return _validated(found["fields"], kind)


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
    datetime: _encoded_datetime,
    date: lambda value: {"$date": value.isoformat()},
    time: _encoded_time,
    timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    Decimal: lambda value: {"$decimal": str(value)},
    UUID: lambda value: {"$uuid": str(value)},
    complex: lambda value: {"$complex": [value.real, value.imag]},
}

_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$dict": lambda found: dict(found["$dict"]),
    "$tuple": lambda found: tuple(found["$tuple"]),
    "$set": lambda found: set(found["$set"]),
    "$frozenset": lambda found: frozenset(found["$frozenset"]),
    "$bytes": lambda found: base64.b64decode(found["$bytes"]),
    "$datetime": _decoded_datetime,
    "$date": lambda found: date.fromisoformat(found["$date"]),
    "$time": lambda found: time.fromisoformat(found["$time"]).replace(fold=found["fold"]),
    "$timedelta": lambda found: timedelta(*found["$timedelta"]),
    "$decimal": lambda found: Decimal(found["$decimal"]),
    "$uuid": lambda found: UUID(found["$uuid"]),
    "$complex": lambda found: complex(*found["$complex"]),
    "$model": _decoded_model,
}


def _facts(value: Any) -> dict[str, Any]:
    if isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return {"value": value} if abs(value) < 1 << 53 else {}
    if isinstance(value, (str, list, dict, tuple, set, frozenset)):
        return {"length": len(value)}
    return {}
