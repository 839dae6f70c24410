"""What the workbench costs when nobody touches it: bytes and memory."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.program import opened


def stillness(root: Path, memory_after_s: float) -> list[Figure]:
    """Bytes over three seconds on three screens, then resident memory so long after the start."""
    sent = 0
    with opened(root) as terminal:
        for place in ("2", "r", "h"):
            terminal.press(place)
            terminal.settle(1.0)
            before, end = len(terminal.output), time.perf_counter() + 3.0
            while time.perf_counter() < end:
                terminal.read(max(0.0, end - time.perf_counter()))
            sent = max(sent, len(terminal.output) - before)
        while time.perf_counter() < terminal.started_at + memory_after_s:
            terminal.read(1.0)
        resident = terminal.resident_mb()
    return [
        Figure("bytes when nothing happens for 3 s", sent, "B", 0, samples=3),
        Figure(
            "resident memory", resident, "MB", 90,
            note=f"Three screens visited, {memory_after_s:.0f} s after the start.",
        ),
    ]  # fmt: skip
