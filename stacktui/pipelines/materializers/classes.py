"""Values of the user's own classes as JSON: enums, dataclasses, named tuples, pydantic models. Used by `plain`.

`{"$class": "module:Name", …}` with what is needed to make the value again. Kept this way is only what is the sum of
its fields: an object that carries more, or that takes a hand in its own pickling, is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from enum import Enum, Flag
from typing import Any

from pydantic import BaseModel

from stacktui.pipelines.materializers.base import MaterializerError, Unfit, object_called
from stacktui.pipelines.pickle_names import LONGEST, is_project_code

_BUILT_IN = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, BaseException)
_OWN_PICKLING = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
)

Encode = Callable[[Any], Any]


def is_record(kind: type) -> bool:
    """Whether the values of a class are dataclasses or named tuples."""
    return dataclasses.is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def encoded(value: Any, encode: Encode, decode: Encode) -> dict[str, Any]:
    """The tagged form. Raises `Unfit`."""
    kind = type(value)
    tagged: dict[str, Any] = {"$class": _name_of(kind)}
    if isinstance(value, Enum):
        if isinstance(value, Flag):
            return {**tagged, "value": encode(value.value)}
        return {**tagged, "member": value.name}
    if isinstance(value, BaseModel):
        return {**tagged, **_encoded_model(value, encode, decode)}
    if isinstance(value, tuple):
        if kind.__bases__ != (tuple,) or getattr(value, "__dict__", None):
            raise Unfit(f"{kind.__qualname__} is more than a named tuple")
        return {**tagged, "items": [encode(item) for item in value]}
    return {**tagged, "fields": _encoded_fields(value, encode)}


def decoded(found: dict[str, Any]) -> Any:
    """The value again. Raises `MaterializerError` where its class is gone or is another one."""
    name = found["$class"]
    try:
        kind: Any = _class_called(name)
        if "member" in found and issubclass(kind, Enum):
            return kind[found["member"]]
        if "value" in found and issubclass(kind, Flag):
            return kind(found["value"])
        if "items" in found and is_record(kind):
            return kind._make(found["items"])
        if "model" in found and issubclass(kind, BaseModel):
            return _validated(kind, found["model"], found.get("set"))
        if "fields" not in found or not is_record(kind):
            raise MaterializerError(f"{name.replace(':', '.')} is another kind of class than it was")
        value: Any = object.__new__(kind)
        for field, item in found["fields"].items():
            object.__setattr__(value, field, item)
    except MaterializerError:
        raise
    except Exception as error:
        raise MaterializerError(
            f"a {name.replace(':', '.')} cannot be made again, its class has changed: "
            f"{type(error).__name__}: {' '.join(str(error).split())}; run the step that made it again"
        ) from error
    return value


def named_in(document: Any) -> list[str]:
    """The qualified names of the classes in a document that are not an installed package's; sorted.

    The step that takes the value runs again when their code changes, as for what is pickled.
    """
    names = {name for name in _names(document) if is_project_code(name.partition(":")[0])}
    return sorted(name.replace(":", ".") for name in names)[:LONGEST]


def _names(document: Any) -> Iterator[str]:
    if isinstance(document, list):
        for item in document:
            yield from _names(item)
    elif isinstance(document, dict):
        if isinstance(name := document.get("$class"), str):
            yield name
        for item in document.values():
            yield from _names(item)


def _name_of(kind: type) -> str:
    name = f"{kind.__module__}:{kind.__qualname__}"
    try:
        found = None if "<" in name else _class_called(name)
    except MaterializerError:
        found = None
    if found is not kind:
        raise Unfit(f"{kind.__qualname__} cannot be imported from {kind.__module__}")
    return name


def _class_called(name: str) -> Any:
    try:
        found = object_called(name)
    except (ImportError, AttributeError) as error:
        raise MaterializerError(
            f"{name.replace(':', '.')} is needed to load this, and is not there any more: {error}"
        ) from error
    if not isinstance(found, type):
        raise MaterializerError(f"{name.replace(':', '.')} is needed to load this, and is no class any more")
    return found


def _encoded_fields(value: Any, encode: Encode) -> dict[str, Any]:
    kind = type(value)
    own = [name for base in kind.__mro__[:-1] for name in _OWN_PICKLING if _defines(base, name)]
    if isinstance(value, _BUILT_IN) or own:
        raise Unfit(f"{kind.__qualname__} is more than its fields")
    names = [field.name for field in dataclasses.fields(value)]
    if not set(getattr(value, "__dict__", ())) <= set(names):
        raise Unfit(f"{kind.__qualname__} holds more than its fields")
    try:
        return {name: encode(getattr(value, name)) for name in names}
    except AttributeError as error:
        raise Unfit(f"{kind.__qualname__} lacks a field: {error}") from None


def _defines(base: type, name: str) -> bool:
    found = vars(base).get(name)
    # Dataclasses with slots are given theirs, which do what is done here.
    return found is not None and getattr(found, "__module__", "") != "dataclasses"


def _encoded_model(model: BaseModel, encode: Encode, decode: Encode) -> dict[str, Any]:
    kind = type(model)
    if model.model_extra or getattr(model, "__pydantic_private__", None):
        raise Unfit(f"{kind.__qualname__} holds more than its fields")
    fields = {field: encode(item) for field, item in model.__dict__.items()}
    # A model whose validators do not give the same values back is not kept this way.
    try:
        text = json.dumps(fields)
        again = _validated(kind, json.loads(text, object_hook=decode), None)
        same = json.dumps({field: encode(item) for field, item in again.__dict__.items()}) == text
    except Exception as error:
        raise Unfit(f"{kind.__qualname__} does not validate its own values: {type(error).__name__}") from None
    if not same:
        raise Unfit(f"{kind.__qualname__} changes its values when it validates them")
    given = sorted(model.model_fields_set)
    return {"model": fields} if set(given) == set(fields) else {"model": fields, "set": given}


def _validated(kind: Any, fields: dict[str, Any], given: list[str] | None) -> BaseModel:
    model: BaseModel = kind.model_validate(fields, by_alias=False, by_name=True)
    if given is not None:
        object.__setattr__(model, "__pydantic_fields_set__", set(given))
    return model
