"""The real program in read-only mode leaves a workspace as it is, to the last file of its state."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.terminal.conftest import at_home, command
from tests.terminal.pseudo import Terminal


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() if file.is_file() else b"" for file in root.rglob("*")
    }


def test_a_look_at_every_screen_makes_nothing(root: Path) -> None:
    shutil.rmtree(root / ".stacktui", ignore_errors=True)
    before = tree(root)
    with Terminal(command(root, "--readonly")) as terminal:
        at_home(terminal)
        for key in "srpF1234567890":
            terminal.press(key)
            terminal.settle(0.1)
        for place in ("settings", "keys", "edits", "audit", "home"):
            terminal.press(":", place, "enter")
            terminal.wait_for(f"› {place}")
            terminal.settle(0.1)
        terminal.press("q")
        assert terminal.wait_exit() == 0
    assert tree(root) == before
