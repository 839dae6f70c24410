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
from typing import Any, NamedTuple

from stacktui.flavors.local.process_tree import DETACHED, MARK, new_mark
from stacktui.flavors.local.step_job import Verdict
from stacktui.flavors.local.worker_output import WorkerOutput
from stacktui.model.execution import RunContext
from stacktui.model.run import StepStatus

_DROPPED = frozenset({"PYTHONSTARTUP", DETACHED})
_SECRETS = "STACKTUI_SECRET_"
"""Variables that are secrets of the runner's, not a step's."""


SCRATCH = "stacktui-worker-"
"""How a worker's folder for temporary files begins; its mark follows."""


PIPES_CLOSED = 71
"""The exit code of a worker that cannot speak any more."""


class Started(NamedTuple):
    """A worker's process."""

    process: subprocess.Popen[bytes]
    output: WorkerOutput
    """What it writes."""
    mark: str
    """What its environment and that of all its children has under `process_tree.MARK`."""


def start_worker(
    run: RunContext,
    python: str,
    environment: Mapping[str, str],
    cpus: Sequence[int],
    inherits: Sequence[int] = (),
) -> Started:
    """Start a worker of `run` with stdin, stdout and stderr as pipes, in a session of its own. Raises OSError.

    `inherits` are descriptors that it keeps open for as long as it lives.
    """
    variables = {**os.environ, **run.environment, **environment, "PYTHONHASHSEED": "0"}
    if python == sys.executable:
        variables = importable(variables)
    for name in [name for name in variables if name in _DROPPED or name.startswith(_SECRETS)]:
        del variables[name]
    # What a Python child prints is to be seen as it comes, and not lost when it is killed.
    variables.setdefault("PYTHONUNBUFFERED", "1")
    mark = variables[MARK] = new_mark()
    output = WorkerOutput()
    numbers = output.given
    try:
        # `-P`: without it the current folder, the live workspace, could be imported from.
        process = subprocess.Popen(
            [python, "-P", "-m", "stacktui.pipelines.worker", *map(str, numbers)],
            pass_fds=[*numbers, *inherits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=variables,
            cwd=run.workspace if Path(run.workspace).is_dir() else run.code_path,
            start_new_session=True,
        )
    except BaseException:
        output.close()
        raise
    output.hand_over()
    if cpus and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(process.pid, cpus)
    return Started(process, output, mark)


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
    if code == PIPES_CLOSED:
        message = (
            "the step closed the worker's pipes, and its result is lost: something in it closes descriptors that it did "
            "not open, as `os.closerange` does"
        )
        return Verdict(StepStatus.FAILED, "ProcessExited", message, traceback)
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


def scratch_of(hello: Mapping[str, Any]) -> Path | None:
    """The folder for temporary files that a worker tells of in its greeting."""
    told = hello.get("scratch")
    if not isinstance(told, str) or not Path(told).name.startswith(SCRATCH):
        return None
    return Path(told)
