"""Commands as whole processes, beside a Python that does nothing."""

from __future__ import annotations

from pathlib import Path

from tests.bench.figures import Figure, median
from tests.bench.program import seconds_of


def command(what: str, root: Path, words: list[str], times: int) -> Figure:
    """The median of as many processes, each followed by one of the reference; the first pair is not counted."""
    ours, empty = [], []
    for turn in range(times + 1):
        took = seconds_of(["-m", "stacktui", "-C", str(root), *words])
        reference = seconds_of(["-c", "pass"])
        if turn:
            ours.append(took)
            empty.append(reference)
    return Figure(
        f"{what}, whole process", median(ours), "s", 0.2,
        reference=median(empty), reference_name="python -c pass", samples=times,
    )  # fmt: skip
