"""Retries: how long a failed step waits, what is kept of its attempts, and how progress reaches the store."""

from __future__ import annotations

import pytest

from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines.logs import read_log
from stacktui.pipelines.retries import LONGEST_WAIT_S, wait_s
from stacktui.testing.contracts.base import wait_for
from tests.pipelines.running import Make


@pytest.mark.parametrize(
    ("settings", "number", "chance", "expected"),
    [
        ({}, 1, 1.0, 0.0),
        ({"retry_delay": 2.0}, 1, 0.7, 2.0),
        ({"retry_delay": 2.0}, 5, 0.7, 2.0),
        ({"retry_delay": 2.0, "retry_backoff": 3.0}, 1, 0.0, 2.0),
        ({"retry_delay": 2.0, "retry_backoff": 3.0}, 4, 0.0, 54.0),
        ({"retry_delay": 10.0, "retry_jitter": 0.1}, 1, 1.0, 11.0),
        ({"retry_delay": 10.0, "retry_jitter": 0.1}, 1, -1.0, 9.0),
        ({"retry_delay": 10.0, "retry_backoff": 2.0, "retry_jitter": 0.5}, 3, -1.0, 20.0),
        ({"retry_delay": 10.0, "retry_jitter": 1.0}, 1, -1.0, 0.0),
        ({"retry_delay": 1.0, "retry_backoff": 10.0}, 400, 1.0, LONGEST_WAIT_S),
    ],
)
def test_how_long_a_step_waits(
    settings: dict[str, float], number: int, chance: float, expected: float
) -> None:
    assert wait_s(StepSettings.model_validate(settings), number, chance) == pytest.approx(expected)


FLAKY = """
@step(retries=3)
def flaky() -> int:
    print("attempt", context().attempt)
    context().experiment_tracker.log_metric("loss", context().attempt)
    if context().attempt < 3:
        raise ConnectionError(f"attempt {context().attempt}")
    return 1

@step(retries=2, retry_delay="600s", retry_backoff=2)
def waits() -> int:
    raise ConnectionError("again")

@step
def counts() -> int:
    for done in range(2000):
        context().progress(done + 1, 2000, f"row {done + 1}")
    return 1

@pipeline
def main():
    flaky()

@pipeline
def waiting():
    waits()

@pipeline
def counting():
    counts()
"""


def test_each_attempt_is_kept_with_its_own_log_and_the_last_ones_metrics_count(make: Make) -> None:
    here = make(FLAKY)
    run = here.run()
    assert run.status is RunStatus.SUCCEEDED
    kept = here.store.attempts(run.id)
    assert [(each.attempt, each.status, each.error and each.error.message) for each in kept] == [
        (1, StepStatus.FAILED, "attempt 1"),
        (2, StepStatus.FAILED, "attempt 2"),
    ]
    assert all(each.duration_s is not None for each in kept)
    for number in (1, 2, 3):
        lines = read_log(here.workspace.state, run.id, "flaky", number).lines
        assert [line.text for line in lines] == [f"attempt {number}"]
    assert [point.value for point in here.store.metrics(run.id)] == [3.0]
    kinds = [event.kind for event in here.store.events(0, run_id=run.id)]
    assert kinds.count("step_retrying") == 2
    assert kinds.count("step_attempt_ended") == 2


def test_a_step_that_waits_says_until_when(make: Make) -> None:
    here = make(FLAKY)
    run_id = here.start("waiting")
    step = wait_for(
        lambda: step if (step := here.steps(run_id)["waits"]).progress is not None else None,
        "the step to say when",
    )
    assert step.status is StepStatus.RETRYING
    assert step.progress.text.startswith("attempt 2 at 20")
    assert step.progress.text.endswith("after 600 s")
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED


def test_progress_is_written_now_and_then_and_the_last_one_always(make: Make) -> None:
    here = make(FLAKY)
    run = here.run("counting")
    assert run.status is RunStatus.SUCCEEDED
    progress = here.steps(run.id)["counts"].progress
    assert progress is not None
    assert (progress.done, progress.total, progress.text) == (2000, 2000, "row 2000")
    took = here.steps(run.id)["counts"].duration_s
    assert took is not None
    told = [event for event in here.store.events(0, 10_000, run_id=run.id) if event.kind == "progress"]
    assert 1 <= len(told) <= 2 + took / 0.5
