"""How the command line says states, times, sizes and ages: a symbol and a word, never colour alone."""

from __future__ import annotations

from datetime import datetime

from stacktui.cli.terminal import Span, Tone
from stacktui.operations import moments

# The workbench has the same symbols.
_STATES: dict[str, tuple[str, Tone]] = {
    "queued": ("○", Tone.MUTED),
    "pending": ("○", Tone.MUTED),
    "starting": ("◐", Tone.RUNNING),
    "running": ("●", Tone.RUNNING),
    "retrying": ("↻", Tone.WARN),
    "stopping": ("◐", Tone.WARN),
    "succeeded": ("✓", Tone.OK),
    "cached": ("◐", Tone.OK),
    "failed": ("✗", Tone.ERROR),
    "skipped": ("◌", Tone.MUTED),
    "stopped": ("■", Tone.MUTED),
    "cancelled": ("■", Tone.WARN),
    "lost": ("?", Tone.ERROR),
}
_SEVERITIES = {
    "error": ("✗", Tone.ERROR),
    "warning": ("!", Tone.WARN),
    "hint": ("·", Tone.MUTED),
}


def state(value: str) -> Span:
    """A run's, step's or server's state."""
    symbol, tone = _STATES.get(value, ("?", Tone.PLAIN))
    return Span(f"{symbol} {value}", tone)


def severity(value: str) -> Span:
    """A finding's severity."""
    symbol, tone = _SEVERITIES.get(value, ("?", Tone.PLAIN))
    return Span(f"{symbol} {value}", tone)


def verdict(ok: bool, yes: str = "ok", no: str = "broken") -> Span:
    """Whether something is as it should be."""
    return Span(f"✓ {yes}", Tone.OK) if ok else Span(f"✗ {no}", Tone.ERROR)


def moment(value: datetime | None) -> str:
    """A time in the reader's zone, to the second, with the zone: for what stands by itself."""
    return "" if value is None else moments.full_stamp(value)


def stamp(value: datetime | None) -> str:
    """The same without the zone, for a table: its column's head is `moments.with_zone(…)`."""
    return "" if value is None else moments.stamp(value)


def duration(seconds: float | None) -> str:
    """`0.04 s`, `12.3 s`, `3 m 04 s`, `2 h 10 m`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} m {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} m"


def size(count: int | None) -> str:
    """Bytes as `812 B`, `4.1 KiB`, `2.3 GiB`."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def number(value: float | None) -> str:
    """A metric's value, short."""
    return "" if value is None else f"{value:.6g}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
