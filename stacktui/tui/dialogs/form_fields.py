"""A flavor's config model as fields of a form: what each is, and its value as text and back.

Nothing here draws. Used by the component form.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.fields import MASK, FieldPart, config_fields, shown_config
from stacktui.operations.values import parsed

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig


class Kind(StrEnum):
    """How a field is typed in."""

    TEXT = "text"
    SCALAR = "scalar"
    """One line that is read as YAML: numbers, or one of several types."""
    CHOICE = "choice"
    LINES = "lines"
    """A list of texts, one a line."""
    PAIRS = "pairs"
    """A mapping of texts, `key: value` on each line."""
    YAML = "yaml"
    """Anything else, as YAML over several lines."""


class Choice(NamedTuple):
    """One of a choice field's values."""

    text: str
    """As it is held in the form; empty leaves the field out."""
    label: Clean
    help: Clean = Clean("")


class FieldSpec(NamedTuple):
    """One field of the form."""

    key: str
    """`name`, `flavor` …, or `config.<field>`."""
    label: Clean
    kind: Kind
    required: bool = False
    type: str = "text"
    """For people: `whole number`, `list of text`."""
    default: Any = None
    description: str = ""
    secretable: bool = False
    choices: tuple[Choice, ...] = ()
    item_is_text: bool = True
    """Of a list: items are texts and not read as YAML."""

    @property
    def multiline(self) -> bool:
        return self.kind in (Kind.LINES, Kind.PAIRS, Kind.YAML)

    @property
    def name(self) -> str:
        """The key in the file."""
        return self.key.removeprefix("config.")

    def about(self) -> Clean:
        """`whole number · required`, or with the default that counts when it is left empty."""
        kind = _KINDS.get(self.kind, self.type)
        if self.required:
            return clean(f"{kind} · required")
        if self._says_nothing:
            return clean(f"{kind} · optional")
        return clean(f"{kind} · optional, {shown_value(self.default)} by default")

    def placeholder(self) -> Clean:
        """What an empty field says: what counts then."""
        if self.required:
            return Clean("required")
        return Clean("not set") if self._says_nothing else clean(shown_value(self.default))

    @property
    def _says_nothing(self) -> bool:
        return self.default in (None, "", (), [], {})


_KINDS = {
    Kind.LINES: "a list, one item a line",
    Kind.PAIRS: "a mapping, key: value on each line",
    Kind.YAML: "YAML over several lines",
}


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()
"""The value of a field that is left empty: its key does not stand in the file."""


def config_specs(model: type[FlavorConfig]) -> tuple[FieldSpec, ...]:
    """The fields of a config model, in its order."""
    schema = model.model_json_schema()
    properties: Mapping[str, Any] = schema.get("properties", {})
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return tuple(_spec(part, properties.get(part.name, {}), definitions) for part in config_fields(model))


def _spec(part: FieldPart, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> FieldSpec:
    arms = _arms(schema, definitions)
    kinds = {_json_kind(arm) for arm in arms} - {"null"}
    values = [value for arm in arms for value in arm.get("enum", [arm["const"]] if "const" in arm else [])]
    spec = FieldSpec(
        f"config.{part.name}", clean(part.name), Kind.TEXT, part.required, part.type, part.default,
        part.description, part.secretable,
    )  # fmt: skip
    if kinds == {"choice"} and all(isinstance(value, str) for value in values):
        return spec._replace(
            kind=Kind.CHOICE,
            type="choice",
            choices=(*_left_out(part), *(Choice(value, clean(value)) for value in values)),
        )
    if kinds == {"boolean"}:
        both = (Choice("true", Clean("yes")), Choice("false", Clean("no")))
        return spec._replace(kind=Kind.CHOICE, type="yes or no", choices=(*_left_out(part), *both))
    if kinds == {"string"}:
        return spec
    if kinds == {"array"}:
        items = [_json_kind(arm) for arm in _arms(_array(arms).get("items", {}), definitions)]
        if items and set(items) <= {"string", "integer", "number"}:
            return spec._replace(kind=Kind.LINES, item_is_text=set(items) == {"string"})
        return spec._replace(kind=Kind.YAML)
    if kinds == {"object"}:
        inner = next(arm for arm in arms if _json_kind(arm) == "object")
        rest = inner.get("additionalProperties")
        texts = isinstance(rest, dict) and not inner.get("properties") and rest.get("type") == "string"
        return spec._replace(kind=Kind.PAIRS if texts else Kind.YAML)
    if kinds & {"array", "object", "any"}:
        return spec._replace(kind=Kind.YAML)
    return spec._replace(kind=Kind.SCALAR)


def _left_out(part: FieldPart) -> tuple[Choice, ...]:
    if part.required:
        return ()
    if part.default is None:
        return (Choice("", Clean("not set")),)
    return (Choice("", clean(f"{shown_value(part.default)} (default)")),)


def _arms(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schema's alternatives, references followed."""
    if "$ref" in schema:
        return _arms(definitions.get(str(schema["$ref"]).rpartition("/")[2], {}), definitions)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return [arm for each in schema[word] for arm in _arms(each, definitions)]
    return [schema]


def _json_kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return "choice"
    return str(schema.get("type", "any"))


def _array(arms: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(arm for arm in arms if _json_kind(arm) == "array")


def shown_value(value: Any) -> str:
    """A default, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


# Values as text, and back.


def text_of(spec: FieldSpec, value: Any) -> tuple[FieldSpec, str]:
    """The text that stands for a value, and the spec that reads it back: one that the field's own way of writing
    cannot express is written as YAML."""
    if value is ABSENT:
        return spec, ""
    if spec.kind in (Kind.TEXT, Kind.SCALAR, Kind.CHOICE):
        text = _scalar_text(value)
        plain = spec.kind is Kind.TEXT and isinstance(value, str)
        if plain and "\n" not in value:
            return spec, value
        if spec.kind is Kind.CHOICE and text in {choice.text for choice in spec.choices}:
            return spec, text
        if not isinstance(value, (dict, list, tuple, str)) or (
            spec.kind is Kind.SCALAR and _same(text, value)
        ):
            return spec._replace(kind=Kind.SCALAR), text
        return spec._replace(kind=Kind.YAML), yaml_text(value)
    if spec.kind is Kind.LINES and isinstance(value, (list, tuple)):
        texts = not spec.item_is_text or all(isinstance(item, str) for item in value)
        if texts and all(map(_plain_item, value)):
            return spec, "\n".join(map(_scalar_text, value))
    if spec.kind is Kind.PAIRS and isinstance(value, Mapping) and all(map(_plain_pair, value.items())):
        return spec, "\n".join(f"{key}: {item}" for key, item in value.items())
    return spec._replace(kind=Kind.YAML), yaml_text(value)


def value_of(spec: FieldSpec, text: str) -> Any:
    """The value that a text stands for; `ABSENT` for an empty one. Raises ValueError with what is wrong."""
    if spec.kind is Kind.TEXT:
        return text or ABSENT
    if not text.strip():
        return ABSENT
    if spec.kind is Kind.CHOICE:
        return {"true": True, "false": False}.get(text, text) if spec.type == "yes or no" else text
    if spec.kind is Kind.SCALAR:
        return parsed(text.strip())
    lines = [line for line in text.split("\n") if line.strip()]
    if spec.kind is Kind.LINES:
        items = [line.strip().removeprefix("- ").strip() for line in lines]
        return items if spec.item_is_text else [parsed(item) for item in items]
    if spec.kind is Kind.PAIRS:
        return dict(_pair(line) for line in lines)
    return _yaml_value(text)


def _pair(line: str) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon or not key.strip():
        raise ValueError(f"{line.strip()!r} is not of the form key: value")
    return key.strip(), value.strip()


def _plain_item(item: Any) -> bool:
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        return False
    text = str(item)
    return bool(text) and text == text.strip() and "\n" not in text and not text.startswith("- ")


def _plain_pair(pair: tuple[Any, Any]) -> bool:
    key, value = pair
    if not isinstance(key, str) or not isinstance(value, str):
        return False
    return (
        bool(key)
        and key == key.strip()
        and ":" not in key
        and value == value.strip()
        and "\n" not in value + key
    )


def _scalar_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _same(text: str, value: Any) -> bool:
    found = parsed(text)
    return type(found) is type(value) and bool(found == value)


def yaml_text(value: Any) -> str:
    """A value as YAML in block style, as the file would hold it."""
    from stacktui.workspace.yaml_writer import document

    if isinstance(value, Mapping):
        return document(dict(value)).rstrip("\n") if value else "{}"
    # A list stands under a key in a file; here it stands alone.
    lines = document({"x": value}).rstrip("\n").split("\n")
    if len(lines) == 1:
        return lines[0].removeprefix("x:").strip()
    body = lines[1:]
    indent = min(len(line) - len(line.lstrip(" ")) for line in body if line.strip())
    return "\n".join(line[indent:] for line in body)


def _yaml_value(text: str) -> Any:
    from stacktui.workspace.yaml_reader import YamlProblem, read_yaml

    try:
        found = read_yaml(text.encode("utf-8", "surrogateescape")).value
    except YamlProblem as problem:
        where = f"line {problem.line}: " if problem.line else ""
        raise ValueError(f"{where}{problem.message}") from None
    return ABSENT if found is None else found


def showable(text: str) -> bool:
    """Whether a text can be shown and typed as it is; one with control characters cannot."""
    return clean_block(text) == text and "\r" not in text


def looks_secret(name: str) -> bool:
    """Whether a field of that name may hold a credential, where a reference may stand in it."""
    return bool(shown_config({name: "x"}, None)[name] == MASK)
