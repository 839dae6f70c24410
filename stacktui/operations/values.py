"""`key=value` as people type it, made into configuration. Used by the operations that write components and stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stacktui.model.secretref import references
from stacktui.operations.errors import OperationError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from stacktui.categories.base import FlavorConfig


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """`("a=1", "b=2")` as a mapping. Raises `OperationError` for one without an equals sign."""
    found = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise OperationError(f"{option} {item!r} is not of the form key=value")
        found[key.strip()] = value
    return found


def parsed(text: str) -> Any:
    """A value as a workspace's file would be read: numbers, booleans, lists, mappings; what is not YAML is text."""
    if references(text) or "{{" in text:
        return text
    from stacktui.workspace.yaml_reader import YamlProblem, read_yaml

    try:
        return read_yaml(text.encode("utf-8", "surrogateescape")).value
    except YamlProblem:
        return text


def with_value(config: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of `config` with `value` at a path of keys; mappings on the way are made."""
    copy = dict(config)
    if len(path) == 1:
        copy[path[0]] = value
        return copy
    inner = copy.get(path[0])
    copy[path[0]] = with_value(inner if isinstance(inner, Mapping) else {}, path[1:], value)
    return copy


def without(config: Mapping[str, Any], path: tuple[str, ...], shown: str) -> dict[str, Any]:
    """A copy of `config` without what stands at a path of keys. Raises `OperationError` where nothing does."""
    copy = dict(config)
    if path[0] not in copy:
        raise OperationError(f"there is no {shown!r} to unset; it is not set")
    inner = copy[path[0]]
    if len(path) == 1:
        del copy[path[0]]
    elif isinstance(inner, Mapping):
        copy[path[0]] = without(inner, path[1:], shown)
    else:
        raise OperationError(f"{path[0]!r} is a single value, so {shown!r} is not in it")
    return copy


def configured(
    config: Mapping[str, Any],
    settings: Mapping[str, str],
    unset: Iterable[str],
    model: type[FlavorConfig] | None,
) -> dict[str, Any]:
    """`config` with settings written into it, each typed as the flavor's config model wants it.

    A value is read as YAML, and taken as plain text where the model's field is text: `--set tag=1.10`.
    """
    changed = dict(config)
    for key in unset:
        changed = without(changed, tuple(key.split(".")), key)
    for key, text in settings.items():
        changed = with_value(changed, tuple(key.split(".")), parsed(text))
    if model is None:
        return changed
    from pydantic import ValidationError

    try:
        model.model_validate(changed)
    except ValidationError as error:
        for finding in error.errors(include_url=False, include_context=False, include_input=False):
            key = ".".join(str(part) for part in finding["loc"] if isinstance(part, str))
            path = next((s for s in settings if key == s or key.startswith(f"{s}.")), None)
            if finding["type"] in {"string_type", "path_type"} and path is not None:
                changed = with_value(changed, tuple(path.split(".")), settings[path])
    return changed


def first_line(error: ValidationError) -> str:
    """The first of a model's errors as one line, where and what, without the value: it may be a secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
