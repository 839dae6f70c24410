"""The fields of a pydantic model as fields of a form: what each is, and how it is typed in.

Nothing here draws. Used by the forms; values as text and back are in `form_entries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stacktui.model.text import Clean, clean
from stacktui.operations.fields import FieldPart, config_fields, model_schema

if TYPE_CHECKING:
    from pydantic import BaseModel

    ModelClass = type[BaseModel]


class Kind(StrEnum):
    """How a field is typed in."""

    TEXT = "text"
    NUMBER = "number"
    """One line that holds a number; `+` and `-` step it."""
    SCALAR = "scalar"
    """One line that is read as YAML: one of several types, as `64MiB` or a number."""
    CHOICE = "choice"
    LINES = "lines"
    """A list of texts or numbers, one a line."""
    PAIRS = "pairs"
    """A mapping of texts or numbers, `key: value` on each line."""
    MODEL = "model"
    """A nested model, edited in a form of its own."""
    MODELS = "models"
    """A list of nested models, each a row that opens in a form of its own."""
    MAPPING = "mapping"
    """A mapping whose values are models, lists or anything: rows by key."""
    YAML = "yaml"
    """Anything else, as YAML over several lines."""


PathKind = Literal["", "any", "file", "folder"]
_PATHS: Mapping[str, PathKind] = {
    "path": "any", "file-path": "file", "directory-path": "folder", "new-path": "any",
}  # fmt: skip


class Choice(NamedTuple):
    """One of a choice field's values."""

    text: str
    """As it is held in the form; empty leaves the field out."""
    label: Clean
    help: Clean = Clean("")


Choices = Mapping[str, tuple[Choice, ...]]
"""Values that are offered for fields, by the field's path, as `resources.gpu`."""


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
    """All values of a choice; of another kind those that are offered."""
    item_is_text: bool = True
    """Of a list or mapping: items are texts and not read as YAML."""
    bounds: str = ""
    """`1 to 256`, `more than 0`."""
    path: PathKind = ""
    """Of a text: whether it names a file or folder, which can then be completed."""
    masked: bool = False
    """Whether what is typed is not shown."""
    model: ModelClass | None = None
    """Of a nested model, of a list's rows, of a mapping's values where they are models."""
    inner: Any = None
    """Of a mapping's values that are no models: their annotation."""
    nested_choices: Choices = {}
    """Values that are offered for fields of the nested model."""

    @property
    def multiline(self) -> bool:
        return self.kind in (Kind.LINES, Kind.PAIRS, Kind.YAML)

    @property
    def structured(self) -> bool:
        """Whether its entry is plain data and not a text."""
        return self.kind in (Kind.MODEL, Kind.MODELS, Kind.MAPPING)

    @property
    def scalar(self) -> bool:
        """Whether its text is one line that is read as YAML."""
        return self.kind in (Kind.NUMBER, Kind.SCALAR)

    @property
    def name(self) -> str:
        """The key in the file."""
        return self.key.removeprefix("config.")

    def about(self) -> Clean:
        """`whole number · 1 to 256 · required`, or with the default that counts when it is left empty."""
        kind = " · ".join(part for part in (_KINDS.get(self.kind, self.type), self.bounds) if part)
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
    Kind.MODEL: "fields in a form of their own",
    Kind.MODELS: "a list, each row a form of its own",
    Kind.MAPPING: "a mapping, each row a form of its own",
    Kind.YAML: "YAML over several lines",
}


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"

    def __copy__(self) -> _Absent:
        return self

    def __deepcopy__(self, _: Any) -> _Absent:
        return self


ABSENT: Any = _Absent()
"""The value of a field that is left empty: its key does not stand in the file."""


def specs_of(
    model: type[BaseModel], *, prefix: str = "", choices: Choices | None = None
) -> tuple[FieldSpec, ...]:
    """The fields of a model, in its order; their keys begin with `prefix`."""
    properties, definitions = model_schema(model)
    return tuple(
        _offered(_spec(part, properties.get(part.name, {}), definitions, model, prefix), choices or {})
        for part in config_fields(model)
    )


def _spec(
    part: FieldPart,
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    model: type[BaseModel],
    prefix: str,
) -> FieldSpec:
    arms = _arms(schema, definitions)
    kinds = {_json_kind(arm) for arm in arms} - {"null"}
    values = [value for arm in arms for value in arm.get("enum", [arm["const"]] if "const" in arm else [])]
    spec = FieldSpec(
        f"{prefix}{part.name}", clean(part.name), Kind.TEXT, part.required, part.type, part.default,
        part.description, part.secretable, bounds=_bounds(arms),
    )  # fmt: skip
    if kinds == {"choice"} and all(isinstance(value, str) for value in values):
        return spec._replace(
            kind=Kind.CHOICE,
            type="choice",
            choices=(*_left_out(spec), *(Choice(value, clean(value)) for value in values)),
        )
    if kinds == {"boolean"}:
        both = (Choice("true", Clean("yes")), Choice("false", Clean("no")))
        return spec._replace(kind=Kind.CHOICE, type="yes or no", choices=(*_left_out(spec), *both))
    if kinds == {"string"}:
        return _text_spec(spec, [schema, *arms])
    if kinds <= {"integer", "number"} and kinds:
        return spec._replace(kind=Kind.NUMBER, type="number" if "number" in kinds else "whole number")
    if kinds == {"array"}:
        return _list_spec(spec, arms, definitions, model, part.name)
    if kinds == {"object"}:
        return _object_spec(spec, arms, definitions, model, part.name)
    if kinds & {"array", "object", "any"} or not kinds:
        return spec._replace(kind=Kind.YAML)
    return spec._replace(kind=Kind.SCALAR)


def _text_spec(spec: FieldSpec, schemas: list[Mapping[str, Any]]) -> FieldSpec:
    formats = [str(found["format"]) for found in schemas if "format" in found]
    path: PathKind = next((_PATHS[name] for name in formats if name in _PATHS), "")
    kind: dict[PathKind, str] = {"any": "path", "file": "path of a file", "folder": "path of a folder"}
    return spec._replace(path=path, masked="password" in formats, type=kind.get(path, spec.type))


def _list_spec(
    spec: FieldSpec,
    arms: list[Mapping[str, Any]],
    definitions: Mapping[str, Any],
    model: type[BaseModel],
    name: str,
) -> FieldSpec:
    from stacktui.runtime.config import models_at

    found = next(arm for arm in arms if _json_kind(arm) == "array")
    item_arms = _arms(found.get("items", {}), definitions)
    items = {_json_kind(arm) for arm in item_arms}
    if items == {"choice"}:
        words = [word for arm in item_arms for word in arm.get("enum", [arm.get("const")])]
        if all(isinstance(word, str) for word in words):
            return spec._replace(kind=Kind.LINES, choices=tuple(Choice(word, clean(word)) for word in words))
    if items and items <= {"string", "integer", "number"}:
        return spec._replace(kind=Kind.LINES, item_is_text=items == {"string"})
    models = models_at(model, (name, 0))
    if items == {"object"} and len(models) == 1:
        return spec._replace(kind=Kind.MODELS, model=models[0])
    return spec._replace(kind=Kind.YAML)


def _object_spec(
    spec: FieldSpec,
    arms: list[Mapping[str, Any]],
    definitions: Mapping[str, Any],
    model: type[BaseModel],
    name: str,
) -> FieldSpec:
    from stacktui.runtime.config import annotations_at, models_at

    found = next(arm for arm in arms if _json_kind(arm) == "object")
    if len(models := models_at(model, (name,))) == 1:
        return spec._replace(kind=Kind.MODEL, model=models[0])
    if models or found.get("properties"):
        return spec._replace(kind=Kind.YAML)
    rest = found.get("additionalProperties")
    kinds = {_json_kind(arm) for arm in _arms(rest, definitions)} if isinstance(rest, Mapping) else set()
    if kinds and kinds <= {"string", "integer", "number"}:
        return spec._replace(kind=Kind.PAIRS, item_is_text=kinds == {"string"})
    if len(models := models_at(model, (name, ""))) == 1:
        return spec._replace(kind=Kind.MAPPING, model=models[0])
    inner = next(iter(annotations_at(model, (name, ""))), Any)
    return spec._replace(kind=Kind.MAPPING, inner=inner)


def _offered(spec: FieldSpec, choices: Choices) -> FieldSpec:
    """The field with the values that its form offers."""
    own = choices.get(spec.name)
    inside = {
        path.partition(".")[2]: found for path, found in choices.items() if path.startswith(f"{spec.name}.")
    }
    if inside:
        spec = spec._replace(nested_choices=inside)
    if own is None:
        return spec
    if spec.kind is Kind.TEXT:
        left_out = () if any(not choice.text for choice in own) else _left_out(spec)
        return spec._replace(kind=Kind.CHOICE, type="choice", choices=(*left_out, *own))
    return spec._replace(choices=own)


def _left_out(spec: FieldSpec) -> tuple[Choice, ...]:
    if spec.required:
        return ()
    if spec.default in (None, ""):
        return (Choice("", Clean("not set")),)
    return (Choice("", clean(f"{shown_value(spec.default)} (default)")),)


def _bounds(arms: list[Mapping[str, Any]]) -> str:
    """The bounds of a number, or of how many items a list has."""
    for arm in arms:
        for least, most, above, below, what in (
            ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", ""),
            ("minItems", "maxItems", "", "", " items"),
        ):
            low = _number(arm.get(least)) or (f"more than {_number(arm.get(above))}" if above in arm else "")
            high = _number(arm.get(most)) or (f"less than {_number(arm.get(below))}" if below in arm else "")
            if not low and not high:
                continue
            if least in arm and most in arm:
                return f"{low} to {high}{what}" if low != high else f"{low}{what}"
            parts = [f"at least {low}" if least in arm else low, f"at most {high}" if most in arm else high]
            counted = what.removesuffix("s") if (high or low) == "1" else what
            return " and ".join(part for part in parts if part) + counted
    return ""


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def shown_value(value: Any) -> str:
    """A default, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)
