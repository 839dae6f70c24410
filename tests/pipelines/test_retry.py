"""A run once more: a new run with today's code, and from a step on with the results of the earlier one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from stacktui.model.run import Run, RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines.again import retry_request
from stacktui.pipelines.errors import GraphBroken, PipelineBroken
from stacktui.pipelines.launch import start_run
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from tests.pipelines.running import HEAD, Make, Place

THREE = """
@step
def load(n: int) -> list[int]:
    context().experiment_tracker.log_metric("rows", n)
    return list(range(n))

@step
def fit(train: list[int], lr: float = 0.5) -> float:
    return sum(train) * lr

@step
def note(score: float) -> None:
    print("score", score)

@step
def check(score: float) -> float:
    if score == 3.0:
        raise ValueError("three")
    return score

@pipeline
def main(n: int = 4, lr: float = 0.5):
    score = fit(load(n), lr=lr)
    note(score)
    check(score)
"""


def again(here: Place, run: Run, from_step: str | None = None, **changes: Any) -> Run:
    """Retry a run and wait for its end."""
    snapshot = here.workspace.read()
    request = retry_request(here.workspace, snapshot, run, here.stack, from_step)
    run_id = start_run(here.workspace, snapshot, here.registry, request.model_copy(update=changes))
    here.started.append(run_id)
    return here.ended(run_id)


def test_a_retry_asks_for_what_was_asked_for(make: Make) -> None:
    here = make(THREE)
    first = here.run(
        params={"n": "5"}, labels={"team": "vision"}, name="nightly",
        steps={"fit": StepSettings(retries=2)}, failure_mode="continue", cache=False, group="sweep-1",
    )  # fmt: skip
    request = retry_request(here.workspace, here.workspace.read(), first, here.stack, "fit")
    assert request.params == {"n": "5"}
    assert (request.name, request.labels, request.group) == ("nightly", {"team": "vision"}, "sweep-1")
    assert request.steps == {"fit": StepSettings(retries=2)}
    assert (request.failure_mode, request.cache) == ("continue", False)
    assert (request.retry_of, request.from_step) == (first.id, "fit")
    assert request.target == "pipelines/main.py:main"


def test_a_retry_runs_with_todays_code(make: Make) -> None:
    here = make(THREE)
    first = here.run()
    assert first.status is RunStatus.FAILED
    here.edit(HEAD + THREE.replace('raise ValueError("three")', "return -score"))
    second = again(here, first)
    assert second.status is RunStatus.SUCCEEDED
    assert second.retry_of == first.id
    assert here.value(second.id, "check") == -3.0
    steps = here.steps(second.id)
    assert [steps[name].status for name in ("load", "fit")] == [StepStatus.CACHED] * 2


def test_from_a_step_on_everything_runs_again_and_nothing_else(make: Make) -> None:
    here = make(THREE)
    first = here.run()
    # Changed code does not make the steps before it run; the record says that it changed.
    here.edit(HEAD + THREE.replace("list(range(n))", "[100] * n").replace("== 3.0", "== 0.0"))
    second = again(here, first, "fit")
    assert second.status is RunStatus.SUCCEEDED, here.runner_log(second.id)
    steps = here.steps(second.id)
    assert {name: step.status for name, step in steps.items()} == {
        "load": StepStatus.CACHED,
        "fit": StepStatus.SUCCEEDED,
        "note": StepStatus.SUCCEEDED,
        "check": StepStatus.SUCCEEDED,
    }
    load = steps["load"]
    assert load.cached_from == first.id
    assert (
        load.cache_reason
        == f"taken from run {first.id}, which this one retries from `fit`; its code changed since"
    )
    assert load.outputs == here.steps(first.id)["load"].outputs
    assert here.value(second.id, "check") == 3.0
    assert here.store.last_metrics(second.id) == {"rows": 4}


def test_what_the_earlier_run_has_not_whole_runs(make: Make) -> None:
    here = make(THREE)
    first = here.run()
    here._live.artifact_store.delete(here.store.artifact(here.steps(first.id)["load"].outputs["output"]).uri)
    second = again(here, first, "check", cache=False)
    steps = here.steps(second.id)
    assert steps["load"].status is StepStatus.SUCCEEDED
    assert steps["fit"].status is StepStatus.CACHED
    assert "what it takes changed since" in (steps["fit"].cache_reason or "")
    # A step without outputs is never cached; done in the retried run, it is done.
    assert steps["note"].status is StepStatus.CACHED
    assert steps["check"].status is StepStatus.FAILED


def test_another_parameter_is_named(make: Make) -> None:
    here = make(THREE)
    first = here.run()
    second = again(here, first, "check", params={"lr": 2.0})
    assert "; `lr` changed since" in (here.steps(second.id)["fit"].cache_reason or "")


def test_a_step_that_does_not_exist_is_refused(make: Make) -> None:
    here = make(THREE)
    first = here.run()
    with pytest.raises(GraphBroken, match="did you mean `check`"):
        again(here, first, "chek")
    with pytest.raises(PipelineBroken, match="name the run"):
        here.start(from_step="fit")


def test_whoever_retries_a_lost_run_writes_that_it_is_lost(make: Make, tmp_path: Path) -> None:
    here = make(
        """
@step
def wait(folder: str) -> int:
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return 1

@pipeline
def main(folder: str):
    wait(folder)
"""
    )
    run_id = here.start(params={"folder": str(tmp_path)})
    wait_for((tmp_path / "begun").exists, "the step to begin")
    pid = here.pid(run_id)
    os.kill(pid, signal.SIGKILL)
    wait_until_ended(pid)
    lost = wait_for(
        lambda: run if (run := here.store.run(run_id)).status is RunStatus.LOST else None,
        "the run to be lost",
    )
    assert lost.finished_at is None
    (tmp_path / "go").touch()
    assert again(here, lost).status is RunStatus.SUCCEEDED
    written = here.store.run(run_id)
    assert (written.status, written.error) == (RunStatus.LOST, "its runner was gone")
    assert written.finished_at is not None
    assert written.holder == lost.holder
    assert here.store.events(0, run_id=run_id)[-1].data["status"] == "lost"
    assert here.steps(run_id)["wait"].status is StepStatus.LOST
