"""Moments as people read them, in the zone that they chose: `times: local` (the system's, or `TZ`) or `times: utc`.

The one place where a moment gets a zone, for both faces. Documents and files keep RFC 3339 in UTC.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

Times = Literal["local", "utc"]


class _Chosen:
    times: Times | None = None


def use_times(times: Times | None) -> None:
    """Say which zone counts in this process; None: what the user's settings say when a moment is next shown."""
    _Chosen.times = times


def times_in_force() -> Times:
    """Which zone counts. The first time it is asked for it reads the user's settings, unless a face said it."""
    if _Chosen.times is None:
        from stacktui.workspace.locate import SETTINGS_FILE, user_config_dir

        _Chosen.times = "local"
        # To read the file takes more modules than a list needs; mostly there is none.
        # `access`, not `Path.exists`, which fails in a folder that may not be entered.
        if os.access(user_config_dir() / SETTINGS_FILE, os.F_OK):
            from stacktui.workspace.settings import load_settings

            _Chosen.times = load_settings().settings.times
    return _Chosen.times


def zoned(moment: datetime) -> datetime:
    """The same moment, in the reader's zone."""
    return moment.astimezone(UTC if times_in_force() == "utc" else None)


def stamp(moment: datetime) -> str:
    """`2026-03-29 01:59:58`: to the second, for a column whose head or a line whose end names the zone."""
    return zoned(moment).strftime("%Y-%m-%d %H:%M:%S")


def stamp_minutes(moment: datetime) -> str:
    """`2026-03-29 01:59 CET`: to the minute, with the zone."""
    return f"{zoned(moment):%Y-%m-%d %H:%M} {zone(moment)}"


def full_stamp(moment: datetime) -> str:
    """`2026-03-29 01:59:58 CET`: to the second, with the zone."""
    return f"{stamp(moment)} {zone(moment)}"


def day(moment: datetime) -> str:
    """`2026-03-29`."""
    return zoned(moment).strftime("%Y-%m-%d")


def clock(moment: datetime) -> str:
    """`01:59:58`."""
    return zoned(moment).strftime("%H:%M:%S")


def clock_millis(moment: datetime) -> str:
    """`01:59:58.123`."""
    return zoned(moment).strftime("%H:%M:%S.%f")[:-3]


def clock_in_zone(moment: datetime) -> str:
    """The same with the offset that the zone has then: `01:59:58.123+01:00`, `00:59:58.123Z`."""
    offset = zoned(moment).strftime("%z")
    return clock_millis(moment) + ("Z" if times_in_force() == "utc" else f"{offset[:3]}:{offset[3:5]}")


def zone(moment: datetime | None = None) -> str:
    """What the reader's zone is called at a moment, now without one: `CET`, `CEST`, `UTC`, `+03`."""
    return zoned(datetime.now(UTC) if moment is None else moment).strftime("%Z")


def with_zone(title: str, moments: Iterable[datetime | None]) -> str:
    """A column's head with the zone of what stands below it: `started (CET)`; both names around a change of clocks."""
    names = dict.fromkeys(zone(each) for each in moments if each is not None)
    return f"{title} ({'/'.join(names)})" if names else title
