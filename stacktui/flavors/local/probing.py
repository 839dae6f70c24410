"""Probes of things on this host's disk, which can hang too: a network mount that is gone. Used by the local flavors."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from stacktui.categories.base import ProbeResult
from stacktui.categories.errors import ComponentError


def probe_within(timeout_s: float, look: Callable[[], str]) -> ProbeResult:
    """Run `look` for at most `timeout_s`: what it returns is the message of a good result, its error of a bad one."""
    outcome: list[ProbeResult] = []
    begun = time.monotonic()

    def run() -> None:
        try:
            message, ok = look(), True
        except (ComponentError, OSError, ValueError) as error:
            message, ok = str(error), False
        outcome.append(ProbeResult(ok=ok, message=message, latency_s=time.monotonic() - begun))

    # A thread that is stuck in the kernel cannot be ended: as a daemon it does not keep the process alive.
    thread = threading.Thread(target=run, name="probe", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if outcome:
        return outcome[0]
    return ProbeResult(
        ok=False,
        message=f"no answer from the file system within {timeout_s:g} s: is it a mount that is gone?",
        latency_s=timeout_s,
    )


def check_folder(path: Path) -> str:
    """Say in words that a folder can be used, or would be if it were made. Raises `ComponentError` if not."""
    if path.is_dir():
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise ComponentError(f"{path} cannot be read and written by you: check its owner and mode")
        return f"{path} can be read and written"
    if path.exists():
        raise ComponentError(f"{path} is not a folder: move it away, or name another path")
    above = next((folder for folder in path.parents if folder.exists()), None)
    if above is None or not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ComponentError(f"{path} does not exist and cannot be made: check {above or path.anchor}")
    return f"{path} will be made on first use"
