"""What changes outside, until it is on screen: a file that is saved, an event that a runner commits."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from stacktui.model.base import uuid7
from stacktui.model.run import Run, RunStatus
from tests.bench.data import open_store
from tests.bench.figures import Figure, p95
from tests.bench.program import opened
from tests.terminal.pseudo import Terminal


def file_saved(root: Path, times: int) -> Figure:
    """A component's description is saved, in place and by renaming in turn, while its list is on screen."""
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
                # Looking draws all that has come so far: that is not to be done while the clock runs.
                assert word not in terminal.text
                if number % 2:
                    new = file.with_suffix(".new")
                    new.write_text(text)
                    saved = time.perf_counter()
                    new.rename(file)
                else:
                    saved = time.perf_counter()
                    file.write_text(text)
                took.append(_until_shown(terminal, word, saved))
                terminal.settle(0.3)
    finally:
        file.write_bytes(before)
    return Figure("file saved → on screen, p95", p95(took), "ms", 100, samples=times)


def run_event(root: Path, times: int) -> Figure:
    """A run is queued and then starts, as a runner commits it, while the home screen is shown."""
    took = []
    with closing(open_store(root)) as store, opened(root) as terminal:
        for number in range(times):
            name = f"event-{number:03d}"
            run = Run(
                id=str(uuid7()),
                name=name,
                pipeline="training",
                stack="default",
                status=RunStatus.QUEUED,
                created_at=datetime.now(UTC),
            )
            assert name not in terminal.text  # as above: what has come so far is drawn now
            store.create_run(run, ())
            took.append(_until_shown(terminal, f"○ {name}"))
            with store.hold(run.id):
                terminal.settle(0.3)
                assert f"● {name}" not in terminal.text
                store.update_run(run.id, status=RunStatus.RUNNING, started_at=datetime.now(UTC))
                took.append(_until_shown(terminal, f"● {name}"))
                store.update_run(run.id, status=RunStatus.SUCCEEDED, finished_at=datetime.now(UTC))
            terminal.wait_for("Nothing runs.")
            terminal.settle(0.3)
    return Figure("run event committed → on screen, p95", p95(took), "ms", 200, samples=len(took))


def _until_shown(terminal: Terminal, word: str, since: float | None = None) -> float:
    """Milliseconds from a moment, now by default, until a word came to the screen."""
    since = time.perf_counter() if since is None else since
    return 1000 * (terminal.moment(lambda screen: word in screen, word) - since)
