"""Findings: what is wrong, where, and what to do. Used by the reader, the rules, the CLI and the problems screen."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from stacktui.model.base import Noun


class Severity(StrEnum):
    """How much a finding matters: an error stops a run, a warning does not, a hint is advice."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class Fix(Noun):
    """An edit of one YAML file that a key applies."""

    title: str
    """What it does, as a button would say it: "write s3 instead"."""
    file: Path
    path: tuple[str | int, ...]
    """The keys from the document's root to the value that changes."""
    action: Literal["set", "delete"] = "set"
    value: Any = None


class Diagnostic(Noun):
    """One finding. Every code is listed in `stacktui.model.codes`."""

    code: str
    severity: Severity
    message: str
    """In the user's words, one line, with the next step where there is one."""
    file: Path | None = None
    line: int | None = None
    """From 1."""
    column: int | None = None
    """From 1, in characters."""
    fix: Fix | None = None
    subject: str | None = None
    """What it is about, as `category/name` or `stack/name`, where a file alone does not say it."""
    path: tuple[str | int, ...] = ()
    """The keys from the root of its file to what it is about, where a rule knows them."""
    missing: tuple[str, ...] = ()
    """The secrets, as `name.key`, whose absence it is about."""


class Position(Noun):
    """Where a value starts in a file, counted from 1."""

    line: int
    column: int
