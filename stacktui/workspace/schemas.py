"""JSON Schemas (draft-07) of a workspace's files, for editors. Written by `init`, the workbench's start and `schema`."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacktui.categories.flavor import FlavorId
from stacktui.model.base import NAME_PATTERN
from stacktui.model.category import Category
from stacktui.model.component import ComponentFile
from stacktui.model.stack import StackFile
from stacktui.workspace.documents import WorkspaceFile
from stacktui.workspace.files import replace_file
from stacktui.workspace.state import STATE_DIR, make_private
from stacktui.workspace.workspace import Workspace

DRAFT = "http://json-schema.org/draft-07/schema#"
_NAME = {"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$"}


def write_schemas(workspace: Workspace, config_schemas: Mapping[FlavorId, dict[str, Any]]) -> list[Path]:
    """Write every schema to `.stacktui/schemas` under the root; returns those whose content changed.

    `config_schemas` holds each usable flavor's `Config.model_json_schema()`. The place does not move with
    `state:`, because the first line of every file names it. Raises OSError if it cannot be written.
    """
    folder = make_private(workspace.root / STATE_DIR, ("schemas",))
    written = []
    for name, schema in all_schemas(config_schemas).items():
        file = folder / f"{name}.schema.json"
        content = (json.dumps(schema, indent=1, ensure_ascii=False) + "\n").encode()
        if not file.is_file() or file.read_bytes() != content:
            replace_file(file, content)
            written.append(file)
    return written


def all_schemas(config_schemas: Mapping[FlavorId, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every schema by name: `workspace`, `stack`, `component.<category>`."""
    schemas = {"workspace": workspace_schema(), "stack": stack_schema()}
    for category in Category:
        flavors = {key.name: schema for key, schema in config_schemas.items() if key.category is category}
        schemas[f"component.{category}"] = component_schema(category, flavors)
    return schemas


def workspace_schema() -> dict[str, Any]:
    """The schema of `stacktui.yaml`."""
    schema = draft_07(WorkspaceFile.model_json_schema())
    properties = schema["properties"]
    properties["pipelines"] = _kept(properties["pipelines"], _one_or_many({"type": "string"}))
    properties["default_stack"] = _kept(properties["default_stack"], {"anyOf": [_NAME, {"type": "null"}]})
    return _titled(schema, "stacktui workspace")


def stack_schema() -> dict[str, Any]:
    """The schema of a stack's file."""
    schema = draft_07(StackFile.model_json_schema())
    schema["definitions"].pop("Category", None)
    properties = schema["properties"]
    properties["extends"] = _kept(properties["extends"], {"anyOf": [_NAME, {"type": "null"}]})
    properties["components"] = _kept(
        properties["components"],
        {
            "type": "object",
            "properties": {category.value: _slot(category) for category in Category},
            "additionalProperties": False,
        },
    )
    return _titled(schema, "stacktui stack")


def component_schema(category: Category, flavors: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The schema of a component's file: the flavor decides which config is right."""
    schema = draft_07(ComponentFile.model_json_schema())
    definitions: dict[str, Any] = {}
    cases = []
    for name in sorted(flavors):
        config = draft_07(flavors[name])
        prefix = f"{name}."
        definitions |= {
            prefix + key: _renamed(value, prefix) for key, value in config.pop("definitions", {}).items()
        }
        config = _renamed(config, prefix)
        if not config.get("required"):
            config = {"anyOf": [config, {"type": "null"}]}
        needed = ["config"] if config.get("required") else []
        cases.append(
            {
                "if": {"properties": {"flavor": {"const": name}}, "required": ["flavor"]},
                "then": {"properties": {"config": config}, "required": needed},
            }
        )
    if flavors:
        schema["properties"]["flavor"]["enum"] = sorted(flavors)
    if cases:
        schema["allOf"] = cases
    if definitions:
        schema["definitions"] = definitions
    return _titled(schema, f"stacktui {category.facts.title}")


def draft_07(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of draft 2020-12, as pydantic makes them, in the words of draft-07."""
    converted: dict[str, Any] = _converted(copy.deepcopy(schema))
    return converted


def _converted(node: Any) -> Any:
    if isinstance(node, list):
        return [_converted(part) for part in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "patternProperties", "$defs", "definitions") and isinstance(value, dict):
            # The keys below are names, not words of the schema's language.
            name = "definitions" if key == "$defs" else key
            result[name] = {part: _converted(found) for part, found in value.items()}
        elif key == "$ref" and isinstance(value, str):
            result[key] = value.replace("#/$defs/", "#/definitions/")
        elif key == "prefixItems":
            result["items"] = _converted(value)
        elif key == "items" and "prefixItems" in node:
            result["additionalItems"] = _converted(value)
        elif key in ("default", "const", "enum", "examples"):
            result[key] = value
        elif key != "discriminator":
            result[key] = _converted(value)
    if "$ref" in result and len(result) > 1:
        # Draft-07 ignores whatever stands beside a reference.
        result["allOf"] = [*result.get("allOf", []), {"$ref": result.pop("$ref")}]
    return result


def _renamed(node: Any, prefix: str) -> Any:
    """A schema whose references name definitions under a prefix, as several schemas share one file."""
    if isinstance(node, list):
        return [_renamed(part, prefix) for part in node]
    if not isinstance(node, dict):
        return node
    start = "#/definitions/"
    return {
        key: start + prefix + value[len(start) :]
        if key == "$ref" and isinstance(value, str) and value.startswith(start)
        else _renamed(value, prefix)
        for key, value in node.items()
    }


def _slot(category: Category) -> dict[str, Any]:
    if category.many:
        form = _one_or_many(_NAME)
    else:
        form = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "maxItems": 1}, {"type": "null"}]}
    return {"description": f"The {category.facts.title}: it {category.facts.role}.", **form}


def _one_or_many(form: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [form, {"type": "array", "items": form}, {"type": "null"}]}


def _kept(before: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """Another form for a field, with its description and default."""
    return {key: before[key] for key in ("description", "default") if key in before} | form


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    schema.pop("title", None)
    schema.pop("description", None)
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        # A key with nothing after it counts as left out, so that the comments below it are ready to be used.
        if name not in required and "type" in field:
            field["type"] = [field["type"], "null"]
    return {"$schema": DRAFT, "title": title, **schema}
