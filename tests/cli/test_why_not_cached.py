"""A plan says what changed, and since which run, where no earlier result stands in for a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

FLOW = """
from pathlib import Path
import numpy
from lib.helpers import scale
from stacktui import Artifact, pipeline, step


@step(depends_on=[Path("limit.txt")])
def load(count: int = 3) -> list[int]:
    return list(range(count))


@step
def fit(values: list[int], lr: float = 0.1) -> float:
    return scale(sum(values)) * lr


@step
def again(value: float) -> float:
    return float(numpy.float64(value))


@pipeline
def flow(count: int = 3, lr: float = 0.1):
    fit(load(count), lr)


@pipeline
def later():
    again(Artifact("flow/fit"))
"""
HELPERS = """
FACTOR = 2


def scale(value):
    return value * FACTOR


def other():
    return 1
"""


@pytest.fixture
def flow(root: Path) -> Path:
    (root / "lib").mkdir()
    (root / "lib" / "helpers.py").write_text(HELPERS, "utf-8")
    (root / "limit.txt").write_text("3", "utf-8")
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    return root


def ran(stacktui: Run, target: str, *words: str) -> str:
    answer = stacktui("run", target, "--json", *words)
    assert answer.code == 0, answer.err
    return str(answer.lines[-1]["run_id"])


def planned(stacktui: Run, target: str, *words: str) -> dict[str, tuple[Any, str]]:
    answer = stacktui("plan", target, "--json", *words)
    assert answer.code == 0, answer.err
    return {step["name"]: (step["cached"], step["reason"]) for step in answer.document["steps"]}


def test_parameters_code_and_inputs_are_named_with_the_run(stacktui: Run, flow: Path) -> None:
    never = "no earlier run with this code, parameters and inputs"
    assert planned(stacktui, "flow")["load"] == (False, never)
    first = ran(stacktui, "flow")
    assert planned(stacktui, "flow", "-p", "lr=0.5")["fit"] == (
        False,
        f"parameter `lr` changed since run {first}",
    )
    assert planned(stacktui, "flow", "-p", "count=9")["load"] == (
        False,
        f"parameter `count` changed since run {first}",
    )

    helpers = flow / "lib" / "helpers.py"
    helpers.write_text(
        HELPERS.replace("return 1", "return 2").replace("\n\n\ndef scale", "\n# a comment\ndef scale")
    )
    assert planned(stacktui, "flow")["fit"][0] is True
    helpers.write_text(HELPERS.replace("FACTOR = 2", "FACTOR = 3"))
    assert planned(stacktui, "flow")["fit"] == (False, f"`lib.helpers.FACTOR` changed since run {first}")
    assert planned(stacktui, "flow", "-p", "lr=0.5")["fit"] == (
        False,
        f"parameter `lr` and `lib.helpers.FACTOR` changed since run {first}",
    )
    second = ran(stacktui, "flow")
    helpers.write_text(HELPERS)
    assert planned(stacktui, "flow")["fit"][0] is True, "an older run than the last one did the same"

    (flow / "limit.txt").write_text("4", "utf-8")
    assert planned(stacktui, "flow")["load"] == (False, f"`limit.txt` changed since run {second}")


def test_an_artifact_of_an_earlier_run_is_an_input(stacktui: Run, flow: Path) -> None:
    ran(stacktui, "flow")
    first = ran(stacktui, "later")
    ran(stacktui, "flow", "-p", "lr=0.7")
    assert planned(stacktui, "later")["again"] == (False, f"input `value` changed since run {first}")


def test_a_result_that_is_gone_is_not_called_a_change(stacktui: Run, flow: Path) -> None:
    first = ran(stacktui, "flow")
    for kept in (flow / ".stacktui" / "artifacts").rglob("*"):
        if kept.is_file():
            kept.unlink()
    assert planned(stacktui, "flow")["load"] == (False, f"what run {first} made is too old or gone")
