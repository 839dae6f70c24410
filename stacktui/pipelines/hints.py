"""What a step's annotations say: its parameters' types and its outputs by name. Read once a step, when it is drawn."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

OUTPUT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
SINGLE_OUTPUT = "output"


class Unknown:
    """Stands for an annotation, or a part of one, whose name does not exist when the program runs.

    That is usual: imports under `TYPE_CHECKING`. It may be subscripted and joined as types may.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __getattr__(self, name: str) -> Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown(f"{self.text}.{name}")

    def __getitem__(self, item: Any) -> Unknown:
        return self

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007 - `|` is what is being defined

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, self]  # noqa: UP007

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # `typing` takes only callables for types.
        raise TypeError(f"{self.text} is known to type checkers only")


class Output(NamedTuple):
    """One declared output of a step."""

    name: str
    annotation: Any
    """The type; `Any` where the author gave none."""


class _Names(dict[str, Any]):
    """A namespace in which every name exists."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or Unknown(name)


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Evaluated annotations, `Annotated` kept, `return` included. A part that cannot be evaluated is `Unknown`."""
    raw: Mapping[str, Any] = getattr(function, "__annotations__", {})
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:
        return {name: _evaluate(value, function) for name, value in raw.items()}


def _evaluate(value: Any, function: Callable[..., Any]) -> Any:
    if value is None:
        return type(None)
    if isinstance(value, typing.ForwardRef):
        value = value.__forward_arg__
    if not isinstance(value, str):
        return value
    try:
        return eval(value, {"__builtins__": {}}, _Names(getattr(function, "__globals__", {})))
    except Exception:
        return Unknown(value)


def outputs_of(function: Callable[..., Any], hints: Mapping[str, Any]) -> tuple[Output, ...]:
    """The outputs that a step declares.

    `Annotated[T, "name"]` names one, `tuple[A, B]` gives several, `None` gives none. Without an annotation there is
    one output, called `output`, if the function returns something. Raises `ValueError` for a bad or doubled name.
    """
    if "return" not in hints:
        return (Output(SINGLE_OUTPUT, Any),) if _returns_something(function) else ()
    hint = hints["return"]
    if hint is type(None) or hint is None or hint in (typing.NoReturn, typing.Never):
        return ()
    items = tuple_items(hint)
    if items is None:
        found = [Output(_annotated_name(hint) or SINGLE_OUTPUT, _bare(hint))]
    else:
        found = [
            Output(_annotated_name(item) or f"{SINGLE_OUTPUT}_{index}", _bare(item))
            for index, item in enumerate(items)
        ]
    names = [item.name for item in found]
    for name in names:
        if not OUTPUT_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name an output; use letters, digits, '_', '-' and '.'")
        if names.count(name) > 1:
            raise ValueError(f"two outputs are called {name!r}")
    return tuple(found)


def tuple_items(hint: Any) -> tuple[Any, ...] | None:
    """The types of a tuple that gives several outputs; None for anything else, `tuple[int, ...]` and `tuple[A]` too."""
    if typing.get_origin(hint) is not tuple:
        return None
    items = typing.get_args(hint)
    return None if len(items) < 2 or Ellipsis in items else items


def _annotated_name(hint: Any) -> str | None:
    if typing.get_origin(hint) is Annotated:
        for extra in typing.get_args(hint)[1:]:
            if isinstance(extra, str):
                return extra
    return None


def _bare(hint: Any) -> Any:
    """The type without its name; other metadata stays, because pydantic reads it."""
    if typing.get_origin(hint) is not Annotated:
        return hint
    inner, *extras = typing.get_args(hint)
    kept = [extra for extra in extras if not isinstance(extra, str)]
    return Annotated[(inner, *kept)] if kept else inner


def _returns_something(function: Callable[..., Any]) -> bool:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return True
    waiting: list[ast.AST] = list(getattr(tree.body[0], "body", [])) if tree.body else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                return True
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def type_name(annotation: Any) -> str:
    """An annotation as people and stores name it: `float`, `pandas.core.frame.DataFrame`, `list[int]`; empty for Any."""
    if annotation is Any or annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, Unknown):
        return annotation.text
    if typing.get_origin(annotation) is Annotated:
        return type_name(typing.get_args(annotation)[0])
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type):
        module = annotation.__module__
        return annotation.__qualname__ if module == "builtins" else f"{module}.{annotation.__qualname__}"
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_name(item) or "Any" for item in arguments)
    if isinstance(origin, type) and arguments:
        inner = ", ".join("..." if item is Ellipsis else _argument_name(item) for item in arguments)
        return f"{type_name(origin)}[{inner}]"
    return str(annotation).removeprefix("typing.")


def _argument_name(item: Any) -> str:
    return (
        type_name(item) or "Any"
        if isinstance(item, type) or typing.get_origin(item) is not None
        else str(item)
    )
