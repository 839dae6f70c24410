"""What all nouns share: frozen values, times in UTC, names, ids. Used by every room."""

from __future__ import annotations

import math
import os
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME_RULE = "lower-case letters, digits, '-' and '_', at most 63, starting with a letter or digit"


class Noun(BaseModel):
    """A value that never changes after it was made and refuses fields that it does not know."""

    # A class's validator is built when it is first used: a command uses few of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def is_name(text: str) -> bool:
    """Whether `text` may name a component, a stack, a tag or a secret."""
    return NAME_PATTERN.fullmatch(text) is not None


def _checked_name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"a name has {NAME_RULE}")
    return text


Name = Annotated[str, AfterValidator(_checked_name)]


def _json_number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


AnyNumber = Annotated[float, PlainSerializer(_json_number, return_type=float | str, when_used="json")]
"""A measured number, which may be infinite or not a number: JSON has no word for those, so they travel in it as
text, and are read back from that."""


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`moment` as RFC 3339 in UTC with microseconds and a `Z`: 27 characters, which sort as the times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_rfc3339(text: str) -> datetime:
    """The time that `rfc3339` wrote."""
    return datetime.fromisoformat(text)


def uuid7() -> str:
    """A new UUIDv7 (RFC 9562): ids made later sort later, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (noise >> 68) << 64
    value |= 0b10 << 62 | noise & (1 << 62) - 1
    return str(uuid.UUID(int=value))
