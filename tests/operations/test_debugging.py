"""Looking at a step at work: one step once more, and a whole run in one process, both with the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.local.worker_start import importable
from stacktui.model.run import Run, RunStatus, StepStatus
from stacktui.operations.session import Session
from stacktui.pipelines.attached import answer
from stacktui.pipelines.logs import read_log
from stacktui.testing.contracts.base import wait_for
from tests.operations.support import do

SOURCE = """
import os, time
from pathlib import Path
from typing import Annotated
from stacktui import Resources, context, pipeline, step

@step
def load(n: int) -> tuple[Annotated[list, "rows"], Annotated[int, "pid"]]:
    print("loading", n)
    return list(range(n)), os.getpid()

@step(secrets=["vault.token"], timeout="1h", resources=Resources(memory="8GiB"))
def fit(rows: list, factor: float, pid: int) -> tuple[Annotated[float, "mean"], Annotated[str, "note"], Annotated[int, "mine"]]:
    context().experiment_tracker.log_metric("accuracy", 0.5)
    context().logger.info("fitting")
    print("fitting with", factor)
    if os.environ.get("STOP_HERE"):
        breakpoint()
    if factor > 1:
        total = sum(rows)
        raise ValueError(f"{total} is too much")
    return sum(rows) * factor, "the token is " + context().secret("vault.token"), os.getpid()

@step
def report(mean: float) -> str:
    return f"mean {mean}"

@step(cache=False)
def waits(folder: str) -> int:
    Path(folder, "began").touch()
    while not Path(folder, "go on").exists():
        time.sleep(0.02)
    return 1

@pipeline
def train(n: int = 4, factor: float = 0.5):
    rows, pid = load(n)
    mean, _, _ = fit(rows, factor, pid)
    report(mean)

@pipeline
def patient(folder: str):
    waits(folder)
"""
FILE = "pipelines/train.py"


@pytest.fixture
def here(session: Session, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    (root / FILE).write_text(SOURCE)
    (root / "components" / "secrets_manager" / "local.yaml").write_text("flavor: env\n")
    monkeypatch.setenv("STACKTUI_SECRET_VAULT__TOKEN", "v3ry-s3cret")
    yield session
    store = session.live().metadata_store
    going_on = store.runs(RunQuery(status=(RunStatus.QUEUED, RunStatus.RUNNING))).runs
    for run in going_on:
        store.request(run.id, "stop")
    for run in going_on:
        wait_for(lambda run=run: store.run(run.id).status.finished, "the run to end", 30)  # type: ignore[misc]


def finished(session: Session, pipeline: str = "train", **more: Any) -> Run:
    do(session, "run", target=f"{FILE}:{pipeline}", no_probe=True, **more)
    return newest(session)


def newest(session: Session) -> Run:
    store = session.live().metadata_store
    return store.run(store.runs(RunQuery(limit=1)).runs[0].id)


def command(root: Path, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """A command at a terminal that is no terminal: what is typed comes from a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "stacktui", "-C", str(root), *arguments],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=importable({**os.environ, **more}),
    )


@contextlib.contextmanager
def going(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command with a process group of its own, as a shell gives it."""
    # Ignored where the tests run in the background; a shell's foreground does not inherit that.
    process = subprocess.Popen(
        [sys.executable, "-m", "stacktui", "-C", str(root), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=importable(os.environ),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def at_a_terminal(root: Path, *arguments: str, typed: tuple[bytes, ...], **more: str) -> tuple[int, str]:
    """A command at a terminal of its own: each text is typed when the debugger asks. Its exit code and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        # Ignored where the tests run in the background.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execve(
            sys.executable,
            [sys.executable, "-m", "stacktui", "-C", str(root), *arguments],
            importable({**os.environ, "TERM": "xterm", **more}),
        )
    shown = b""
    wanted, last = list(typed), b""
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.5)[0]:
                if last == b"\x03" and shown.count(b"(Pdb) ") == len(typed) - len(wanted):
                    # Python does not see one that comes between the prompt and its wait for a line.
                    os.write(terminal, last)
                continue
            try:
                block = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not block:
                break
            shown += block
            if wanted and shown.count(b"(Pdb) ") > len(typed) - len(wanted):
                last = wanted.pop(0)
                os.write(terminal, last)
    finally:
        os.close(terminal)
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")


# One step once more.


def test_a_step_is_run_again_with_its_stored_inputs_and_nothing_is_recorded(
    here: Session, root: Path
) -> None:
    run = finished(here)
    store = here.live().metadata_store
    before = (store.last_event(), store.store_facts().counts)
    done = command(root, "step", "run", run.id, "fit", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [(each["name"], each["type"], each["summary"]) for each in document["outputs"]][:2] == [
        ("mean", "float", "3.0"),
        ("note", "str", "'the token is ******'"),
    ]
    assert "fitting with 0.5" in done.stderr
    assert "fit │ accuracy=0.5" in done.stderr
    assert (store.last_event(), store.store_facts().counts) == before


def test_the_debugger_looks_at_the_error(here: Session, root: Path) -> None:
    run = finished(here, param=("factor=2",))
    assert run.status is RunStatus.FAILED
    done = command(root, "step", "run", "last", "fit", "--pdb", typed="p total * 100\np rows\nq\n")
    assert done.returncode == 1
    assert "600" in done.stderr
    assert "[0, 1, 2, 3]" in done.stderr
    assert "ValueError: 6 is too much" in done.stdout
    assert str(root / FILE) in done.stdout
    assert "nothing of it was recorded" in done.stderr


def test_a_breakpoint_stops_there(here: Session, root: Path) -> None:
    run = finished(here)
    done = command(root, "step", "run", run.id, "fit", typed="p factor + 41\nc\n", STOP_HERE="1")
    assert "41.5" in done.stderr
    assert done.returncode == 0, done.stderr


def test_the_code_is_that_of_the_run_or_todays(here: Session, root: Path) -> None:
    run = finished(here)
    (root / FILE).write_text(SOURCE.replace("sum(rows) * factor", "-1.0"))

    def mean(*more: str) -> str:
        done = command(root, "step", "run", run.id, "fit", "--json", *more)
        return str(json.loads(done.stdout)["outputs"][0]["summary"])

    assert mean() == "3.0"
    assert mean("--today") == "-1.0"
    assert not list(root.rglob("__pycache__"))


def test_what_cannot_be_run_again_is_one_line(here: Session, root: Path) -> None:
    run = finished(here, param=("factor=2",))
    for step, said in (("fi", "did you mean 'fit'"), ("report", "is skipped and never had its inputs: mean")):
        done = command(root, "step", "run", run.id, step)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (here.workspace.state / "runs" / run.id / "run.json").unlink()
    done = command(root, "step", "run", run.id, "fit")
    assert done.returncode == 2
    assert "it cannot be run again" in done.stderr


# A whole run in one process.


def test_a_run_in_one_process_is_recorded_like_any_other(here: Session, root: Path) -> None:
    done = command(root, "run", f"{FILE}:train", "--in-process", "--json", "--no-probe")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "run_finished"
    assert "in one process these do not count: the timeout of fit, memory of fit" in done.stderr
    run = newest(here)
    store = here.live().metadata_store
    steps = {step.name: step for step in store.steps(run.id)}
    assert run.status is RunStatus.SUCCEEDED
    assert [(step.status, step.where) for step in steps.values()] == [
        (StepStatus.SUCCEEDED, "in process")
    ] * 3
    assert store.last_metrics(run.id) == {"accuracy": 0.5}
    lines = [line.text for line in read_log(here.workspace.state, run.id, "fit").lines]
    assert "fitting with 0.5" in "\n".join(lines)
    assert any("fitting" in line and "INFO" in line for line in lines)
    assert "v3ry-s3cret" not in "\n".join(lines)
    pids = {
        store.artifact(steps[step].outputs[name]).digest for step, name in (("load", "pid"), ("fit", "mine"))
    }
    assert len(pids) == 1
    # The next one finds its results.
    again = finished(here)
    assert [step.status for step in store.steps(again.id)] == [StepStatus.CACHED] * 3


def test_breakpoint_and_post_mortem_work_in_it(here: Session, root: Path) -> None:
    done = command(
        root, "run", f"{FILE}:train", "--in-process", "--no-probe", typed="p factor + 41\nc\n", STOP_HERE="1"
    )
    assert "41.5" in done.stderr
    assert newest(here).status is RunStatus.SUCCEEDED
    done = command(
        root,
        "run",
        f"{FILE}:train",
        "--in-process",
        "--pdb",
        "--no-probe",
        "-p",
        "factor=2",
        typed="p total * 100\nq\n",
    )
    assert "600" in done.stderr
    assert done.returncode == 1
    run = newest(here)
    assert run.status is RunStatus.FAILED
    assert "6 is too much" in (run.error or "")


def test_at_a_terminal_the_debugger_has_it_and_ctrl_c_is_its_own(here: Session, root: Path) -> None:
    arguments = ("run", f"{FILE}:train", "--in-process", "--no-probe")
    code, shown = at_a_terminal(root, *arguments, typed=(b"\x03", b"p factor + 41\n", b"c\n"), STOP_HERE="1")
    assert code == 0, shown
    assert "--KeyboardInterrupt--" in shown
    assert "41.5" in shown
    code, shown = at_a_terminal(
        root, "step", "run", "last", "fit", typed=(b"p factor + 41\n", b"c\n"), STOP_HERE="1"
    )
    assert code == 0, shown
    assert "41.5" in shown
    assert "nothing of it was recorded" in shown


def test_leaving_the_debugger_ends_the_run(here: Session, root: Path) -> None:
    done = command(root, "run", f"{FILE}:train", "--in-process", "--no-probe", typed="q\n", STOP_HERE="1")
    assert done.returncode == 1
    run = newest(here)
    assert run.status is RunStatus.CANCELLED
    steps = here.live().metadata_store.steps(run.id)
    assert [step.status for step in steps] == [
        StepStatus.SUCCEEDED,
        StepStatus.CANCELLED,
        StepStatus.CANCELLED,
    ]


def test_a_run_in_one_process_waits_in_the_queue_and_says_so(
    here: Session, root: Path, tmp_path: Path
) -> None:
    settings = root / "stacktui.yaml"
    settings.write_text(settings.read_text() + "max_runs: 1\n")
    do(here, "run", target=f"{FILE}:patient", param=(f"folder={tmp_path}",), no_probe=True, detach=True)
    wait_for((tmp_path / "began").exists, "the first run to be in its step", 30)
    with going(root, "run", f"{FILE}:train", "--in-process", "--no-probe") as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        assert any("1 of 1 places is taken by run" in line for line in said)
        run = newest(here)
        os.killpg(process.pid, signal.SIGINT)
        store = here.live().metadata_store
        wait_for(lambda: store.run(run.id).status is RunStatus.CANCELLED, "the run to be cancelled", 30)
        process.communicate(timeout=30)
    assert process.returncode == 1


@pytest.mark.parametrize("how", ["ctrl+c", "stop", "the command is ended"])
def test_a_run_in_one_process_can_be_stopped(here: Session, root: Path, tmp_path: Path, how: str) -> None:
    with going(
        root, "run", f"{FILE}:patient", "--in-process", "--no-probe", "-p", f"folder={tmp_path}"
    ) as process:
        wait_for((tmp_path / "began").exists, "the step to begin", 30)
        run = newest(here)
        store = here.live().metadata_store
        if how == "ctrl+c":
            os.killpg(process.pid, signal.SIGINT)
        elif how == "stop":
            store.request(run.id, "stop")
        else:
            process.send_signal(signal.SIGTERM)
        wait_for(lambda: store.run(run.id).status.finished, "the run to end", 30)
        assert store.run(run.id).status is RunStatus.CANCELLED
        assert [step.status for step in store.steps(run.id)] == [StepStatus.CANCELLED]
        output, _ = process.communicate(timeout=30)
    if how != "the command is ended":
        assert process.returncode == 1, output


def test_an_answer_that_nobody_waits_for_any_more_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    answer(write, {"code": 0})
