"""The demo as a new user meets it: one command, all ten categories, a model that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")


class Demo:
    """A demo workspace that was made and run by the command line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = os.environ | {"STACKTUI_DATA": str(root.parent / "data")}
        self.first = self.stacktui("demo", str(root), at=root.parent)

    def stacktui(self, *words: str, at: Path | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "stacktui", "-C", str(at or self.root), *words],
            capture_output=True, text=True, check=False, env=self.environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.stacktui(*words, "--json"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    made = Demo(tmp_path_factory.mktemp("place") / "demo")
    yield made
    made.stacktui("model", "delete", "digits")


def test_the_run_succeeds_and_uses_both_places(demo: Demo) -> None:
    (run,) = demo.json("runs", "list")["runs"]
    assert (run["pipeline"], run["stack"], run["status"]) == ("digits", "demo", "succeeded")
    shown = demo.json("runs", "show", run["id"])
    where = {step["name"]: step["where"] for step in shown["steps"]}
    assert where["train_forest"] == "step_operator/subprocess"
    assert where["train_linear"] == "orchestrator/two-at-a-time"
    assert shown["metrics"]["served.accuracy"] > 0.8
    assert len([metric for metric in shown["metrics"] if metric.endswith(".accuracy")]) == 3


def test_the_two_models_train_side_by_side(demo: Demo) -> None:
    shown = demo.json("runs", "show", demo.json("runs", "list")["runs"][0]["id"])
    steps = {step["name"]: step for step in shown["steps"]}
    linear, forest = steps["train_linear"], steps["train_forest"]
    assert max(linear["started_at"], forest["started_at"]) < min(linear["finished_at"], forest["finished_at"])


def test_the_model_answers_after_the_run(demo: Demo) -> None:
    listed = demo.stacktui("model", "list")
    assert "running" in listed
    assert "127.0.0.1" in listed


def test_every_category_has_something_to_show(demo: Demo) -> None:
    stack = next(stack for stack in demo.json("stack", "list")["stacks"] if stack["active"])
    assert stack["name"] == "demo"
    assert stack["ok"]
    assert len(stack["components"]) == 10
    assert demo.json("artifact", "list")["artifacts"]
    assert "digits" in demo.stacktui("image", "list")
    assert "strokes" in demo.stacktui("feature", "views")
    assert "signing_key" in demo.stacktui("secret", "list")
    assert "linear.accuracy" in demo.stacktui("experiment", "list", "--json")
    assert "is served" in demo.stacktui("alert", "list")


def test_the_secret_stands_nowhere_but_encrypted(demo: Demo) -> None:
    value = demo.json("secret", "reveal", "model-card", "signing_key")["value"].encode()
    holders = [file for file in demo.root.rglob("*") if file.is_file() and value in file.read_bytes()]
    assert holders == []


def test_every_stack_that_ships_is_valid(demo: Demo) -> None:
    findings = demo.json("stack", "validate", "experiments")["diagnostics"]
    assert [found for found in findings if found["severity"] == "error"] == []


def test_a_second_time_most_is_cached(demo: Demo) -> None:
    demo.stacktui("demo", str(demo.root), at=demo.root.parent)
    shown = demo.json("runs", "show", demo.json("runs", "list")["runs"][0]["id"])
    cached = {step["name"] for step in shown["steps"] if step["status"] == "cached"}
    assert {"load", "split", "train_linear", "train_forest", "evaluate_forest"} <= cached
    assert "predict" not in cached
