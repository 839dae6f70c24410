"""A workspace as `init` makes it, and the real program on it in a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stacktui.workspace.scaffold import init_workspace
from tests.terminal.pseudo import Terminal

Open = Callable[..., Terminal]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: settings, keys and caches of whoever runs the tests stay out."""
    folder = tmp_path / "home"
    for name, below in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CACHE_HOME", ".cache"),
        ("XDG_STATE_HOME", ".local/state"),
    ):
        (folder / below).mkdir(parents=True)
        monkeypatch.setenv(name, str(folder / below))
    monkeypatch.setenv("HOME", str(folder))
    for name in [name for name in os.environ if name.startswith("STACKTUI_")]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def root(tmp_path: Path, home: Path) -> Path:
    """An initialised workspace."""
    folder = tmp_path / "vision"
    init_workspace(folder)
    return folder


def command(root: Path, *words: str) -> list[str]:
    """The words that start the real program on a workspace."""
    return [sys.executable, "-m", "stacktui", "-C", str(root), *words]


def run_command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command, ended; its output is read as text."""
    return subprocess.run(command(root, *words), capture_output=True, text=True, check=False, timeout=60)


def at_home(terminal: Terminal) -> Terminal:
    """Wait for the home screen and what it loads after its first frame."""
    terminal.wait_for("› home")
    terminal.wait_gone("Not checked yet.")
    terminal.settle()
    return terminal
