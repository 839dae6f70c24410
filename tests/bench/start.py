"""From the command to real content on screen, beside the bare app; the two take turns."""

from __future__ import annotations

from pathlib import Path

from tests.bench.figures import Figure, median
from tests.bench.program import bare_app, home_is_there, workbench

LAST_BARE_ROW = "component-20"


def start_to_content(root: Path, times: int) -> Figure:
    """Medians of as many starts of each, after one that fills the caches of both."""
    ours, bare = [], []
    for turn in range(times + 1):
        with workbench(root) as terminal:
            took = terminal.moment(home_is_there, "the home screen") - terminal.started_at
        with bare_app() as terminal:
            reference = terminal.moment(lambda text: LAST_BARE_ROW in text, "the table") - terminal.started_at
        if turn:
            ours.append(took)
            bare.append(reference)
    return Figure(
        "start to real content",
        median(ours),
        "s",
        1.5,
        reference=median(bare),
        reference_name="bare Textual app",
        budget_is_ratio=True,
        samples=times,
    )
