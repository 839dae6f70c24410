"""From one workspace to another in the same process: the list on `W`, and `:workspace NAME`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stacktui.workspace.scaffold import init_workspace
from tests.terminal.conftest import at_home, command, run_command
from tests.terminal.pseudo import Terminal


@pytest.fixture
def ranking(root: Path) -> Path:
    """A second workspace, that the workbench has opened before."""
    folder = root.parent / "ranking"
    init_workspace(folder)
    (folder / "stacks" / "default.yaml").rename(folder / "stacks" / "main.yaml")
    (folder / "stacktui.yaml").write_text("version: 1\ndefault_stack: main\n")
    with Terminal(command(folder)) as terminal:
        at_home(terminal)
        terminal.press("q")
        assert terminal.wait_exit() == 0
    return folder


def test_the_list_shows_where_one_was_and_goes_there(root: Path, ranking: Path) -> None:
    init_workspace(root.parent / "gone")
    with Terminal(command(root.parent / "gone")) as terminal:
        at_home(terminal)
        terminal.press("q")
        terminal.wait_exit()
    (root.parent / "gone" / "stacktui.yaml").unlink()
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        pid = terminal.process.pid
        terminal.press("W")
        terminal.wait_for("another folder")
        terminal.wait_for("stack main")
        terminal.wait_for("it is not there any more")
        terminal.wait_for("open now · stack default")
        terminal.press("gone", "enter")
        terminal.wait_for("gone: it is not there any more")
        terminal.press("W")
        terminal.wait_for("another folder")
        terminal.press("ranking", "enter")
        terminal.wait_for("ranking › home")
        at_home(terminal)
        terminal.wait_for("main")
        # Keys, files and views are those of the other workspace now, in the same process.
        terminal.press("s")
        terminal.wait_for("› stacks")
        (ranking / "stacks" / "nightly.yaml").write_text("extends: main\n")
        terminal.wait_for("nightly")
        assert terminal.process.pid == pid
        assert terminal.process.poll() is None
        terminal.press("q")
        assert terminal.wait_exit() == 0
    listed = json.loads(run_command(root, "workspace", "list", "--json").stdout)
    assert [row["name"] for row in listed["workspaces"]] == ["ranking", "vision", "gone"]
    assert (listed["workspaces"][1]["current"], listed["workspaces"][2]["exists"]) == (True, False)


def test_by_name_and_by_path_there_and_back(root: Path, ranking: Path) -> None:
    with Terminal(command(root, "--readonly")) as terminal:
        at_home(terminal)
        before = terminal.modes
        terminal.press(":", "workspace ranking", "enter")
        terminal.wait_for("ranking › home")
        at_home(terminal)
        # What was asked for at the start holds for the other one too.
        terminal.wait_for("READ-ONLY")
        terminal.press(":", f"workspace {root / 'stacks'}", "enter")
        terminal.wait_for("vision › home")
        at_home(terminal)
        assert terminal.modes == before
        terminal.press(":", "workspace vision", "enter")
        terminal.wait_for("is open already")
        terminal.press(":", "workspace rankin", "enter")
        terminal.wait_for("there is no workspace at")
        terminal.wait_for("'ranking'?")
        terminal.press("q")
        assert terminal.wait_exit() == 0


def test_a_stack_that_is_edited_is_asked_about_first(root: Path, ranking: Path) -> None:
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press("s")
        terminal.wait_for("› stacks")
        terminal.settle()
        terminal.press("e")
        terminal.wait_for("builder default")
        terminal.settle()
        terminal.press("-")
        terminal.wait_for("orchestrator")
        terminal.settle()
        terminal.press(":", "workspace ranking", "enter")
        terminal.wait_for("Throw away your changes to stack default?")
        terminal.press("esc")
        terminal.wait_gone("Throw away")
        terminal.wait_for("builder default")
        terminal.press(":", "workspace ranking", "enter")
        terminal.wait_for("Throw away your changes to stack default?")
        terminal.press("enter")
        terminal.wait_for("ranking › home")
        terminal.press("q")
        assert terminal.wait_exit() == 0
    assert "orchestrator: local" in (root / "stacks" / "default.yaml").read_text()


def test_a_run_goes_on_while_one_is_elsewhere(root: Path, ranking: Path) -> None:
    go = root / "go"
    (root / "pipelines" / "slow.py").write_text(
        "import time\nfrom pathlib import Path\nfrom stacktui import pipeline, step\n\n"
        "@step\ndef waits(file: str) -> int:\n    while not Path(file).exists():\n        time.sleep(0.02)\n    return 1\n\n"
        "@pipeline\ndef slow(file: str):\n    waits(file)\n"
    )
    words = ("run", "pipelines/slow.py:slow", "-p", f"file={go}", "--detach", "--json")
    run_id = json.loads(run_command(root, *words).stdout)["run_id"]
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press(":", "workspace ranking", "enter")
        terminal.wait_for("ranking › home")
        at_home(terminal)
        go.touch()
        assert run_command(root, "runs", "wait", run_id, "--timeout", "60").returncode == 0
        terminal.press(":", "workspace vision", "enter")
        terminal.wait_for("vision › home")
        terminal.press("r")
        terminal.wait_for("succeeded")
        terminal.press("q")
        assert terminal.wait_exit() == 0


def test_a_path_that_is_none_and_a_link_to_one(root: Path, ranking: Path) -> None:
    (root.parent / "link").symlink_to(ranking)
    with Terminal(command(root)) as terminal:
        at_home(terminal)
        terminal.press(":", f"workspace {root.parent / 'nothing'}", "enter")
        terminal.wait_for("there is no workspace at")
        terminal.press(":", f"workspace {root.parent / 'link'}", "enter")
        terminal.wait_for("ranking › home")
        terminal.press("q")
        assert terminal.wait_exit() == 0
