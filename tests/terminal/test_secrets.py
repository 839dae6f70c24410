"""Secrets at a real terminal: what is typed or pasted is never shown, what is revealed goes away again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.terminal.conftest import at_home, command, run_command
from tests.terminal.pseudo import Terminal

VALUE = "correct-horse-battery"
PEM = "-----BEGIN KEY-----\nabcdefghijkl\n-----END KEY-----"


def kept(root: Path, name: str, key: str) -> str:
    """What is kept under a key now, with the end of line that a pipe gets."""
    return run_command(root, "secret", "reveal", name, key).stdout


def paste(text: str) -> bytes:
    """A paste, as a terminal marks it."""
    return b"\x1b[200~" + text.replace("\n", "\r").encode() + b"\x1b[201~"


def test_what_is_typed_is_not_shown_and_is_no_argument(root: Path) -> None:
    with Terminal(command(root, "secret", "set", "aws", "region")) as terminal:
        terminal.wait_for("The value:")
        terminal.send(b"wrong\x15" + VALUE[:-1].encode() + b"xx\x7f\x7f")
        # An arrow key is no text either.
        terminal.send(b"\x1b[D" + VALUE[-1].encode())
        arguments = Path(f"/proc/{terminal.process.pid}/cmdline").read_bytes()
        terminal.press("enter")
        assert terminal.wait_exit() == 0
        assert "set aws.region in local" in terminal.text
        assert VALUE.encode() not in bytes(terminal.output) + arguments
        # Marks of pastes are asked for and given up again.
        assert terminal.output.rindex(b"\x1b[?2004h") < terminal.output.rindex(b"\x1b[?2004l")
        assert "echo" not in re.sub(r"\s", "", terminal.text)
    assert kept(root, "aws", "region") == f"{VALUE}\n"


def test_a_paste_of_several_lines_is_one_value(root: Path) -> None:
    with Terminal(command(root, "secret", "set", "ssh", "private")) as terminal:
        terminal.wait_for("The value:")
        # In pieces, as a slow link brings it.
        whole = paste(PEM + "\n")
        for place in range(0, len(whole), 9):
            terminal.send(whole[place : place + 9])
        terminal.press("enter")
        assert terminal.wait_exit() == 0
        assert b"abcdefghijkl" not in terminal.output
    assert kept(root, "ssh", "private") == f"{PEM}\n"


def test_several_lines_from_a_terminal_that_marks_no_pastes_set_nothing(root: Path) -> None:
    with Terminal(command(root, "secret", "set", "ssh", "private")) as terminal:
        terminal.wait_for("The value:")
        terminal.send(PEM.replace("\n", "\r").encode())
        assert terminal.wait_exit() == 2
        assert "several lines came at once, and nothing was set" in " ".join(terminal.text.split())
        assert b"abcdefghijkl" not in terminal.output
    assert run_command(root, "secret", "list").stdout == ""


def test_ctrl_c_and_an_end_set_nothing_and_leave_the_terminal_as_it_was(root: Path) -> None:
    for key, code in (("ctrl+c", 130), ("ctrl+d", 2)):
        with Terminal(command(root, "secret", "set", "aws", "region")) as terminal:
            before = terminal.modes
            terminal.wait_for("The value:")
            assert terminal.modes != before
            terminal.press(key)
            assert terminal.wait_exit() == code
            assert terminal.modes == before
    assert run_command(root, "secret", "list").stdout == ""


def test_reveal_at_a_terminal_says_that_the_value_stays_there(root: Path) -> None:
    with Terminal(command(root, "secret", "set", "ssh", "private")) as terminal:
        terminal.wait_for("The value:")
        terminal.send(paste(PEM) + b"\r")
        assert terminal.wait_exit() == 0
    with Terminal(command(root, "secret", "reveal", "ssh", "private"), columns=200) as terminal:
        assert terminal.wait_exit() == 0
        assert terminal.text.splitlines()[:3] == PEM.splitlines()
        assert "stays on the screen" in terminal.text


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 36)])
def test_the_workbench_takes_a_paste_unseen_and_reveals_it_for_a_while(
    root: Path, home: Path, columns: int, rows: int
) -> None:
    with Terminal(command(root), columns=columns, rows=rows) as terminal:
        at_home(terminal)
        terminal.press("5")
        terminal.wait_for("No secrets yet")
        terminal.press("enter", "a")
        terminal.wait_for("add a secret")
        terminal.press("ssh.private", "enter")
        terminal.wait_for("value of ssh.private")
        terminal.send(paste(PEM))
        terminal.wait_for("•••")
        terminal.press("enter")
        terminal.wait_for(re.compile(r"ssh\.private +••••••••"))
        terminal.settle()
        assert b"abcdefghijkl" not in terminal.output
        terminal.press("v")
        terminal.wait_for("abcdefghijkl")
        # It goes by itself.
        terminal.wait_gone("abcdefghijkl")
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert "abcdefghijkl" not in terminal.text
    assert kept(root, "ssh", "private") == f"{PEM}\n"
    for place in (root, home):
        for file in place.rglob("*"):
            if file.is_file():
                assert b"abcdefghijkl" not in file.read_bytes(), file
    assert (root / ".stacktui" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    actions = [line.split()[3] for line in run_command(root, "audit", "list").stdout.splitlines()[1:]]
    assert actions == ["revealed", "revealed", "set"]


_FAILS_WITH_THE_VALUE_AT_HAND = """
import pathlib, sys
from stacktui.operations.session import Session
from stacktui.tui.dialogs.simple import PromptDialog
from stacktui.tui.start import run_workbench
before = PromptDialog.finish
def finish(self, value):
    if "-" in value:
        raise RuntimeError(value)
    before(self, value)
PromptDialog.finish = finish
with Session(pathlib.Path(sys.argv[1]), face="workbench") as session:
    sys.exit(run_workbench(session))
"""


def test_a_crash_while_a_value_is_typed_tells_nobody(root: Path, home: Path) -> None:
    with Terminal([sys.executable, "-c", _FAILS_WITH_THE_VALUE_AT_HAND, str(root)]) as terminal:
        at_home(terminal)
        terminal.press("5")
        terminal.wait_for("No secrets yet")
        terminal.press("enter", "a")
        terminal.wait_for("add a secret")
        terminal.press("aws.region", "enter")
        terminal.wait_for("value of aws.region")
        terminal.send(VALUE.encode())
        terminal.wait_for("•••")
        terminal.press("enter")
        assert terminal.wait_exit() == 1
        assert b"the workbench failed (RuntimeError)" in terminal.output
        assert VALUE.encode() not in terminal.output
    (report,) = (root / ".stacktui" / "crashes").iterdir()
    assert "in finish" in report.read_text()
    for place in (root, home):
        for file in place.rglob("*"):
            if file.is_file():
                assert VALUE.encode() not in file.read_bytes(), file
