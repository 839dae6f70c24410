"""What changes outside comes to the screen of the real program: saved files, and a run that somebody else started."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.conftest import at_home, command, run_command
from tests.terminal.pseudo import Terminal


def in_place(file: Path, text: str) -> None:
    """As an editor that writes into the file that is there."""
    with file.open("r+") as out:
        out.truncate()
        out.write(text)


def by_renaming(file: Path, text: str) -> None:
    """As an editor that writes another file and puts it in the place of the old one."""
    beside = file.with_name(f".{file.name}.swp")
    beside.write_text(text)
    beside.rename(file)


def with_a_backup(file: Path, text: str) -> None:
    """As an editor that first moves the old file away."""
    file.rename(file.with_name(f"{file.name}~"))
    file.write_text(text)


def piece_by_piece(file: Path, text: str) -> None:
    """As a slow disk: the file is empty for a while, then holds half of it."""
    with file.open("w") as out:
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            out.flush()
            os.fsync(out.fileno())
            out.write(piece)


def through_a_link(file: Path, text: str) -> None:
    """As where the file in the folder only points to the one that is edited."""
    real = file.parents[2] / "elsewhere.yaml"
    real.write_text(text)
    if not file.is_symlink():
        file.unlink()
        file.symlink_to(real)


@pytest.mark.parametrize("save", [in_place, by_renaming, with_a_backup, piece_by_piece, through_a_link])
def test_a_saved_file_changes_the_screen(root: Path, save: Callable[[Path, str], None]) -> None:
    file = root / "components/artifact_store/local.yaml"
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press("2")
        terminal.wait_for("a folder on this host")
        for round_ in range(3):
            save(file, f"flavor: local\ndescription: the bucket of round {round_}\n")
            terminal.wait_for(f"the bucket of round {round_}")
        save(file, "flavor: lokal\n")
        terminal.press("p")
        terminal.wait_for("did you mean")
        save(file, "flavor: local\n")
        terminal.wait_gone("did you mean")


def test_a_file_that_comes_and_goes(root: Path) -> None:
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press("6")
        terminal.wait_for("› step operators")
        new = root / "components/step_operator/gpu-box.yaml"
        new.write_text("flavor: subprocess\n")
        terminal.wait_for("gpu-box")
        new.unlink()
        terminal.wait_gone("gpu-box")


def git(root: Path, *arguments: str) -> None:
    """Run git in the workspace, as a person whose settings do not matter."""
    mine = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *mine, *arguments], cwd=root, env=environment, check=True, capture_output=True)


def test_another_branch_changes_everything_at_once(root: Path) -> None:
    git(root, "init", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-m", "one")
    git(root, "switch", "-c", "other")
    file = root / "components/artifact_store/local.yaml"
    file.write_text("flavor: local\ndescription: of the other branch\n")
    (root / "components/artifact_store/second.yaml").write_text("flavor: local\n")
    (root / "components/alerter/inbox.yaml").unlink()
    git(root, "add", "--all")
    git(root, "commit", "-m", "two")
    git(root, "switch", "main")
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press("2")
        terminal.wait_for("a folder on this host")
        git(root, "switch", "other")
        terminal.wait_for("of the other branch")
        terminal.wait_for("second")
        terminal.press("0")
        terminal.wait_gone("a folder on this host")
        git(root, "switch", "main")
        terminal.wait_for("inbox")
        terminal.press("2")
        terminal.wait_for("a folder on this host")
        terminal.wait_gone("second")


def test_a_folder_that_vanishes_and_returns(root: Path) -> None:
    folder, away = root / "components", root / "away"
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press("2")
        terminal.wait_for("a folder on this host")
        folder.rename(away)
        terminal.wait_gone("a folder on this host")
        away.rename(folder)
        terminal.wait_for("a folder on this host")


WAITING = '''"""A pipeline that waits for a file."""

import time
from pathlib import Path

from stacktui import pipeline, step


@step(cache=False)
def wait(gate: str) -> int:
    until = time.monotonic() + 60
    while not Path(gate).exists() and time.monotonic() < until:
        time.sleep(0.01)
    return 1


@pipeline
def waiting(gate: str) -> None:
    wait(gate)
'''


def test_a_run_that_somebody_else_started_appears_and_finishes(root: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (root / "pipelines/waiting.py").write_text(WAITING)
    try:
        with Terminal(command(root)) as terminal:
            at_home(terminal)
            assert "Nothing runs." in terminal.text
            target = "pipelines/waiting.py:waiting"
            done = run_command(
                root, "run", target, "-p", f"gate={gate}", "--name", "night-shift", "--detach", "--json"
            )
            assert done.returncode == 0, done.stderr
            run_id = json.loads(done.stdout)["run_id"]
            terminal.wait_for("● night-shift")
            terminal.press("r")
            terminal.wait_for(re.compile(r"● running +night-shift"))
            terminal.press("enter")
            terminal.wait_for(re.compile(r"runs › .*night-shift"))
            terminal.wait_for(re.compile(r"● (running )?.*wait|wait.*● running"))
            gate.touch()
            terminal.wait_for("succeeded")
            terminal.press("h")
            terminal.wait_for(re.compile(r"night-shift +✓ succeeded"))
            terminal.wait_for("Nothing runs.")
            terminal.press("q")
            assert terminal.wait_exit() == 0
        shown = json.loads(run_command(root, "runs", "show", run_id, "--json").stdout)
        assert shown["status"] == "succeeded"
    finally:
        gate.touch()


def test_a_run_outlives_the_screen(root: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (root / "pipelines/waiting.py").write_text(WAITING)
    try:
        with Terminal(command(root)) as terminal:
            at_home(terminal)
            terminal.press(":")
            terminal.wait_for("go to home")
            terminal.press(f"run pipelines/waiting.py:waiting -p gate={gate} --name left-alone", "enter")
            # It is followed at once; home has it among what runs now.
            terminal.wait_for("› left-alone")
            terminal.press("h")
            terminal.wait_for("● left-alone")
            terminal.hang_up()
            terminal.process.wait(10)
        listed = json.loads(run_command(root, "runs", "list", "--json").stdout)["runs"]
        assert [(run["name"], run["status"]) for run in listed] == [("left-alone", "running")]
        gate.touch()
        followed = run_command(root, "runs", "logs", listed[0]["id"], "-f")
        assert followed.returncode == 0, followed.stderr
        ended = json.loads(run_command(root, "runs", "show", listed[0]["id"], "--json").stdout)
        assert ended["status"] == "succeeded"
    finally:
        gate.touch()
