"""The runner is killed with SIGKILL right before and right after each of its commits, then the run is resumed.

Every event of a run is written by one of those commits, so this is every event number, from both sides. What it
proves: whatever a *process* of ours dies of, at any moment that the store can see, costs no more than the steps in
flight. It proves nothing about a power loss: the page cache outlives the process, so what was written and not yet
synchronised is still there here. For that there are the digests of artifacts and SQLite's own recovery.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stacktui.flavors.local.process_tree import DETACHED
from stacktui.flavors.local.worker_process import importable
from stacktui.model.run import Event, RunStatus, StepStatus
from stacktui.pipelines import launch
from tests.pipelines.running import HEAD, Place, place

DRIVER = Path(__file__).with_name("killed_runner.py")
NEVER = 1_000_000
PIPELINE = (
    HEAD
    + """
import logging

def mark(name):
    with open(os.environ["MARKS"], "a") as file:
        file.write(name + "\\n")

@step
def load(n: int = 40) -> list[int]:
    mark("load")
    print("loading", n)
    return list(range(n))

@step
def part(rows: list[int], k: int) -> dict[str, int]:
    mark(context().step)
    context().experiment_tracker.log_metric("size", k)
    for i in range(5):
        print("part", k, "row", i)
    return {"sum": sum(rows[k::3]), "k": k}

@step
def folder(rows: list[int]) -> Path:
    mark("folder")
    import tempfile
    made = Path(tempfile.mkdtemp())
    for i in rows[:5]:
        (made / f"{i}.txt").write_text(str(i))
    return made

@step(retries=1)
def shaky(rows: list[int]) -> int:
    mark("shaky")
    if context().attempt == 1:
        raise ValueError("the first time")
    return len(rows)

@step
def join(*parts: dict[str, int]) -> dict[str, int]:
    mark("join")
    logging.getLogger("join").warning("joined %d", len(parts))
    return {"sum": sum(one["sum"] for one in parts)}

@step
def fit(total: dict[str, int], n: int) -> list[float]:
    mark("fit")
    for epoch in range(3):
        context().experiment_tracker.log_metric("loss", 1.0 / (epoch + 1), epoch)
    return [total["sum"] / n, float(n)]

@step
def report(weights: list[float], files: Path) -> str:
    mark("report")
    return f"{weights} {sorted(item.name for item in files.iterdir())}"

@step
def last(text: str) -> int:
    mark("last")
    return len(text)

@pipeline
def main():
    rows = load()
    parts = [part.named(f"part_{k}")(rows, k) for k in range(3)]
    files = folder(rows)
    last(report(fit(join(*parts), shaky(rows)), files))
"""
)


@pytest.fixture
def ten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A workspace with a run of ten steps, some side by side, with metrics, logs and an attempt that fails."""
    monkeypatch.setenv("STACKTUI_DATA", str(tmp_path / "user-data"))
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    with place(tmp_path / "ws", PIPELINE) as made:
        yield made


class Runners:
    """Starts runners that are killed at a commit, as `spawn_runner` starts whole ones."""

    def __init__(self, count_file: Path) -> None:
        self.count_file = count_file
        self.moment, self.number = "before", NEVER

    def __call__(self, folder: Path, *options: str, inherits: Sequence[int] = ()) -> int:
        self.count_file.unlink(missing_ok=True)
        command = [sys.executable, "-P", str(DRIVER), self.moment, str(self.number), str(self.count_file)]
        with (folder / "runner.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, str(folder), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, pass_fds=tuple(inherits),
                env=importable({**os.environ, DETACHED: "1"}), start_new_session=True,
            )  # fmt: skip
        threading.Thread(target=process.wait, daemon=True).start()
        return process.pid


class Reader:
    """Reads all events as they come, as the workbench does: what it has seen is acknowledged."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._stop = threading.Event()
        self.seen: dict[int, Event] = {}
        self._after = where.store.last_event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _read(self) -> None:
        while True:
            for event in self._where.store.events(self._after):
                self.seen[event.id] = event
                self._after = event.id
            if self._stop.wait(0.005):
                return


def marks() -> list[str]:
    file = Path(os.environ["MARKS"])
    return file.read_text().split() if file.exists() else []


def digests(where: Place, run_id: str) -> dict[str, str]:
    """Digests of what the steps made; the content is read and checked against each."""
    found = {}
    for step in where.store.steps(run_id):
        for name, artifact_id in step.outputs.items():
            artifact = where.store.artifact(artifact_id)
            where.value(run_id, step.name, name)
            found[f"{step.name}/{name}"] = artifact.digest
    return found


def is_sound(where: Place) -> None:
    with closing(sqlite3.connect(where.workspace.state / "metadata.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def resume(where: Place, run_id: str) -> Any:
    launch.resume_run(where.workspace, where.workspace.read(), where.registry, where.store, run_id)
    return where.ended(run_id)


def survived(where: Place, runners: Runners, moment: str, number: int, wanted: dict[str, str]) -> bool:
    """Kill a run there and resume it; False if it ended before it came there."""
    said = f"killed {moment} commit {number}"
    Path(os.environ["MARKS"]).unlink(missing_ok=True)
    runners.moment, runners.number = moment, number
    with Reader(where) as reader:
        run_id = where.start(cache=False)
        run = where.ended(run_id)
    is_sound(where)
    known = {event.id: event for event in where.store.events(min(reader.seen) - 1, len(reader.seen) + 1000)}
    assert {number: event for number, event in known.items() if number in reader.seen} == reader.seen, said
    if runners.count_file.exists():
        return False
    before, done = marks(), {}
    if run.status is not RunStatus.SUCCEEDED:
        assert run.status is RunStatus.LOST, said
        done = {
            name: step for name, step in where.steps(run_id).items() if step.status is StepStatus.SUCCEEDED
        }
        made = digests(where, run_id)
        runners.number = NEVER
        run = resume(where, run_id)
        assert run.status is RunStatus.SUCCEEDED, (said, where.runner_log(run_id), where.steps(run_id))
        assert made.items() <= digests(where, run_id).items(), said
    after = marks()
    for name in done:
        assert after.count(name) == before.count(name), f"{said}: {name} had finished and ran again"
        assert where.steps(run_id)[name] == done[name], said
    assert digests(where, run_id) == wanted, said
    is_sound(where)
    assert all(known[number] == event for number, event in reader.seen.items())
    return True


def undisturbed(where: Place, runners: Runners) -> tuple[int, dict[str, str]]:
    """The number of commits of a run that nobody kills, and the digests of what it makes."""
    run = where.run(cache=False)
    assert run.status is RunStatus.SUCCEEDED, where.runner_log(run.id)
    assert len(where.steps(run.id)) == 10
    deadline = time.monotonic() + 10
    while not runners.count_file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(runners.count_file.read_text()), digests(where, run.id)


@pytest.mark.long
def test_a_run_is_resumed_after_a_kill_at_every_commit(
    ten: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runners = Runners(ten.workspace.state / "commits")
    monkeypatch.setattr(launch, "spawn_runner", runners)
    commits, wanted = undisturbed(ten, runners)
    killed = 0
    # How metrics come together varies, and with it the number of commits: on until no run gets as far.
    for number in itertools.count(1):
        kills = sum(survived(ten, runners, moment, number, wanted) for moment in ("before", "after"))
        killed += kills
        if not kills and number >= commits:
            break
    with capsys.disabled():
        print(
            f"\n{killed} kills, before and after each of {number - 1} commits of a run of ten steps; all resumed"
        )
    # The start of each step, which is written with the end of those before it, and start and end of the run, at least.
    assert killed >= 2 * 12
