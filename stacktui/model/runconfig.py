"""A run file: what `--config run.yaml` says about a run. Used by whoever starts runs, and by renames."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stacktui.model.base import Noun
from stacktui.model.stack import StepSettings


class RunConfig(Noun):
    """What a run file holds: `--config run.yaml`. The command line stands above it."""

    stack: str | None = Field(default=None, description="The stack to run through.")
    name: str | None = Field(default=None, description="The run's name.")
    params: dict[str, Any] = Field(default_factory=dict, description="The pipeline's parameters.")
    labels: dict[str, str] = Field(default_factory=dict, description="Free labels.")
    steps: dict[str, StepSettings] = Field(default_factory=dict, description="Settings by step name.")
    failure_mode: Literal["fail_fast", "continue"] | None = Field(
        default=None, description="Whether other steps go on after a failure."
    )
    cache: bool | None = Field(default=None, description="Whether earlier results may stand in.")
