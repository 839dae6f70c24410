"""Inside tmux, on a server of its own: keys arrive, the screen is drawn, and leaving gives the shell back."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import stacktui
from tests.terminal.conftest import command

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not on PATH")


class Tmux:
    """One pane of a server that nobody else knows."""

    def __init__(self, folder: Path) -> None:
        self._socket = f"stacktui-test-{uuid4().hex}"
        # Where the package is, whether or not it is installed.
        package = str(Path(stacktui.__file__).parents[1])
        self(
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "36",
            "-c",
            str(folder),
            "-e",
            f"PYTHONPATH={package}",
            "sh",
        )

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
        return done.stdout

    def keys(self, *keys: str) -> None:
        self("send-keys", *keys)

    def wait_for(self, wanted: str, limit_s: float = 30.0) -> str:
        """Until a match is in the pane; returns what is in it."""
        end = time.monotonic() + limit_s
        while not re.search(wanted, screen := self("capture-pane", "-p")):
            assert time.monotonic() < end, f"waited in vain for {wanted!r}; in the pane:\n{screen}"
            time.sleep(0.02)
        return screen


@pytest.fixture
def tmux(root: Path) -> Iterator[Tmux]:
    pane = Tmux(root)
    yield pane
    pane("kill-server")


def test_opens_goes_and_leaves(tmux: Tmux, root: Path) -> None:
    tmux.wait_for(r"[$#]")
    tmux.keys(f"{shlex.join(command(root))}; echo left with $?", "Enter")
    screen = tmux.wait_for("experiment tracker")
    assert "vision › home" in screen
    tmux.keys("2")
    tmux.wait_for("› artifact stores")
    tmux.keys("Escape")
    tmux.wait_for("› home")
    tmux.keys("r")
    tmux.wait_for("› runs")
    tmux("resize-window", "-x", "80", "-y", "24")
    tmux.wait_for(r"(?m)^.{79}╮$")
    tmux.keys("q")
    screen = tmux.wait_for("left with 0")
    assert "› runs" not in screen, "the alternate screen was not left"
