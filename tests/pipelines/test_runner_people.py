"""What goes on between a run and people, limits and secrets: questions, hooks, and what is masked."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from stacktui.model.run import RunStatus, StepStatus
from stacktui.testing.contracts.base import wait_for
from tests.pipelines.running import Make

HOOKED = """
def tell(error):
    context().alerter.post(f"{context().step}: {error}")

def cheer():
    context().alerter.post(f"{context().step} is done")

def broken():
    raise KeyError("hook")

@step(retries=1, on_failure=tell, on_success=cheer)
def fails(x: int) -> int:
    raise ValueError("no")

@step(on_failure=tell, on_success=cheer)
def works(x: int) -> int:
    return x

@step(on_success=broken)
def unharmed(x: int) -> int:
    return x

def breaks_too(error):
    raise RuntimeError("hook")

@step(on_failure=breaks_too)
def spoiled(x: int) -> int:
    raise ValueError("its own")

@pipeline
def main():
    fails(1)
    works(1)
    unharmed(1)
    spoiled(1)
"""


def test_hooks_are_called_when_a_step_is_over_for_good(make: Make) -> None:
    here = make(HOOKED)
    run = here.run(failure_mode="continue")
    posted = [item.text for item in here.store.inbox() if item.step is not None]
    assert sorted(posted) == ["fails: no", "works is done"]
    steps = here.steps(run.id)
    assert steps["unharmed"].status is StepStatus.SUCCEEDED
    assert any("the hook broken failed" in line for line in here.lines(run.id, "unharmed"))
    # Where in the user's own code, and that alone: neither our frames nor what the step had already said.
    log = "\n".join(here.lines(run.id, "spoiled"))
    assert "the hook breaks_too failed" in log
    assert 'main.py", line' in log
    assert "RuntimeError: hook" in log
    assert "hooks.py" not in log
    assert "its own" not in log


ASKING = """
@step(timeout="30s")
def decide(x: int) -> str:
    return context().alerter.ask("Deploy it?", ["yes", "no"], timeout=%s, default=%s)

@pipeline
def main():
    decide(1)
"""


def test_a_question_is_answered_through_the_store(make: Make) -> None:
    here = make(ASKING % ("None", "None"))
    run_id = here.start()
    (question,) = wait_for(lambda: here.store.inbox(pending=True), "the question")
    assert (question.text, question.choices, question.run_id) == ("Deploy it?", ("yes", "no"), run_id)
    here.store.answer(question.id, "no", "tester")
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert here.value(run_id, "decide") == "no"


def test_a_question_that_nobody_answers_takes_its_default(make: Make) -> None:
    here = make(ASKING % ("0.3", "'yes'"))
    run = here.run()
    assert run.status is RunStatus.SUCCEEDED
    assert here.value(run.id, "decide") == "yes"
    (question,) = here.store.inbox()
    assert question.closed_at is not None
    assert question.answer is None


OPERATED = """
@step(step_operator="subprocess", resources=Resources(memory="300MiB"))
def hungry(x: int) -> int:
    block = bytearray(x)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)

@step(timeout="1s")
def slow(x: int) -> int:
    time.sleep(60)

@pipeline
def main():
    hungry(600 << 20)
    slow(1)
"""


def test_limits_of_memory_and_time(make: Make) -> None:
    here = make(OPERATED)
    run = here.run(failure_mode="continue")
    steps = here.steps(run.id)
    assert steps["hungry"].where == "step_operator/subprocess"
    assert steps["slow"].where == "orchestrator/local"
    hungry, slow = steps["hungry"].error, steps["slow"].error
    assert hungry is not None
    assert slow is not None
    assert "its limit is 300 MiB" in hungry.message
    assert slow.type == "Timeout"


SECRETIVE = """
@step(secrets=["vault.token"])
def give() -> str:
    return str(context().secrets["vault.token"])

@step
def leak(token: str) -> int:
    print("got", token)
    tracker = context().experiment_tracker
    tracker.log_params({"key": token, token: 1, "deep": {"list": [1, token]}})
    tracker.log_metric("loss of " + token, 0.5)
    context().alerter.post("posted " + token)
    raise RuntimeError(token)

@pipeline
def main():
    leak(give())
"""


def test_a_secret_is_masked_wherever_it_comes_out(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKTUI_SECRET_VAULT__TOKEN", "correct-horse")
    here = make(SECRETIVE)
    run = here.run()
    assert here.lines(run.id, "leak") == ["got ******"], here.runner_log(run.id)
    assert run.error == "step `leak` failed: RuntimeError: ******"
    found = [
        path
        for folder in ("logs", "runs")
        for path in (here.workspace.state / folder).rglob("*")
        if path.is_file() and b"correct-horse" in path.read_bytes()
    ]
    assert found == []
    with contextlib.closing(sqlite3.connect(here.workspace.state / "metadata.db")) as database:
        assert [line for line in database.iterdump() if "correct-horse" in line] == []
    logged = here.store.logged(run.id)
    assert logged["params"] == {"key": "******", "******": 1, "deep": {"list": [1, "******"]}}


def test_a_missing_secret_fails_the_run_in_one_line(make: Make) -> None:
    here = make(SECRETIVE)
    run = here.run()
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert "vault.token" in run.error
    assert "\n" not in run.error
    assert {step.status for step in here.steps(run.id).values()} == {StepStatus.SKIPPED}
