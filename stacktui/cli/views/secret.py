"""Secrets, for people: names and keys, who uses them, what is missing; a value only when it was asked for by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import plural
from stacktui.operations.documents import Document
from stacktui.operations.secret import SecretList, SecretRow, SecretValueDocument
from stacktui.operations.secret_uses import SecretUse


def listing(document: SecretList, face: Face) -> None:
    """The secrets as a table, with who refers to them; then what is missing, with the command that sets it."""
    if document.only_missing:
        _missing(document, face)
        return
    if document.secrets:
        face.out.table(
            (Column("secret"), Column("keys", least=10), Column("state", least=16), Column("used by", least=10, drop=1)),
            [
                (
                    row.name,
                    ", ".join(row.keys),
                    Span(f"✗ missing {', '.join(row.missing)}", Tone.ERROR)
                    if row.missing
                    else Span("✓ ok", Tone.OK),
                    Span(", ".join(dict.fromkeys(_short(use) for use in row.used_by)), Tone.MUTED),
                )
                for row in document.secrets
            ],
        )  # fmt: skip
    else:
        to = _option(document)
        face.err.line(f"{document.manager} holds no secret; set one with: stacktui secret set NAME KEY{to}")
    missing = list(_lacking(document.secrets))
    if missing:
        name, key, _ = missing[0]
        face.err.line(
            Span(
                f"{plural(len(missing), 'key is', 'keys are')} missing; set {'it' if len(missing) == 1 else 'the first'} with: ",
                Tone.MUTED,
            ),
            f"stacktui secret set {name} {key}{_option(document)}",
            Span("" if len(missing) == 1 else "   (all: stacktui secret list --missing)", Tone.MUTED),
        )
    others = [each for each in document.managers if each.name != document.manager]
    if others:
        said = ", ".join(f"{each.name}{f' ({each.why})' if each.why else ''}" for each in others)
        face.err.line(
            Span(f"{document.manager} was asked; also registered: {said}  --manager NAME", Tone.MUTED)
        )


def _missing(document: SecretList, face: Face) -> None:
    found = list(_lacking(document.secrets))
    if not found:
        face.err.line(f"nothing is missing from {document.manager}")
        return
    face.out.table(
        (Column("missing"), Column("used by", least=16, drop=1), Column("set it with")),
        [
            (
                Span(f"✗ {name}.{key}", Tone.ERROR),
                Span(", ".join(f"{use.who} {use.place}" for use in uses), Tone.MUTED),
                f"stacktui secret set {name} {key}{_option(document)}",
            )
            for name, key, uses in found
        ],
    )


def _lacking(rows: Iterable[SecretRow]) -> Iterable[tuple[str, str, list[SecretUse]]]:
    for row in rows:
        for key in row.missing:
            yield row.name, key, [use for use in row.used_by if use.key == key]


def _option(document: SecretList) -> str:
    """What names the manager in a command, where it is not the stack's."""
    named = any(each.name == document.manager and each.active for each in document.managers)
    return "" if named else f" --manager {document.manager}"


def _short(use: SecretUse) -> str:
    return (
        use.who if use.kind == "component" else f"{use.who} {use.place}" if use.kind == "step" else use.place
    )


def value(document: SecretValueDocument, face: Face) -> None:
    """The value and nothing else, so that a pipe gets it; at a terminal with a word on who else may see it."""
    if not face.out.terminal:
        face.out.raw(document.value + "\n")
        return
    face.out.block(document.value)
    face.out.flush()
    face.err.line(
        Span(
            f"{document.name}.{document.key} stays on the screen and in what the terminal keeps: clear both when you "
            "are done; who revealed it is noted (stacktui audit list)",
            Tone.MUTED,
        )
    )


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {SecretList: listing, SecretValueDocument: value}
