"""What every operation returns: a versioned document. Those of one noun stand in that noun's file.

Fields may be added to a document and are never renamed within a version. Texts in it are raw: a face
cleans them before it shows them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from stacktui.categories.homes import home_folder
from stacktui.model.base import rfc3339
from stacktui.model.diagnostic import Diagnostic, Severity

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""A time as documents write it: RFC 3339 in UTC with microseconds, so that texts sort as times do."""


class Part(BaseModel):
    """Something inside a document, or one line of a stream."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @property
    def answer(self) -> bool:
        """Whether the answer is yes: the command line exits with 1 where it is no."""
        return True


class Document(Part):
    """The result of one operation."""

    version: Literal[1] = 1


class FixPart(Part):
    """An edit that would remove a finding."""

    title: str
    file: str
    path: tuple[str | int, ...]
    action: Literal["set", "delete"]
    value: object = None


class DiagnosticPart(Part):
    """A finding, with its file relative to the workspace's root."""

    code: str
    severity: Severity
    message: str
    file: str | None
    line: int | None
    column: int | None
    fix: FixPart | None
    subject: str | None = None

    @classmethod
    def of(cls, found: Diagnostic, root: Path) -> DiagnosticPart:
        fix = found.fix
        return cls(
            code=found.code,
            severity=found.severity,
            message=found.message,
            file=None if found.file is None else relative(found.file, root),
            line=found.line,
            column=found.column,
            fix=None
            if fix is None
            else FixPart(
                title=fix.title,
                file=relative(fix.file, root),
                path=fix.path,
                action=fix.action,
                value=fix.value,
            ),
            subject=found.subject,
        )


class FileChange(Part):
    """A file that an operation wrote or removed."""

    file: str
    action: Literal["created", "changed", "deleted"]


class ChangeDocument(Document):
    """What an operation changed on disk."""

    title: str
    files: tuple[FileChange, ...] = ()
    diff: str = ""
    diagnostics: tuple[DiagnosticPart, ...] = ()
    """What the rules say about the result; no errors, or it would not have been written."""


class DoneDocument(Document):
    """That something was done, in one line."""

    done: str


def relative(file: Path, root: Path) -> str:
    """`file` as people name it: relative to the workspace where it lies in it, with forward slashes."""
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return file.as_posix()


def homely(file: Path) -> str:
    """A path as people write it: `~` for their home."""

    home = home_folder()
    return f"~/{file.relative_to(home)}" if file.is_relative_to(home) and file != home else str(file)
