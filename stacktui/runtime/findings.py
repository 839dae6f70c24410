"""How this floor and the rules above it make a `Diagnostic`: severity by code, place by the key's path in its file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stacktui.model.codes import CODES
from stacktui.model.diagnostic import Diagnostic, Fix, Severity

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Entry

KeyPath = tuple[str | int, ...]


def finding(
    code: str,
    message: str,
    *,
    entry: Entry[Any] | None = None,
    path: KeyPath = (),
    subject: str | None = None,
    severity: Severity | None = None,
    fix: Fix | None = None,
) -> Diagnostic:
    """A finding at `path` in the entry's file; a key that is not there is shown at its nearest ancestor."""
    position = entry.position(*path) if entry is not None else None
    return Diagnostic(
        code=code,
        severity=severity or CODES[code].severity,
        message=message,
        file=entry.file if entry is not None else None,
        line=position.line if position else None,
        column=position.column if position else None,
        fix=fix,
        subject=subject,
        path=path,
    )


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if one is near."""
    # Late: most commands find nothing to correct.
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`"; did you mean X?"`, or nothing if no known word is near."""
    near = closest(word, known)
    return f"; did you mean {near}?" if near else ""


def one_line(error: BaseException) -> str:
    """An exception as one line: its text, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
