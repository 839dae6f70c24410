"""Whether what one step gives can be what the next one takes; and constants, checked and made plain.

Said while the graph is drawn, before anything runs. Only what cannot be is refused: where a type is unknown, the
step itself will find out.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from stacktui.pipelines.hints import Unknown, type_name

_PLAIN = (str, int, float, bool, type(None))
_WIDER: dict[type, tuple[type, ...]] = {int: (float, complex), float: (complex,), bool: (float, complex)}


_SEVERAL = ("list_type", "tuple_type", "set_type", "dict_type", "model_type", "dataclass_type")
"""Errors of pydantic for text where something with parts is wanted."""


class NotPlain(ValueError):
    """A constant has no faithful form as JSON values, or does not fit its parameter's type."""


def fits(given: Any, wanted: Any) -> bool:
    """Whether a value that is annotated `given` may be passed where `wanted` is: False only if it surely may not."""
    given, wanted = _strip(given), _strip(wanted)
    if _open(given) or _open(wanted):
        return True
    if _is_union(given):
        return any(fits(item, wanted) for item in typing.get_args(given))
    if _is_union(wanted):
        return any(fits(given, item) for item in typing.get_args(wanted))
    if typing.get_origin(given) is Literal:
        if typing.get_origin(wanted) is Literal:
            return bool(set(typing.get_args(given)) & set(typing.get_args(wanted)))
        return any(fits(type(item), wanted) for item in typing.get_args(given))
    if typing.get_origin(wanted) is Literal:
        return any(fits(given, type(item)) for item in typing.get_args(wanted))
    one, other = _class_of(given), _class_of(wanted)
    if one is None or other is None:
        return True
    if not _classes_fit(one, other):
        return False
    return _arguments_fit(given, wanted, one, other)


def _strip(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(value := getattr(annotation, "__value__", None), object) and _is_alias(annotation):
            annotation = value
        else:
            return type(None) if annotation is None else annotation


def _is_alias(annotation: Any) -> bool:
    # `type X = …`, Python 3.12.
    return type(annotation).__name__ == "TypeAliasType"


def _open(annotation: Any) -> bool:
    return (
        annotation is Any
        or annotation is object
        or annotation is inspect.Parameter.empty
        or isinstance(annotation, (Unknown, str, typing.ForwardRef, typing.TypeVar))
    )


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _class_of(annotation: Any) -> type | None:
    origin = typing.get_origin(annotation)
    if isinstance(origin, type):
        return origin
    return annotation if isinstance(annotation, type) else None


def _classes_fit(given: type, wanted: type) -> bool:
    if given is wanted or _named(given) == _named(wanted):
        return True
    if wanted in _WIDER.get(given, ()):
        return True
    try:
        if issubclass(given, wanted) or issubclass(wanted, given):
            # A base class may turn out to be what is wanted.
            return True
    except TypeError:
        # A protocol with data members: only the value can tell.
        return True
    # A value may be of two unrelated classes if one of them is made to be mixed in.
    return _mixed_in(given) or _mixed_in(wanted)


def _named(cls: type) -> str:
    # The same class seen through two imports of its module, or through a moved public name (numpy, pandas).
    head = cls.__module__.partition(".")[0]
    return (
        f"{head}:{cls.__qualname__}"
        if head in ("numpy", "pandas")
        else f"{cls.__module__}:{cls.__qualname__}"
    )


def _mixed_in(cls: type) -> bool:
    return (
        inspect.isabstract(cls)
        or cls.__name__.endswith(("Mixin", "Protocol"))
        or bool(getattr(cls, "_is_protocol", False))
    )


def _arguments_fit(given: Any, wanted: Any, one: type, other: type) -> bool:
    mine, theirs = typing.get_args(given), typing.get_args(wanted)
    if not mine or not theirs or one is not other:
        return True
    if one is tuple:
        if Ellipsis in mine or Ellipsis in theirs:
            item_of = [part for part in (*mine, *theirs) if part is not Ellipsis]
            return all(fits(item, item_of[-1]) for item in mine if item is not Ellipsis)
        return len(mine) == len(theirs) and all(map(fits, mine, theirs))
    if one in (list, set, frozenset, dict) and len(mine) == len(theirs):
        return all(map(fits, mine, theirs))
    return True


@lru_cache(maxsize=4096)
def _adapter(annotation: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:
        # A model or dataclass brings its own config.
        return TypeAdapter(annotation)


def adapter_for(annotation: Any) -> Any:
    """A pydantic `TypeAdapter`; None where the annotation is open or pydantic cannot make one."""
    if _open(annotation):
        return None
    try:
        return _adapter(annotation)
    except Exception:
        return None


def plain(value: Any, annotation: Any) -> Any:
    """A constant as JSON values, from which `from_plain` makes it again. Raises `NotPlain`, with what to do."""
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    adapter = adapter_for(annotation)
    if adapter is not None:
        try:
            value = adapter.validate_python(value)
        except ValidationError as error:
            raise NotPlain(
                f"{_short(value)} is not {type_name(annotation)}: {error.errors()[0]['msg']}"
            ) from None
    if is_plain(value):
        return value
    try:
        result = to_jsonable_python(value) if adapter is None else adapter.dump_python(value, mode="json")
        again = from_plain(result, annotation)
    except (PydanticSerializationError, ValidationError, ValueError, TypeError, RecursionError):
        raise NotPlain(_no_constant(value)) from None
    try:
        same = type(again) is type(value) and bool(again == value)
    except Exception:
        same = False
    if not same:
        raise NotPlain(_no_constant(value))
    return result


def _no_constant(value: Any) -> str:
    return (
        f"a {type_name(type(value))} is not a constant that can be kept; annotate the parameter with its type,"
        " or let a step make it"
    )


def from_plain(value: Any, annotation: Any) -> Any:
    """The constant that `plain` took apart. Raises pydantic's `ValidationError` if it does not fit."""
    if type(value) is annotation and type(value) in _PLAIN:
        return value
    adapter = adapter_for(annotation)
    return value if adapter is None else adapter.validate_python(value)


def is_plain(value: Any) -> bool:
    """Whether a value consists of JSON values only: text, numbers, booleans, None, lists, and dicts with text keys."""
    if type(value) in _PLAIN:
        return True
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return False


def from_text(text: str, annotation: Any, default: Any = inspect.Parameter.empty) -> Any:
    """A parameter that was written on the command line, as its annotation's type; by its default's type without one.

    Raises `NotPlain` with the reason.
    """
    import json

    from pydantic import ValidationError

    if _open(annotation) and type(default) in (int, float, bool, str):
        annotation = (
            float if type(default) is int and not text.strip().lstrip("+-").isdigit() else type(default)
        )
    adapter = adapter_for(annotation)
    if adapter is None:
        try:
            return json.loads(text)
        except ValueError:
            return text
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        first = error
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        not_json = error.errors()[0]["type"] == "json_invalid"
        told = (first if not_json else error).errors()[0]
        how = "; write it as JSON" if not_json and told["type"].endswith(_SEVERAL) else ""
        raise NotPlain(f"{text!r} is not {type_name(annotation)}: {told['msg']}{how}") from None


def checked(value: Any, annotation: Any) -> Any:
    """A parameter's value as its annotation's type. Raises `NotPlain`."""
    from pydantic import ValidationError

    adapter = adapter_for(annotation)
    if adapter is None:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise NotPlain(
            f"{_short(value)} is not {type_name(annotation)}: {error.errors()[0]['msg']}"
        ) from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def annotation_of(hints: Mapping[str, Any], name: str) -> Any:
    """A parameter's annotation, `Any` without one."""
    return hints.get(name, Any)
