"""What is killed, against what is left and what is shown: the runner, a worker, a step's child."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines import launch
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import alive, wait_until_ended
from tests.pipelines.running import Make, Place

FAMILY = """
import itertools

LONELY = '''
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
open(sys.argv[1] + ".tmp", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(600)
'''

def family(folder: str, name: str) -> None:
    # A child, and a grandchild in a session of its own whose parent is gone.
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    subprocess.run([sys.executable, "-c", LONELY, str(Path(folder, name + ".lonely"))], check=True)
    while not Path(folder, name + ".lonely").exists():
        time.sleep(0.01)
    Path(folder, name + ".tmp").write_text(f"{os.getpid()} {child.pid}")
    Path(folder, name + ".tmp").rename(Path(folder, name))

@step
def sleeps(folder: str) -> int:
    family(folder, "sleeps")
    time.sleep(600)

@step
def stuck(folder: str) -> int:
    family(folder, "stuck")
    # A loop in C that keeps the interpreter's lock: no Python code of this process runs any more.
    sum(itertools.repeat(0))

@step
def careful(folder: str) -> int:
    try:
        Path(folder, "careful").write_text(str(os.getpid()))
        time.sleep(600)
    finally:
        Path(folder, "tidied").touch()

@step
def stubborn(folder: str) -> int:
    Path(folder, "stubborn").write_text(str(os.getpid()))
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass

@step
def child(folder: str) -> int:
    found = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "child.tmp").write_text(str(found.pid))
    Path(folder, "child.tmp").rename(Path(folder, "child"))
    return found.wait()

@pipeline
def main(folder: str):
    sleeps(folder)
    stuck(folder)
    sleeps.named("operated").with_options(step_operator="subprocess")(str(Path(folder, "operated")))

@pipeline
def only_stuck(folder: str):
    stuck(folder)

@pipeline
def only_sleeps(folder: str):
    sleeps(folder)

@pipeline
def only_careful(folder: str):
    careful(folder)

@pipeline
def only_stubborn(folder: str):
    stubborn(folder)

@pipeline
def only_child(folder: str):
    child(folder)
"""


def _pids(folder: Path, *names: str) -> list[int]:
    """Of the families that have begun."""
    found = []
    for name in names:
        for file in (folder / name, folder / f"{name}.lonely"):
            wait_for(file.exists, f"{file.name} to begin")
            found += [int(pid) for pid in file.read_text().split()]
    return found


def _scratch(pids: list[int]) -> set[Path]:
    """The folders for temporary files of these processes."""
    marks = set()
    for pid in pids:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        marks |= {
            entry.partition(b"=")[2].decode() for entry in environ if entry.startswith(b"STACKTUI_PROCESS=")
        }
    return {found for mark in marks for found in Path(tempfile.gettempdir()).glob(f"stacktui-worker-{mark}*")}


def test_a_runner_that_is_killed_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    here = make(FAMILY)
    (tmp_path / "operated").mkdir()
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = _pids(tmp_path, "sleeps", "stuck") + _pids(tmp_path / "operated", "sleeps")
    assert len(pids) == 9
    folders = _scratch(pids)
    assert len(folders) == 3
    os.kill(here.pid(run_id), signal.SIGKILL)
    wait_for(lambda: here.store.run(run_id).status is RunStatus.LOST, "the run to be lost")
    for pid in pids:
        wait_until_ended(pid)
    assert {step.status for step in here.steps(run_id).values()} == {StepStatus.LOST}
    wait_for(lambda: not any(folder.exists() for folder in folders), "the folders to be removed")


def test_a_run_that_is_stopped_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    here = make(FAMILY)
    (tmp_path / "operated").mkdir()
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = _pids(tmp_path, "sleeps", "stuck") + _pids(tmp_path / "operated", "sleeps")
    folders = _scratch(pids)
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED
    assert not any(alive(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_run_whose_workspace_is_gone_ends(make: Make, tmp_path: Path, how: str) -> None:
    here = make(FAMILY)
    run_id = here.start("only_sleeps", params={"folder": str(tmp_path)})
    pids = [here.pid(run_id), *_pids(tmp_path, "sleeps")]
    elsewhere = tmp_path / "elsewhere"
    here.root.rename(elsewhere)
    if how == "removed":
        shutil.rmtree(elsewhere, ignore_errors=True)
    for pid in pids:
        wait_until_ended(pid)
    assert not here.root.exists()
    # Nothing to end any more, and no store to ask.
    here.started.clear()


@pytest.mark.parametrize("function", [pytest.param("only_stuck", marks=pytest.mark.long), "only_sleeps"])
def test_a_timeout_really_ends_the_work(make: Make, tmp_path: Path, function: str) -> None:
    here = make(FAMILY)
    name = function.removeprefix("only_")
    run_id = here.start(function, params={"folder": str(tmp_path)}, steps={name: StepSettings(timeout=6.0)})
    pids = _pids(tmp_path, name)
    assert here.ended(run_id).status is RunStatus.FAILED
    error = here.steps(run_id)[name].error
    assert error is not None
    assert (error.type, error.message) == ("Timeout", "ended after 6 s, its time limit")
    assert not any(alive(pid) for pid in pids)


def test_a_step_may_clean_up_when_it_is_stopped(make: Make, tmp_path: Path) -> None:
    here = make(FAMILY)
    run_id = here.start("only_careful", params={"folder": str(tmp_path)})
    wait_for((tmp_path / "careful").exists, "the step to begin")
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED
    assert (tmp_path / "tidied").exists()


def test_a_step_that_refuses_to_end_is_killed(make: Make, tmp_path: Path) -> None:
    here = make(FAMILY)
    run_id = here.start("only_stubborn", params={"folder": str(tmp_path)})
    wait_for((tmp_path / "stubborn").exists, "the step to begin")
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED
    step = here.steps(run_id)["stubborn"]
    assert step.error is not None
    assert (step.status, step.error.message) == (StepStatus.CANCELLED, "cancelled while it ran")


def test_a_worker_that_is_killed_is_a_failed_step_and_takes_its_children_along(
    make: Make, tmp_path: Path
) -> None:
    here = make(FAMILY)
    run_id = here.start("only_sleeps", params={"folder": str(tmp_path)})
    pids = _pids(tmp_path, "sleeps")
    os.kill(pids[0], signal.SIGKILL)
    run = here.ended(run_id)
    assert run.status is RunStatus.FAILED
    assert "killed by SIGKILL" in (run.error or "")
    assert not any(alive(pid) for pid in pids)


def test_a_steps_child_that_is_killed_is_the_steps_own_matter(make: Make, tmp_path: Path) -> None:
    here = make(FAMILY)
    run_id = here.start("only_child", params={"folder": str(tmp_path)})
    wait_for((tmp_path / "child").exists, "the child to begin")
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert here.value(run_id, "child") == -signal.SIGKILL


def test_a_runner_that_dies_before_it_holds_its_run_is_lost_at_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here: Place = make(FAMILY)
    started: list[int] = []
    spawn = launch.spawn_runner

    def stopped(folder: Path, *options: str, inherits: Sequence[int] = ()) -> int:
        pid = spawn(folder, *options, inherits=inherits)
        os.kill(pid, signal.SIGSTOP)
        started.append(pid)
        return pid

    monkeypatch.setattr(launch, "spawn_runner", stopped)
    run_id = here.start("only_sleeps", params={"folder": str(tmp_path)})
    try:
        assert here.store.run(run_id).status is RunStatus.QUEUED
        assert here.pid(run_id) == started[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(started[0], signal.SIGKILL)
    wait_until_ended(started[0])
    assert here.store.run(run_id).status is RunStatus.LOST
