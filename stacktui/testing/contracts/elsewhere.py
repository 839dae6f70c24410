"""Other processes in contract suites: they make the component under test again, as another user of it would.

What runs there is a function of a module; the component's class, config and surroundings travel pickled.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from stacktui.categories.base import StackComponent
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.base import now
from stacktui.model.run import Metric, StepRun, StepStatus

Work = Callable[[Any, Connection], None]
"""Gets the component of the other process and a pipe to the test."""


class Elsewhere:
    """A process that works with the same component."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe

    def receive(self, timeout_s: float = 60.0) -> Any:
        """What it sends next."""
        if not self.pipe.poll(timeout_s):
            pytest.fail(f"waited {timeout_s:g} s for the other process")
        return self.pipe.recv()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()


@contextlib.contextmanager
def elsewhere(component: StackComponent, work: Work) -> Iterator[Elsewhere]:
    """Run `work` in a new interpreter; it is ended with the block."""
    # Not forked: a fork would share what this process has open, which another user does not.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    around = replace(component.around, artifact_store=None, metadata_store=None, channel=None)
    process = context.Process(target=_run, args=(work, type(component), component.config, around, theirs))
    process.start()
    theirs.close()
    try:
        yield Elsewhere(process, ours)
    finally:
        if process.is_alive():
            process.kill()
        process.join()
        ours.close()


def _run(work: Work, kind: type[StackComponent], config: Any, around: Any, pipe: Connection) -> None:
    with kind(config, around) as component:
        work(component, pipe)


def hold_until_told(store: MetadataStore, pipe: Connection) -> None:
    """Hold the run whose id arrives; send `held`; let go when something else arrives."""
    with store.hold(pipe.recv()):
        pipe.send("held")
        pipe.recv()
    pipe.send("released")


def hold_with_children(store: MetadataStore, pipe: Connection) -> None:
    """Hold a run and start two children that outlive this process: one forked, one a new program."""
    with store.hold(pipe.recv()):
        program = subprocess.Popen(
            [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert program.stdout is not None
        program.stdout.readline()
        forked = os.fork()
        if forked == 0:
            # It has every descriptor of its parent that a fork copies, for as long as the test lets it live.
            signal.pause()
            os._exit(0)
        pipe.send((forked, program.pid))
        pipe.recv()


def write_steps(store: MetadataStore, pipe: Connection) -> None:
    """Get (run id, writer's number, count); write so many steps, each with a metric; send how many."""
    run_id, writer, count = pipe.recv()
    for index in range(count):
        step = StepRun(run_id=run_id, name=f"w{writer}-{index}", position=index, started_at=now())
        store.record_step(step.model_copy(update={"status": StepStatus.RUNNING}))
        point = Metric(key=f"loss-{writer}", value=float(index), step=index, at=now())
        store.record_step(step.model_copy(update={"status": StepStatus.SUCCEEDED}), metrics=[point])
    pipe.send(count)
