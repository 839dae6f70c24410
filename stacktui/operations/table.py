"""The table of everything that can be done. The command line, `:`, the palette, `?`, the keymap and read-only
mode are derived from it: an operation is written once, as a typed function under `@operation`.

    @operation("stack use", writes=True, on="stack", key="enter")
    def use(session: Session, name: Annotated[str, Arg("The stack.", complete="stack")]) -> StackDocument:
        "Make a stack the active one of this checkout."
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

UNSET: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Arg:
    """Marks a parameter as a positional argument; with a default it may be left out."""

    help: str
    complete: str = ""
    """Which names complete it: `stack`, `component`, `category`, `flavor`, `run`, `step`, `artifact`, `pipeline`,
    `secret`, `model`, `store`, `theme`, `path`; empty for free text."""


@dataclass(frozen=True)
class Opt:
    """Marks a parameter as an option: `--its-name`. A bool becomes a flag; a tuple may be given several times."""

    help: str
    short: str = ""
    """A single letter: `p` makes `-p`."""
    complete: str = ""
    name: str = ""
    """The option's name where it differs from the parameter's: `set` for `values`."""


@dataclass(frozen=True)
class Parameter:
    """One typed parameter of an operation."""

    name: str
    """The Python name."""
    flag: str
    """What people write: `name`, or `--name`."""
    kind: Literal["argument", "option"]
    type: type[Any]
    """`str`, `int`, `float`, `bool`, an Enum, or `Path`: of one value, where several may be given."""
    multiple: bool
    required: bool
    default: Any
    help: str
    short: str
    complete: str

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(str(item.value) for item in self.type) if issubclass(self.type, Enum) else ()


@dataclass(frozen=True)
class Operation:
    """One thing that can be done."""

    name: str
    """As on the command line: `stack validate`."""
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    summary: str
    """The first line of the docstring."""
    help: str
    writes: bool
    """Whether it changes files, the store or a component: read-only mode refuses it."""
    on: tuple[str, ...]
    """Kinds of object that it applies to in the workbench: `component`, `stack`, `run`, `step`, `artifact` …; empty: anywhere."""
    key: str | None
    """Its default key in the workbench, in Textual's spelling."""
    streams: bool
    """Whether it returns an iterator of documents, as they happen."""
    workspace: bool
    """Whether it needs a workspace."""
    hidden: bool
    """Left out of listings, for what programs call."""

    @property
    def noun(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def verb(self) -> str:
        return self.name.partition(" ")[2]

    @property
    def id(self) -> str:
        """For keymaps: `stack.validate`."""
        return self.name.replace(" ", ".")


class ReadOnlyRefused(Exception):
    """An operation that writes was asked for in read-only mode."""


_TABLE: dict[str, Operation] = {}
# One file a noun; a verb-less operation lives with its nearest noun.
_FILES = (
    "init", "demo", "component", "flavor", "stack", "secret", "run", "runs", "step", "artifact", "model",
    "feature", "image", "experiment", "alert", "doctor", "schema",
)  # fmt: skip


def operation(
    name: str,
    *,
    writes: bool,
    on: str | tuple[str, ...] = (),
    key: str | None = None,
    streams: bool = False,
    workspace: bool = True,
    hidden: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function in the table. Its first parameter is the session; the others are annotated with `Arg` or `Opt`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        text = inspect.cleandoc(function.__doc__ or "")
        kinds = (on,) if isinstance(on, str) else on
        _TABLE[name] = Operation(
            name,
            function,
            tuple(_parameters(function)),
            text.split("\n", 1)[0],
            text,
            writes,
            kinds,
            key,
            streams,
            workspace,
            hidden,
        )
        return function

    return register


def all_operations() -> dict[str, Operation]:
    """The whole table by name, in the order of nouns. Imports every noun's file, none of which imports anything heavy."""
    for file in _FILES:
        importlib.import_module(f"stacktui.operations.{file}")
    return dict(_TABLE)


def nouns() -> tuple[str, ...]:
    """The names of the files, which the command line loads one at a time."""
    return _FILES


def operations_of(noun: str) -> dict[str, Operation]:
    """The operations of one noun; imports its file only."""
    importlib.import_module(f"stacktui.operations.{noun}")
    return {name: found for name, found in _TABLE.items() if found.noun == noun}


def _parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        annotated = hints[name]
        mark = next((m for m in getattr(annotated, "__metadata__", ()) if isinstance(m, (Arg, Opt))), None)
        if mark is None:
            raise TypeError(f"{function.__module__}.{function.__name__}: parameter {name} has no Arg or Opt")
        value_type, multiple = _value_type(typing.get_args(annotated)[0])
        option = isinstance(mark, Opt)
        spelled = (mark.name if isinstance(mark, Opt) else "") or name.rstrip("_").replace("_", "-")
        yield Parameter(
            name=name,
            flag=f"--{spelled}" if option else spelled,
            kind="option" if option else "argument",
            type=value_type,
            multiple=multiple,
            required=parameter.default is inspect.Parameter.empty,
            default=None if parameter.default is inspect.Parameter.empty else parameter.default,
            help=mark.help,
            short=mark.short if isinstance(mark, Opt) else "",
            complete=mark.complete,
        )


def _value_type(annotation: Any) -> tuple[type[Any], bool]:
    """`str | None` → (str, False); `tuple[str, ...]` → (str, True)."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(item for item in typing.get_args(annotation) if item is not type(None))
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], True
    return annotation, False
