"""From a file's bytes to a noun: `stacktui.yaml`, component files and stack files, with findings that have positions.

Tolerant: what a file says rightly is kept beside the findings about the rest. Used by the workspace's reader.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from stacktui.model.alert import RunAlerts
from stacktui.model.base import Name, Noun
from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.model.component import Component, ComponentFile
from stacktui.model.diagnostic import Diagnostic, Fix, Position
from stacktui.model.stack import Stack, StackFile
from stacktui.workspace.yaml_problem import LINE_BREAK, YamlProblem
from stacktui.workspace.yaml_reader import position, read_yaml

T = TypeVar("T")

_LONGEST_MESSAGE = 300

FORMAT_VERSION = 1
"""What `version:` in `stacktui.yaml` may be at most."""


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class WorkspaceFile(Noun):
    """What `stacktui.yaml` holds: the settings of a whole workspace."""

    version: int = Field(default=FORMAT_VERSION, ge=1, description="The format of this workspace's files.")
    default_stack: Name | None = Field(
        default=None, description="The stack in force where a checkout has not chosen one."
    )
    pipelines: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=("pipelines",), description="Folders and files that hold pipelines, relative to this file."
    )
    state: str | None = Field(
        default=None, description="Where state lives instead of .stacktui: a folder on a local disk."
    )
    shared: str | None = Field(
        default=None, description="A Unix group that shares the state; without it, it is yours alone."
    )
    readonly: bool = Field(default=False, description="Whether every operation that writes is refused.")
    theme: str | None = Field(default=None, description="The theme for everyone who has not chosen one.")
    max_runs: int | None = Field(
        default=None, ge=1, description="How many runs of this workspace go on at once; others are queued."
    )
    alerts: RunAlerts = Field(
        default=RunAlerts(), description="Which ends of runs the stack's alerters are told of."
    )
    openlineage: dict[str, Any] | None = Field(
        default=None,
        description="OpenLineage events of runs: {} writes them to a file in the state folder; "
        "`transport:` and `namespace:` name another place, as the official client reads them.",
    )


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What reading one file gave."""

    value: T | None
    """None if nothing of it can be used."""
    problems: tuple[Diagnostic, ...]
    readable: bool
    """Whether it is YAML of the right outer form; if not, the value is what its valid beginning says."""


def finding(
    code: str,
    message: str,
    file: Path,
    at: Position | None = None,
    fix: Fix | None = None,
    subject: str | None = None,
) -> Diagnostic:
    """A diagnostic with its code's severity. A message is one line of bounded length, whatever a file's keys are."""
    message = " ".join(message[:_LONGEST_MESSAGE].splitlines()) + (
        "…" if len(message) > _LONGEST_MESSAGE else ""
    )
    return Diagnostic(
        code=code,
        severity=CODES[code].severity,
        message=message,
        file=file,
        line=at.line if at else None,
        column=at.column if at else None,
        fix=fix,
        subject=subject,
    )


def read_component(file: Path, raw: bytes, category: Category, name: str) -> Outcome[Component]:
    """The component that a file describes."""
    return _read(
        file, raw, ComponentFile, Component, {"category": category, "name": name}, f"{category}/{name}"
    )


def read_stack(file: Path, raw: bytes, name: str) -> Outcome[Stack]:
    """The stack that a file describes."""
    return _read(file, raw, StackFile, Stack, {"name": name}, f"stack/{name}")


def read_settings(file: Path, raw: bytes) -> Outcome[WorkspaceFile]:
    """The workspace's settings. An empty file is a workspace with nothing but defaults."""
    try:
        if read_yaml(raw).value is None:
            return Outcome(WorkspaceFile(), (), True)
    except YamlProblem:
        pass
    outcome = _read(file, raw, WorkspaceFile, WorkspaceFile, {}, None)
    value = outcome.value
    if value is None:
        return outcome
    problems = list(outcome.problems)
    if value.version > FORMAT_VERSION:
        message = (
            f"this workspace has format version {value.version} and this stacktui reads {FORMAT_VERSION}; "
            "upgrade stacktui"
        )
        problems.append(finding("FIL006", message, file, position(raw, ("version",))))
    inside = tuple(entry for entry in value.pipelines if _stays_inside(file.parent, entry))
    for index, entry in enumerate(value.pipelines):
        if entry not in inside:
            message = f"pipelines: {entry!r} lies outside the workspace; name a folder in it"
            problems.append(finding("FIL003", message, file, position(raw, ("pipelines", index))))
    return Outcome(value.model_copy(update={"pipelines": inside}), tuple(problems), outcome.readable)


def _stays_inside(root: Path, entry: str) -> bool:
    try:
        return (root / entry).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):
        return False


def _read(
    file: Path,
    raw: bytes,
    form: type[BaseModel],
    noun: type[T],
    given: Mapping[str, Any],
    subject: str | None,
) -> Outcome[T]:
    try:
        document = read_yaml(raw)
    except YamlProblem as problem:
        at = Position(line=problem.line, column=problem.column or 1) if problem.line else None
        found = finding(problem.code, problem.message, file, at, subject=subject)
        return Outcome(_valid_beginning(raw, problem, form, noun, given), (found,), False)
    if document.value is None:
        message = "the file is empty; write it again, or delete it"
        return Outcome(
            None, (finding("FIL007", message, file, Position(line=1, column=1), subject=subject),), False
        )
    if not isinstance(document.value, dict):
        message = f"the file must hold a mapping such as `{next(iter(form.model_fields))}: …`, not {_kind(document.value)}"
        at = position(raw, ())
        return Outcome(None, (finding("FIL003", message, file, at, subject=subject),), False)
    problems = [
        finding(
            "FIL009",
            f"{_dotted(twice.path)} stands here a second time; the later one counts, delete one",
            file,
            Position(line=twice.line, column=twice.column),
            subject=subject,
        )
        for twice in document.duplicates
    ]
    value, errors = _validated(document.value, form, noun, given)
    for path, message, fix in errors:
        at = position(raw, path)
        problems.append(finding("FIL003", message, file, at, _fix(file, path, fix), subject))
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return Outcome(value, tuple(problems), True)


def _validated(
    data: dict[Any, Any], form: type[BaseModel], noun: type[T], given: Mapping[str, Any]
) -> tuple[T | None, list[tuple[tuple[str | int, ...], str, Any]]]:
    """The noun, without the parts that are wrong, and the errors as (path, message, value that would be right)."""
    model: Any = noun
    # A key with nothing after it counts as left out: comments are all that stands below it.
    if None in data.values():
        fields = form.model_fields
        data = {k: v for k, v in data.items() if v is not None or k not in fields or fields[k].is_required()}
    if given.keys().isdisjoint(data):
        try:
            return model.model_validate({**data, **given}), []
        except ValidationError:
            pass
    try:
        form.model_validate(data)
    except ValidationError as error:
        errors = [explained(item, data, form) for item in error.errors(include_url=False)]
    else:
        errors = []
    kept: Any = data
    for path, _, _ in reversed(errors):
        kept = _without(kept, path)
    try:
        return model.model_validate({**kept, **given}), errors
    except ValidationError:
        return None, errors


def _valid_beginning(
    raw: bytes, problem: YamlProblem, form: type[BaseModel], noun: type[T], given: Mapping[str, Any]
) -> T | None:
    """What the lines before the error say, for a file that has no earlier version to stay in use."""
    if problem.line is None or problem.code not in ("FIL002", "FIL008"):
        return None
    try:
        text = raw.decode("utf-8", "replace")
        ends = [match.end() for match in LINE_BREAK.finditer(text)]
        # The error is often noticed a line after the one that causes it.
        for lines in (problem.line - 1, problem.line - 2):
            if not 0 < lines <= len(ends):
                continue
            try:
                data = read_yaml(text[: ends[lines - 1]].encode()).value
            except YamlProblem:
                continue
            return _validated(data, form, noun, given)[0] if isinstance(data, dict) else None
    except RecursionError:
        return None
    return None


def explained(
    error: Any, data: dict[Any, Any], form: type[BaseModel]
) -> tuple[tuple[str | int, ...], str, Any]:
    """One of pydantic's errors as path, message, and the value that would be right if that is plain."""
    path: tuple[str | int, ...] = tuple(part for part in error["loc"] if part != "[key]")
    kind, where = error["type"], _dotted(path)
    value = _at_path(data, path)
    if kind == "extra_forbidden" and path[0] in ("name", "category") and len(path) == 1:
        return path, f"{where} is said by where the file lies; remove the key", None
    if kind == "extra_forbidden":
        names = list(_known_fields(form, path[:-1]))
        return path, f"unknown field {where}{did_you_mean(str(path[-1]), names)}", None
    if kind == "missing":
        return path, f"{where} is missing", None
    if kind == "enum" and error["loc"][-1] == "[key]":
        names = [category.value for category in Category]
        return path, f"{path[-1]!r} is not a category{did_you_mean(str(path[-1]), names)}", None
    key = error["loc"][-1] == "[key]"
    if kind == "string_type" and not key and isinstance(value, (bool, int, float)):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return path, f"{where} must be text: write it in quotes", text
    if kind == "string_type" and not key and value is None:
        return path, f"{where} has no value; write one, or remove the key", None
    if key and kind == "string_type":
        return path, f"the key {where} must be text: write it in quotes", None
    if kind in _MUST_BE:
        return path, f"{where} must be {_MUST_BE[kind]}", None
    message = error["msg"].removeprefix("Value error, ")
    return path, f"{where}: {message[:1].lower()}{message[1:]}", None


_MUST_BE = {
    "string_type": "text",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "dict_type": "a mapping, with a key and a value on each line",
    "model_type": "a mapping, with a key and a value on each line",
    "mapping_type": "a mapping, with a key and a value on each line",
    "tuple_type": "a name or a list of names",
    "list_type": "a list",
}


def did_you_mean(word: str, known: Any) -> str:
    """`; did you mean X?` where a known word is near, else the known words if they are few, else nothing."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(word, names, 1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 12 else ""


def _known_fields(form: type[BaseModel], path: tuple[str | int, ...]) -> Iterator[str]:
    """The fields of the model at `path`: looked up in its JSON Schema, which knows what nests in what."""
    schema = form.model_json_schema()
    node: dict[str, Any] = schema
    for part in path:
        node = _deref(node, schema)
        below = node.get("properties", {}).get(part) or node.get("additionalProperties")
        if not isinstance(below, dict):
            return iter(())
        node = below
    return iter(_deref(node, schema).get("properties", {}))


def _deref(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            node = option
    if "$ref" in node:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return found
    return node


def _fix(file: Path, path: tuple[str | int, ...], value: Any) -> Fix | None:
    return None if value is None else Fix(title=f'write "{value}"', file=file, path=path, value=value)


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    """A copy of `value` without what stands at `path`; unchanged if nothing does."""
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(value, dict) and head in value:
        if not rest or not isinstance(value[head], (dict, list)):
            return {key: item for key, item in value.items() if key != head}
        return {**value, head: _without(value[head], rest)}
    if isinstance(value, list) and isinstance(head, int) and head < len(value):
        if not rest:
            return value[:head] + value[head + 1 :]
        return [*value[:head], _without(value[head], rest), *value[head + 1 :]]
    return value


def _at_path(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path) or "the document"


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"the value {str(value)[:40]!r}"
