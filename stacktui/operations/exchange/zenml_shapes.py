"""The file that ZenML's `stack export` writes, in each of its shapes, as one form. Used by `zenml`.

Since 0.20 a component is a mapping with its attributes under `configuration`, alone or in a list; before that
the attributes stand beside its name and flavor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stacktui.operations.errors import OperationError
from stacktui.workspace.yaml_reader import MAX_DEPTH, UnquotedReference

MOST_COMPONENTS = 1000
_LONGEST_SHOWN = 60
_LONGEST_JSON = 1 << 16
_KNOWN_AT_TOP = frozenset({"stack_name", "zenml_version", "components"})


class ForeignComponent(NamedTuple):
    """A component as the file describes it."""

    category: str
    name: str
    """Empty where it has none."""
    flavor: str
    """Empty where it has none."""
    fields: dict[str, Any]
    """Its configuration."""
    beside: dict[str, Any]
    """What else stands there: an id, labels, a connector."""
    source: dict[str, Any]
    """All of it, as it stands."""

    @property
    def label(self) -> str:
        """`artifact_store Team Bucket (s3)`, for reports."""
        flavor = f" ({shown(self.flavor)})" if self.flavor else ""
        return f"{shown(self.category)} {shown(self.name) or 'without a name'}{flavor}"


class ForeignStack(NamedTuple):
    """A stack as the file describes it."""

    name: str
    version: str
    components: tuple[ForeignComponent, ...]
    empty: tuple[str, ...]
    """Categories with nothing in them."""
    beside: dict[str, Any]
    """What else stands at the top of the file."""


def looks_like_zenml(value: Mapping[Any, Any]) -> bool:
    """Whether a file's mapping is what ZenML exports. The oldest files have `components` alone; a stack of ours has
    names there, theirs has components."""
    if "components" not in value:
        return False
    if "stack_name" in value or "zenml_version" in value:
        return True
    components = value["components"]
    return isinstance(components, dict) and any(
        isinstance(item, dict) and "flavor" in item
        for held in components.values()
        for item in (held if isinstance(held, list) else [held])
    )


def read_foreign(value: Mapping[Any, Any]) -> ForeignStack:
    """The stack of a file's mapping. Raises `OperationError` where it is not of any of the shapes."""
    components = value["components"]
    if components is None:
        components = {}
    if not isinstance(components, dict):
        raise OperationError(
            "the ZenML file's `components` is not a mapping of categories; export the stack again"
        )
    found: list[ForeignComponent] = []
    empty = []
    for category, held in components.items():
        name = _text(category, "a category")
        items = list(_components(name, held))
        found += items
        if len(found) > MOST_COMPONENTS:
            raise OperationError(f"the file has more than {MOST_COMPONENTS:,} components; that is no stack")
        if not items:
            empty.append(name)
    return ForeignStack(
        _text(value.get("stack_name"), "`stack_name`"),
        _text(value.get("zenml_version"), "`zenml_version`"),
        tuple(found),
        tuple(empty),
        {shown(key): plain(item) for key, item in value.items() if key not in _KNOWN_AT_TOP},
    )


def shown(text: object) -> str:
    """A foreign word inside a sentence: one line of bounded length."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"


def plain(value: Any) -> Any:
    """A value with the references that stood without quotes as the texts that they were meant to be."""
    if isinstance(value, UnquotedReference):
        return value.text
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def mapping_in(text: Any) -> dict[str, Any] | None:
    """The mapping that a text holds as JSON, which is how attributes were given on ZenML's command line."""
    if not isinstance(text, str) or not text.startswith("{") or len(text) > _LONGEST_JSON:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _depth(text) <= MAX_DEPTH else None


def _depth(text: str) -> int:
    """How deep brackets nest in a text at most; those inside of quotes are counted too."""
    deepest = depth = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest


def _components(category: str, held: Any) -> Iterator[ForeignComponent]:
    if held is None:
        return
    for item in held if isinstance(held, list) else [held]:
        if not isinstance(item, dict) or isinstance(item, UnquotedReference):
            raise OperationError(
                f"the ZenML file's {shown(category)} is neither a component nor a list of components; "
                "export the stack again"
            )
        yield _component(category, item)


def _component(category: str, item: Mapping[Any, Any]) -> ForeignComponent:
    source = {str(key): plain(value) for key, value in item.items()}
    rest = {key: value for key, value in source.items() if key not in ("name", "flavor")}
    # It says once more which category it is.
    if rest.get("type") == category:
        del rest["type"]
    if "configuration" in rest:
        written = rest.pop("configuration")
        fields = mapping_in(written) or written or {}
        beside = rest
    else:
        fields, beside = rest, {}
    if not isinstance(fields, dict):
        raise OperationError(
            f"the ZenML file's {shown(category)} has a `configuration` that is not a mapping; export the stack again"
        )
    return ForeignComponent(
        category,
        _text(source.get("name"), f"the name of its {shown(category)}"),
        _text(source.get("flavor"), f"the flavor of its {shown(category)}"),
        {str(key): value for key, value in fields.items()},
        beside,
        source,
    )


def _text(value: Any, what: str) -> str:
    if isinstance(value, (dict, list)):
        raise OperationError(f"in the ZenML file {what} is not a text; export the stack again")
    return "" if value is None else str(value)
