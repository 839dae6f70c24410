"""Eight processes that write to one store at once: whether an event is lost, whether a lock is refused."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from stacktui.model.base import uuid7
from stacktui.model.run import Metric, Run, RunStatus, StepProgress
from tests.bench.data import open_store
from tests.bench.figures import Figure
from tests.bench.program import REPOSITORY

WRITERS = 8


def write(root: Path, count: int) -> None:
    """What one writer does: a run, and so many events of it."""
    at = datetime.now(UTC)
    run = Run(
        id=str(uuid7()),
        name="writer",
        pipeline="writer",
        stack="default",
        status=RunStatus.RUNNING,
        created_at=at,
    )
    with closing(open_store(root)) as store:
        store.create_run(run, ())
        for number in range(count):
            store.log_metrics(run.id, (Metric(key="loss", value=1.0, step=number, at=at),))
            store.log_progress(run.id, "fit", StepProgress(done=number, total=count, at=at))


def lost_events(folder: Path, count: int) -> Figure:
    """How many of the events are not there after all writers have ended; a writer that fails loses all of its own."""
    root = folder / "writers"
    (root / ".stacktui").mkdir(parents=True, mode=0o700)
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.writers", str(root), str(count)],
            cwd=REPOSITORY, stderr=subprocess.DEVNULL,
        )
        for _ in range(WRITERS)
    ]  # fmt: skip
    failed = sum(writer.wait() != 0 for writer in writers)
    with closing(open_store(root)) as store:
        numbers: set[int] = set()
        after = 0
        while events := store.events(after):
            numbers.update(event.id for event in events)
            after = events[-1].id
    written = WRITERS * (2 * count + 1)
    lost = written - len(numbers)
    return Figure(f"events lost by {WRITERS} writers, lock errors", lost + failed, "", 0, samples=written)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
