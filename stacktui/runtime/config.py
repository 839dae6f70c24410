"""A component's configuration against its flavor's config model: where references may stand, and what is wrong.

`build_config` makes the model with the secrets put in; `check_config` finds every fault without them. Used by
`build`, the rules and the forms.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from stacktui.categories.base import FlavorConfig
from stacktui.model.secretref import (
    SecretableMarker,
    SecretRef,
    SecretValue,
    references,
    substitute,
    walk_references,
)
from stacktui.runtime.findings import KeyPath, closest, one_line

ValueOf = Callable[[SecretRef], str]


class ConfigFault(NamedTuple):
    """One thing that is wrong with a configuration."""

    kind: typing.Literal["unknown", "missing", "value"]
    path: KeyPath
    """Keys from the top of the configuration to the field."""
    message: str
    """One line that names the field. Never shows the value of a field that may hold a secret."""
    meant: str | None = None
    """The known field or choice that was probably meant."""


def build_config(model: type[FlavorConfig], config: Mapping[str, Any], value_of: ValueOf) -> FlavorConfig:
    """The config model with secrets put in. Raises ValueError with one line that shows no value of a secret."""
    used: list[str] = []

    def noted(reference: SecretRef) -> str:
        value = value_of(reference)
        used.append(value)
        return value

    prepared = _put_in(model, (), config, noted)
    try:
        return model.model_validate(prepared)
    except ValidationError as error:
        faults = _faults(model, config, error)
        text = "; ".join(_explained(fault, config) for fault in faults)
    except Exception as error:
        text = _failed_check(error)
    # A flavor's own validator may have quoted the value.
    for value in sorted(used, key=len, reverse=True):
        if value:
            text = text.replace(value, "******")
    raise ValueError(text)


def check_config(model: type[BaseModel], config: Mapping[str, Any]) -> tuple[ConfigFault, ...]:
    """Everything that is wrong with a configuration whose references stand unresolved."""
    try:
        model.model_validate(_unescaped(model, (), config))
    except ValidationError as error:
        return tuple(_faults(model, config, error))
    except Exception as error:
        return (ConfigFault("value", (), _failed_check(error)),)
    return ()


@lru_cache(maxsize=4096)
def may_hold_reference(model: type[BaseModel], path: KeyPath) -> bool:
    """Whether the field at `path` is typed `Secretable[T]`."""
    return any(_marked(found) for found in annotations_at(model, path))


def unquoted(value: Any) -> str | None:
    """What to quote, if YAML read `{{name.key}}` without quotes: a mapping whose only key is a mapping itself."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(key, inner)] = value.items()
        if inner is None and isinstance(key, str) and key.startswith("{") and key.endswith("}"):
            return f"{{{key}}}"
    return None


def secrets_of(model: type[BaseModel], config: Mapping[str, Any]) -> dict[KeyPath, list[SecretRef]]:
    """The secrets that a configuration refers to where it may, by the path of the text that does."""
    found: dict[KeyPath, list[SecretRef]] = {}
    for path, reference in walk_references(config):
        if may_hold_reference(model, path):
            found.setdefault(path, []).append(reference)
    return found


def field_names(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The fields of the config model (or of the model nested at `path`), as YAML spells them."""
    names: list[str] = []
    for found in models_at(model, path):
        names += [info.alias or name for name, info in found.model_fields.items()]
    return tuple(dict.fromkeys(names))


def models_at(model: type[BaseModel], path: KeyPath) -> tuple[type[BaseModel], ...]:
    """The models that a value at `path` may be of: none for a plain value, several for a union of models."""
    return tuple(
        found
        for annotation in annotations_at(model, path)
        for found in _plain(annotation)
        if isinstance(found, type) and issubclass(found, BaseModel)
    )


def _failed_check(error: Exception) -> str:
    # A validator of the flavor that raises something else than ValueError has a fault itself.
    return f"the flavor's own check of the configuration failed: {type(error).__name__}: {one_line(error)}"


def _put_in(model: type[BaseModel], path: KeyPath, value: Any, value_of: ValueOf) -> Any:
    if isinstance(value, str):
        if "{{" not in value:
            return value
        if may_hold_reference(model, path):
            # Escaped braces alone are marked too: they must not be taken for a reference once more.
            return SecretValue(substitute(value, value_of))
        if references(value):
            raise ValueError(f"{spelled(path)} may not refer to a secret: write the value itself")
        return substitute(value, value_of)
    if (text := unquoted(value)) is not None:
        raise ValueError(f'{spelled(path)} needs quotes: "{text}"')
    if isinstance(value, Mapping):
        return {key: _put_in(model, (*path, key), item, value_of) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_put_in(model, (*path, index), item, value_of) for index, item in enumerate(value)]
    return value


def _unescaped(model: type[BaseModel], path: KeyPath, value: Any) -> Any:
    if isinstance(value, str):
        if "{{{{" not in value or references(value) or may_hold_reference(model, path):
            return value
        return value.replace("{{{{", "{{")
    if isinstance(value, Mapping):
        return {key: _unescaped(model, (*path, key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unescaped(model, (*path, index), item) for index, item in enumerate(value)]
    return value


def annotations_at(model: type[BaseModel], path: KeyPath) -> Iterator[Any]:
    """Every annotation that a value at `path` may have: a union has several."""
    current: list[Any] = [model]
    for key in path:
        current = [inner for annotation in current for inner in _inside(annotation, key)]
    yield from current


def _inside(annotation: Any, key: str | int) -> Iterator[Any]:
    for found in _plain(annotation):
        origin = typing.get_origin(found) or found
        arguments = typing.get_args(found)
        if isinstance(origin, type) and issubclass(origin, BaseModel):
            for name, info in origin.model_fields.items():
                if key in (name, info.alias):
                    yield (
                        typing.Annotated[(info.annotation, *info.metadata)]
                        if info.metadata
                        else info.annotation
                    )
        elif isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            yield arguments[1]
        elif origin is tuple and arguments and isinstance(key, int):
            yield arguments[0] if arguments[-1] is Ellipsis else arguments[min(key, len(arguments) - 1)]
        elif isinstance(key, int) and len(arguments) == 1:
            yield arguments[0]


def _plain(annotation: Any) -> Iterator[Any]:
    """An annotation without aliases and `Annotated`, one for each arm of a union."""
    alias = getattr(annotation, "__value__", None)
    if alias is not None:
        yield from _plain(alias)
        return
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _plain(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for arm in typing.get_args(annotation):
            yield from _plain(arm)
    else:
        yield annotation


def _marked(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *marks = typing.get_args(annotation)
        return any(isinstance(mark, SecretableMarker) for mark in marks) or _marked(inner)
    if origin in (typing.Union, types.UnionType):
        return any(_marked(arm) for arm in typing.get_args(annotation))
    return False


def _faults(model: type[BaseModel], config: Mapping[str, Any], error: ValidationError) -> list[ConfigFault]:
    found: dict[tuple[str, KeyPath], ConfigFault] = {}
    for detail in error.errors(include_url=False, include_input=False):
        fault = _fault(model, config, detail)
        same = found.get((fault.kind, fault.path))
        if same is not None and fault.message not in same.message:
            # Each arm of a union has its own complaint.
            fault = same._replace(message=f"{same.message}, or {fault.message.partition(' ')[2]}")
        elif same is not None:
            continue
        found[fault.kind, fault.path] = fault
    return list(found.values())


def _fault(model: type[BaseModel], config: Mapping[str, Any], detail: Any) -> ConfigFault:
    kind = detail["type"]
    path = _yaml_path(detail["loc"], config, whole=kind in ("missing", "extra_forbidden"))
    name = spelled(path) if path else "the configuration"
    if kind == "extra_forbidden":
        known = field_names(model, path[:-1])
        meant = closest(str(path[-1]), known)
        rest = f"did you mean {meant}?" if meant else _listing("it has", known)
        where = "of this flavor" if issubclass(model, FlavorConfig) else "here"
        return ConfigFault("unknown", path, f"{name} is not a field {where}; {rest}", meant)
    if kind == "missing":
        described = _description(model, path)
        return ConfigFault("missing", path, f"{name} is missing" + (f": {described}" if described else ""))
    meant = None
    if kind in ("literal_error", "enum"):
        value = value_at(config, path)
        meant = closest(str(value), _choices(model, path)) if isinstance(value, str) else None
    wanted = _wanted(kind, str(detail["msg"]))
    hint = f"; did you mean {meant}?" if meant else ""
    return ConfigFault("value", path, f"{name} {wanted}{hint}", meant)


_WANTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "path_type": "must be a path",
    "none_required": "must be empty",
}
_PHRASES = (
    ("Value error, ", ""),
    ("Assertion failed, ", ""),
    ("Input should be ", "must be "),
    ("Input should have ", "must have "),
    ("String should ", "must "),
    ("List should ", "must "),
    ("Tuple should ", "must "),
    ("Dictionary should ", "must "),
    ("Value should ", "must "),
    ("a valid ", "a "),
)


def _wanted(kind: str, message: str) -> str:
    if kind in _WANTED:
        return _WANTED[kind]
    for machine, human in _PHRASES:
        message = message.replace(machine, human)
    message = " ".join(message.split())
    return message if message.startswith("must ") else f"does not fit: {message}"


def _explained(fault: ConfigFault, config: Mapping[str, Any]) -> str:
    """A fault in a configuration whose secrets were put in: a wrong secret is told by its reference."""
    value = value_at(config, fault.path)
    found = references(value) if isinstance(value, str) else []
    if not found:
        return fault.message
    commands = ", ".join(f"stacktui secret set {reference.name} {reference.key}" for reference in found)
    return f"{fault.message}; its value comes from {value}: set it again with: {commands}"


def _yaml_path(location: tuple[str | int, ...], config: Any, *, whole: bool) -> KeyPath:
    """The keys that stand in the file: pydantic also names the arms of unions, which do not."""
    path: list[str | int] = []
    current = config
    for index, key in enumerate(location):
        inner = _step_into(current, key)
        if inner is not _ABSENT:
            current = inner
        elif not (whole and index == len(location) - 1):
            continue
        path.append(key)
    return tuple(path)


_ABSENT = object()


def _step_into(current: Any, key: str | int) -> Any:
    """What lies under `key`, or `_ABSENT`."""
    if isinstance(current, Mapping):
        return current.get(key, _ABSENT)
    if isinstance(current, (list, tuple)) and isinstance(key, int) and key < len(current):
        return current[key]
    return _ABSENT


def value_at(config: Any, path: KeyPath) -> Any:
    """What a configuration holds at `path`; None if nothing."""
    current = config
    for key in path:
        current = _step_into(current, key)
    return None if current is _ABSENT else current


def _description(model: type[BaseModel], path: KeyPath) -> str:
    for annotation in annotations_at(model, path[:-1]):
        for found in _plain(annotation):
            if isinstance(found, type) and issubclass(found, BaseModel):
                for name, info in found.model_fields.items():
                    if path[-1] in (name, info.alias) and info.description:
                        return info.description.rstrip(".")
    return ""


def _choices(model: type[BaseModel], path: KeyPath) -> list[str]:
    choices: list[str] = []
    for annotation in annotations_at(model, path):
        for found in _plain(annotation):
            if typing.get_origin(found) is typing.Literal:
                choices += [str(choice) for choice in typing.get_args(found)]
            elif isinstance(found, type) and hasattr(found, "__members__"):
                choices += [str(member.value) for member in found.__members__.values()]
    return choices


def _listing(intro: str, names: tuple[str, ...]) -> str:
    return f"{intro}: {', '.join(names)}" if names else "it has no fields"


def spelled(path: KeyPath) -> str:
    """A path as people write it: `views[0].source`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text
