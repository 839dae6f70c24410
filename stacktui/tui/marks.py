"""Symbols, words and tones of states, and short forms of times and sizes. Every state is symbol + word + colour.

Used by every screen and pane. With `ascii_only(True)` (a terminal without UTF-8) each symbol has an ASCII twin.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from enum import StrEnum

from stacktui.model.base import now
from stacktui.model.text import Clean
from stacktui.operations.moments import day


class Tone(StrEnum):
    """What a text means; a theme says which colour that is. Never the only carrier of a meaning."""

    PLAIN = "plain"
    MUTED = "muted"
    """Less important: units, ids, where something comes from."""
    STRONG = "strong"
    """What the eye should find: bold."""
    ACCENT = "accent"
    """Names and keys."""
    OK = "ok"
    WARN = "warn"
    ERROR = "error"
    RUNNING = "running"


_ASCII = {
    "‹": "<", "●": "*", "✓": "+", "✗": "x", "◐": "o", "○": ".", "◌": "-", "▌": ">", "›": ">", "·": "-", "…": "~",
    "↑": "^", "↓": "v", "←": "<", "→": ">", "•": "*", "█": "#", "─": "-", "│": "|", "↻": "@", "■": "=", "?": "?",
    "◆": "&", "╭": "/", "╰": "\\", "≥": ">=", "≠": "!",
}  # fmt: skip
_TWINS = str.maketrans(_ASCII)


class _Glyphs:
    ascii = False


def ascii_only(wanted: bool | None = None) -> bool:
    """Whether symbols are ASCII; with an argument, set it. The default follows the locale's encoding."""
    if wanted is not None:
        _Glyphs.ascii = wanted
    return _Glyphs.ascii


def terminal_is_ascii() -> bool:
    """Whether the terminal cannot be trusted with more than ASCII: another encoding, the locale C, or
    `STACKTUI_ASCII` is set."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    # In the locale C Python says UTF-8 all the same, and sets LC_CTYPE itself.
    wanted = os.environ.get("LC_ALL") or os.environ.get("LANG")
    return (
        bool(os.environ.get("STACKTUI_ASCII"))
        or wanted in ("C", "POSIX")
        or encoding.lower().replace("-", "") not in ("utf8",)
    )


def glyph(symbol: str) -> str:
    """A symbol of ours, or its ASCII twin."""
    return _ASCII.get(symbol, symbol) if _Glyphs.ascii else symbol


def glyphs(text: str) -> str:
    """A line of our own words with each symbol in it as `glyph` writes it."""
    return text.translate(_TWINS) if _Glyphs.ascii else text


_STATES: dict[str, tuple[str, Tone]] = {
    # Runs and steps.
    "queued": ("○", Tone.MUTED),
    "pending": ("○", Tone.MUTED),
    "running": ("●", Tone.RUNNING),
    "retrying": ("↻", Tone.WARN),
    "succeeded": ("✓", Tone.OK),
    "cached": ("◐", Tone.OK),
    "failed": ("✗", Tone.ERROR),
    "skipped": ("◌", Tone.MUTED),
    "cancelled": ("■", Tone.WARN),
    "lost": ("?", Tone.ERROR),
    # Findings.
    "error": ("✗", Tone.ERROR),
    "warning": ("!", Tone.WARN),
    "hint": ("·", Tone.MUTED),
    "info": ("·", Tone.PLAIN),
    "success": ("✓", Tone.OK),
    # Probes and installation.
    "ok": ("✓", Tone.OK),
    "unknown": ("○", Tone.MUTED),
    "installed": ("✓", Tone.OK),
    "missing": ("✗", Tone.WARN),
    "stopped": ("■", Tone.MUTED),
    "starting": ("◐", Tone.RUNNING),
    "ready": ("✓", Tone.OK),
}


def symbol_of(state: str) -> Clean:
    """The symbol of a state."""
    return Clean(glyph(_STATES.get(state, ("○", Tone.PLAIN))[0]))


def tone_of(state: str) -> Tone:
    """The tone of a state."""
    return _STATES.get(state, ("○", Tone.PLAIN))[1]


def state_text(state: str) -> Clean:
    """Symbol and word: `✓ succeeded`."""
    return Clean(f"{symbol_of(state)} {state}")


def elapsed(seconds: float | None) -> Clean:
    """A duration in at most six characters: `7ms`, `0.3s`, `42s`, `3m07`, `2h05`, `3d04h`; empty for None."""
    if seconds is None:
        return Clean("")
    seconds = max(0.0, seconds)
    if seconds < 0.0995:
        return Clean(f"{seconds * 1000:.0f}ms")
    if seconds < 10:
        return Clean(f"{seconds:.1f}s")
    whole = int(seconds)
    if whole < 60:
        return Clean(f"{whole}s")
    if whole < 3600:
        return Clean(f"{whole // 60}m{whole % 60:02}")
    if whole < 86400:
        return Clean(f"{whole // 3600}h{whole % 3600 // 60:02}")
    return Clean(f"{whole // 86400}d{whole % 86400 // 3600:02}h")


def running_for(started: datetime | None, at: datetime | None = None) -> Clean:
    """How long something that runs has run, in whole seconds so that it changes once a second."""
    if started is None:
        return Clean("")
    seconds = int(((at or now()) - started).total_seconds())
    return Clean(f"{max(0, seconds)}s") if seconds < 60 else elapsed(seconds)


def ago(moment: datetime | None, at: datetime | None = None) -> Clean:
    """How long ago, in one unit: `now`, `5m`, `3h`, `2d`, then the date."""
    if moment is None:
        return Clean("")
    seconds = ((at or now()) - moment).total_seconds()
    if seconds < 60:
        return Clean("now")
    for size, unit, limit in ((60, "m", 3600), (3600, "h", 86400), (86400, "d", 14 * 86400)):
        if seconds < limit:
            return Clean(f"{int(seconds // size)}{unit}")
    return Clean(day(moment))


def size_text(count: int | None) -> Clean:
    """Bytes with a binary unit: `512 B`, `1.4 KiB`, `3.0 GiB`."""
    if count is None:
        return Clean("")
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return Clean(f"{int(value)} B" if unit == "B" else f"{value:.1f} {unit}")


def count_text(count: int) -> Clean:
    """A count with thousands apart: `1,204`."""
    return Clean(f"{count:,}")
