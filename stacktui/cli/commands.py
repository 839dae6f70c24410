"""Commands of click, made from the table of operations: a noun's file is imported when the noun is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from stacktui import __version__
from stacktui.cli.face import Face
from stacktui.cli.terminal import Out
from stacktui.operations.errors import nearest
from stacktui.operations.table import NOUNS, Operation, Parameter, operation_named, operations_of


def root_command(out: Out, err: Out) -> click.Group:
    """The command `stacktui`."""
    return _Root(Face(out, err))


def _pages() -> Any:
    from stacktui.cli import help as pages

    return pages


def _help_option(write: Callable[[Out], None], face: Face) -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            write(face.out)
            ctx.exit(0)

    return click.Option(
        ["-h", "--help"], is_flag=True, expose_value=False, is_eager=True, callback=show,
        help="Show this page.",
    )  # fmt: skip


def _json_option(face: Face) -> click.Option:
    def note(_: click.Context, __: click.Parameter, wanted: bool) -> None:
        face.json = face.json or wanted

    return click.Option(
        ["--json"], is_flag=True, expose_value=False, callback=note,
        help="Write one JSON document, or one object a line for what streams.",
    )  # fmt: skip


class _Root(click.Group):
    """`stacktui`: the nouns."""

    def __init__(self, face: Face) -> None:
        self.face = face
        super().__init__(
            "stacktui",
            params=[
                click.Option(
                    ["-C", "folder"], metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
                    default=Path(), help="Start in this folder.",
                ),
                click.Option(
                    ["--stack"], metavar="NAME", help="Use this stack in place of the active one.",
                    shell_complete=_completion(face, "stack"),
                ),
                click.Option(
                    ["--store"], metavar="NAME", help="Read this metadata store in place of the stack's.",
                    shell_complete=_completion(face, "store"),
                ),
                click.Option(["--readonly"], is_flag=True, help="Refuse everything that writes."),
                _json_option(face),
                click.Option(
                    ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=self._version,
                    help="Show the version.",
                ),
                _help_option(lambda out: _pages().root_page(self, out), face),
            ],
            callback=self._globals,
            add_help_option=False,
            no_args_is_help=False,
            invoke_without_command=True,
        )  # fmt: skip

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NOUNS:
            return None
        # A noun is an operation itself, or has verbs.
        alone = operation_named(cmd_name)
        return _Noun(self.face, cmd_name) if alone is None else OperationCommand(self.face, alone, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in NOUNS and not ctx.resilient_parsing:
            raise click.UsageError(f"there is no command {args[0]!r}{nearest(args[0], NOUNS)}", ctx)
        return super().resolve_command(ctx, args)

    def _globals(self, folder: Path, stack: str | None, store: str | None, readonly: bool) -> None:
        self.face.folder, self.face.stack, self.face.store = folder, stack, store
        self.face.readonly = readonly
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            raise click.UsageError("no command was named", ctx)

    def _version(self, ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            self.face.out.line(f"stacktui {__version__}")
            ctx.exit(0)


class _Noun(click.Group):
    """`stacktui stack`: a noun's verbs."""

    def __init__(self, face: Face, noun: str) -> None:
        self.face = face
        self.noun = noun
        super().__init__(
            noun,
            params=[
                _json_option(face),
                _help_option(lambda out: _pages().noun_page(noun, self.operations, out), face),
            ],
            add_help_option=False,
            no_args_is_help=False,
            invoke_without_command=True,
            callback=self._bare,
        )

    @property
    def operations(self) -> dict[str, Operation]:
        """All of them, which loads every file of the noun."""
        return operations_of(self.noun)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [each.verb for each in self.operations.values() if not each.hidden]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = operation_named(self.noun, cmd_name)
        return None if found is None else OperationCommand(self.face, found, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not ctx.resilient_parsing and operation_named(self.noun, args[0]) is None:
            near = nearest(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{self.name} has no {args[0]!r}{near}", ctx)
        return super().resolve_command(ctx, args)

    def _bare(self) -> None:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            verbs = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"say what to do: {verbs}", ctx)


class OperationCommand(click.Command):
    """One operation as a command."""

    def __init__(self, face: Face, operation: Operation, name: str) -> None:
        self.face = face
        self.operation = operation
        super().__init__(
            name,
            params=[
                *(_parameter(each, face) for each in operation.parameters if each.kind != "asked"),
                _json_option(face),
                _help_option(lambda out: _pages().operation_page(operation, out), face),
            ],
            callback=self._run,
            add_help_option=False,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asked = [each for each in self.operation.parameters if each.kind == "asked"]
        if not asked or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        # One word too many is the value: click would say it once more.
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest or ctx.args:
            words = " ".join(metavar(each) for each in self.operation.parameters if each.kind == "argument")
            command = f"{ctx.command_path} {words}"
            raise click.UsageError(
                "a secret's value is never an argument: other users see it in the list of processes, and the shell "
                f"keeps it in its history; leave it out and you are asked for it, or send it in: {command} < FILE",
                ctx,
            )
        return rest

    def _run(self, **given: Any) -> int:
        from stacktui.cli.invoke import invoke

        return invoke(self.face, self.operation, given)


class _EnumChoice(click.ParamType[Any]):
    """An enum's values; a dash may stand for an underscore."""

    def __init__(self, kind: type[Enum], what: str) -> None:
        self.kind = kind
        self.what = what
        self.name = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Enum):
            return value
        known = {str(item.value): item for item in self.kind}
        text = str(value)
        found = known.get(text) or known.get(text.replace("-", "_"))
        if found is None:
            self.fail(
                f"there is no {self.what} {text!r}{nearest(text, known)}; they are {', '.join(known)}",
                param,
                ctx,
            )
        return found

    def fail(
        self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None
    ) -> Any:
        raise click.UsageError(message, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(str(i.value)) for i in self.kind if str(i.value).startswith(incomplete)]


def _parameter(parameter: Parameter, face: Face) -> click.Parameter:
    kind: Any = parameter.type
    if issubclass(parameter.type, Enum):
        kind = _EnumChoice(parameter.type, parameter.flag.removeprefix("--"))
    elif issubclass(parameter.type, Path):
        kind = click.Path(path_type=Path)
    completion = None if not parameter.complete else _completion(face, parameter.complete)
    # A default of None would make click take a required parameter for an optional one.
    default: dict[str, Any] = (
        {} if parameter.required else {"default": () if parameter.multiple else parameter.default}
    )
    if parameter.kind == "argument":
        return click.Argument(
            [parameter.name],
            type=kind,
            required=parameter.required,
            nargs=-1 if parameter.multiple else 1,
            metavar=metavar(parameter),
            shell_complete=completion,
            **default,
        )
    short = [f"-{parameter.short}"] if parameter.short else []
    spelled = [parameter.flag]
    if parameter.type is bool:
        if parameter.default is not False:
            spelled = [f"{parameter.flag}/--no-{parameter.flag.removeprefix('--')}"]
        return click.Option([parameter.name, *short, *spelled], is_flag=True, default=parameter.default)
    return click.Option(
        [parameter.name, *short, *spelled],
        type=kind,
        required=parameter.required,
        multiple=parameter.multiple,
        metavar=metavar(parameter),
        shell_complete=completion,
        **default,
    )


_WORDS = {
    "--at": "WHEN",
    "--from": "STEP",
    "--on-conflict": "HOW",
    "--older-than": "AGE",
    "--remove": "KEY",
    "--retry": "RUN",
    "--run": "RUN",
    "--unset": "KEY",
}
"""What options take whose own name does not say it."""


def metavar(parameter: Parameter) -> str:
    """How a parameter's value is written on a help page: `NAME`, `KEY=VALUE`, `N`."""
    if parameter.kind == "argument":
        return parameter.flag.upper().replace("-", "_")
    if parameter.complete in ("stack", "component", "flavor", "store", "manager", "category"):
        return "NAME"
    if parameter.flag in _WORDS:
        return _WORDS[parameter.flag]
    if re.search(r"\w=\w", parameter.help):
        return "KEY=VALUE"
    return {int: "N", float: "SECONDS", Path: "FILE"}.get(parameter.type, parameter.flag[2:].upper())


def _completion(
    face: Face, kind: str
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from stacktui.model.text import clean
        from stacktui.operations.complete import names

        if kind == "path":
            return [CompletionItem(incomplete, type="file")]
        root = ctx.find_root().params
        face.folder = root.get("folder") or Path()
        face.stack, face.store = root.get("stack"), root.get("store")
        with face.session() as session:
            # By name: flavors of several categories are called alike.
            offered = {
                found.name: CompletionItem(found.name, help=clean(found.help))
                for found in names(session, kind, ctx.params)
                if found.name.startswith(incomplete)
            }
            return list(offered.values())

    return complete
