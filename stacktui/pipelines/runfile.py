"""`<state>/runs/<run id>/run.json`: all that a runner needs to know of its run. Written once, 0600, before it starts.

Components stand in it with their references to secrets, never with a value.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stacktui.categories.private import create_file
from stacktui.model.alert import RunAlerts
from stacktui.model.base import Noun
from stacktui.model.execution import RunContext
from stacktui.model.stack import StepSettings
from stacktui.pipelines.graph import PipelineDescription

FailureMode = Literal["fail_fast", "continue"]
_NAME = "run.json"


class Asked(Noun):
    """What somebody gave for this run alone: a retry takes it over, with the code and the stack of its own day."""

    name: str = ""
    params: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    steps: dict[str, StepSettings] = Field(default_factory=dict)


class RunFile(Noun):
    """A run as it was asked for: the code, the stack and the settings of that moment."""

    version: Literal[1] = 1
    run: RunContext
    description: PipelineDescription
    settings: dict[str, StepSettings] = Field(default_factory=dict)
    """In force, by step."""
    where: dict[str, str] = Field(default_factory=dict)
    """The component that runs each step."""
    failure_mode: FailureMode = "fail_fast"
    cache: bool = True
    """False: no earlier result stands in for any step."""
    kept_from: str | None = None
    """A retry from a step: the run whose results stand in for all steps but those of `again`."""
    again: tuple[str, ...] = ()
    """The steps that run whatever the cache says: the one that the retry begins with, and all after it."""
    asked: Asked | None = None
    """None in files of before this was written down."""
    alerts: RunAlerts = RunAlerts()
    """Which ends of the run the stack's alerters are told of."""
    lineage: bool = False
    """Whether its events are handed on as OpenLineage events."""
    max_runs: int | None = None
    """How many runs of the workspace go on at once; it waits in the queue until it is one of them."""

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        with os.fdopen(create_file(folder / _NAME), "w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=1))

    @classmethod
    def read(cls, folder: Path) -> RunFile:
        """Read it from the run's folder."""
        return cls.model_validate_json((folder / _NAME).read_bytes())
