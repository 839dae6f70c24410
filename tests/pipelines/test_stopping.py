"""Stopping a run: asked within a second wherever it is, told by a signal only where that is its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.process_mark import mark_of
from stacktui.model.run import Holder, RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines import launch, stopping
from stacktui.pipelines.admission import Admission
from stacktui.pipelines.stopping import stop_run
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import alive, wait_until_ended
from tests.pipelines.running import WAITING, Make, Place, begun


def test_a_run_is_asked_first(make: Make, tmp_path: Path) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = begun(tmp_path)
    run = here.store.run(run_id)
    assert stop_run(here.store, run) == f"asked run {run_id[:13]} to stop"
    ended = here.ended(run_id)
    assert ended.status is RunStatus.CANCELLED
    for pid in pids:
        wait_until_ended(pid)
    assert stop_run(here.store, ended) == f"run {run_id[:13]} is cancelled: there is nothing to stop"


def test_a_run_that_waits_for_a_retry_stops(make: Make) -> None:
    here = make(WAITING)
    run_id = here.start("failing", steps={"broken": StepSettings(retries=3, retry_delay=600.0)})
    wait_for(lambda: here.steps(run_id)["broken"].status is StepStatus.RETRYING, "the step to wait")
    stop_run(here.store, here.store.run(run_id))
    assert here.ended(run_id).status is RunStatus.CANCELLED
    step = here.steps(run_id)["broken"]
    assert (step.status, step.attempt) == (StepStatus.CANCELLED, 1)
    # What happened to it stays to be read.
    assert step.error is not None
    assert step.error.message == "broken"


SLOW_TO_IMPORT = """
if "stacktui.pipelines.worker" in sys.orig_argv:
    Path({folder!r}, "importing").touch()
    time.sleep(600)

@step
def work() -> int:
    return 1

@pipeline
def main():
    work()
"""


def test_a_run_whose_worker_is_still_importing_stops(make: Make, tmp_path: Path) -> None:
    here = make(SLOW_TO_IMPORT.format(folder=str(tmp_path)))
    run_id = here.start()
    wait_for((tmp_path / "importing").exists, "the worker to import")
    stop_run(here.store, here.store.run(run_id))
    assert here.ended(run_id).status is RunStatus.CANCELLED
    step = here.steps(run_id)["work"]
    assert step.status is StepStatus.CANCELLED
    assert step.error is not None
    assert step.error.message == "cancelled while it ran"


def test_a_run_that_waits_in_the_queue_stops(make: Make) -> None:
    here = make(WAITING)
    first = Admission(here.workspace.state, "0", 1)
    assert first.wait(lambda: False, print)
    try:
        run_id = here.start("quick", max_runs=1)
        waiting = wait_for(lambda: here.store.run(run_id).waits_for, "the run to say what it waits for")
        assert "max_runs" in waiting or "of 1 places" in waiting
        assert here.store.run(run_id).status is RunStatus.QUEUED
        stop_run(here.store, here.store.run(run_id))
        run = here.ended(run_id)
    finally:
        first.release()
    assert (run.status, run.waits_for, run.started_at) == (RunStatus.CANCELLED, "", None)
    assert here.steps(run_id)["then"].status is StepStatus.CANCELLED


def test_a_run_goes_on_when_there_is_room(make: Make) -> None:
    here = make(WAITING)
    first = Admission(here.workspace.state, "0", 1)
    assert first.wait(lambda: False, print)
    run_id = here.start("quick", max_runs=1)
    wait_for(lambda: here.store.run(run_id).waits_for, "the run to wait")
    first.release()
    run = here.ended(run_id)
    assert (run.status, run.waits_for) == (RunStatus.SUCCEEDED, "")


def test_a_runner_that_does_not_answer_is_killed_and_its_run_is_cancelled(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = [here.pid(run_id), *begun(tmp_path)]
    os.kill(pids[0], signal.SIGSTOP)
    monkeypatch.setattr(stopping, "_TERM_GRACE_S", 0.2)
    said = stop_run(here.store, here.store.run(run_id), force=True)
    assert f"its process {pids[0]} was killed" in said
    for pid in pids:
        wait_until_ended(pid)
    run = here.store.run(run_id)
    assert run.status is RunStatus.CANCELLED
    assert run.error == "it did not stop when it was asked to: its runner was killed"
    assert run.holder is not None
    assert run.holder.pid == pids[0]
    assert [step.status for step in here.steps(run_id).values()] == [StepStatus.CANCELLED] * 2


def test_a_killed_runner_that_is_slow_to_let_go_is_waited_for(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = [here.pid(run_id), *begun(tmp_path)]
    os.kill(pids[0], signal.SIGSTOP)
    # As of a process whose first thread is gone, the lock that its other threads still have.
    ends = iter([False, True])
    monkeypatch.setattr(stopping, "_ended", lambda *_: next(ends))
    stop_run(here.store, here.store.run(run_id), force=True)
    assert here.store.run(run_id).status is RunStatus.CANCELLED
    for pid in pids:
        wait_until_ended(pid)


def test_force_is_a_signal_that_the_runner_obeys(make: Make, tmp_path: Path) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = begun(tmp_path)
    said = stop_run(here.store, here.store.run(run_id), force=True)
    assert said == f"run {run_id[:13]} was told to end by SIGTERM, and is cancelled"
    for pid in pids:
        wait_until_ended(pid)


def test_a_runner_that_has_just_been_started_is_stopped_too(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(WAITING)
    # In the runner's place: a process that knows nothing of signals yet.
    waits = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    threading.Thread(target=waits.wait, daemon=True).start()
    monkeypatch.setattr(launch, "spawn_runner", lambda *_, **__: waits.pid)
    run_id = here.start("quick")
    assert stop_run(here.store, here.store.run(run_id), force=True).endswith("by SIGTERM, and is cancelled")
    assert [step.status for step in here.steps(run_id).values()] == [StepStatus.CANCELLED]


def test_a_request_without_effect_is_followed_by_a_signal_later(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    begun(tmp_path)
    pid = here.pid(run_id)
    os.kill(pid, signal.SIGSTOP)
    stop_run(here.store, here.store.run(run_id))
    assert "was asked to stop" in stop_run(here.store, here.store.run(run_id))
    assert alive(pid)
    monkeypatch.setattr(stopping, "WITHOUT_EFFECT_S", 0.0)
    monkeypatch.setattr(stopping, "_TERM_GRACE_S", 0.2)
    assert "was killed" in stop_run(here.store, here.store.run(run_id))
    assert here.store.run(run_id).status is RunStatus.CANCELLED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "elsewhere"}, "it runs on elsewhere"),
        ({"started": "1"}, "has no process any more"),
        ({"boot": "another"}, "has no process any more"),
    ],
)
def test_a_signal_reaches_no_other_process(
    make: Make, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    begun(tmp_path)
    mark = mark_of(os.getpid())
    assert mark is not None
    # The test's own process stands for one that got the number of the runner's.
    me = Holder(user="me", host=socket.gethostname(), boot=mark.boot, pid=mark.pid, started=mark.started)
    run = here.store.run(run_id)
    assert said in stop_run(
        here.store, run.model_copy(update={"holder": me.model_copy(update=change)}), force=True
    )
    _end(here, run_id)


def _end(here: Place, run_id: str) -> None:
    stop_run(here.store, here.store.run(run_id))
    assert here.ended(run_id).status is RunStatus.CANCELLED
