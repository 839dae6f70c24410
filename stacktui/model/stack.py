"""A stack: which component stands in for each category. Used by the workspace, the runtime and the rules."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field

from stacktui.model.base import Name, Noun
from stacktui.model.category import Category

_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def memory_bytes(value: Any) -> Any:
    """`"16GiB"`, `"500M"` or a number of bytes as bytes; None stays None. A ValueError says what is expected."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    match = _MEMORY.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not an amount of memory; write 16GiB, 500MB or a number of bytes")
    unit = (match[2] or "").lower()
    base = 1024 if unit.endswith("i") else 1000
    return int(float(match[1]) * base ** " kmgt".index(unit[0] if unit else " "))


def duration_seconds(value: Any) -> Any:
    """`"10m"`, `"1.5h"` or a number of seconds as seconds; None stays None. A ValueError says what is expected."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write 30s, 10m, 2h or a number of seconds")
    return float(match[1]) * _SECONDS[match[2]]


MemoryBytes = Annotated[int | None, BeforeValidator(memory_bytes, json_schema_input_type=int | str | None)]
DurationSeconds = Annotated[
    float | None, BeforeValidator(duration_seconds, json_schema_input_type=float | str | None)
]


class Resources(Noun):
    """What a step asks of the place that it runs in; None asks for nothing in particular."""

    cpu: float | None = Field(default=None, gt=0, description="Processors.")
    gpu: int | None = Field(default=None, ge=0, description="GPUs.")
    memory: MemoryBytes = Field(default=None, description="Resident memory, as 16GiB or in bytes.")
    time: DurationSeconds = Field(default=None, description="Wall-clock limit, as 10m or in seconds.")


class StepSettings(Noun):
    """Settings of one step, by its name, in a stack, a run file or on a decorator; None leaves it to the next."""

    step_operator: str | None = Field(default=None, description="The step operator that runs it.")
    experiment_tracker: str | None = Field(
        default=None, description="The experiment tracker that it logs to."
    )
    resources: Resources | None = Field(default=None, description="What it needs: cpu, gpu, memory, time.")
    retries: int | None = Field(
        default=None, ge=0, description="How often it is tried again after a failure."
    )
    retry_delay: DurationSeconds = Field(default=None, description="The wait before the first retry.")
    retry_backoff: float | None = Field(
        default=None, ge=1, description="What each further wait is multiplied by; 1 keeps it the same."
    )
    retry_jitter: float | None = Field(
        default=None, ge=0, le=1, description="The part of a wait that chance takes off or adds, as 0.1."
    )
    timeout: DurationSeconds = Field(default=None, description="When it is ended, as 10m or in seconds.")
    cache: bool | None = Field(default=None, description="Whether an earlier result may stand in for it.")
    environment: dict[str, str] | None = Field(default=None, description="Environment variables for it.")

    def over(self, lower: StepSettings) -> StepSettings:
        """These settings where they say something, `lower`'s elsewhere; mappings merge by key."""
        merged = lower.model_dump()
        for field in StepSettings.model_fields:
            value = getattr(self, field)
            if value is None:
                continue
            if field == "environment":
                merged[field] = {**(lower.environment or {}), **value}
            elif field == "resources":
                base = lower.resources.model_dump() if lower.resources else {}
                merged[field] = {**base, **value.model_dump(exclude_none=True)}
            else:
                merged[field] = value
        return StepSettings.model_validate(merged)


def _names(value: Any) -> Any:
    """One name, several or none as a tuple: `null` and `[]` both remove what a parent set."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


ComponentNames = Annotated[
    tuple[str, ...], BeforeValidator(_names, json_schema_input_type=str | tuple[str, ...] | None)
]


class StackFile(Noun):
    """What `stacks/<name>.yaml` holds: only what this stack says itself, nothing inherited."""

    extends: Name | None = Field(
        default=None, description="One parent stack, whose values count where this says nothing."
    )
    description: str = Field(default="", description="One line for the people who choose it.")
    labels: dict[str, str] = Field(
        default_factory=dict, description="Free labels; they merge with the parent's."
    )
    components: dict[Category, ComponentNames] = Field(
        default_factory=dict, description="Component names by category."
    )
    steps: dict[str, StepSettings] = Field(default_factory=dict, description="Settings by step name.")
    protected: bool = Field(default=False, description="Writing or running asks for the stack's name.")


class Stack(StackFile):
    """A stack as written."""

    name: Name


class Slot(NamedTuple):
    """What fills one category of a resolved stack."""

    names: tuple[str, ...]
    origin: str
    """The stack whose file says so: the stack itself or an ancestor."""


class ResolvedStack(Noun):
    """A stack after inheritance: every category that is filled, with the stack that filled it."""

    name: Name
    ancestors: tuple[str, ...] = ()
    """Parents, nearest first."""
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    slots: dict[Category, Slot] = Field(default_factory=dict)
    steps: dict[str, StepSettings] = Field(default_factory=dict)
    protected: bool = False

    def names(self, category: Category) -> tuple[str, ...]:
        """The components of a category, the default first; empty where there is none."""
        slot = self.slots.get(category)
        return slot.names if slot else ()
