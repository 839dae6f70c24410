"""The fields of a model (a flavor's config above all) as plain data, and configs as they may be shown. Used beside components and flavors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stacktui.model.secretref import SecretableMarker, has_reference
from stacktui.operations.documents import Part

if TYPE_CHECKING:
    from pydantic import BaseModel

MASK = "******"
_SECRET_WORD = re.compile(r"key|secret|token|passw|credential|auth|dsn|webhook", re.IGNORECASE)


class FieldPart(Part):
    """One field of a flavor's config."""

    name: str
    type: str
    required: bool
    default: Any = None
    secretable: bool
    """Whether a `{{name.key}}` reference may stand there."""
    description: str


def config_fields(model: type[BaseModel]) -> tuple[FieldPart, ...]:
    """The fields of a config model, in its order."""
    properties, _ = model_schema(model)
    found = []
    for name, field in model.model_fields.items():
        written = field.alias or name
        default = None if field.is_required() else properties.get(written, {}).get("default")
        found.append(
            FieldPart(
                name=written,
                type=_type_of(properties.get(written, {})),
                required=field.is_required(),
                default=default,
                secretable=_secretable(field.metadata, field.annotation),
                description=field.description or "",
            )
        )
    return tuple(found)


def model_schema(model: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schemas of a model's fields, and the definitions that they refer to."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.get("$defs", {})
    if "$ref" in schema:
        # A model that holds itself stands among the definitions.
        schema = definitions[str(schema["$ref"]).rpartition("/")[2]]
    return schema.get("properties", {}), definitions


def shown_config(config: Mapping[str, Any], model: type[BaseModel] | None) -> dict[str, Any]:
    """A config that may stand on a screen: a value that was written where a reference belongs is masked."""
    secret = (
        {field.name for field in config_fields(model) if field.secretable}
        if model is not None
        else set(config)
    )
    return {
        key: MASK
        if key in secret and isinstance(value, str) and _SECRET_WORD.search(key) and not has_reference(value)
        else value
        for key, value in config.items()
    }


def _secretable(metadata: list[Any], annotation: Any) -> bool:
    if any(isinstance(mark, SecretableMarker) for mark in metadata):
        return True
    marks = getattr(annotation, "__metadata__", ())
    inner = getattr(annotation, "__args__", ())
    return any(isinstance(mark, SecretableMarker) for mark in marks) or any(
        _secretable([], each) for each in inner if each is not annotation
    )


def _type_of(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(item) for item in schema["enum"])
    if "anyOf" in schema:
        kinds = dict.fromkeys(_type_of(each) for each in schema["anyOf"])
        return " | ".join(kind for kind in kinds if kind != "null") or "null"
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    kind = str(schema.get("type", "any"))
    return names.get(kind, kind)
