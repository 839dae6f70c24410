"""Starting a run: what is refused before anything is recorded, and what is recorded."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import RunQuery
from stacktui.model.run import RunStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines import launch
from stacktui.pipelines.describe import describe
from stacktui.pipelines.errors import GraphBroken, PipelineBroken, TypesDoNotFit, WrongParameters
from stacktui.pipelines.runfile import RunFile
from tests.pipelines.running import STACK, Place, place

SOURCE = """
from stacktui import pipeline, step

@step
def load(n: int) -> int:
    return n

@step
def fit(data: int, lr: float = 0.5) -> float:
    return data * lr

@pipeline
def main(n: int = 4):
    fit(load(n))

@step
def text() -> str:
    return "x"

@pipeline
def mismatched():
    fit(text())
"""

Make = Callable[..., Place]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:
        yield lambda **more: stack.enter_context(place(tmp_path / "ws", SOURCE, **more))


@pytest.mark.parametrize(
    ("function", "request_", "error", "said"),
    [
        ("nowhere", {}, PipelineBroken, "nowhere"),
        ("main", {"params": {"m": 1}}, WrongParameters, "m"),
        ("main", {"params": {"n": "four"}}, WrongParameters, "n"),
        ("mismatched", {}, TypesDoNotFit, "fit"),
        ("main", {"steps": {"fitt": StepSettings()}}, GraphBroken, "did you mean `fit`"),
        ("main", {"steps": {"fit": StepSettings(step_operator="subproces")}}, PipelineBroken, "did you mean `subprocess`"),
        ("main", {"steps": {"fit": StepSettings(experiment_tracker="mlflow")}}, PipelineBroken, "it has local"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_before_anything_is_recorded(
    make: Make, function: str, request_: dict[str, object], error: type[Exception], said: str
) -> None:
    here = make()
    with pytest.raises(error) as found:
        here.start(function, **request_)
    assert said in str(found.value)
    assert "\n" not in str(found.value)
    assert here.store.count_runs(RunQuery()) == 0
    assert not (here.workspace.state / "runs").exists()


def test_a_stack_with_a_hole_is_refused(make: Make) -> None:
    with pytest.raises(ComponentError, match="does not exist"):
        make(stack=STACK.replace("local\n", "gone\n", 1)).start()


def test_what_is_recorded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    folders: list[Path] = []
    # In the runner's place: a process that lives, and never takes the run.
    waits = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def spawned(folder: Path, **_: object) -> int:
        folders.append(folder)
        return waits.pid

    monkeypatch.setattr(launch, "spawn_runner", spawned)
    before = os.umask(0)
    try:
        run_id = here.start(params={"n": "7"}, name="nightly", steps={"fit": StepSettings(retries=2)})
    finally:
        os.umask(before)
    run = here.store.run(run_id)
    assert (run.status, run.name, run.pipeline, run.stack) == (RunStatus.QUEUED, "nightly", "main", "default")
    assert run.params == {"n": 7}
    assert run.target == "pipelines/main.py:main"
    assert [(step.name, step.after) for step in run.graph] == [("load", ()), ("fit", ("load",))]
    assert [step.where for step in here.store.steps(run_id)] == ["orchestrator/local"] * 2
    assert "stacktui" in run.environment
    assert "pydantic" in run.environment["packages"]
    (folder,) = folders
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "run.json").stat().st_mode) == 0o600
    file = RunFile.read(folder)
    assert file.settings["fit"].retries == 2
    assert json.loads((folder / "run.json").read_bytes())["version"] == 1


def test_a_runner_that_cannot_start_fails_the_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = make()
    # Described before: the child that does it is started with the same interpreter.
    description = describe(here.workspace, "pipelines/main.py:main", {})
    monkeypatch.setattr(launch, "describe", lambda *_, **__: description)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ComponentError, match="cannot be started"):
        here.start()
    (run,) = here.store.runs(RunQuery()).runs
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert "cannot be started" in run.error
