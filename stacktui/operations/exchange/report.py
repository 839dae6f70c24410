"""What an import did, or would do, with each thing in its file: the rows that both faces show."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from stacktui.operations.documents import Part


class Outcome(StrEnum):
    """What became of one thing."""

    NEW = "new"
    """It gets a file of its own."""
    SAME = "same"
    """The workspace has it already, with the same content."""
    RENAMED = "renamed"
    """It has another name here than in the file."""
    REPLACES = "replaces"
    """It takes the place of the workspace's, which is otherwise."""
    KEPT = "kept"
    """The workspace's own is used in its place."""
    CONFLICT = "conflict"
    """The workspace has another one of that name, and nobody has chosen yet."""
    FILLED_IN = "filled_in"
    """The file does not have it, and a stack needs it."""
    COMMENT = "comment"
    """Nothing here takes it: it is kept as a comment."""
    NEEDS_VALUE = "needs_value"
    """A secret or a field has no value yet."""
    NOTE = "note"
    """Something to know."""


SIGNS: dict[Outcome, tuple[str, str]] = {
    Outcome.NEW: ("+", "OK"),
    Outcome.SAME: ("=", "MUTED"),
    Outcome.RENAMED: ("→", "WARN"),
    Outcome.REPLACES: ("~", "WARN"),
    Outcome.KEPT: ("=", "MUTED"),
    Outcome.CONFLICT: ("✗", "ERROR"),
    Outcome.FILLED_IN: ("+", "WARN"),
    Outcome.COMMENT: ("#", "WARN"),
    Outcome.NEEDS_VALUE: ("?", "WARN"),
    Outcome.NOTE: ("!", "WARN"),
}
"""The sign that each face puts before an outcome, and the name of the tone in which it does."""


class ReportRow(Part):
    """One thing of the file, and what became of it."""

    outcome: Outcome
    subject: str
    """What it is here: `artifact_store/team-bucket`, `stack/prod`; with a field: `artifact_store/team-bucket path`."""
    message: str
    origin: str = ""
    """What the file calls it, where that is something else."""


SecretState = Literal["held", "missing", "unknown", "set"]


class SecretNeed(Part):
    """A secret that the imported stack refers to. Never its value."""

    name: str
    key: str
    used_by: tuple[str, ...]
    """`artifact_store/team-bucket key`."""
    state: SecretState
    """Whether the stack's secrets manager has it; `set` where the import has just put it there."""
    in_file: bool = False
    """Whether the imported file has the value in clear."""
    reason: str = ""
    """Why it is unknown, or could not be set."""
