"""What holds for everything that runs steps: shared by the contracts of orchestrators and step operators.

The steps are functions in a file that the suite writes; they run in whatever processes the component starts.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.base import StackComponent
from stacktui.categories.orchestrator import StepHandle
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.execution import (
    LogLine,
    OutputSpec,
    Progress,
    Question,
    RunContext,
    StepEvent,
    StepInput,
    StepSpec,
)
from stacktui.model.run import StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import Resources
from stacktui.testing.contracts.base import ComponentContract, needs, wait_for

STEPS = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
from stacktui import context, step
from stacktui.model.base import now
from stacktui.model.execution import Question


@step
def add(x: int, y: int = 1) -> int:
    return x + y

@step
def several() -> tuple[int, str]:
    return 1, "two"

@step
def fails(x: int) -> int:
    raise ValueError(f"{x} is too much")

@step
def talks(x: int) -> int:
    print("printed", x)
    sys.stderr.write("to stderr\\n")
    os.system("echo from a child")
    context().logger.info("logged")
    context().progress(1, 2, "half")
    return x

@step
def dies(x: int) -> int:
    os.kill(os.getpid(), x)
    time.sleep(60)

@step
def leaves(x: int) -> int:
    os._exit(x)

@step
def exits(x: int) -> int:
    sys.exit(x)

@step
def lingers(folder: str) -> int:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "pids.tmp").write_text(f"{os.getpid()} {child.pid}")
    Path(folder, "pids.tmp").rename(Path(folder, "pids"))
    time.sleep(600)

@step
def meets(folder: str, me: str, other: str) -> int:
    Path(folder, me).touch()
    deadline = time.monotonic() + 30
    while not Path(folder, other).exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the other step never ran at the same time")
        time.sleep(0.01)
    return 1

@step
def tells(x: int) -> int:
    secret = context().secrets["vault.token"]
    print("the token is", secret)
    sys.stdout.write("in " + secret[:4]); sys.stdout.write(secret[4:] + " pieces\\n")
    os.write(1, secret[:5].encode()); os.write(1, secret[5:].encode() + b"\\n")
    raise RuntimeError(f"refused {secret}")

@step
def asks(x: int) -> str:
    channel = context()._channel
    channel.emit(Question(at=now(), id="question-1", alerter="inbox", question="Go on?", choices=("yes", "no")))
    return channel.answer("question-1", None) or "nobody said anything"

@step
def eats(x: int) -> int:
    block = bytearray(x)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(60)

@step
def environment(x: int) -> dict:
    return {"cuda": os.environ.get("CUDA_VISIBLE_DEVICES"), "mine": os.environ.get("MINE"),
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "seed": os.environ.get("PYTHONHASHSEED"), "pid": os.getpid()}
"""
_LINUX: bool = sys.platform == "linux"
TOKEN = SecretRef("vault", "token")


class StepRunningContract(ComponentContract):
    """Subclasses say how a step is submitted. The fixture `run` may be overridden for a flavor that runs elsewhere."""

    outputs: ClassVar[Mapping[str, tuple[OutputSpec, ...]]] = {
        "several": (OutputSpec(name="number", type="int"), OutputSpec(name="word", type="str"))
    }

    @pytest.fixture
    def run(self, component: Any) -> RunContext:
        """A run whose code is a folder with the suite's steps, and whose artifacts are on this host."""
        code = component.around.workspace / "code"
        code.mkdir()
        (code / "contract_steps.py").write_text(STEPS, "utf-8")
        artifacts = Component(category=Category.ARTIFACT_STORE, name="local", flavor="local")
        return RunContext(
            run_id=uuid7(),
            run_name="contract",
            pipeline="contract",
            stack="contract",
            code_digest="0" * 64,
            code_path=str(code),
            workspace=str(component.around.workspace),
            state=str(component.around.state),
            components={Category.ARTIFACT_STORE: (artifacts,)},
        )

    def artifacts(self, component: StackComponent) -> ArtifactStore:
        """The artifact store that the steps of `run` write to."""
        from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig

        return LocalArtifactStore(LocalArtifactStoreConfig(), component.around)

    def submit(
        self, component: Any, spec: StepSpec, secrets: Mapping[SecretRef, str], events: list[StepEvent]
    ) -> StepHandle:
        """Submit a step."""
        raise NotImplementedError

    def spec(self, run: RunContext, function: str, **more: Any) -> StepSpec:
        """A spec for one of the suite's steps; what is not a field of it is a constant argument."""
        fields = {name: more.pop(name) for name in list(more) if name in StepSpec.model_fields}
        inputs = tuple(
            StepInput(name=name, artifact=value)
            if isinstance(value, ArtifactRef)
            else StepInput(name=name, value=value)
            for name, value in more.items()
        )
        outputs = self.outputs.get(function, (OutputSpec(name="output"),))
        return StepSpec(
            run=run,
            step=function,
            module="contract_steps",
            function=function,
            inputs=inputs,
            outputs=outputs,
            **fields,
        )

    def do(self, component: Any, run: RunContext, function: str, **more: Any) -> tuple[Any, list[StepEvent]]:
        """Run a step to its end; its result and its events."""
        events: list[StepEvent] = []
        secrets = {TOKEN: "s3cr3t-value"} if more.get("secrets") else {}
        handle = self.submit(component, self.spec(run, function, **more), secrets, events)
        return handle.future.result(60), events

    def value(self, component: Any, reference: ArtifactRef) -> Any:
        """What an output holds."""
        from stacktui.pipelines.materializers import load  # by name: a suite stands above the rooms

        return load(reference, self.artifacts(component))

    def test_gives_the_outputs(self, component: Any, run: RunContext) -> None:
        result, _ = self.do(component, run, "add", x=1)
        assert result.status is StepStatus.SUCCEEDED, result.error
        assert self.value(component, result.outputs["output"]) == 2
        assert result.started_at <= result.finished_at
        result, _ = self.do(component, run, "several")
        assert [self.value(component, result.outputs[name]) for name in ("number", "word")] == [1, "two"]

    def test_takes_artifacts_as_inputs(self, component: Any, run: RunContext) -> None:
        first, _ = self.do(component, run, "add", x=1)
        second, _ = self.do(component, run, "add", x=first.outputs["output"], y=40)
        assert self.value(component, second.outputs["output"]) == 42

    def test_gives_every_event_before_the_result(self, component: Any, run: RunContext) -> None:
        result, events = self.do(component, run, "talks", x=7)
        assert result.status is StepStatus.SUCCEEDED, result.error
        lines = {
            (event.stream, text)
            for event in events
            if isinstance(event, LogLine)
            for text in event.text.split("\n")
        }
        assert ("stdout", "printed 7") in lines
        assert ("stderr", "to stderr") in lines
        assert ("stdout", "from a child") in lines
        assert any(stream == "logging" and text.endswith("logged") for stream, text in lines)
        assert [event.text for event in events if isinstance(event, Progress)] == ["half"]
        assert all(event.at.tzinfo is not None for event in events)

    def test_says_why_a_step_failed(self, component: Any, run: RunContext) -> None:
        result, _ = self.do(component, run, "fails", x=9)
        assert result.status is StepStatus.FAILED
        assert (result.error.type, result.error.message) == ("ValueError", "9 is too much")
        frames = [line for line in result.error.traceback.splitlines() if line.startswith("  File")]
        assert len(frames) == 1
        assert f"{run.workspace}/contract_steps.py" in frames[0]

    @pytest.mark.parametrize(
        ("function", "number", "said"),
        [
            ("dies", signal.SIGKILL, "SIGKILL"),
            ("dies", signal.SIGSEGV, "SIGSEGV"),
            ("leaves", 3, "code 3"),
            ("exits", 4, "sys.exit(4)"),
        ],
    )
    def test_a_step_that_takes_its_process_down_has_failed(
        self, component: Any, run: RunContext, function: str, number: int, said: str
    ) -> None:
        result, _ = self.do(component, run, function, x=int(number))
        assert result.status is StepStatus.FAILED
        assert said in result.error.message
        after, _ = self.do(component, run, "add", x=1)
        assert after.status is StepStatus.SUCCEEDED, "nothing came in place of the process that died"

    def test_cancels_a_step_and_its_children(self, component: Any, run: RunContext, tmp_path: Path) -> None:
        needs(component, "cancel")
        handle = self.submit(component, self.spec(run, "lingers", folder=str(tmp_path)), {}, [])
        pids = wait_for(lambda: _pids(tmp_path), "the step to begin")
        handle.cancel()
        result = handle.future.result(30)
        assert result.status is StepStatus.CANCELLED
        for pid in pids:
            wait_until_ended(pid)
        after, _ = self.do(component, run, "add", x=1)
        assert after.status is StepStatus.SUCCEEDED

    def test_ends_a_step_at_its_timeout(self, component: Any, run: RunContext, tmp_path: Path) -> None:
        handle = self.submit(
            component, self.spec(run, "lingers", folder=str(tmp_path), timeout_s=3.0), {}, []
        )
        pids = wait_for(lambda: _pids(tmp_path), "the step to begin")
        result = handle.future.result(60)
        assert result.status is StepStatus.FAILED
        assert result.error is not None
        assert "3 s" in result.error.message
        for pid in pids:
            wait_until_ended(pid)

    def test_hands_over_named_secrets_and_masks_them(self, component: Any, run: RunContext) -> None:
        result, events = self.do(component, run, "tells", x=1, secrets=(TOKEN,))
        lines = [text for event in events if isinstance(event, LogLine) for text in event.text.split("\n")]
        assert lines.count("the token is ******") == 1
        assert "in ****** pieces" in lines
        assert "******" in lines
        assert result.error.message == "refused ******"
        assert "s3cr3t-value" not in result.model_dump_json() + repr(events)

    def test_a_secret_that_was_not_named_is_not_there(self, component: Any, run: RunContext) -> None:
        result, _ = self.do(component, run, "tells", x=1)
        assert result.error.type == "KeyError"

    @pytest.mark.parametrize("choice", ["yes", None])
    def test_carries_questions_and_answers(self, component: Any, run: RunContext, choice: str | None) -> None:
        events: list[StepEvent] = []
        handle = self.submit(component, self.spec(run, "asks", x=1, timeout_s=1.5), {}, events)
        question = wait_for(
            lambda: next((event for event in events if isinstance(event, Question)), None), "the question"
        )
        assert question.choices == ("yes", "no")
        # The step's own limit is shorter than the wait: it pauses while the step asks.
        asked = time.monotonic()
        wait_for(lambda: time.monotonic() > asked + 2.0, "longer than the step's limit")
        assert not handle.future.done()
        handle.answer(question.id, choice)
        result = handle.future.result(30)
        assert result.status is StepStatus.SUCCEEDED, result.error
        assert self.value(component, result.outputs["output"]) == (choice or "nobody said anything")

    def test_gives_a_step_its_environment(self, component: Any, run: RunContext) -> None:
        result, _ = self.do(component, run, "environment", x=1, environment={"MINE": "yes"})
        found = self.value(component, result.outputs["output"])
        assert found["mine"] == "yes"
        assert found["seed"] == "0"
        result, _ = self.do(component, run, "environment", x=1)
        assert self.value(component, result.outputs["output"])["mine"] is None

    def test_holds_a_step_to_its_memory(self, component: Any, run: RunContext) -> None:
        needs(component, "memory")
        result, _ = self.do(component, run, "eats", x=600 << 20, resources=Resources(memory=300 << 20))
        assert result.status is StepStatus.FAILED
        assert "300 MiB" in result.error.message


def _pids(folder: Path) -> list[int] | None:
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else None


def wait_until_ended(pid: int) -> None:
    """Wait until a process has ended."""
    wait_for(lambda: not alive(pid), f"process {pid} to end")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not reaped yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if _LINUX:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
        except FileNotFoundError:
            return False
    return True


__all__ = ["STEPS", "TOKEN", "StepRunningContract", "alive", "wait_until_ended"]
