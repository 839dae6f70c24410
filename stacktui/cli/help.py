"""The help pages: the nouns in groups, a noun's verbs, one operation with its examples. Made from the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from stacktui.cli.terminal import Out, Span, Tone
from stacktui.operations.table import NOUNS, Operation, Parameter

if TYPE_CHECKING:
    from enum import Enum

_EXAMPLES = (
    ("stacktui", "open the workbench"),
    ("stacktui init", "make this folder a workspace"),
    ("stacktui stack validate --all", "check everything in it"),
    ("stacktui run pipelines/hello.py:hello", "run a pipeline on the active stack"),
    ("stacktui runs list --status failed", "what went wrong lately"),
)


def root_page(command: click.Command, out: Out) -> None:
    """`stacktui --help`."""
    out.line(Span("stacktui", Tone.STRONG), " [options] [command]")
    out.line("")
    out.line("A terminal workbench for MLOps stacks. Without a command the workbench opens.")
    groups: dict[str, list[tuple[str, str]]] = {}
    for noun, facts in NOUNS.items():
        groups.setdefault(facts.group, []).append((noun, facts.summary))
    for group, rows in groups.items():
        _section(group, rows, out, wide=13)
    _section("Options, before the command", _options(command), out)
    _section("Examples", _EXAMPLES, out)
    out.line("")
    out.line("Every command takes --json, and explains itself with --help.")


def noun_page(noun: str, operations: Mapping[str, Operation], out: Out) -> None:
    """`stacktui stack --help`."""
    out.line(Span(f"stacktui {noun}", Tone.STRONG), " VERB")
    out.line("")
    out.line(_sentence(NOUNS[noun].summary))
    rows = [
        (" ".join([each.verb, *map(_written, _arguments(each))]), each.summary)
        for each in operations.values()
        if not each.hidden
    ]
    _section("Verbs", rows, out)
    _examples((line for each in operations.values() for line in each.examples[:1]), out)


def operation_page(operation: Operation, out: Out) -> None:
    """`stacktui stack validate --help`."""
    arguments = _arguments(operation)
    words = " ".join([*map(_written, arguments), "[options]"])
    out.line(Span(f"stacktui {operation.name}", Tone.STRONG), f" {words}")
    out.line("")
    for paragraph in operation.help.split("\n\n"):
        for line in textwrap.wrap(" ".join(paragraph.split()), min(out.width or 100, 100)):
            out.line(line)
        out.line("")
    if operation.writes:
        flags = " and ".join(f"--{each.replace('_', '-')}" for each in operation.looks)
        but = f", but with {flags} it only looks" if flags else ""
        out.line(Span(f"It writes: a read-only session refuses it{but}.", Tone.MUTED))
    else:
        out.line(Span("It only reads.", Tone.MUTED))
    _section("Arguments", [(_written(each), _explained(each)) for each in arguments], out)
    options = [each for each in operation.parameters if each.kind == "option"]
    rows = [(_option_words(each), _explained(each)) for each in options]
    _section("Options", [*rows, ("    --json", "Write JSON.")], out)
    asked = [each for each in operation.parameters if each.kind == "asked"]
    _section("Asked for, or read from standard input", [(e.name.upper(), e.help) for e in asked], out)
    _examples(operation.examples, out)


def _section(title: str, rows: Iterable[tuple[str, str]], out: Out, wide: int = 0) -> None:
    found = list(rows)
    if not found:
        return
    out.line("")
    out.heading(title)
    wide = max(wide, min(max(len(name) for name, _ in found), 30))
    room = max((out.width or 100) - wide - 4, 30)
    for name, text in found:
        lines = textwrap.wrap(text, room) or [""]
        beside = name if len(name) <= wide else ""
        if not beside:
            out.line("  ", name)
        out.line("  ", Span(beside.ljust(wide), Tone.PLAIN), "  ", Span(lines[0], Tone.MUTED))
        for line in lines[1:]:
            out.line(" " * (wide + 4), Span(line, Tone.MUTED))


def _examples(lines: Iterable[str], out: Out) -> None:
    found = list(lines)
    if found:
        out.line("")
        out.heading("Examples")
        for line in found:
            out.line("  ", line)


def _arguments(operation: Operation) -> list[Parameter]:
    return [each for each in operation.parameters if each.kind == "argument"]


def _written(parameter: Parameter) -> str:
    from stacktui.cli.commands import metavar

    word = metavar(parameter) + ("…" if parameter.multiple else "")
    return word if parameter.required else f"[{word}]"


def _option_words(parameter: Parameter) -> str:
    from stacktui.cli.commands import metavar

    short = f"-{parameter.short}, " if parameter.short else "    "
    if parameter.type is bool:
        spelled = parameter.flag
        if parameter.default is not False:
            spelled += f", --no-{parameter.flag[2:]}"
        return short + spelled
    return f"{short}{parameter.flag} {metavar(parameter)}"


def _explained(parameter: Parameter) -> str:
    text = parameter.help
    if parameter.choices:
        text += f" One of: {', '.join(parameter.choices)}."
    if parameter.multiple and parameter.kind == "option":
        text += " May be given several times."
    default = _default(parameter)
    if parameter.required and parameter.kind == "option":
        text += " Required."
    return text + (f" Default: {default}." if default else "")


def _default(parameter: Parameter) -> str:
    value: object | Enum = parameter.default
    if value in (None, "", (), False, True) or parameter.multiple:
        return ""
    return str(getattr(value, "value", value))


def _options(command: click.Command) -> list[tuple[str, str]]:
    rows = []
    for option in command.params:
        if isinstance(option, click.Option):
            value = "" if option.is_flag else f" {option.metavar}"
            rows.append((", ".join(option.opts) + value, option.help or ""))
    return rows


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
