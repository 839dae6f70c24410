"""A plan says what changed, and since which run, where no earlier result stands in for a step."""

from __future__ import annotations

import importlib
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
        f"`lr` 0.1 → 0.5 since run {first}",
    )
    assert planned(stacktui, "flow", "-p", "count=9")["load"] == (
        False,
        f"`count` 3 → 9 since run {first}",
    )

    helpers = flow / "lib" / "helpers.py"
    helpers.write_text(
        HELPERS.replace("return 1", "return 2").replace("\n\n\ndef scale", "\n# a comment\ndef scale")
    )
    assert planned(stacktui, "flow")["fit"][0] is True
    helpers.write_text(HELPERS.replace("FACTOR = 2", "FACTOR = 3"))
    assert planned(stacktui, "flow")["fit"] == (
        False,
        f"`FACTOR` in `lib/helpers.py:2` changed since run {first}",
    )
    assert planned(stacktui, "flow", "-p", "lr=0.5")["fit"] == (
        False,
        f"`lr` 0.1 → 0.5; `FACTOR` in `lib/helpers.py:2` changed since run {first}",
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
    assert planned(stacktui, "later")["again"] == (
        False,
        f"input `value` has a new digest, from `flow/fit` since run {first}",
    )


def test_a_result_that_is_gone_is_not_called_a_change(stacktui: Run, flow: Path) -> None:
    first = ran(stacktui, "flow")
    for kept in (flow / ".stacktui" / "artifacts").rglob("*"):
        if kept.is_file():
            kept.unlink()
    assert planned(stacktui, "flow")["load"] == (
        False,
        f"what run {first} made is gone from the artifact store, or not whole any more",
    )


PACKAGED = """
import toolbox
from stacktui import pipeline, step


@step
def uses() -> int:
    return toolbox.NUMBER


@pipeline
def packaged():
    uses()
"""


def test_a_package_is_named_with_both_versions(
    stacktui: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"

    def install(version: str) -> None:
        for old in site.glob("toolbox-*"):
            (old / "METADATA").unlink()
            (old / "RECORD").unlink()
            old.rmdir()
        (site / "toolbox").mkdir(parents=True, exist_ok=True)
        (site / "toolbox" / "__init__.py").write_text("NUMBER = 1\n")
        facts = site / f"toolbox-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toolbox\nVersion: {version}\n")
        (facts / "RECORD").write_text("toolbox/__init__.py,,\n")

    install("2.2")
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    (root / "pipelines" / "packaged.py").write_text(PACKAGED, "utf-8")
    first = ran(stacktui, "packaged")
    assert planned(stacktui, "packaged")["uses"][0] is True
    install("2.3")
    importlib.invalidate_caches()
    assert planned(stacktui, "packaged")["uses"] == (False, f"toolbox 2.2 → 2.3 since run {first}")


def test_a_plan_knows_the_settings_of_the_command_line(stacktui: Run, flow: Path) -> None:
    ran(stacktui, "flow")
    assert planned(stacktui, "flow")["fit"][0] is True
    assert planned(stacktui, "flow", "--set", "fit.cache=false")["fit"] == (False, "its cache is turned off")
    assert planned(stacktui, "flow", "--no-cache")["fit"][0] is False
    answer = stacktui("plan", "flow", "--set", "ft.cache=false")
    assert (answer.code, "has no step 'ft'; did you mean 'fit'?" in answer.err) == (2, True)
    document = stacktui("plan", "flow", "--set", "fit.step_operator=subprocess", "--json").document
    assert {step["name"]: step["where"] for step in document["steps"]}["fit"] == "step_operator/subprocess"
