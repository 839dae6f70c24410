"""The real program, as a process, from an empty folder to artifacts; and how it ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "stacktui"]
SLOW = """
import time
from stacktui import pipeline, step


@step(cache=False)
def wait() -> int:
    print("waiting", flush=True)
    time.sleep(60)
    return 1


@step
def broken() -> int:
    return deeper({})


def deeper(mapping):
    return mapping["nothing"]


@pipeline
def slow():
    wait()


@pipeline
def fails():
    broken()
"""


def run(root: Path, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "-C", str(root), *words],
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        timeout=90,
    )


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.05)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "team"
    made = subprocess.run([*PROGRAM, "init", str(folder)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder


def status(root: Path, run_id: str) -> str:
    found: str = json.loads(run(root, "runs", "show", run_id, "--json").stdout)["status"]
    return found


def test_from_an_empty_folder_to_artifacts(root: Path) -> None:
    assert len(json.loads(run(root, "component", "list", "--json").stdout)["components"]) == 10
    valid = run(root, "stack", "validate")
    assert (valid.returncode, valid.stderr) == (0, "")
    ran = run(root, "run", "pipelines/hello.py:hello", "-p", "name=there")
    assert ran.returncode == 0, ran.stderr
    assert "Hello there" in ran.stdout
    assert "✓ succeeded" in ran.stdout
    listed = run(root, "runs", "list")
    assert "✓ succeeded" in listed.stdout
    run_id = json.loads(run(root, "runs", "list", "--json").stdout)["runs"][0]["id"]
    assert "report" in run(root, "runs", "show", run_id).stdout
    assert "Hello there" in run(root, "runs", "logs", run_id).stdout
    assert "Hello there" in run(root, "runs", "logs", run_id, "report", "--raw").stdout
    assert "hello/report" in run(root, "artifact", "list").stdout
    again = run(root, "init", ".")
    assert (again.returncode, "already" in again.stdout) == (0, True)


def test_a_failed_run_is_exit_code_1_and_shows_the_users_frames_only(root: Path) -> None:
    (root / "pipelines" / "slow.py").write_text(SLOW)
    ran = run(root, "run", "fails")
    assert ran.returncode == 1
    assert "KeyError" in ran.stdout
    run_id = json.loads(run(root, "runs", "list", "--json").stdout)["runs"][0]["id"]
    shown = run(root, "runs", "show", run_id).stdout
    assert "in deeper" in shown
    assert "site-packages" not in shown
    assert "stacktui/pipelines" not in shown


def test_a_pipeline_that_does_not_import_shows_the_users_frames_only(root: Path) -> None:
    (root / "pipelines" / "torn.py").write_text(
        "from stacktui import pipeline\n\ndef boom():\n    raise RuntimeError('at import')\n\nboom()\n\n"
        "@pipeline\ndef torn():\n    pass\n"
    )
    ran = run(root, "run", "pipelines/torn.py:torn")
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "in boom" in ran.stderr
    assert "site-packages" not in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("stacktui: ")
    assert "at import" in ran.stderr.splitlines()[-1]


def _hears_signals() -> None:
    """As a shell in the foreground starts a program; in the background, or under nohup, it would be deaf."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_and_sigterm_ask_the_run_to_stop_and_show_how_it_ends(root: Path, name: str) -> None:
    (root / "pipelines" / "slow.py").write_text(SLOW)
    viewer = subprocess.Popen(
        [*PROGRAM, "-C", str(root), "run", "slow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_signals,  # noqa: PLW1509 - nothing else runs in the child before
    )
    assert viewer.stdout is not None
    for line in viewer.stdout:
        if '"waiting"' in line:
            break
    viewer.send_signal(getattr(signal, name))
    rest = [json.loads(line) for line in viewer.stdout]
    assert viewer.wait(30) == 1
    assert "stop_requested" in [each["event"] for each in rest]
    assert (rest[-1]["event"], rest[-1]["status"]) == ("run_finished", "cancelled")
    assert status(root, rest[-1]["run_id"]) == "cancelled"


def test_a_hangup_leaves_the_run_running(root: Path) -> None:
    (root / "pipelines" / "slow.py").write_text(SLOW)
    viewer = subprocess.Popen(
        [*PROGRAM, "-C", str(root), "run", "slow", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_hears_signals,  # noqa: PLW1509 - nothing else runs in the child before
    )
    assert viewer.stdout is not None
    for line in viewer.stdout:
        if '"waiting"' in line:
            break
    run_id = json.loads(line)["run_id"]
    viewer.send_signal(signal.SIGHUP)
    rest = [json.loads(line) for line in viewer.stdout]
    assert viewer.wait(30) == 0
    assert [each["event"] for each in rest] == ["left_running"]
    assert status(root, run_id) == "running"
    assert run(root, "runs", "stop", run_id).returncode == 0
    until(lambda: status(root, run_id) == "cancelled", "the run to be cancelled")
    followed = run(root, "runs", "logs", run_id, "-f", "--json")
    assert [json.loads(line)["text"] for line in followed.stdout.splitlines()] == ["waiting"]


def test_detached_runs_answer_with_their_id(root: Path) -> None:
    answer = run(root, "run", "hello", "--detach", "--json")
    document = json.loads(answer.stdout)
    assert set(document) == {"version", "run_id"}
    until(lambda: status(root, document["run_id"]) == "succeeded", "the run to succeed")


def test_a_secret_comes_from_standard_input_and_is_no_argument(
    root: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    assert run(root, "secret", "set", "aws", "key", stdin="hunter2hunter2\n").returncode == 0
    assert "hunter2" not in run(root, "secret", "list").stdout
    assert run(root, "secret", "reveal", "aws", "key").stdout == "hunter2hunter2\n"
    assert run(root, "secret", "set", "aws", "key", stdin="").returncode == 2
    assert run(root, "secret", "set", "aws", "key", "value").returncode == 2


def test_a_run_file_gives_what_the_command_line_leaves_open(root: Path) -> None:
    config = root / "run.yaml"
    config.write_text("params: {name: file, count: 5}\nlabels: {who: ci}\nname: nightly\n")
    ran = run(root, "run", "hello", "--config", str(config), "-p", "name=line", "--json")
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(run(root, "runs", "list", "--json").stdout)["runs"][0]
    assert shown["params"] == {"name": "line", "count": 5}
    assert (shown["name"], shown["labels"]) == ("nightly", {"who": "ci"})
    config.write_text("params: {}\nparam: {}\n")
    refused = run(root, "run", "hello", "--config", str(config))
    assert refused.returncode == 2
    assert "run.yaml:2: there is no key 'param'; did you mean 'params'?" in refused.stderr


ASKS = """
from stacktui import context, pipeline, step


@step(cache=False)
def ask() -> str:
    answer = context().alerter.ask("ship it?", choices=("yes", "no"), timeout=60)
    print("they said", answer)
    return answer


@pipeline
def asks():
    ask()
"""


def test_a_question_of_a_step_is_answered_from_the_command_line(root: Path) -> None:
    (root / "pipelines" / "asks.py").write_text(ASKS)
    viewer = subprocess.Popen(
        [*PROGRAM, "-C", str(root), "run", "asks", "--json"], stdout=subprocess.PIPE, text=True
    )
    assert viewer.stdout is not None
    asked = next(event for event in map(json.loads, viewer.stdout) if event["event"] == "question")
    assert (asked["text"], asked["data"]["choices"]) == ("ship it?", ["yes", "no"])
    (pending,) = json.loads(run(root, "alert", "list", "--pending", "--json").stdout)["alerts"]
    assert pending["id"] == asked["data"]["id"]
    wrong = run(root, "alert", "answer", pending["id"], "yse")
    assert (wrong.returncode, "did you mean 'yes'?" in wrong.stderr) == (2, True)
    assert run(root, "alert", "answer", pending["id"][:20], "yes").returncode == 0
    rest = [json.loads(line) for line in viewer.stdout]
    assert viewer.wait(30) == 0
    assert "they said yes" in [event.get("text") for event in rest]
    late = run(root, "alert", "answer", pending["id"], "no")
    assert (late.returncode, "answered 'yes'" in late.stderr) == (1, True)


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}])
def test_without_a_terminal_the_workbench_names_a_command(root: Path, environment: dict[str, str]) -> None:
    result = subprocess.run(
        [*PROGRAM, "-C", str(root)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stdout == ""
    assert "stacktui stack list" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (
            ["stack", "list"],
            ["textual", "rich", "numpy", "pandas", "duckdb", "cryptography", "sqlite_utils", "ruamel"],
        ),
        (
            ["runs", "list"],
            ["textual", "rich", "numpy", "pandas", "duckdb", "cryptography", "sqlite_utils", "ruamel"],
        ),
        (["--version"], ["pydantic", "yaml", "sqlite3", "textual", "rich"]),
        (["--help"], ["pydantic", "yaml", "sqlite3", "textual", "rich"]),
    ],
    ids=["stack list", "runs list", "version", "help"],
)
def test_a_command_imports_what_it_needs(root: Path, words: list[str], never: list[str]) -> None:
    code = (
        "import sys, io\n"
        "from stacktui.cli.main import main\n"
        f"main(['-C', {str(root)!r}, *{words!r}])\n"
        "print('\\n' + ','.join(sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.splitlines()[-1].split(","))
    assert not loaded & set(never)
    others = {name for name in loaded if name.startswith("stacktui.operations.")}
    never_here = ("image", "model", "alert", "run", "runs_again", "runs_marks", "runs_compare")
    assert not {f"stacktui.operations.{name}" for name in never_here} & others


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("stacktui stack use ", 3, ["default"]),
        ("stacktui stack v", 2, ["validate"]),
        ("stacktui component show alerter ", 4, ["inbox"]),
        ("stacktui run ", 2, ["pipelines/hello.py:hello"]),
        ("stacktui component list art", 3, ["artifact_store"]),
    ],
)
def test_the_shell_completes_names(root: Path, words: str, place: int, expected: list[str]) -> None:
    result = subprocess.run(
        PROGRAM, capture_output=True, text=True, check=False, cwd=root,
        env={
            **os.environ, "COMP_WORDS": words, "COMP_CWORD": str(place), "_STACKTUI_COMPLETE": "bash_complete",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
    )  # fmt: skip
    assert [line.partition(",")[2] for line in result.stdout.splitlines()] == expected, result.stderr
