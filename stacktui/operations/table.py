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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Literal, NamedTuple

UNSET: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Arg:
    """Marks a parameter as a positional argument; with a default it may be left out."""

    help: str
    complete: str = ""
    """Which names complete it: `stack`, `component`, `category`, `flavor`, `run`, `step`, `artifact`, `pipeline`,
    `secret`, `secret_key`, `manager`, `model`, `store`, `theme`, `setting`, `setting_value`, `slot` (category=name), `path`; empty for free text."""
    stdin: bool = False
    """On the command line a lone `-` stands for what comes on standard input."""
    name: str = ""
    """What people call it, where that differs from the parameter's name: `run` for `run_id`."""


@dataclass(frozen=True)
class Ask:
    """Marks a parameter whose value is secret: a face asks for it, hidden, and it is never part of a command line."""

    help: str


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
    kind: Literal["argument", "option", "asked"]
    type: type[Any]
    """`str`, `int`, `float`, `bool`, an Enum, or `Path`: of one value, where several may be given."""
    multiple: bool
    required: bool
    default: Any
    help: str
    short: str
    complete: str
    stdin: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(str(item.value) for item in self.type) if issubclass(self.type, Enum) else ()


@dataclass(frozen=True)
class Operation:
    """One thing that can be done."""

    name: str
    """As on the command line: `stack validate`."""
    function: Callable[..., Any]
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
    examples: tuple[str, ...] = ()
    """Whole command lines, for the help page."""
    looks: tuple[str, ...] = ()
    """Flags with which one that writes only looks: read-only mode lets it run with one of them."""

    writes_with: tuple[str, ...] = ()
    """Options with which one that only reads writes a file: read-only mode refuses it with one of them."""

    def only_looks(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it changes nothing when it is run with these arguments."""
        if self.writes:
            return any(arguments.get(name) for name in self.looks)
        return not any(arguments.get(name) for name in self.writes_with)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """In the order of the function's; read when first asked for, because a command line asks for one operation's."""
        return tuple(_parameters(self.function))

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


class NounFacts(NamedTuple):
    """What the help pages say about one noun of the command line."""

    group: str
    """The heading that it stands under."""
    summary: str


NOUNS: dict[str, NounFacts] = {
    "init": NounFacts("Start here", "make a folder a workspace"),
    "demo": NounFacts("Start here", "make a demo workspace and run its pipeline"),
    "workspace": NounFacts("Start here", "the workspaces that you opened; check whole ones, upgrade"),
    "doctor": NounFacts("Start here", "check this installation, terminal and workspace"),
    "stack": NounFacts("Stacks", "list, build, validate and choose stacks"),
    "component": NounFacts("Stacks", "the tools that stacks are made of"),
    "flavor": NounFacts("Stacks", "the implementations that components can have"),
    "secret": NounFacts("Stacks", "credentials in the stack's secrets manager"),
    "undo": NounFacts("Stacks", "take back your last saved edit, whichever files it changed"),
    "redo": NounFacts("Stacks", "do again what you undid last"),
    "edits": NounFacts("Stacks", "the journal of saved edits: list, show"),
    "audit": NounFacts("Stacks", "who edited, ran, revealed: when, and from where"),
    "fmt": NounFacts("Stacks", "put the workspace's files in one form"),
    "run": NounFacts("Pipelines and runs", "run a pipeline"),
    "plan": NounFacts("Pipelines and runs", "what a run would do, and why"),
    "runs": NounFacts("Pipelines and runs", "runs: list, show, follow, stop, compare"),
    "schedule": NounFacts("Pipelines and runs", "lines for cron or systemd that run a pipeline"),
    "step": NounFacts("Pipelines and runs", "one step of a run"),
    "artifact": NounFacts("Pipelines and runs", "what steps produced, with lineage"),
    "prune": NounFacts("Pipelines and runs", "remove old runs, and what nothing names any more"),
    "experiment": NounFacts("Pipelines and runs", "parameters, metrics and curves"),
    "alert": NounFacts("Pipelines and runs", "messages and questions to people"),
    "store": NounFacts("Pipelines and runs", "the metadata store itself: size, backup, compact"),
    "model": NounFacts("Serving and data", "models that are served"),
    "feature": NounFacts("Serving and data", "feature views and their values"),
    "image": NounFacts("Serving and data", "images in the container registry"),
    "schema": NounFacts("Editors and shells", "write the JSON Schemas of the workspace's files"),
    "setting": NounFacts("Editors and shells", "your settings and the workspace's, each with who says it"),
    "key": NounFacts("Editors and shells", "what the keymaps say: keys of the workbench"),
    "theme": NounFacts("Editors and shells", "the workbench's themes: list, show, a new one of your own"),
    "completions": NounFacts("Editors and shells", "shell completion for bash, zsh and fish"),
}
"""Every noun, in the order of the help page: a file of this package each, or those of `_FILES`."""

_FILES: dict[str, tuple[str, ...]] = {
    "component": ("component", "rename", "delete", "label"),
    "stack": ("stack", "rename", "delete", "label", "stack_export", "stack_import"),
    "redo": ("undo",),
    "runs": ("runs", "runs_compare", "runs_again", "runs_marks"),
}
# Of a noun with several files the first one is loaded alone where it has what was asked for.

_VERBS = (
    "list", "views", "show", "validate", "probe", "use", "diff", "compare", "curve",
    "add", "new", "set", "edit", "clone", "delete",
)  # fmt: skip
# On a help page these come in this order; others follow as they are written.

_TABLE: dict[str, Operation] = {}


def operation(
    name: str,
    *,
    writes: bool,
    on: str | tuple[str, ...] = (),
    key: str | None = None,
    streams: bool = False,
    workspace: bool = True,
    hidden: bool = False,
    examples: tuple[str, ...] = (),
    looks: tuple[str, ...] = (),
    writes_with: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function in the table. Its first parameter is the session; the others are annotated with `Arg` or `Opt`.

    `looks` names its flags with which it writes nothing, as `dry_run`: those are allowed in read-only mode.
    `writes_with` names the options with which one that reads writes a file, as `output`: those are refused there.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        text = inspect.cleandoc(function.__doc__ or "")
        kinds = (on,) if isinstance(on, str) else on
        _TABLE[name] = Operation(
            name,
            function,
            text.split("\n", 1)[0],
            text,
            writes,
            kinds,
            key,
            streams,
            workspace,
            hidden,
            examples,
            looks,
            writes_with,
        )
        return function

    return register


def all_operations() -> dict[str, Operation]:
    """The whole table by name, in the order of nouns. Imports every noun's file, none of which imports anything heavy."""
    return {name: found for noun in NOUNS for name, found in operations_of(noun).items()}


def nouns() -> tuple[str, ...]:
    """The names of the files, which the command line loads one at a time."""
    return tuple(NOUNS)


def operations_of(noun: str) -> dict[str, Operation]:
    """The operations of one noun; imports its files only."""
    for file in _FILES.get(noun, (noun,)):
        importlib.import_module(f"stacktui.operations.{file}")
    found = [each for each in _TABLE.values() if each.noun == noun]
    found.sort(key=lambda each: _VERBS.index(each.verb) if each.verb in _VERBS else len(_VERBS))
    return {each.name: each for each in found}


def operation_named(noun: str, verb: str = "") -> Operation | None:
    """One operation, None where there is none; imports no more of the noun's files than it takes to find it."""
    name = f"{noun} {verb}".rstrip()
    for file in _FILES.get(noun, (noun,)):
        importlib.import_module(f"stacktui.operations.{file}")
        if name in _TABLE:
            return _TABLE[name]
        if not verb:
            # What is an operation itself has one file.
            break
    return None


def _parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    # The session's class is known to type checkers only: an operation's file does not import it.
    hints = typing.get_type_hints(function, localns={"Session": object}, include_extras=True)
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        annotated = hints[name]
        mark = next(
            (m for m in getattr(annotated, "__metadata__", ()) if isinstance(m, (Arg, Opt, Ask))), None
        )
        if mark is None:
            raise TypeError(
                f"{function.__module__}.{function.__name__}: parameter {name} has no Arg, Opt or Ask"
            )
        value_type, multiple = _value_type(typing.get_args(annotated)[0])
        option = isinstance(mark, Opt)
        spelled = ("" if isinstance(mark, Ask) else mark.name) or name.rstrip("_").replace("_", "-")
        yield Parameter(
            name=name,
            flag=f"--{spelled}" if option else spelled,
            kind="option" if option else "asked" if isinstance(mark, Ask) else "argument",
            type=value_type,
            multiple=multiple,
            required=parameter.default is inspect.Parameter.empty,
            default=None if parameter.default is inspect.Parameter.empty else parameter.default,
            help=mark.help,
            short=mark.short if isinstance(mark, Opt) else "",
            complete="" if isinstance(mark, Ask) else mark.complete,
            stdin=isinstance(mark, Arg) and mark.stdin,
        )


def _value_type(annotation: Any) -> tuple[type[Any], bool]:
    """`str | None` → (str, False); `tuple[str, ...]` → (str, True)."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(item for item in typing.get_args(annotation) if item is not type(None))
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], True
    return annotation, False
