"""What stands in a form's fields: the entry that stands for a value, and the value that an entry stands for.

An entry is a text where the field is typed, and plain data where it is a nested model, a list of models or a mapping
with nested values. Nothing here draws. Used by the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacktui.model.text import clean_block
from stacktui.operations.fields import MASK, shown_config
from stacktui.operations.values import parsed
from stacktui.tui.dialogs.form_fields import ABSENT, FieldSpec, Kind

_BLANK = " \t\r\n"
"""What YAML takes for room around a value; a no-break space is a character of it."""


def entry_of(spec: FieldSpec, value: Any) -> tuple[FieldSpec, Any]:
    """The entry that stands for a value, and the spec that reads it back: one that the field's own way of writing
    cannot express is written as YAML."""
    if value is ABSENT:
        return spec, ABSENT if spec.structured else ""
    if spec.kind in (Kind.TEXT, Kind.NUMBER, Kind.SCALAR, Kind.CHOICE):
        return _single_entry(spec, value)
    if spec.kind is Kind.LINES and isinstance(value, str) and _plain_item(value):
        # One alone, where a list may stand.
        return spec, value
    if spec.kind is Kind.LINES and isinstance(value, (list, tuple)):
        texts = not spec.item_is_text or all(isinstance(item, str) for item in value)
        if value and texts and all(map(_plain_item, value)):
            return spec, "\n".join(map(scalar_text, value))
    if spec.kind is Kind.PAIRS and isinstance(value, Mapping) and value:
        lines = [_pair_line(key, item, spec.item_is_text) for key, item in value.items()]
        if None not in lines:
            return spec, "\n".join(map(str, lines))
    if spec.kind is Kind.MODEL and isinstance(value, Mapping):
        return spec, dict(value)
    if _is_list_of_mappings(value) and spec.kind is Kind.MODELS:
        return spec, [dict(item) for item in value]
    if (
        spec.kind is Kind.MAPPING
        and isinstance(value, Mapping)
        and all(isinstance(key, str) for key in value)
    ):
        return spec, dict(value)
    return spec._replace(kind=Kind.YAML), yaml_text(value)


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, Mapping) for item in value)


def _single_entry(spec: FieldSpec, value: Any) -> tuple[FieldSpec, Any]:
    text = scalar_text(value)
    if spec.kind is Kind.TEXT and isinstance(value, str) and "\n" not in value:
        return spec, value
    if spec.kind is Kind.CHOICE and text in {choice.text for choice in spec.choices}:
        return spec, text
    if not isinstance(value, (dict, list, tuple, str)) or (spec.scalar and _same(text, value)):
        return spec if spec.scalar else spec._replace(kind=Kind.SCALAR), text
    return spec._replace(kind=Kind.YAML), yaml_text(value)


def value_of(spec: FieldSpec, entry: Any) -> Any:
    """The value that an entry stands for; `ABSENT` for an empty one. Raises ValueError with what is wrong."""
    if spec.structured:
        # An empty mapping stands in the file if it was put there; an empty list says no more than none.
        return ABSENT if entry is ABSENT or entry == [] else entry
    text: str = entry
    if spec.kind is Kind.TEXT:
        return text or ABSENT
    if not text.strip(_BLANK if spec.scalar else None):
        return ABSENT
    if spec.kind is Kind.CHOICE:
        return {"true": True, "false": False}.get(text, text) if spec.type == "yes or no" else text
    if spec.scalar:
        return parsed(text.strip(_BLANK))
    lines = [line for line in text.split("\n") if line.strip()]
    if spec.kind is Kind.LINES:
        items = [line.strip().removeprefix("- ").strip() for line in lines]
        return items if spec.item_is_text else [parsed(item) for item in items]
    if spec.kind is Kind.PAIRS:
        return _pairs(lines, spec.item_is_text)
    return _yaml_value(text)


def same_entry(one: Any, other: Any) -> bool:
    """Whether two entries stand for the same, `1` and `true` told apart."""
    if one is ABSENT or other is ABSENT:
        return one is other
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    from stacktui.workspace.yaml_tree import same

    return same(one, other)


def _pairs(lines: list[str], texts: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not key:
            raise ValueError(f"{line.strip()!r} is not of the form key: value")
        if key in found:
            raise ValueError(f"{key!r} stands there twice")
        found[key] = value if texts else parsed(value)
    return found


def _plain_item(item: Any) -> bool:
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        return False
    text = str(item)
    return bool(text) and text == text.strip() and "\n" not in text and not text.startswith("- ")


def _pair_line(key: Any, value: Any, texts: bool) -> str | None:
    """`key: value` if that is read back as the same, else None."""
    if not isinstance(key, str) or not key or key != key.strip() or ":" in key or "\n" in key:
        return None
    if isinstance(value, (dict, list, tuple)) or value is None:
        return None
    text = scalar_text(value)
    if "\n" in text or text != text.strip():
        return None
    return f"{key}: {text}" if (isinstance(value, str) if texts else _same(text, value)) else None


def scalar_text(value: Any) -> str:
    """A single value as it is typed; empty for none."""
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


def showable(entry: Any) -> bool:
    """Whether an entry can be shown and typed as it is; a text with control characters cannot."""
    return not isinstance(entry, str) or (clean_block(entry) == entry and "\r" not in entry)


def looks_secret(name: str) -> bool:
    """Whether a field of that name may hold a credential, where a reference may stand in it."""
    return bool(shown_config({name: "x"}, None)[name] == MASK)
