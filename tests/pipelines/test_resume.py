"""A run that is taken up again: nothing that finished runs twice, and attempts are kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.model.run import Run, RunStatus, StepStatus
from stacktui.pipelines.launch import resume_run
from stacktui.pipelines.logs import read_log
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from tests.pipelines.running import Make, Place

CHAIN = """
@step
def count(name: str, folder: str, after_it: str = "") -> str:
    with open(Path(folder, name), "a") as ran:
        print(context().attempt, file=ran)
    print(name, "attempt", context().attempt)
    if after_it:
        Path(folder, "begun").touch()
        while not Path(folder, after_it).exists():
            time.sleep(0.01)
    return name

@step
def join(a: str, b: str, c: str, folder: str) -> str:
    with open(Path(folder, "join"), "a") as ran:
        print(context().attempt, file=ran)
    return a + b + c

@pipeline
def main(folder: str):
    a = count.named("a")("a", folder)
    b = count.named("b")("b", folder)
    c = count.named("held").with_options(cache=False)("c", folder, after_it="go", after=[a, b])
    join(a, b, c, folder)
"""


def resume(here: Place, run_id: str) -> None:
    resume_run(here.workspace, here.workspace.read(), here.registry, here.store, run_id)


def ran(folder: Path, name: str) -> list[str]:
    """The attempts in which a step was run."""
    return (folder / name).read_text().split()


def _killed(here: Place, folder: Path) -> str:
    """A run whose runner was killed while the third step ran."""
    run_id = here.start(params={"folder": str(folder)})
    wait_for((folder / "begun").exists, "the third step to begin")
    pid = here.pid(run_id)
    os.kill(pid, signal.SIGKILL)
    wait_until_ended(pid)
    wait_for(lambda: here.store.run(run_id).status is RunStatus.LOST, "the run to be lost")
    return run_id


def _stopped(here: Place, folder: Path) -> str:
    run_id = here.start(params={"folder": str(folder)})
    wait_for((folder / "begun").exists, "the third step to begin")
    here.store.request(run_id, "stop")
    assert here.ended(run_id).status is RunStatus.CANCELLED
    return run_id


@pytest.mark.parametrize(("end", "kept_as"), [(_killed, StepStatus.LOST), (_stopped, StepStatus.CANCELLED)])
def test_a_run_goes_on_where_it_was(
    make: Make, tmp_path: Path, end: Callable[[Place, Path], str], kept_as: StepStatus
) -> None:
    here = make(CHAIN)
    run_id = end(here, tmp_path)
    before = here.store.run(run_id)
    done = here.steps(run_id)["a"]
    (tmp_path / "go").touch()
    # Today's code does not count: the run keeps its own.
    here.edit("raise SystemExit")
    resume(here, run_id)
    run = here.ended(run_id)
    assert run.status is RunStatus.SUCCEEDED, here.runner_log(run_id)
    assert (run.id, run.code, run.resumes, run.error) == (before.id, before.code, 1, None)
    assert run.started_at == before.started_at
    assert here.value(run_id, "join") == "abc"
    assert [ran(tmp_path, name) for name in ("a", "b", "c", "join")] == [["1"], ["1"], ["1", "2"], ["1"]]
    steps = here.steps(run_id)
    assert steps["a"] == done
    assert steps["held"].attempt == 2
    (attempt,) = here.store.attempts(run_id)
    assert (attempt.name, attempt.attempt, attempt.status) == ("held", 1, kept_as)
    for number in (1, 2):
        lines = read_log(here.workspace.state, run_id, "held", number).lines
        assert [line.text for line in lines] == [f"c attempt {number}"]


FAILING = """
@step(retries=1)
def flaky(folder: str) -> int:
    with open(Path(folder, "flaky"), "a") as ran:
        print(context().attempt, file=ran)
    if not Path(folder, "mended").exists():
        raise ValueError("broken")
    return 1

@step
def last(x: int) -> int:
    return x + 1

@step
def beside(folder: str) -> int:
    with open(Path(folder, "beside"), "a") as ran:
        print(context().attempt, file=ran)
    return 1

@pipeline
def main(folder: str):
    last(flaky(folder))
    beside(folder)
"""


def test_a_failed_run_is_taken_up_with_its_retries_counted_anew(make: Make, tmp_path: Path) -> None:
    here = make(FAILING)
    run = here.run(params={"folder": str(tmp_path)}, failure_mode="continue")
    assert run.status is RunStatus.FAILED
    resume(here, run.id)
    again = here.ended(run.id)
    assert (again.status, again.resumes) == (RunStatus.FAILED, 1)
    assert ran(tmp_path, "flaky") == ["1", "2", "3", "4"]
    (tmp_path / "mended").touch()
    resume(here, run.id)
    assert here.ended(run.id).status is RunStatus.SUCCEEDED
    assert ran(tmp_path, "flaky") == ["1", "2", "3", "4", "5"]
    assert ran(tmp_path, "beside") == ["1"]
    kept = here.store.attempts(run.id, "flaky")
    assert [(each.attempt, each.status) for each in kept] == [(n, StepStatus.FAILED) for n in range(1, 5)]
    assert kept[0].error is not None
    assert kept[0].error.message == "broken"


def test_a_torn_result_is_made_again_and_the_run_says_so(make: Make, tmp_path: Path) -> None:
    here = make(CHAIN)
    run_id = _killed(here, tmp_path)
    (tmp_path / "go").touch()
    path = here._live.artifact_store.local_path(
        here.store.artifact(here.steps(run_id)["a"].outputs["output"]).uri
    )
    assert path is not None
    path.chmod(0o600)
    path.write_bytes(b'"x"')
    resume(here, run_id)
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert here.value(run_id, "join") == "abc"
    assert ran(tmp_path, "a") == ["1", "2"]
    step = here.steps(run_id)["a"]
    assert step.attempt == 2
    assert step.cache_reason == "its output `output` was not whole any more: it runs again"
    kept = here.store.attempts(run_id, "a")
    assert [(each.attempt, each.status) for each in kept] == [(1, StepStatus.LOST)]


def test_what_nobody_takes_any_more_is_not_made_again(make: Make, tmp_path: Path) -> None:
    here = make(FAILING)
    run = here.run(params={"folder": str(tmp_path)}, failure_mode="continue")
    here._live.artifact_store.delete(here.store.artifact(here.steps(run.id)["beside"].outputs["output"]).uri)
    (tmp_path / "mended").touch()
    resume(here, run.id)
    assert here.ended(run.id).status is RunStatus.SUCCEEDED
    assert ran(tmp_path, "beside") == ["1"]


def test_a_runner_that_dies_while_it_takes_the_run_up_changes_nothing(make: Make, tmp_path: Path) -> None:
    here = make(CHAIN)
    run_id = _killed(here, tmp_path)
    resume(here, run_id)
    pid = here.pid(run_id)
    os.kill(pid, signal.SIGKILL)
    wait_until_ended(pid)
    wait_for(lambda: here.store.run(run_id).status is RunStatus.LOST, "the run to be lost again")
    (tmp_path / "go").touch()
    resume(here, run_id)
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert (ran(tmp_path, "a"), ran(tmp_path, "b")) == (["1"], ["1"])
    assert here.value(run_id, "join") == "abc"


def test_the_runner_itself_takes_a_run_up(make: Make, tmp_path: Path) -> None:
    here = make(CHAIN)
    run_id = _stopped(here, tmp_path)
    (tmp_path / "go").touch()
    folder = here.workspace.state / "runs" / run_id
    command = [sys.executable, "-P", "-m", "stacktui.pipelines.runner", str(folder)]
    home = {"PYTHONPATH": str(Path(__file__).parents[2])}
    environment = {**os.environ, **home}
    # Without the word it does not touch what has ended.
    over = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert over.returncode == 2
    assert "is cancelled already" in over.stderr
    assert here.store.run(run_id).status is RunStatus.CANCELLED
    done = subprocess.run([*command, "--resume"], env=environment, check=False)
    assert done.returncode == 0, here.runner_log(run_id)
    assert here.store.run(run_id).status is RunStatus.SUCCEEDED
    # What was asked of its earlier life did not stop it.
    assert ran(tmp_path, "c") == ["1", "2"]


def _refused(here: Place, run: Run) -> str:
    with pytest.raises(ComponentError) as found:
        resume(here, run.id)
    assert "\n" not in str(found.value)
    assert here.store.run(run.id).status is run.status
    return str(found.value)


def test_what_cannot_be_resumed_is_said(make: Make, tmp_path: Path) -> None:
    here = make(CHAIN)
    (tmp_path / "go").touch()
    run = here.run(params={"folder": str(tmp_path)})
    assert "has succeeded" in _refused(here, run)
    (tmp_path / "go").unlink()
    goes_on = here.store.run(here.start(params={"folder": str(tmp_path)}))
    wait_for(lambda: here.store.run(goes_on.id).status is RunStatus.RUNNING, "the run to begin")
    assert "is running; stop it first" in _refused(here, here.store.run(goes_on.id))
    here.store.request(goes_on.id, "stop")
    stopped = here.ended(goes_on.id)
    file = here.workspace.state / "runs" / stopped.id / "run.json"
    file.rename(file.with_name("aside"))
    assert "run.json cannot be read" in _refused(here, stopped)
    file.with_name("aside").rename(file)
    assert stopped.code is not None
    code = here.workspace.state / "code" / stopped.code.digest
    for folder in (code, *code.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o700)
    shutil.rmtree(code)
    assert "its code is gone" in _refused(here, stopped)


EARLIER = """
@step
def source(n: int) -> int:
    return n

@pipeline
def before(n: int):
    source(n)

@step
def wait(folder: str) -> int:
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return 0

@step
def takes(n: int, x: int) -> int:
    return n + x

@pipeline
def main(folder: str):
    takes(Artifact("before/source"), wait(folder))
"""


def test_the_latest_artifact_is_still_that_of_the_runs_beginning(make: Make, tmp_path: Path) -> None:
    here = make(EARLIER)
    here.run("before", params={"n": 1})
    run_id = _killed(here, tmp_path)
    here.run("before", params={"n": 2})
    (tmp_path / "go").touch()
    resume(here, run_id)
    assert here.ended(run_id).status is RunStatus.SUCCEEDED
    assert here.value(run_id, "takes") == 1
