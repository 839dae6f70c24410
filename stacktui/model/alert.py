"""Messages and questions to people: what the workbench's inbox holds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from stacktui.model.base import Noun
from stacktui.model.stack import DurationSeconds


class Level(StrEnum):
    """How loud a message is."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


class RunAlerts(Noun):
    """Which ends of runs the stack's alerters are told of."""

    failed: bool = Field(default=True, description="Whether they are told that a run failed.")
    succeeded_after: DurationSeconds = Field(
        default=60.0,
        description="They are told that a run succeeded if it took longer than this, as 10m or in seconds; null: never.",
    )


class InboxItem(Noun):
    """One message or question."""

    id: str
    kind: Literal["message", "question"]
    alerter: str
    level: Level
    text: str
    choices: tuple[str, ...] = ()
    default: str | None = None
    answer: str | None = None
    answered_by: str | None = None
    run_id: str | None = None
    step: str | None = None
    created_at: datetime
    expires_at: datetime | None = None
    """When a question takes its default, or fails where it has none."""
    closed_at: datetime | None = None
    """When it was answered, ran out or was withdrawn."""

    @property
    def pending(self) -> bool:
        """Whether it is a question that still waits."""
        return self.kind == "question" and self.closed_at is None
