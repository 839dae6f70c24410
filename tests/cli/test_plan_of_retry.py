"""The plan of a retry beside the retry itself, from every step: what is planned true or false comes so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

FLOW = """
from pathlib import Path
from stacktui import pipeline, step

BROKEN = Path({broken!r})


@step
def load(count: int = 3) -> list[int]:
    return list(range(count))


@step
def fit(values: list[int], lr: float = 0.1) -> float:
    return sum(values) * lr


@step
def score(value: float) -> float:
    if BROKEN.exists():
        raise ValueError("broken")
    return -value


@step
def side() -> int:
    return 7


@step
def join(value: float, more: int) -> float:
    return value + more


@step
def note(value: float) -> None:
    print(value)


@pipeline
def flow(count: int = 3, lr: float = 0.1):
    value = fit(load(count), lr)
    note(value)
    join(score(value), side())
"""
STEPS = ("load", "fit", "note", "score", "side", "join")
SETTINGS = ("--set", "side.cache=false", "--set", "fit.environment.LEVEL=2")


@pytest.fixture
def broken(root: Path, tmp_path: Path) -> Path:
    """A file that breaks the step `score` for as long as it is there."""
    file = tmp_path / "broken"
    (root / "pipelines" / "flow.py").write_text(FLOW.format(broken=str(file)), "utf-8")
    return file


def ran(stacktui: Run, *words: str, code: int = 0) -> str:
    answer = stacktui(*words, "--json")
    assert answer.code == code, answer.err
    return str(answer.lines[-1]["run_id"])


def agree(stacktui: Run, run_id: str, *options: str) -> dict[str, Any]:
    """Plan a retry, retry, and compare step by step; the plan's steps by name."""
    plan = stacktui("plan", "--retry", run_id, *options, "--json").document
    retried = ran(stacktui, "runs", "retry", run_id, *options)
    shown = stacktui("runs", "show", retried, "--json").document
    assert plan["params"] == shown["params"]
    states = {step["name"]: step["status"] for step in shown["steps"]}
    planned = {step["name"]: step for step in plan["steps"]}
    assert list(planned) == list(states)
    for name, step in planned.items():
        if step["cached"] is not None:
            assert (states[name] == "cached") is step["cached"], (options, name, step, states)
        assert not step["kept"] or step["cached"] is True
    return planned


def test_a_retry_of_what_succeeded_from_every_step(stacktui: Run, broken: Path, root: Path) -> None:
    run_id = ran(stacktui, "run", "flow", "-p", "count=4", *SETTINGS)
    whole = agree(stacktui, run_id)
    # With the settings of then: today's would find it in the cache.
    assert (whole["side"]["cached"], whole["side"]["reason"]) == (False, "its cache is turned off")
    assert whole["fit"]["cached"] is True, "by the variable that the run had"
    assert not any(step["kept"] for step in whole.values())
    file = root / "pipelines" / "flow.py"
    for name in STEPS:
        # What changed since counts for the steps that run again, and for no other.
        file.write_text(file.read_text("utf-8").replace("range(count))", "range(count)) + [1]"), "utf-8")
        plan = agree(stacktui, run_id, "--from", name)
        assert plan[name]["cached"] is False
        assert plan["side"]["kept"] is (name != "side")
        assert plan["load"]["kept"] is (name != "load")
    assert plan["load"]["reason"] == f"taken from run {run_id}, which this one retries from `join`"


def test_a_retry_of_what_failed_from_every_step(stacktui: Run, broken: Path) -> None:
    broken.touch()
    failed = ran(stacktui, "run", "flow", *SETTINGS, code=1)
    done = {
        step["name"]
        for step in stacktui("runs", "show", failed, "--json").document["steps"]
        if step["status"] == "succeeded"
    }
    assert {"load", "fit"} <= done
    broken.unlink()
    for name in STEPS:
        plan = agree(stacktui, failed, "--from", name)
        assert {step for step, each in plan.items() if each["kept"]} <= done
        if name != "score":
            assert not plan["score"]["kept"]


def test_people_see_what_is_kept(stacktui: Run, broken: Path) -> None:
    run_id = ran(stacktui, "run", "flow")
    answer = stacktui("plan", "--retry", "last", "--from", "join")
    assert answer.code == 0, answer.err
    assert "◐ kept" in answer.out
    assert f"taken from run {run_id}" in answer.out.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("flow", "--retry", "last"), "a retry takes pipeline, stack, parameters and settings from its run"),
        (("--retry", "last", "--set", "fit.retries=2"), "a retry takes"),
        (("--retry", "last", "--from", "scor"), "did you mean 'score'?"),
        (("--from", "fit"), "--from goes with --retry RUN"),
        ((), "name a pipeline, or a run: stacktui plan --retry RUN"),
    ],
)
def test_what_does_not_go_together_is_said(
    stacktui: Run, broken: Path, words: tuple[str, ...], said: str
) -> None:
    ran(stacktui, "run", "flow")
    answer = stacktui("plan", *words)
    assert answer.code == 2
    assert said in answer.err
