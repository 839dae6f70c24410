"""A workspace of a test's own, with a stack of embedded components, in which pipelines really run."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.run import Run, StepRun
from stacktui.pipelines.launch import RunRequest, start_run
from stacktui.pipelines.logs import read_log
from stacktui.runtime.build import open_stack
from stacktui.runtime.flavors import flavor_registry
from stacktui.runtime.inherit import resolve_stack
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from stacktui.workspace.workspace import Workspace

HEAD = """
import os, signal, subprocess, sys, time
from pathlib import Path
from typing import Annotated
from stacktui import Artifact, Resources, context, pipeline, step
"""
COMPONENTS = {
    "orchestrator/local": "flavor: local\nconfig: {max_workers: 2}\n",
    "artifact_store/local": "flavor: local\n",
    "metadata_store/local": "flavor: sqlite\n",
    "secrets_manager/env": "flavor: env\n",
    "step_operator/subprocess": "flavor: subprocess\n",
    "experiment_tracker/local": "flavor: local\n",
    "alerter/inbox": "flavor: local\n",
}
STACK = """components:
  orchestrator: local
  artifact_store: local
  metadata_store: local
  secrets_manager: env
  step_operator: subprocess
  experiment_tracker: local
  alerter: inbox
"""


class Place:
    """A workspace, and what a test does in it."""

    def __init__(self, root: Path, pipeline: str, *, stack: str = STACK) -> None:
        self.root = root
        self._write("stacktui.yaml", "version: 1\ndefault_stack: default\n")
        for name, text in COMPONENTS.items():
            self._write(f"components/{name}.yaml", text)
        self._write("stacks/default.yaml", stack)
        self.edit(pipeline)
        self.workspace = Workspace.open(root)
        self.registry = flavor_registry(root)
        self._live = open_stack(self.workspace, self.workspace.read(), self.registry, self.stack)
        self.started: list[str] = []

    @property
    def stack(self) -> Any:
        found = resolve_stack(self.workspace.read(), "default")
        assert found.stack is not None, found.problems
        return found.stack

    @property
    def store(self) -> MetadataStore:
        return self._live.metadata_store

    def edit(self, pipeline: str) -> None:
        """Write the pipeline's file."""
        self._write("pipelines/main.py", pipeline)

    def start(self, function: str = "main", **request: Any) -> str:
        """Start a run and return its id."""
        wanted = RunRequest(target=f"pipelines/main.py:{function}", stack=self.stack, **request)
        run_id = start_run(self.workspace, self.workspace.read(), self.registry, wanted)
        self.started.append(run_id)
        return run_id

    def run(self, function: str = "main", **request: Any) -> Run:
        """Run a pipeline to its end."""
        return self.ended(self.start(function, **request))

    def ended(self, run_id: str) -> Run:
        """The run when it has ended; the test fails if that takes too long."""
        return wait_for(  # type: ignore[no-any-return]
            lambda: run if (run := self.store.run(run_id)).status.finished else None,
            f"the run to end; its runner said: {self.runner_log(run_id)}",
            60,
        )

    def steps(self, run_id: str) -> dict[str, StepRun]:
        return {step.name: step for step in self.store.steps(run_id)}

    def lines(self, run_id: str, step: str) -> list[str]:
        """The text of a step's log."""
        return [line.text for line in read_log(self.workspace.state, run_id, step).lines]

    def value(self, run_id: str, step: str, output: str = "output") -> Any:
        from stacktui.pipelines.materializers import load

        artifact = self.store.artifact(self.steps(run_id)[step].outputs[output])
        return load(artifact, self._live.artifact_store)

    def runner_log(self, run_id: str) -> str:
        path = self.workspace.state / "runs" / run_id / "runner.log"
        return path.read_text() if path.exists() else ""

    def pid(self, run_id: str) -> int:
        """The runner's."""
        holder = wait_for(lambda: self.store.run(run_id).holder, "the runner to hold the run")
        return int(holder.pid)

    def close(self) -> None:
        """End what still runs."""
        for run_id in self.started:
            run = self.store.run(run_id)
            if not run.status.finished and run.holder is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(run.holder.pid, signal.SIGKILL)
                wait_until_ended(run.holder.pid)
        self._live.close()

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


Make = Callable[[str], Place]
"""Makes a workspace of a pipeline file's source."""


@contextlib.contextmanager
def place(root: Path, pipeline: str, **more: Any) -> Iterator[Place]:
    """A workspace for one test."""
    made = Place(root, pipeline, **more)
    try:
        yield made
    finally:
        made.close()


WAITING = """
@step
def wait(folder: str) -> int:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "pids.tmp").write_text(f"{os.getpid()} {child.pid}")
    Path(folder, "pids.tmp").rename(Path(folder, "pids"))
    time.sleep(600)

@step
def then(x: int) -> int:
    return x

@pipeline
def main(folder: str):
    then(wait(folder))

@step
def broken() -> int:
    raise ValueError("broken")

@pipeline
def failing():
    then(broken())

@pipeline
def quick():
    then(1)
"""


def begun(folder: Path) -> list[int]:
    """The pids of the step of `WAITING` and of its child, once it has begun."""
    wait_for((folder / "pids").exists, "the step to begin")
    return [int(pid) for pid in (folder / "pids").read_text().split()]
