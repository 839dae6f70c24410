"""`stacktui run` at a terminal: the tree, the ways to stop and to leave, and a terminal that is as it was found."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.conftest import command, run_command
from tests.terminal.pseudo import Terminal
from tests.terminal.sequences import colours, taken_apart

FLOW = """
import signal, time
from pathlib import Path
from stacktui import pipeline, step

GATE = Path({gate!r})


@step(cache=False)
def load() -> int:
    print("loaded [red]all[/red] \\x07of \\u202eit")
    return 1


@step(cache=False)
def wait(value: int) -> int:
    print("it waits")
    while not GATE.exists():
        time.sleep(0.02)
    return value


@step(cache=False)
def stubborn(value: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("it waits")
    while True:
        time.sleep(1)


@step(retries=1, retry_delay=0.1)
def broken(value: int) -> int:
    return deeper({{}})


def deeper(found):
    return found["nothing"]


@step(cache=False)
def one(number: int) -> int:
    return number


@pipeline
def waits():
    wait(load())


@pipeline
def hard():
    stubborn(load())


@pipeline
def fails():
    broken(load())


@pipeline
def many():
    values = [one(number) for number in range(40)]
    wait.named("last")(load())
"""


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that the step `wait` waits for. Behind a test that fails the run goes on too, and ends."""
    file = tmp_path / "gate"
    yield file
    file.touch()


@pytest.fixture
def flows(root: Path, gate: Path) -> Path:
    (root / "pipelines" / "flows.py").write_text(FLOW.format(gate=str(gate)))
    return root


def newest(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_command(root, "runs", "show", "last", "--json").stdout)
    return found


def ended(root: Path, limit_s: float = 30) -> str:
    """How the newest run ended."""
    deadline = time.monotonic() + limit_s
    while (status := newest(root)["status"]) in ("queued", "running"):
        assert time.monotonic() < deadline, "it never ends"
        time.sleep(0.1)
    return str(status)


def left(terminal: Terminal, before: list[object]) -> int:
    """The exit code, of a program that leaves the terminal as it found it."""
    code = terminal.wait_exit(30)
    assert terminal.modes == before
    assert not taken_apart(bytes(terminal.output)).strangers
    return code


def test_the_tree_is_drawn_in_place_and_a_summary_stays(flows: Path, gate: Path) -> None:
    with Terminal(command(flows, "run", "waits"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for("wait │ it waits")
        terminal.wait_for(re.compile(r"● wait +running"))
        assert "load │ loaded [red]all[/red] ␇of \ufffdit" in terminal.text
        assert re.search(r"✓ load +succeeded", terminal.text)
        assert "ctrl+c stops it, ctrl+d leaves it running" in terminal.text
        assert terminal.text.count("● running") == 1
        assert terminal.modes != before, "the echo is off while it looks on"
        gate.touch()
        assert left(terminal, before) == 0
        shown = terminal.text
        assert "✓ succeeded  waits-" in shown
        assert "2 succeeded" in shown
        assert "● running" not in shown, "the tree is gone"
        assert f"more  stacktui runs show {newest(flows)['id'][:13]}" in shown


def test_a_failure_is_told_with_its_frames_and_what_to_do(flows: Path) -> None:
    with Terminal(command(flows, "run", "fails"), columns=100, rows=30) as terminal:
        before = terminal.modes
        assert left(terminal, before) == 1
        shown = terminal.text
    assert re.search(r"✗ broken \(attempt 2\): KeyError", shown)
    assert "in deeper" in shown
    run = newest(flows)["id"][:13]
    assert f"stacktui runs logs {run} broken" in shown
    assert f"stacktui runs resume {run}" in shown


@pytest.mark.parametrize("how", ["ctrl+c", "SIGTERM"])
def test_ctrl_c_and_sigterm_stop_the_run(flows: Path, how: str) -> None:
    with Terminal(command(flows, "run", "waits"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for("wait │ it waits")
        if how == "ctrl+c":
            terminal.press("ctrl+c")
        else:
            os.kill(terminal.process.pid, signal.SIGTERM)
        assert left(terminal, before) == 1
        assert "asked the run to stop" in terminal.text
        assert "■ cancelled  waits-" in terminal.text
    assert ended(flows) == "cancelled"


def test_a_stopped_run_is_resumed_and_looked_at(flows: Path, gate: Path) -> None:
    with Terminal(command(flows, "run", "waits"), columns=100, rows=30) as terminal:
        terminal.wait_for("wait │ it waits")
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == 1
    with Terminal(command(flows, "runs", "resume", "last"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for("wait │ it waits")
        terminal.wait_for(re.compile(r"● wait +running .* attempt 2"))
        assert re.search(r"✓ load +succeeded", terminal.text), "what is done is not run again"
        assert "load │" not in terminal.text
        gate.touch()
        assert left(terminal, before) == 0
        assert "2 succeeded" in terminal.text


def test_a_second_ctrl_c_stops_looking_on_and_says_how_to_come_back(flows: Path) -> None:
    with Terminal(command(flows, "run", "hard"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for("stubborn │ it waits")
        terminal.press("ctrl+c")
        terminal.wait_for("asked the run to stop")
        terminal.press("ctrl+c")
        terminal.wait_for("it stops by itself")
        # One more comes when there is little left to do but to end.
        terminal.press("ctrl+c")
        assert left(terminal, before) in (130, -signal.SIGINT)
        assert f"stacktui runs logs -f {newest(flows)['id'][:13]}" in terminal.text
    assert ended(flows) in ("cancelled", "failed")


def test_ctrl_d_leaves_the_run_running(flows: Path, gate: Path) -> None:
    with Terminal(command(flows, "run", "waits"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for("wait │ it waits")
        terminal.press("ctrl+d")
        assert left(terminal, before) == 0
        run = newest(flows)
        assert f"left running; follow: stacktui runs logs -f {run['id'][:13]}" in terminal.text
        assert run["status"] == "running"
    gate.touch()
    assert ended(flows) == "succeeded"


@pytest.mark.parametrize("trap", ["", "trap '' HUP; "], ids=["SIGHUP", "SIGHUP ignored"])
def test_a_terminal_that_goes_away_leaves_the_run_running(flows: Path, gate: Path, trap: str) -> None:
    shell = ["sh", "-c", f"{trap}exec {shlex.join(command(flows, 'run', 'waits'))}"]
    with Terminal(shell, columns=100, rows=30) as terminal:
        terminal.wait_for("wait │ it waits")
        terminal.hang_up()
        assert terminal.process.wait(20) == 0
    assert newest(flows)["status"] == "running"
    gate.touch()
    assert ended(flows) == "succeeded"


def test_it_can_be_suspended_and_goes_on(flows: Path, gate: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], columns=100, rows=30) as terminal:
        terminal.press(shlex.join(command(flows, "run", "waits")), "enter")
        terminal.wait_for(re.compile(r"● wait +running"))
        terminal.press("ctrl+z")
        terminal.wait_for("Stopped")
        terminal.press("clear; stty -a; echo stopped $?", "enter")
        terminal.wait_for("stopped 0")
        assert re.search(r" icanon.* echo ", terminal.text, re.DOTALL)
        terminal.press("clear; fg", "enter")
        terminal.wait_gone("stopped 0")
        terminal.wait_for(re.compile(r"● wait +running"))
        terminal.press("ctrl+d")
        terminal.wait_for("left running")
        terminal.press("clear; stty -a; echo ended $?", "enter")
        terminal.wait_for("ended 0")
        assert re.search(r" icanon.* echo ", terminal.text, re.DOTALL)
        gate.touch()
        terminal.press("exit", "enter")
        terminal.wait_exit()
    assert ended(flows) == "succeeded"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12), (100, 6)])
def test_many_steps_are_folded_into_counts(flows: Path, gate: Path, columns: int, rows: int) -> None:
    with Terminal(command(flows, "run", "many"), columns=columns, rows=rows) as terminal:
        before = terminal.modes
        terminal.wait_for("41 of 42 steps")
        terminal.wait_for(re.compile(r"● last +run"))
        assert re.search(r"✓ \d+ (more )?succeeded", terminal.text) or rows < 8
        gate.touch()
        assert left(terminal, before) == 0
        assert "42 succeeded" in terminal.text


def test_it_follows_the_size_of_its_terminal(flows: Path, gate: Path) -> None:
    with Terminal(command(flows, "run", "waits"), columns=100, rows=30) as terminal:
        before = terminal.modes
        terminal.wait_for(re.compile(r"● wait +running"))
        for columns, rows in ((60, 20), (120, 12), (100, 30)):
            terminal.resize(columns, rows)
            sent = len(terminal.output)
            terminal.wait_until(lambda sent=sent: b"of 2 steps" in terminal.output[sent:], "drawn anew")  # type: ignore[misc]
            terminal.settle(0.3)
            assert terminal.text.count("of 2 steps") == 1, terminal.text
        gate.touch()
        assert left(terminal, before) == 0


def test_no_color_is_no_colour_and_a_dumb_terminal_gets_lines(flows: Path, gate: Path) -> None:
    gate.touch()
    with Terminal(command(flows, "run", "waits"), environment={"NO_COLOR": "1"}) as terminal:
        assert terminal.wait_exit() == 0
        assert not colours(bytes(terminal.output))
        assert b"of 2 steps" in terminal.output
    with Terminal(command(flows, "run", "waits"), environment={"TERM": "dumb"}) as terminal:
        assert terminal.wait_exit() == 0
        assert b"\x1b" not in terminal.output
        assert "✓ succeeded  wait" in terminal.text


def test_json_is_the_same_at_a_terminal(flows: Path, gate: Path) -> None:
    gate.touch()
    with Terminal(command(flows, "run", "waits", "--json"), columns=400) as terminal:
        assert terminal.wait_exit() == 0
        lines = [json.loads(line) for line in terminal.output.decode().splitlines()]
    assert (lines[0]["event"], lines[-1]["event"]) == ("run_created", "run_finished")


def test_data_in_a_file_leaves_the_tree_on_the_terminal(flows: Path, gate: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    shell = ["sh", "-c", f"exec {shlex.join(command(flows, 'run', 'waits'))} > {kept}"]
    with Terminal(shell, columns=100, rows=30) as terminal:
        terminal.wait_for(re.compile(r"● wait +running"))
        assert "it waits" in kept.read_text()
        gate.touch()
        assert terminal.wait_exit() == 0
    assert "\x1b" not in kept.read_text()
    assert "✓ succeeded  waits-" in kept.read_text()
