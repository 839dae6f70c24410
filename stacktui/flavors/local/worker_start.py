"""Starting a worker's process and putting its end into words. Used by the worker processes.

`importable` is also for everybody else who starts a Python of ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stacktui.flavors.local.process_tree import DETACHED
from stacktui.flavors.local.step_job import Verdict
from stacktui.model.execution import RunContext
from stacktui.model.run import StepStatus

_DROPPED = frozenset({"PYTHONSTARTUP", DETACHED})
_SECRETS = "STACKTUI_SECRET_"
"""Variables that are secrets of the runner's, not a step's."""


class Started(NamedTuple):
    """A worker's process."""

    process: subprocess.Popen[bytes]
    unread: tuple[int, int]
    """Where what C code wrote to stdout and stderr is left, if the worker dies before it has read it."""


def start_worker(
    run: RunContext, python: str, environment: Mapping[str, str], cpus: Sequence[int]
) -> Started:
    """Start a worker of `run` with stdin, stdout and stderr as pipes, in a session of its own. Raises OSError."""
    variables = {**os.environ, **run.environment, **environment, "PYTHONHASHSEED": "0"}
    if python == sys.executable:
        variables = importable(variables)
    for name in [name for name in variables if name in _DROPPED or name.startswith(_SECRETS)]:
        del variables[name]
    pipes = (os.pipe(), os.pipe())
    numbers = [number for pipe in pipes for number in pipe]
    try:
        # `-P`: without it the current folder, the live workspace, could be imported from.
        process = subprocess.Popen(
            [python, "-P", "-m", "stacktui.pipelines.worker", *map(str, numbers)],
            pass_fds=numbers,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=variables,
            cwd=run.workspace if Path(run.workspace).is_dir() else run.code_path,
            start_new_session=True,
        )
    except BaseException:
        for number in numbers:
            os.close(number)
        raise
    for _, write in pipes:
        os.close(write)
    for read, _ in pipes:
        os.set_blocking(read, False)
    if cpus and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(process.pid, cpus)
    return Started(process, (pipes[0][0], pipes[1][0]))


def importable(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a child with this interpreter finds stacktui, also in a checkout that is not installed."""
    result = dict(environment)
    home = str(Path(__file__).parents[3])
    if home not in [*site.getsitepackages(), site.getusersitepackages()]:
        path = result.get("PYTHONPATH", "")
        if home not in path.split(os.pathsep):
            result["PYTHONPATH"] = os.pathsep.join(part for part in (path, home) if part)
    return result


def verdict_of(code: int, greeted: bool, last_words: str, run: RunContext) -> Verdict:
    """Why a step failed whose process ended with `code`: the signal or exit code, and where its interpreter was.

    `greeted`: whether the worker ever said that it is ready.
    """
    if not greeted:
        last = last_words.splitlines()[-1] if last_words else f"exit code {code}"
        return Verdict(StepStatus.FAILED, "WorkerFailed", f"the worker did not start: {last}")
    # Of what the interpreter says as it crashes, the lines about the user's files.
    frames = [line for line in last_words.splitlines() if run.code_path in line]
    traceback = "\n".join(frames).replace(run.code_path, run.workspace)
    if code >= 0:
        message = (
            f"the step's process exited with code {code} before the step was done: something called `os._exit`, "
            "or a native library did"
        )
        return Verdict(StepStatus.FAILED, "ProcessExited", message, traceback)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = {
        "SIGKILL": "; if nobody did that, the system ran out of memory",
        "SIGSEGV": "; a native library crashed",
    }.get(name, "")
    message = f"the step's process was killed by {name} (signal {-code}){hint}"
    return Verdict(StepStatus.FAILED, "ProcessKilled", message, traceback)
