"""Times and curves drawn in a row of a list: when each step of a run ran, and how a metric went. Pure text.

Used by the run screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from stacktui.model.text import Clean
from stacktui.tui.marks import ascii_only

_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.:-=+*#"


def timeline(
    began: datetime | None, ended: datetime | None, first: datetime, last: datetime, width: int
) -> Clean:
    """A bar of `width` cells from `first` to `last` on which the time from `began` to `ended` is drawn.

    What took any time at all gets a cell; without `began` there is none.
    """
    if began is None or width < 1:
        return Clean("")
    whole = max(1e-6, (last - first).total_seconds())
    start = min(width - 1, max(0, int((began - first).total_seconds() / whole * width)))
    end = width if ended is None else round((ended - first).total_seconds() / whole * width)
    end = min(width, max(start + 1, end))
    bar, rest = ("=", " ") if ascii_only() else ("━", " ")
    return Clean((rest * start + bar * (end - start)).ljust(width))


def progress_bar(part: float, left: str, width: int) -> Clean:
    """How much of something is done, from 0 to 1, as a bar with the percentage, and what is left of the time."""
    tail = f"{int(part * 100):3d}%" + (f" {left}" if left else "")
    room = width - len(tail) - 1
    if room < 3:
        return Clean(tail.strip()[:width])
    done = int(part * room)
    full, rest = ("#", ".") if ascii_only() else ("━", "╌")
    return Clean(full * done + rest * (room - done) + " " + tail)


def curve(values: Sequence[float], width: int) -> Clean:
    """Values as a line of small columns, the least at the bottom; each cell shows the last value that falls in it.

    Values that are no finite numbers are left out; fewer than two, or all alike, give nothing.
    """
    shown = [value for value in values if isfinite(value)]
    if len(shown) < 2 or width < 2:
        return Clean("")
    least, most = min(shown), max(shown)
    if least == most:
        return Clean("")
    cells = min(width, len(shown))
    picked = [shown[(place + 1) * len(shown) // cells - 1] for place in range(cells)]
    levels = _ASCII_LEVELS if ascii_only() else _LEVELS
    top = len(levels) - 1
    # Halves first: the span of two floats may be too large for one.
    span = most / 2 - least / 2
    return Clean("".join(levels[round((value / 2 - least / 2) / span * top)] for value in picked))
