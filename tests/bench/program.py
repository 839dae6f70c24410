"""The programs that are measured: the workbench on a workspace, the bare app, one command."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.terminal.pseudo import Terminal

COLUMNS, ROWS = 120, 36
REPOSITORY = Path(__file__).parents[2]


def workbench(root: Path) -> Terminal:
    """The workbench on a workspace, just started."""
    return Terminal(
        [sys.executable, "-m", "stacktui", "-C", str(root)],
        columns=COLUMNS, rows=ROWS, folder=REPOSITORY,
    )  # fmt: skip


def bare_app() -> Terminal:
    """The reference for the workbench, just started."""
    return Terminal(
        [sys.executable, "-m", "tests.bench.bare_app"], columns=COLUMNS, rows=ROWS, folder=REPOSITORY
    )


def home_is_there(screen: str) -> bool:
    """Whether the home screen shows its visible rows: all slots of the stack, and the newest runs."""
    return all(
        re.search(pattern, screen)
        for pattern in (r"1  orchestrator +\S", r"0  alerter +\S", r"(succeeded|failed|cancelled)")
    )


def opened(root: Path) -> Terminal:
    """The workbench with its home screen there, and all that loads after the first frame too."""
    terminal = workbench(root)
    terminal.wait_until(lambda: home_is_there(terminal.text), "the home screen")
    terminal.wait_gone("Not checked yet.", 60.0)
    terminal.settle(1.0)
    return terminal


def seconds_of(arguments: Sequence[str]) -> float:
    """How long a whole process of this Python takes; its output goes to a pipe."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=REPOSITORY)
    return time.perf_counter() - began
