"""`python -m stacktui.pipelines.worker`: runs steps, one after the other, for whoever started it.

Orchestrators and step operators start it by name and speak to it over its stdin and stdout; the protocol
stands in `stacktui/flavors/local/worker_process.py`. It serves one run, hence one code snapshot: a module of the
user's is imported once. It needs no metadata store.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from stacktui.flavors.local.log_ring import RingWriter
from stacktui.flavors.local.process_tree import MARK, end_tree
from stacktui.flavors.local.worker_process import PROTOCOL
from stacktui.flavors.local.worker_start import PIPES_CLOSED, SCRATCH
from stacktui.model.base import now
from stacktui.model.execution import RunContext, StepResult, StepSpec
from stacktui.model.masking import Masker
from stacktui.model.run import StepError, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.cancelling import interrupt
from stacktui.pipelines.capture import Capture
from stacktui.pipelines.context import StepContext, set_context
from stacktui.pipelines.execute import run_step
from stacktui.pipelines.importing import prepare
from stacktui.pipelines.worker_link import Channel, Link, Relay
from stacktui.runtime.build import LiveStack, stack_in_step

_PR_SET_PDEATHSIG = 1
_leave = os._exit
"""What `Capture` puts in its place would wait for somebody to read."""


class Worker:
    """Serves one run."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._masker = Masker()
        self._code = ("", "")
        self._run: RunContext | None = None
        self._secrets: dict[SecretRef, str] = {}
        self._live: LiveStack | None = None
        self._channel: Channel | None = None
        self._busy = False
        self._broken: Exception | None = None
        self._relay: Relay | None = None
        self.scratch: Path | None = None
        """Its folder for temporary files, while it serves."""

    def serve(self, given: Sequence[int]) -> None:
        """Do what comes until the pipe ends. `given` are the ends that who started this process reads from."""
        if not given:
            self._relay = Relay(self._link)
            given = self._relay.given
        memory, bell, out, err = given
        self._capture = Capture(RingWriter(memory, bell))
        os.close(memory)
        os.set_inheritable(bell, False)
        self._capture.start(out, err)
        with tempfile.TemporaryDirectory(prefix=SCRATCH + os.environ.get(MARK, "")) as scratch:
            self.scratch = Path(scratch)
            own = self.scratch / "step"
            hello = {"type": "hello", "protocol": PROTOCOL, "pid": os.getpid(), "scratch": scratch}
            self._link.send(hello)
            while (message := self._link.receive()) is not None:
                if message["type"] == "setup":
                    try:
                        self._set_up(message)
                    except Exception as error:
                        self._broken = error
                elif message["type"] == "step":
                    self._step(message, own)
        if self._live is not None:
            self._live.close()

    def _set_up(self, message: dict[str, Any]) -> None:
        run = RunContext.model_validate(message["run"])
        self._run = run
        self._secrets = _secrets(message["secrets"])
        self._masker.add(self._secrets.values())
        self._code = (run.code_path, run.workspace)
        self._channel = Channel(self._link, run.run_id, "")
        self._live = stack_in_step(run, self._secrets, self._channel)
        # The snapshot is named by its content: nothing is written into it.
        sys.dont_write_bytecode = True
        prepare(Path(run.code_path), run.roots, Path(run.workspace))

    def _step(self, message: dict[str, Any], scratch: Path) -> None:
        if self._run is None or self._channel is None or self._live is None:
            self._answer(
                _failed(now(), self._broken or RuntimeError("a step came before its run"), self._masker)
            )
            return
        named = _secrets(message["secrets"])
        self._masker.add(named.values())
        spec = StepSpec.model_validate({**message["spec"], "run": self._run})
        self._channel.step = spec.step
        self._channel.scratch = scratch
        started = now()
        self._busy = True
        if self._relay is not None:
            self._relay.begin(self._masker, self._rewrite)
        self._capture.begin(sparing=spec.resources.memory is not None)
        if spec.timeout_s is not None or spec.resources.time is not None:
            self._link.send({"type": "began"})
        set_context(StepContext(spec, named, self._live, self._channel))
        try:
            self._channel.store = store = self._live.artifact_store
            result = run_step(spec, store, scratch, self._masker)
        except Exception as error:
            # Before the step itself: the stack cannot be made here.
            result = _failed(started, error, self._masker)
        finally:
            set_context(None)
        self._capture.settle()
        if self._relay is not None:
            self._relay.end()
        self._busy = False
        self._answer(result)

    def _answer(self, result: StepResult) -> None:
        message = {"type": "result", "result": result.model_dump(mode="json")}
        try:
            self._link.send(message)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            # The step closed what was not its own. Whoever started this process can still read its exit code.
            _leave(PIPES_CLOSED)

    def _rewrite(self, text: str) -> str:
        code, workspace = self._code
        return text.replace(code, workspace) if code else text


def _secrets(pairs: list[list[str]]) -> dict[SecretRef, str]:
    return {SecretRef(name, key): value for name, key, value in pairs}


def _failed(started: datetime, error: Exception, masker: Masker) -> StepResult:
    return StepResult(
        status=StepStatus.FAILED,
        started_at=started,
        finished_at=now(),
        error=StepError(type=type(error).__name__, message=masker(str(error))),
    )


def _take_pipes() -> tuple[int, int]:
    """Move the pipes away from descriptors 0 and 1, which belong to the steps; no child inherits them."""
    descriptor_in = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 10)
    descriptor_out = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 10)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return descriptor_in, descriptor_out


def _die_with_the_runner(link: Link) -> None:
    """End this process and its children when whoever started it is gone, however it went."""

    me, parent = os.getpid(), os.getppid()

    def end() -> None:
        if os.getsid(0) == os.getpid():
            end_tree(os.getpid(), os.environ.get(MARK, ""), spare_leader=True)
            if _worker is not None and _worker.scratch is not None:
                shutil.rmtree(_worker.scratch, ignore_errors=True)
        _leave(70)

    def on_signal(signum: int, frame: FrameType | None) -> None:
        if os.getpid() == me and os.getppid() == parent:
            interrupt()
        end()

    def watch() -> None:
        link.hangs_up()
        if worker_is_busy():
            end()

    signal.signal(signal.SIGTERM, on_signal)
    if sys.platform == "linux":
        # A signal that can be caught, so that the step's own children are ended too.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            end()
    threading.Thread(target=watch, name="the runner's pipe", daemon=True).start()


_worker: Worker | None = None


def worker_is_busy() -> bool:
    """Whether a step runs: an idle worker sees the end of the pipe itself and leaves in order."""
    return _worker is not None and _worker._busy


def main(arguments: list[str]) -> None:
    """Serve the pipes on stdin and stdout; four numbers are the ends for what the steps write."""
    global _worker  # noqa: PLW0603
    descriptor_in, descriptor_out = _take_pipes()
    errors = fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 10)
    # To the pipe that the parent keeps the last words of: where a native library crashed.
    faulthandler.enable(errors, all_threads=False)
    link = Link(descriptor_in, descriptor_out)
    _die_with_the_runner(link)
    _worker = Worker(link)
    try:
        _worker.serve([int(number) for number in arguments])
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(errors, f"{type(error).__name__}: {error}\n".encode())
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
