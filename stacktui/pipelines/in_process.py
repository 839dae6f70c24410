"""A whole run in one process that has the terminal, for the debugger: `python -m stacktui.pipelines.in_process`.

It is recorded like any other, by the same loop. Its steps run one after the other in the main thread; nothing is held
to a limit of time or memory, and no step operator and no GPU is asked for. Used by `run --in-process`.
"""

from __future__ import annotations

import bdb
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Literal, TextIO

from stacktui.categories.base import EventSink
from stacktui.categories.errors import ComponentError
from stacktui.categories.orchestrator import StepHandle
from stacktui.model.base import now
from stacktui.model.execution import LogLine, StepResult, StepSpec
from stacktui.model.masking import Masker
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.at_terminal import TerminalChannel, post_mortem, say
from stacktui.pipelines.attached import answer, told
from stacktui.pipelines.cancelling import StepCancelled, interrupt
from stacktui.pipelines.context import StepContext, set_context
from stacktui.pipelines.execute import run_step
from stacktui.pipelines.importing import prepare
from stacktui.pipelines.places import Places
from stacktui.pipelines.requests import Requests, Stop
from stacktui.pipelines.runfile import RunFile
from stacktui.pipelines.runner import execute
from stacktui.runtime.build import LiveStack, needed_secrets, stack_in_step

_LOOK_EVERY_S = 0.25
_ENDED_BY_HAND = (KeyboardInterrupt.__name__, bdb.BdbQuit.__name__)


class InProcess(Places):
    """Runs each step where it is submitted: when `submit` returns, the step is over."""

    def __init__(
        self, file: RunFile, live: LiveStack, secrets: Mapping[SecretRef, str], stop: Stop, *, pdb: bool
    ) -> None:
        super().__init__(file.run, live, secrets)
        self._file = file
        self._store = live.metadata_store
        self._values = secrets
        self._needed = needed_secrets(live.components())
        self._stop = stop
        self._pdb = pdb
        self._masker = Masker()
        self._masker.add(secrets.values())
        self._scratch = Path(tempfile.mkdtemp(prefix="stacktui-run-"))
        self._busy: str | None = None
        self._in_step = False
        self._over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGINT, self._interrupted)
        sys.dont_write_bytecode = True
        prepare(Path(file.run.code_path), file.run.roots, Path(file.run.workspace))
        threading.Thread(target=self._watch, name="requests", daemon=True).start()

    def has_room(self, where: str) -> bool:
        return self._busy is None

    def submit(self, where: str, spec: StepSpec, sink: EventSink) -> StepHandle:
        if spec.hook is None:
            self._busy = spec.step
            say(f"── {spec.step}" + (f", attempt {spec.attempt}" if spec.attempt > 1 else ""))
        result = self._step(spec, sink)
        if result.error is not None and result.error.type in _ENDED_BY_HAND:
            self._stop.ask()
        if result.status is StepStatus.FAILED and (self._stop.wanted() and result.error is not None):
            error = result.error.model_copy(update={"type": "Cancelled", "message": "cancelled while it ran"})
            result = result.model_copy(update={"status": StepStatus.CANCELLED, "error": error})
        return _Over(result)

    def left(self, step: str) -> None:
        self._busy = None

    def close(self) -> None:
        self._over.set()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _step(self, spec: StepSpec, sink: EventSink) -> StepResult:
        run = spec.run
        scratch = self._scratch / "step"
        channel = TerminalChannel(run.run_id, spec.step, lambda: inside.artifact_store, scratch, sink)
        inside = stack_in_step(run, {each: self._values[each] for each in self._needed}, channel)
        named = {each: self._values[each] for each in spec.secrets}
        code = Path(run.code_path)

        def look(error: BaseException) -> None:
            if self._pdb and not isinstance(error, (StepCancelled, KeyboardInterrupt, bdb.BdbQuit)):
                post_mortem(error, code)

        with inside, _copied(sink, run.code_path, run.workspace):
            set_context(StepContext(spec, named, inside, channel))
            self._in_step = True
            try:
                return run_step(spec, inside.artifact_store, scratch, self._masker, look)
            finally:
                self._in_step = False
                set_context(None)

    def _told_to_stop(self, _: int, __: FrameType | None) -> None:
        self._stop.ask()
        interrupt()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        # In a step it is an exception, as in any program, and the debugger's business while that has the terminal.
        if self._in_step:
            signal.default_int_handler(number, frame)
        self._stop.ask()

    def _watch(self) -> None:
        """Somebody else may ask the run to stop while a step has the main thread."""
        folder = Path(self._file.run.state) / "runs" / self._file.run.run_id
        requests = Requests(self._store, self._file.run.run_id, folder=folder)
        while not self._over.wait(_LOOK_EVERY_S):
            if requests.stop_wanted():
                os.kill(os.getpid(), signal.SIGTERM)
                return


class _Over:
    """The handle of a step that is over."""

    def __init__(self, result: StepResult) -> None:
        self.future: Future[StepResult] = Future()
        self.future.set_result(result)

    def cancel(self) -> None:
        """There is nothing to end."""

    def answer(self, question_id: str, choice: str | None) -> None:
        """It was asked at the terminal."""


class _Tee:
    """What is written goes to the terminal as it is, and line by line to the step's log."""

    def __init__(self, stream: TextIO, keep: Callable[[str], None]) -> None:
        self._stream = stream
        self._keep = keep
        self._line = ""

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            # Of a progress bar, its last state.
            self._keep(line.rstrip("\r").rpartition("\r")[2])
        return written

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def end(self) -> None:
        """The step is over: what has no newline yet is a line."""
        if self._line:
            self._keep(self._line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Logging(logging.Handler):
    def __init__(self, keep: Callable[[str], None]) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).split("\n"):
            self._keep(line)
            say(line)


@contextmanager
def _copied(sink: EventSink, code: str, workspace: str) -> Iterator[None]:
    """Keep in the step's log what Python writes meanwhile. C code and child processes write to the terminal alone."""

    def keep(stream: Literal["stdout", "stderr", "logging"]) -> Callable[[str], None]:
        def line(text: str) -> None:
            shown = text.replace(code, workspace)
            sink(LogLine.model_construct(kind="log", at=now(), stream=stream, text=shown, partial=False))

        return line

    before = sys.stdout, sys.stderr
    out, err = _Tee(sys.stdout, keep("stdout")), _Tee(sys.stderr, keep("stderr"))
    root, handler = logging.getLogger(), _Logging(keep("logging"))
    level = root.level
    sys.stdout, sys.stderr = out, err
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        sys.stdout, sys.stderr = before
        out.end()
        err.end()


def limits_not_held(file: RunFile) -> list[str]:
    """What the steps of a run ask for and one process cannot give, in words."""
    asked: list[str] = []
    for node in file.description.steps:
        settings = file.settings.get(node.name, node.settings)
        resources = settings.resources
        for name, value in (
            ("the timeout", settings.timeout),
            ("the step operator", settings.step_operator),
            ("memory", resources and resources.memory),
            ("time", resources and resources.time),
            ("GPUs", resources and resources.gpu),
            ("processors", resources and resources.cpu),
        ):
            if value:
                asked.append(f"{name} of {node.name}")
    return asked


def main(arguments: list[str]) -> int:
    """Execute the run of a folder here. 0 if it succeeded, 1 if not, 2 if it could not be executed."""
    request, descriptor = told(arguments)
    # While it waits in the queue the key is a stop like any other.
    signal.signal(signal.SIGINT, lambda _number, _frame: os.kill(os.getpid(), signal.SIGTERM))
    masker = Masker()
    code = 2
    try:
        file = RunFile.read(Path(request["folder"]))
        if limits := limits_not_held(file):
            say(f"in one process these do not count: {', '.join(limits)}")

        def places(live: LiveStack, secrets: Mapping[SecretRef, str], stop: Stop) -> Places:
            return InProcess(file, live, secrets, stop, pdb=request["pdb"])

        code = 0 if execute(file, masker, places=places) is RunStatus.SUCCEEDED else 1
    except ComponentError as error:
        say(masker(str(error)))
    except Exception as error:
        print(masker("".join(traceback.format_exception(error))), file=sys.stderr)
    answer(descriptor, {"code": code})
    return code


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that a step left behind must not hold it up.
    os._exit(ended)
