"""A terminal that goes away ends the program, whatever its parent did to SIGHUP."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest

from tests.terminal.conftest import at_home, command
from tests.terminal.pseudo import Terminal

LIMIT_S = 20.0
"""Far above the second that it takes, for a loaded machine; without an end the process would run for ever."""


def ended(terminal: Terminal) -> bool:
    """Whether the program ends within the limit."""
    end = time.monotonic() + LIMIT_S
    while terminal.process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return terminal.process.poll() is not None


@pytest.mark.parametrize("trap", ["", "trap '' HUP; "], ids=["SIGHUP", "SIGHUP ignored"])
@pytest.mark.parametrize("where", ["home", "a dialog", "another screen"])
def test_a_terminal_that_is_gone_ends_the_program(root: Path, trap: str, where: str) -> None:
    shell = ["sh", "-c", f"{trap}exec {shlex.join(command(root))}"]
    with Terminal(shell) as terminal:
        at_home(terminal)
        if where == "a dialog":
            terminal.press("?")
            terminal.wait_for("Leave; runs go on.")
        elif where == "another screen":
            terminal.press("r")
            terminal.wait_for("› runs")
        terminal.hang_up()
        assert ended(terminal), "it goes on without a terminal"


def test_it_ends_while_it_still_starts(root: Path) -> None:
    with Terminal(command(root)) as terminal:
        terminal.wait_until(lambda: b"\x1b[?1049h" in terminal.output, "the alternate screen")
        terminal.hang_up()
        assert ended(terminal), "it goes on without a terminal"
