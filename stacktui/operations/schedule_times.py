"""When something is to run again and again: as cron says it and as systemd says it. Used by `schedule`."""

from __future__ import annotations

import re
from typing import NamedTuple

from stacktui.operations.errors import OperationError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()
    first_word: int = 0


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 0, 7, _DAYS, 0),
)


class _Part(NamedTuple):
    """One element of a list in a field: every `step` from `low` to `high`."""

    low: int
    high: int
    step: int
    all: bool
    """Whether a star stands there."""


def as_cron(at: str) -> str:
    """The five fields of a crontab, of `07:30` (every day), of five fields, or of a nickname such as `@daily`.

    Raises `OperationError` with the field that is wrong.
    """
    text = " ".join(at.split())
    if text == "@reboot":
        return text
    fields = _five(text)
    if fields is None:
        raise OperationError(
            f"--at {at!r} is not a time for cron; write HH:MM for every day, @daily, "
            "or five fields: minute hour day month weekday"
        )
    for field, words in zip(_FIELDS, fields, strict=True):
        _parts(field, words)
    return " ".join(fields)


def as_calendar(at: str) -> str:
    """A systemd calendar expression, of what `as_cron` takes; anything else is left to systemd as it is.

    Raises `OperationError` for what cron says and systemd has no word for.
    """
    text = " ".join(at.split())
    if text == "@reboot":
        raise OperationError("a timer has no @reboot; write OnStartupSec= into it by hand")
    if not text or not text.isprintable():
        raise OperationError("--at is empty; write HH:MM, five fields as in cron, or what OnCalendar= takes")
    fields = _five(text)
    if fields is None:
        return text
    minute, hour, day, month, weekday = (
        _parts(field, words) for field, words in zip(_FIELDS, fields, strict=True)
    )
    if fields[2] != "*" and fields[4] != "*":
        raise OperationError(
            f"--at {at!r} names days of the month and of the week: cron runs on either, systemd on both; "
            "write two schedules"
        )
    days = "" if fields[4] == "*" else f"{_weekdays(weekday)} "
    date = f"*-{_numbers(month, 1)}-{_numbers(day, 1)}"
    return f"{days}{date} {_numbers(hour, 0)}:{_numbers(minute, 0)}:00"


def _five(text: str) -> list[str] | None:
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        return [str(int(clock[2])), str(int(clock[1])), "*", "*", "*"]
    fields = _NICKNAMES.get(text.lower(), text).split(" ")
    # A calendar expression may have five words too, but then not of cron's letters alone.
    return fields if len(fields) == 5 and all(re.fullmatch(r"[\w*,/-]+", each) for each in fields) else None


def _parts(field: _Field, words: str) -> list[_Part]:
    found = []
    for word in words.split(","):
        match = _PART.fullmatch(word)
        if match is None:
            raise OperationError(f"{word!r} is no {field.name} for cron")
        whole = match[1] == "*"
        low = field.least if whole else _number(field, match[2])
        high = field.most if whole else _number(field, match[3]) if match[3] else low
        step = int(match[4] or 1)
        if match[4] and not whole and not match[3]:
            high = field.most
        if step < 1 or low > high:
            raise OperationError(f"{word!r} is no {field.name} for cron: it would never come")
        found.append(_Part(low, high, step, whole))
    return found


def _number(field: _Field, text: str) -> int:
    word = text.lower()[:3]
    if not text.isdigit() and word in field.words:
        return field.words.index(word) + field.first_word
    if not text.isdigit() or not field.least <= int(text) <= field.most:
        raise OperationError(
            f"{text!r} is no {field.name} for cron; they go from {field.least} to {field.most}"
        )
    return int(text)


def _numbers(parts: list[_Part], least: int) -> str:
    if any(part.all and part.step == 1 for part in parts):
        return "*"
    said = []
    for part in parts:
        if part.all:
            said.append(f"{least:02d}/{part.step}")
        elif part.low == part.high:
            said.append(f"{part.low:02d}")
        else:
            said.append(f"{part.low:02d}..{part.high:02d}" + (f"/{part.step}" if part.step > 1 else ""))
    return ",".join(said)


def _weekdays(parts: list[_Part]) -> str:
    days = {day % 7 for part in parts for day in range(part.low, part.high + 1, part.step)}
    # Monday first: so that a range is one for systemd.
    return ",".join(_DAYS[day % 7].capitalize() for day in sorted(days, key=lambda day: (day - 1) % 7))
