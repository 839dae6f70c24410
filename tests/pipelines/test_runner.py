"""Whole runs: a detached runner, real workers, a real store."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from tests.pipelines.running import HEAD, WAITING, Make, begun

DIAMOND = """
@step
def load(n: int) -> tuple[Annotated[list[int], "train"], Annotated[list[int], "test"]]:
    return list(range(n)), [n]

@step
def fit(train: list[int], lr: float = 0.5) -> float:
    print("fitting", len(train))
    context().experiment_tracker.log_metric("loss", 0.25)
    return sum(train) * lr

@step
def check(test: list[int]) -> int:
    return len(test)

@step
def report(score: float, count: int) -> None:
    print("score", score, "count", count)

@pipeline
def main(n: int = 4):
    train, test = load(n)
    report(fit(train, lr=2.0), check(test))
"""


def test_a_run_from_end_to_end(make: Make) -> None:
    here = make(DIAMOND)
    run = here.run(labels={"team": "vision"})
    assert run.status is RunStatus.SUCCEEDED, here.runner_log(run.id)
    assert run.error is None
    assert run.params == {"n": 4}
    assert run.labels == {"team": "vision"}
    assert run.code is not None
    assert run.code.digest
    assert run.environment["python"]
    assert run.stack_snapshot["components"]["orchestrator"][0]["config"] == {"max_workers": 2}
    steps = here.steps(run.id)
    assert [(name, step.status) for name, step in steps.items()] == [
        ("load", StepStatus.SUCCEEDED),
        ("fit", StepStatus.SUCCEEDED),
        ("check", StepStatus.SUCCEEDED),
        ("report", StepStatus.SUCCEEDED),
    ]
    assert here.value(run.id, "fit") == 12.0
    assert here.lines(run.id, "report") == ["score 12.0 count 1"]
    assert here.store.last_metrics(run.id) == {"loss": 0.25}
    assert steps["fit"].inputs == {"train": steps["load"].outputs["train"]}
    assert steps["fit"].params == {"lr": 2.0}
    produced, used = here.store.links(steps["load"].outputs["train"])
    assert (produced.step, [link.step for link in used]) == ("load", ["fit"])
    # In order: nothing began before what it needs had ended.
    assert steps["fit"].started_at is not None
    assert steps["load"].finished_at is not None
    assert steps["fit"].started_at >= steps["load"].finished_at
    folder = here.workspace.state / "runs" / run.id
    assert stat.S_IMODE((folder / "run.json").stat().st_mode) == 0o600
    log = next((here.workspace.state / "logs" / run.id).glob("fit.1.jsonl"))
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_second_run_stands_on_the_first(make: Make) -> None:
    here = make(DIAMOND)
    first = here.run()
    second = here.run()
    steps = here.steps(second.id)
    assert [step.status for step in steps.values()] == [StepStatus.CACHED] * 3 + [StepStatus.SUCCEEDED]
    assert steps["fit"].cached_from == first.id
    assert first.id in (steps["fit"].cache_reason or "")
    assert steps["fit"].outputs == here.steps(first.id)["fit"].outputs
    # Metrics of a cached step count for the new run.
    assert here.store.last_metrics(second.id) == {"loss": 0.25}
    fresh = here.run(cache=False)
    assert {step.status for step in here.steps(fresh.id).values()} == {StepStatus.SUCCEEDED}
    other = here.run(params={"n": 5})
    assert here.steps(other.id)["fit"].status is StepStatus.SUCCEEDED


def test_an_artifact_that_is_gone_is_made_again(make: Make) -> None:
    here = make(DIAMOND)
    first = here.run()
    here._live.artifact_store.delete(here.store.artifact(here.steps(first.id)["fit"].outputs["output"]).uri)
    second = here.run()
    assert second.status is RunStatus.SUCCEEDED
    assert here.steps(second.id)["fit"].status is StepStatus.SUCCEEDED
    assert here.value(second.id, "fit") == 12.0


@pytest.mark.parametrize("size", [0, 1])
def test_an_artifact_that_a_power_loss_tore_is_made_again(make: Make, size: int) -> None:
    here = make(DIAMOND)
    first = here.run()
    uri = here.store.artifact(here.steps(first.id)["fit"].outputs["output"]).uri
    path = here._live.artifact_store.local_path(uri)
    assert path is not None
    path.chmod(0o600)
    os.truncate(path, size)
    second = here.run()
    assert second.status is RunStatus.SUCCEEDED
    assert here.steps(second.id)["fit"].status is StepStatus.SUCCEEDED
    assert here.value(second.id, "fit") == 12.0


def test_runs_at_the_same_time_do_not_disturb_each_other(make: Make) -> None:
    here = make(DIAMOND)
    runs = [here.ended(run_id) for run_id in [here.start(params={"n": n}, cache=False) for n in range(4)]]
    assert {run.status for run in runs} == {RunStatus.SUCCEEDED}
    kinds = [event.kind for event in here.store.events(0)]
    counted = {
        kind: kinds.count(kind) for kind in ("run_created", "step_started", "step_finished", "run_finished")
    }
    assert counted == {"run_created": 4, "step_started": 16, "step_finished": 16, "run_finished": 4}


PARALLEL = """
@step
def meet(me: str, other: str, folder: str) -> str:
    Path(folder, me).touch()
    end = time.monotonic() + 30
    while not Path(folder, other).exists():
        if time.monotonic() > end:
            raise TimeoutError("alone")
        time.sleep(0.01)
    return me

@pipeline
def main(folder: str):
    meet("a", "b", folder)
    meet("b", "a", folder)
"""


def test_steps_that_do_not_need_each_other_overlap(make: Make, tmp_path: Path) -> None:
    run = make(PARALLEL).run(params={"folder": str(tmp_path)})
    assert run.status is RunStatus.SUCCEEDED


FAILING = """
@step
def boom(x: int) -> int:
    raise ValueError("bad data")

@step
def after(x: int) -> int:
    return x

@step
def beside(x: int) -> int:
    return x

@pipeline
def main():
    after(boom(1))
    beside(2)
"""


def test_a_failure_names_the_step_and_shows_the_users_frames(make: Make) -> None:
    here = make(FAILING)
    run = here.run(failure_mode="continue")
    assert run.status is RunStatus.FAILED
    assert run.error == "step `boom` failed: ValueError: bad data"
    steps = here.steps(run.id)
    assert {name: step.status for name, step in steps.items()} == {
        "boom": StepStatus.FAILED,
        "after": StepStatus.SKIPPED,
        "beside": StepStatus.SUCCEEDED,
    }
    error = steps["boom"].error
    assert error is not None
    assert f'File "{here.root}/pipelines/main.py"' in error.traceback
    assert "/code/" not in error.traceback


FAIL_FAST = """
@step
def boom(folder: str) -> int:
    while not Path(folder, "begun").exists():
        time.sleep(0.01)
    raise ValueError("bad data")

@step
def slow(folder: str) -> int:
    Path(folder, "begun").touch()
    time.sleep(600)

@step
def never(x: int) -> int:
    return x

@pipeline
def main(folder: str):
    boom(folder)
    never(slow(folder))
"""


def test_fail_fast_ends_what_runs(make: Make, tmp_path: Path) -> None:
    here = make(FAIL_FAST)
    run = here.run(params={"folder": str(tmp_path)})
    assert run.status is RunStatus.FAILED
    assert {name: step.status for name, step in here.steps(run.id).items()} == {
        "boom": StepStatus.FAILED,
        "slow": StepStatus.CANCELLED,
        "never": StepStatus.SKIPPED,
    }


RETRYING = """
@step(retries=2)
def flaky(folder: str) -> int:
    print("attempt", context().attempt)
    seen = Path(folder, f"{context().attempt}")
    seen.touch()
    if context().attempt < 3:
        raise ConnectionError("try again")
    return 1

@pipeline
def main(folder: str):
    flaky(folder)
"""


def test_a_step_is_tried_again(make: Make, tmp_path: Path) -> None:
    here = make(RETRYING)
    run = here.run(params={"folder": str(tmp_path)})
    assert run.status is RunStatus.SUCCEEDED
    assert here.steps(run.id)["flaky"].attempt == 3
    assert here.lines(run.id, "flaky") == ["attempt 3"]
    assert (tmp_path / "1").exists()


CRASHING = """
@step
def dies(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)

@step
def lives(x: int) -> int:
    return x

@pipeline
def main():
    dies(1)
    lives(2)
"""


def test_a_worker_that_dies_is_a_failed_step_and_not_a_failed_runner(make: Make) -> None:
    here = make(CRASHING)
    run = here.run(failure_mode="continue")
    assert run.status is RunStatus.FAILED
    steps = here.steps(run.id)
    assert steps["dies"].error is not None
    assert "SIGKILL" in steps["dies"].error.message
    assert steps["lives"].status is StepStatus.SUCCEEDED


def test_a_run_stops_when_it_is_asked_to(make: Make, tmp_path: Path) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = begun(tmp_path)
    here.store.request(run_id, "stop")
    run = here.ended(run_id)
    assert run.status is RunStatus.CANCELLED
    assert [step.status for step in here.steps(run_id).values()] == [StepStatus.CANCELLED] * 2
    for pid in pids:
        wait_until_ended(pid)


def test_a_runner_that_is_told_to_end_cancels_its_run(make: Make, tmp_path: Path) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = begun(tmp_path)
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(here.pid(run_id), number)
    assert here.store.run(run_id).status is RunStatus.RUNNING
    os.kill(here.pid(run_id), signal.SIGTERM)
    assert here.ended(run_id).status is RunStatus.CANCELLED
    for pid in pids:
        wait_until_ended(pid)


def test_a_runner_that_is_killed_takes_its_workers_along(make: Make, tmp_path: Path) -> None:
    here = make(WAITING)
    run_id = here.start(params={"folder": str(tmp_path)})
    pids = begun(tmp_path)
    os.kill(here.pid(run_id), signal.SIGKILL)
    for pid in pids:
        wait_until_ended(pid)
    wait_for(lambda: here.store.run(run_id).status is RunStatus.LOST, "the run to be lost")
    assert here.steps(run_id)["wait"].status is StepStatus.LOST


STARTER = """
import os, sys
from pathlib import Path
sys.path.insert(0, {home!r})
from tests.pipelines.running import Place
here = Place(Path({root!r}), Path({source!r}).read_text())
print(here.start(params={{"folder": {folder!r}}}), flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_run_outlives_whoever_started_it(make: Make, tmp_path: Path) -> None:
    here = make(DIAMOND)
    source = tmp_path / "source.py"
    source.write_text(HEAD + RELEASED)
    script = STARTER.format(
        home=str(Path(__file__).parents[2]), root=str(here.root), source=str(source), folder=str(tmp_path)
    )
    starter = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, start_new_session=True
    )
    assert starter.returncode == -signal.SIGKILL, starter.stderr
    run_id = starter.stdout.strip()
    here.started.append(run_id)
    wait_for((tmp_path / "begun").exists, "the step to begin")
    (tmp_path / "go").touch()
    assert here.ended(run_id).status is RunStatus.SUCCEEDED


RELEASED = """
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


def test_an_edit_during_a_run_does_not_mix_in(make: Make, tmp_path: Path) -> None:
    here = make(RELEASED + "\nLATER = 1\n@step\ndef later(x: int) -> int:\n    return LATER\n"
                "@pipeline\ndef both(folder: str):\n    later(wait(folder))\n")  # fmt: skip
    run_id = here.start("both", params={"folder": str(tmp_path)})
    wait_for((tmp_path / "begun").exists, "the step to begin")
    here.edit("raise SystemExit")
    (tmp_path / "go").touch()
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert here.value(run_id, "later") == 1


EARLIER = (
    DIAMOND
    + """
@pipeline
def uses():
    check(Artifact("main/load/test", version="latest"))
"""
)


def test_an_earlier_runs_artifact_is_an_input(make: Make) -> None:
    here = make(EARLIER)
    first = here.run()
    second = here.run("uses")
    assert second.status is RunStatus.SUCCEEDED, second.error
    assert here.steps(second.id)["check"].inputs == {"test": here.steps(first.id)["load"].outputs["test"]}


def test_settings_of_the_run_come_last(make: Make) -> None:
    here = make(DIAMOND)
    run = here.run(steps={"fit": StepSettings(step_operator="subprocess")})
    assert run.status is RunStatus.SUCCEEDED
    assert here.steps(run.id)["fit"].where == "step_operator/subprocess"
    assert here.store.last_metrics(run.id) == {"loss": 0.25}
