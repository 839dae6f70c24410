"""What holds for every test: nothing that a session of tests has started runs on when it is over."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

_LEAVING_S = 3.0
"""A run that has ended still puts its folders away."""
_PATIENCE_S = 10.0


@pytest.fixture(scope="session", autouse=True)
def _nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings, keys, secrets and what is remembered of whoever runs the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE", "DATA"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        yield


@pytest.fixture(scope="session", autouse=True)
def _nothing_runs_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """End the runs that a test has left behind, and say which: they would wait for hours for a file that never comes.

    A run is detached from who started it, so that a test that fails in the middle does not take it along.
    """
    yield
    # Of this session alone: others may test on the same machine.
    base = tmp_path_factory.getbasetemp()
    deadline = time.monotonic() + _LEAVING_S
    while (left := left_running(base)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left:
        end(base)
        warnings.warn(
            pytest.PytestWarning(f"left running, and ended: {'; '.join(left.values())}"), stacklevel=1
        )


def left_running(base: Path) -> dict[int, str]:
    """The processes whose words name something below a folder, this one's own aside: their words by their number."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(word.startswith(f"{base}{os.sep}") for word in words) and int(entry.name) != os.getpid():
                found[int(entry.name)] = " ".join(words).strip()
    return found


def end(base: Path) -> None:
    """End them: a runner first, whose watcher then ends what the run has left; what is still there after that too."""
    deadline = time.monotonic() + _PATIENCE_S
    while left := left_running(base):
        patience = time.monotonic() < deadline
        for pid in left:
            with contextlib.suppress(OSError):
                if not (patience and _parent(pid) in left):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        if not patience:
            return


def _parent(pid: int) -> int:
    # The command's name stands in brackets, and may have any character in it.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
