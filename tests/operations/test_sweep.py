"""Sweeps: which runs there are, that they wait for each other, and that they are seen as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.metadata_store import RunQuery
from stacktui.cli.invoke import as_json
from stacktui.model.run import RunStatus
from stacktui.operations.errors import OperationError, UserCodeError
from stacktui.operations.run import run as run_operation_
from stacktui.operations.session import Session
from stacktui.operations.sweep import SweepEvent, SweepFinished, axes_of
from stacktui.pipelines.sweep import values_of
from stacktui.testing.contracts.base import wait_for
from tests.operations.support import do

SOURCE = """
import time
from pathlib import Path
from stacktui import context, pipeline, step

@step(cache=False)
def fit(lr: float, depth: int, folder: str) -> float:
    if folder:
        Path(folder, f"{lr}").touch()
        while not Path(folder, "go on").exists():
            time.sleep(0.02)
    if lr > 1:
        raise ValueError("too much")
    context().experiment_tracker.log_metric("accuracy", lr * depth)
    return lr

@pipeline
def train(lr: float = 0.1, depth: int = 3, folder: str = ""):
    fit(lr, depth, folder)
"""
TARGET = "pipelines/train.py:train"


@pytest.fixture
def here(session: Session, root: Path) -> Iterator[Session]:
    (root / "pipelines" / "train.py").write_text(SOURCE)
    yield session
    store = session.live().metadata_store
    for run in store.runs(RunQuery(status=(RunStatus.QUEUED, RunStatus.RUNNING))).runs:
        store.request(run.id, "stop")
        wait_for(lambda run=run: store.run(run.id).status.finished, "the run to end", 30)  # type: ignore[misc]


def swept(session: Session, *sweep: str, **more: Any) -> list[Any]:
    return do(session, "run", target=TARGET, sweep=sweep, no_probe=True, **more)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.2, 0.4", ("0.1", "0.2", "0.4")),
        ("[1,2],[3]", ("[1,2]", "[3]")),
        ('"a,b",c', ('"a,b"', "c")),
        ("{'a': [1,2]},x,x", ("{'a': [1,2]}", "x")),
        ("one", ("one",)),
        ("a,,b", ()),
        ("", ()),
    ],
)
def test_values_are_separated_by_the_commas_outside_of_brackets(text: str, values: tuple[str, ...]) -> None:
    assert values_of(text) == values


def test_a_sweep_is_the_product_of_its_values() -> None:
    assert axes_of(("lr=0.1,0.2", "depth=3,5"), yes=False) == [
        {"lr": "0.1", "depth": "3"},
        {"lr": "0.1", "depth": "5"},
        {"lr": "0.2", "depth": "3"},
        {"lr": "0.2", "depth": "5"},
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("lr",), "is not of the form key=value,value"),
        (("lr=1,,2",), "is not of the form key=value,value"),
        (("lr=1,2", "lr=3"), "--sweep lr=1,2,3"),
        ((f"lr={','.join(map(str, range(201)))}",), "201 runs, and one that waits"),
    ],
)
def test_a_sweep_that_cannot_be_is_one_line(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(OperationError) as found:
        axes_of(given, yes=False)
    assert said in str(found.value)


def test_runs_of_a_sweep_are_followed_and_compared_as_one(here: Session) -> None:
    parts = swept(here, "lr=0.1,2,0.4", "depth=3,5", label=("team=vision",), name="tuning", at_once=2)
    began, last = parts[0], parts[-1]
    assert [part.values for part in began.runs][:2] == [
        {"lr": "0.1", "depth": "3"},
        {"lr": "0.1", "depth": "5"},
    ]
    ended = [part for part in parts if isinstance(part, SweepEvent) and part.event == "run_finished"]
    assert sorted(part.done for part in ended) == [1, 2, 3, 4, 5, 6]
    assert isinstance(last, SweepFinished)
    assert (last.status, last.answer) == (RunStatus.FAILED, False)
    assert json.loads(as_json(last))["event"] == "sweep_finished"
    assert "compared" not in json.loads(as_json(last))
    store = here.live().metadata_store
    runs = store.runs(RunQuery(group=began.group)).runs
    assert len(runs) == 6
    assert {run.name for run in runs} >= {"tuning lr=0.1 depth=3", "tuning lr=2 depth=5"}
    assert {(run.labels["sweep"], run.labels["team"]) for run in runs} == {("lr,depth", "vision")}
    assert len({run.code.digest for run in (store.run(run.id) for run in runs) if run.code}) == 1
    # Afterwards, from any session.
    table = do(here, "runs compare", group=began.group[:18], by="accuracy")
    assert table.group == began.group
    assert (table.params, table.metrics, table.same) == (("lr", "depth"), ("accuracy",), {"folder": ""})
    assert [run.params for run in table.runs[:4]] == [
        {"lr": 0.4, "depth": 5},
        {"lr": 0.4, "depth": 3},
        {"lr": 0.1, "depth": 5},
        {"lr": 0.1, "depth": 3},
    ]
    assert [run.status for run in table.runs[4:]] == [RunStatus.FAILED] * 2
    assert do(here, "runs compare", group="last", by="took", ascending=True).group == began.group
    with pytest.raises(
        OperationError, match="nothing to sort by is called 'acuracy'; did you mean 'accuracy'"
    ):
        do(here, "runs compare", group="last", by="acuracy")


def test_runs_that_wait_say_for_what_and_ctrl_c_stops_them_all(here: Session, tmp_path: Path) -> None:
    stream = run_operation_(
        here, TARGET, param=(f"folder={tmp_path}",), sweep=("lr=0.1,0.2,0.3",), at_once=1, no_probe=True
    )
    began = next(stream)
    store = here.live().metadata_store
    first, second, third = (part.run_id for part in began.runs)
    wait_for((tmp_path / "0.1").exists, "the first run to be in its step", 30)
    for run_id, before in ((second, ""), (third, "1 run before it")):
        wait_for(
            lambda run_id=run_id, before=before: (
                before in (words := store.run(run_id).waits_for)  # type: ignore[misc]
                and f"1 of 1 places is taken by run {first[:13]}" in words
            ),
            "the run to say what it waits for",
            30,
        )
    seen: list[Any] = [stream.throw(KeyboardInterrupt())]
    seen += list(stream)
    assert any(part.event == "stop_requested" for part in seen)
    assert seen[-1].status is RunStatus.CANCELLED
    assert [run.status for run in seen[-1].runs] == [RunStatus.CANCELLED] * 3
    assert {path.name for path in tmp_path.iterdir()} & {"0.2", "0.3"} == set()


def test_detached_it_answers_with_the_group_and_the_runs(here: Session) -> None:
    (answer,) = swept(here, "lr=0.1,0.2", detach=True)
    store = here.live().metadata_store
    assert [run.id for run in store.runs(RunQuery(group=answer.group, oldest_first=True)).runs] == list(
        answer.run_ids
    )
    for run_id in answer.run_ids:
        wait_for(lambda run_id=run_id: store.run(run_id).status is RunStatus.SUCCEEDED, "the run", 60)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("sweep", "param", "said"),
    [
        (("lr=0.1,much",), (), "lr"),
        (("rate=1,2",), (), "no parameter `rate`"),
        (("lr=0.1,0.2",), ("lr=1",), "`lr` has one value as a parameter and several in the sweep"),
    ],
)
def test_what_cannot_run_is_said_before_the_first_one_starts(
    here: Session, sweep: tuple[str, ...], param: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UserCodeError) as found:
        swept(here, *sweep, param=param)
    assert said in str(found.value)
    assert here.live().metadata_store.count_runs(RunQuery()) == 0


def test_three_named_runs_are_compared_as_one_table(here: Session) -> None:
    (answer,) = swept(here, "depth=1,2,3", detach=True)
    table = do(
        here,
        "runs compare",
        run_id=answer.run_ids[0],
        other=answer.run_ids[1],
        more=(answer.run_ids[2],),
    )
    assert [run.params["depth"] for run in table.runs] == [1, 2, 3]
    with pytest.raises(OperationError, match="name two runs or more"):
        do(here, "runs compare", run_id=answer.run_ids[0])
