"""What changes outside, until it is on screen: a file that is saved, an event that a runner commits."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from stacktui.model.base import uuid7
from stacktui.model.run import Run, RunStatus
from tests.bench.data import open_store
from tests.bench.figures import Figure, p95
from tests.bench.program import opened


def file_saved(root: Path, times: int) -> Figure:
    """A component's flavor line is saved, in place and by renaming in turn, while its list is on screen."""
    file = root / "components" / "artifact_store" / "local.yaml"
    before = file.read_bytes()
    took = []
    try:
        with opened(root) as terminal:
            terminal.press("2")
            terminal.wait_for("artifact stores")
            terminal.settle(1.0)
            for number in range(times):
                word = f"saved-{number:03d}"
                text = f"flavor: local\ndescription: {word}\n"
                if number % 2:
                    new = file.with_suffix(".new")
                    new.write_text(text)
                    saved = time.perf_counter()
                    new.rename(file)
                else:
                    saved = time.perf_counter()
                    file.write_text(text)
                shown = terminal.moment(partial(_shows, word), word)
                took.append(1000 * (shown - saved))
                terminal.settle(0.3)
    finally:
        file.write_bytes(before)
    return Figure("file saved → on screen, p95", p95(took), "ms", 100, samples=times)


def run_event(root: Path, times: int) -> Figure:
    """A run starts, as its runner commits it, while the home screen is shown."""
    took = []
    with closing(open_store(root)) as store, opened(root) as terminal:
        for number in range(times):
            name = f"event-{number:03d}"
            at = datetime.now(UTC)
            run = Run(
                id=str(uuid7()), name=name, pipeline="training", stack="default", status=RunStatus.SUCCEEDED,
                created_at=at, started_at=at, finished_at=at,
            )  # fmt: skip
            store.create_run(run, ())
            committed = time.perf_counter()
            shown = terminal.moment(partial(_shows, name), name)
            took.append(1000 * (shown - committed))
            terminal.settle(0.3)
    return Figure("run event committed → on screen, p95", p95(took), "ms", 200, samples=times)


def _shows(word: str, screen: str) -> bool:
    return word in screen
