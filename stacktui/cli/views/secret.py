"""Secrets, for people: names and keys, a value only when it was asked for by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.operations.documents import Document
from stacktui.operations.secret import SecretList, SecretValueDocument


def listing(document: SecretList, face: Face) -> None:
    """The secrets as a table, with who refers to them."""
    if not document.secrets:
        face.err.line(f"{document.manager} holds no secret; set one with: stacktui secret set NAME KEY")
        return
    face.out.table(
        (Column("secret"), Column("keys", least=10), Column("state"), Column("used by", least=10, drop=1)),
        [
            (
                row.name,
                ", ".join(row.keys),
                Span(f"✗ missing {', '.join(row.missing)}", Tone.ERROR)
                if row.missing
                else Span("✓ ok", Tone.OK),
                Span(", ".join(dict.fromkeys(use.component for use in row.used_by)), Tone.MUTED),
            )
            for row in document.secrets
        ],
    )


def value(document: SecretValueDocument, face: Face) -> None:
    """The value and nothing else, so that a pipe gets it."""
    face.out.line(document.value) if face.out.terminal else face.out.raw(document.value + "\n")


VIEWS: dict[type[Document], Callable[[Any, Face], None]] = {SecretList: listing, SecretValueDocument: value}
