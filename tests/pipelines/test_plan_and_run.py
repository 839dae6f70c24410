"""The plan beside real runs of the same workspace; and `training.run()` from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.run import StepStatus
from stacktui.pipelines.describe import describe
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.plan import make_plan
from stacktui.pipelines.snapshot import take_snapshot
from stacktui.runtime.build import open_stack
from tests.pipelines.running import Place, place

FLOW = """from __future__ import annotations
from typing import Annotated
from stacktui import Artifact, pipeline, step

FACTOR = 2

class Model:
    def __init__(self, weight: int) -> None:
        self.weight = weight

    def predict(self, x: int) -> int:
        return self.weight * x

@step
def load(limit: int = 3) -> tuple[Annotated[list[int], "train"], Annotated[int, "test"]]:
    return list(range(limit)), limit

@step
def fit(train: list[int]) -> Model:
    return Model(sum(train) * FACTOR)

@step
def score(model: Model, test: int) -> int:
    return model.predict(test)

@step
def total(*scores: int) -> int:
    return sum(scores)

@step
def tell(text: int) -> None:
    print(text)

@pipeline
def main(limit: int = 3):
    train, test = load(limit)
    model = fit(train)
    tell(total(score(model, test), score(model, test=10)))

@pipeline
def again():
    tell(total(score(Artifact("main/fit"), 5), 1))

if __name__ == "__main__":
    run = main.run(limit=4, name="from-python")
    print(run.id, run.status)
"""


def planned(where: Place, function: str = "main", **params: object) -> dict[str, bool | None]:
    code = take_snapshot(where.workspace)
    drawn = describe(where.workspace, f"pipelines/main.py:{function}", params, code=code.path)
    index = CodeIndex(code.path, tuple(code.path / root for root in drawn.roots))
    with open_stack(where.workspace, where.workspace.read(), where.registry, where.stack) as live:
        plan = make_plan(
            drawn, index, where.stack, live.metadata_store, artifacts=live.artifact_store, root=where.root
        )
    assert plan.findings == ()
    return {step.name: step.cached for step in plan.steps}


def ran(where: Place, function: str = "main", **params: object) -> dict[str, bool]:
    run = where.run(function, params=params)
    steps = where.steps(run.id)
    assert run.status == "succeeded", [step.error for step in steps.values() if step.error]
    return {name: step.status is StepStatus.CACHED for name, step in steps.items()}


def test_runs_do_what_their_plans_say(tmp_path: Path) -> None:
    with place(tmp_path, FLOW) as where:
        plan = planned(where)
        assert plan == {
            "load": False,
            "fit": None,
            "score": None,
            "score_2": None,
            "total": None,
            "tell": False,
        }
        assert not any(ran(where).values())

        plan = planned(where)
        assert plan == {
            "load": True,
            "fit": True,
            "score": True,
            "score_2": True,
            "total": True,
            "tell": False,
        }
        assert ran(where) == plan

        # The class of an artifact counts where the artifact is used, though its bytes stay the same.
        where.edit(FLOW.replace("self.weight * x", "self.weight * x + 1"))
        plan = planned(where)
        assert (plan["load"], plan["fit"], plan["score"]) == (True, False, None)
        happened = ran(where)
        assert happened == {
            "load": True,
            "fit": False,
            "score": False,
            "score_2": False,
            "total": False,
            "tell": False,
        }

        where.edit(FLOW.replace("return sum(scores)", "return sum(scores) + 0"))
        plan = planned(where)
        happened = ran(where)
        assert {name: happened[name] for name, state in plan.items() if state is not None} == {
            name: state for name, state in plan.items() if state is not None
        }
        assert plan["score_2"] is True
        assert plan["total"] is False

        plan = planned(where, "again")
        assert plan == {"score": False, "total": None, "tell": False}
        assert ran(where, "again") == {"score": False, "total": False, "tell": False}


def test_a_run_is_started_from_python(tmp_path: Path) -> None:
    with place(tmp_path, FLOW) as where:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
        }
        done = subprocess.run(
            [sys.executable, str(where.root / "pipelines/main.py")],
            cwd=where.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        run_id, status = done.stdout.split()
        assert status == "succeeded"
        run = where.store.run(run_id)
        assert (run.name, run.params, run.target) == ("from-python", {"limit": 4}, "pipelines/main.py:main")
        assert where.value(run_id, "total") == 12 * 4 + 12 * 10


def test_what_cannot_be_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stacktui.pipelines.errors import PipelineBroken
    from stacktui.pipelines.running import run_pipeline

    def function() -> None: ...

    function_file = tmp_path / "x.py"
    function_file.write_text("")
    monkeypatch.setattr("inspect.getfile", lambda _: str(function_file))
    with pytest.raises(PipelineBroken, match=r"stacktui\.yaml"):
        run_pipeline(function, stack=None, name=None, params={}, labels={}, steps={}, cache=True, wait=True)
    (tmp_path / "stacktui.yaml").write_text("version: 1\n")
    with pytest.raises(PipelineBroken, match="no stack is active"):
        run_pipeline(function, stack=None, name=None, params={}, labels={}, steps={}, cache=True, wait=True)
    with pytest.raises(PipelineBroken, match="stack"):
        run_pipeline(
            function, stack="absent", name=None, params={}, labels={}, steps={}, cache=True, wait=True
        )
