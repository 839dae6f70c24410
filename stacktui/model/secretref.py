"""References to secrets in configuration: `{{name.key}}`, never the value.

A field that may hold one is typed `Secretable[T]`. Used by flavors' config models, the runtime, which
puts values in, and the rules, which find references where none may stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

T = TypeVar("T")

_REFERENCE = re.compile(
    r"\{\{\{\{|\{\{\s*([a-z0-9][a-z0-9_-]{0,62})\.([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})\s*\}\}"
)


class SecretRef(NamedTuple):
    """One key of one named secret in the stack's secrets manager."""

    name: str
    key: str

    def __str__(self) -> str:
        return f"{self.name}.{self.key}"


class SecretValue(str):
    """A resolved value that holds a secret. It is a `str` to clients and shows itself as stars to people."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'******'"


def references(text: str) -> list[SecretRef]:
    """The references in `text`, in order; `{{{{` is an escaped brace pair and not one."""
    return [SecretRef(match[1], match[2]) for match in _REFERENCE.finditer(text) if match[1]]


def has_reference(value: Any) -> bool:
    """Whether a string in `value` (looked for inside lists and mappings too) holds a reference."""
    return any(True for _ in walk_references(value))


def walk_references(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], SecretRef]]:
    """Every reference in a configuration value, with the path to the string that holds it."""
    if isinstance(value, str):
        for reference in references(value):
            yield path, reference
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk_references(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from walk_references(item, (*path, index))


def substitute(text: str, value_of: Callable[[SecretRef], str]) -> str:
    """`text` with each reference replaced by its value and `{{{{` by `{{`. A `SecretValue` if one was put in."""
    found = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal found
        if not match[1]:
            return "{{"
        found = True
        return value_of(SecretRef(match[1], match[2]))

    result = _REFERENCE.sub(replaced, text)
    return SecretValue(result) if found else result


class SecretableMarker:
    """In a field's annotation: a reference may stand here in place of a value of the field's type."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(_reference_or, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        inner = handler(schema)
        if inner.get("type") == "string":
            return inner
        return {"anyOf": [inner, {"type": "string", "pattern": r"\{\{[^{}]+\}\}"}]}


def _reference_or(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
    if isinstance(value, SecretValue):
        # Already put in: it may itself look like a reference, and it stays marked as secret.
        result = validate(str(value))
        return SecretValue(result) if isinstance(result, str) else result
    # A string with a reference is kept as it is; its type is checked when the value is there.
    if isinstance(value, str) and (references(value) or "{{{{" in value):
        return value
    return validate(value)


Secretable = Annotated[T, SecretableMarker()]
