"""What all nouns share: frozen values, times in UTC, names, ids. Used by every room."""

from __future__ import annotations

import math
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME_RULE = "lower-case letters, digits, '-' and '_', at most 63, starting with a letter or digit"


class Noun(BaseModel):
    """A value that never changes after it was made and refuses fields that it does not know."""

    # A class's validator is built when it is first used: a command uses few of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    # A checker derives its own form of it from the fields.
    if not TYPE_CHECKING:

        @classmethod
        def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
            """As pydantic's, several times as fast: it is on the path that every step takes."""
            form = _FORMS.get(cls)
            if form is None:
                form = _FORMS[cls] = _form_of(cls)
            given = values.keys()
            if form.required is None or not (form.required <= given <= form.fields):
                return super().model_construct(_fields_set, **values)
            fields = {**form.defaults, **values}
            for name, factory in form.made:
                if name not in values:
                    fields[name] = factory()
            return _new(cls, fields, set(given) if _fields_set is None else _fields_set)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, several times as fast."""
        if deep or self.__pydantic_private__ is not None or self.__pydantic_extra__ is not None:
            return super().model_copy(update=update, deep=deep)
        changes = update or {}
        return _new(type(self), {**self.__dict__, **changes}, {*self.__pydantic_fields_set__, *changes})


class _Form(NamedTuple):
    """What a class of nouns is made of."""

    fields: frozenset[str]
    required: frozenset[str] | None
    """None: only pydantic can make one."""
    defaults: dict[str, Any]
    """All fields in their order: those without a default, or whose default can change, hold nothing yet."""
    made: tuple[tuple[str, Callable[[], Any]], ...]
    """Those whose default is made for each, an empty mapping for example."""


_FORMS: dict[type[Noun], _Form] = {}
_N = TypeVar("_N", bound=Noun)
_UNCHANGING = (type(None), bool, int, float, str, Enum, Noun)


def _form_of(cls: type[Noun]) -> _Form:
    fields = cls.__pydantic_fields__
    plain = cls.__pydantic_post_init__ is None and cls.model_config.get("extra") == "forbid"
    plain = plain and not any(each.alias or each.validation_alias for each in fields.values())
    required = frozenset(name for name, field in fields.items() if field.is_required())
    defaults: dict[str, Any] = {}
    made: list[tuple[str, Callable[[], Any]]] = []
    for name, field in fields.items():
        defaults[name] = None
        if isinstance(field.default_factory, type):
            made.append((name, field.default_factory))
        elif isinstance(field.default, _UNCHANGING) or field.default == ():
            defaults[name] = field.default
        elif name not in required:
            plain = False
    return _Form(frozenset(fields), required if plain else None, defaults, tuple(made))


def _new(cls: type[_N], fields: dict[str, Any], given: set[str]) -> _N:
    noun = cls.__new__(cls)
    put = object.__setattr__
    put(noun, "__dict__", fields)
    put(noun, "__pydantic_fields_set__", given)
    put(noun, "__pydantic_extra__", None)
    put(noun, "__pydantic_private__", None)
    return noun


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


def short_id(run_id: str) -> str:
    """The part of an id that people are shown: it tells it from others by its time, to the millisecond."""
    return run_id[:13]


def uuid7() -> str:
    """A new UUIDv7 (RFC 9562): ids made later sort later, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (noise >> 68) << 64
    value |= 0b10 << 62 | noise & (1 << 62) - 1
    return str(uuid.UUID(int=value))
