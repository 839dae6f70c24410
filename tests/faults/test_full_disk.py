"""A disk that fills up under a run: its log, an artifact or the metadata store finds no room any more.

The state folder is a small tmpfs, which takes root to mount. The run must end, as failed and in words; whoever reads
meanwhile must not notice; and when there is room again, the run can be resumed to its end.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.model.run import RunStatus
from stacktui.pipelines.launch import resume_run
from tests.pipelines.running import HEAD, Place, place

SIZE, ENOUGH = "8m", "64m"
PIPELINE = (
    HEAD
    + """
CALM = Path(os.environ["CALM"])

@step
def before() -> int:
    return 1

@step
def log(x: int) -> int:
    line = "a line of a log that grows and grows " * 25
    for _ in range(3 if CALM.exists() else 20_000):
        print(line)
    return x

@step
def artifact(x: int) -> bytes:
    return bytes(10 if CALM.exists() else 20_000_000)

@step
def store(x: int) -> int:
    if not CALM.exists():
        with open(os.path.join(os.environ["STACKTUI_STATE"], "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
    for number in range(5000):
        context().experiment_tracker.log_metric("m", number, number)
    return x

@step
def after(x: object) -> int:
    return 2

@pipeline
def fill_log():
    after(log(before()))

@pipeline
def fill_artifact():
    after(artifact(before()))

@pipeline
def fill_store():
    after(store(before()))
"""
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Place, Path]]:
    """A workspace whose state lies on a file system of a few megabytes, and that file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(disk)],
        capture_output=True, text=True, check=False,
    ) if os.geteuid() == 0 else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip(f"no small disk here: {'it takes root' if mounted is None else mounted.stderr.strip()}")
    try:
        state = disk / "state"
        state.mkdir(mode=0o700)
        monkeypatch.setenv("STACKTUI_STATE", str(state))
        monkeypatch.setenv("STACKTUI_DATA", str(tmp_path / "user-data"))
        monkeypatch.setenv("CALM", str(tmp_path / "calm"))
        with place(tmp_path / "ws", PIPELINE) as made:
            yield made, disk
    finally:
        # Lazily: a worker that is just ending may have a file open.
        subprocess.run(["umount", "-l", str(disk)], check=True)


class Reader:
    """Reads the run and its events without a pause, as a workbench that is looked at."""

    def __init__(self, where: Place, run_id: str) -> None:
        self._where, self._run_id = where, run_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.reads = 0
        self.errors: list[Exception] = []

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _read(self) -> None:
        after = 0
        while not self._stop.wait(0.01):
            try:
                self._where.store.run(self._run_id)
                self._where.store.steps(self._run_id)
                for event in self._where.store.events(after):
                    after = event.id
                self.reads += 1
            except Exception as error:
                self.errors.append(error)


@pytest.mark.long
@pytest.mark.parametrize("what", ["log", "artifact", "store"])
def test_a_run_on_a_disk_that_fills_up_fails_in_words_and_is_resumed(
    what: str, small: tuple[Place, Path], tmp_path: Path
) -> None:
    where, disk = small
    run_id = where.start(f"fill_{what}", cache=False)
    with Reader(where, run_id) as reader:
        run = where.ended(run_id)
    assert reader.errors == []
    assert reader.reads > 0
    assert run.status is RunStatus.FAILED, (run, where.runner_log(run_id))
    assert run.error is not None
    assert "\n" not in run.error
    assert "no space" in run.error.lower() or "full" in run.error.lower(), run.error
    assert where.steps(run_id)["before"].status == "succeeded"

    (tmp_path / "calm").touch()
    subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(disk)], check=True)
    resume_run(where.workspace, where.workspace.read(), where.registry, where.store, run_id)
    run = where.ended(run_id)
    assert run.status is RunStatus.SUCCEEDED, (run.error, where.runner_log(run_id))
    assert where.value(run_id, "after") == 2
