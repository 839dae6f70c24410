"""One worker process and the steps that it is given: started by name, spoken to over its stdin and stdout.

Used by the local orchestrator, which keeps several, and by the subprocess operator, which makes one a step.

The protocol, version 1, is a line of JSON a message:

- to the worker: `setup` (run, secrets), `step` (spec without its run, secrets), `answer` (id, choice); the end
  of the pipe ends it;
- from the worker: `hello` (protocol, pid, scratch: its folder for temporary files), `began` (of a step with a time limit: its clock runs), `log` (lines of
  [seconds, stream, text, partial]; only of one that has no ring to write to, see `worker_output.py`), `event` (a `StepEvent`), `resumed` (id: the step no longer waits for that question),
  `result` (a `StepResult`).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from stacktui.categories.held_lock import HeldLock
from stacktui.categories.orchestrator import SecretValues
from stacktui.flavors.local.process_tree import end_tree
from stacktui.flavors.local.step_job import (
    CANCELLED_RUNNING,
    CANCELLED_WAITING,
    GRACE_S,
    Job,
    Limits,
    Sentence,
    Verdict,
)
from stacktui.flavors.local.worker_output import WorkerOutput, hand_on
from stacktui.flavors.local.worker_pipe import WorkerPipe, message_of
from stacktui.flavors.local.worker_start import (
    Started,
    importable,
    scratch_of,
    start_worker,
    verdict_of,
)
from stacktui.model.base import now
from stacktui.model.execution import Question, RunContext, StepEvent, StepResult
from stacktui.model.masking import Masker
from stacktui.model.run import StepStatus

__all__ = ["PROTOCOL", "Job", "Owner", "WorkerProcess", "importable"]

PROTOCOL = 1
_BLOCK = 1 << 16
_TAIL = 4000
_EVENTS: TypeAdapter[Any] = TypeAdapter(StepEvent)
_PIDFD = getattr(os, "pidfd_open", None)


class Owner(Protocol):
    """Who a worker works for."""

    def finished(self, worker: WorkerProcess) -> None:
        """The worker's step is over and it may be given another one. Called from the worker's thread."""

    def gone(self, worker: WorkerProcess) -> None:
        """The process has ended. Called from the worker's thread, once."""


class WorkerProcess:
    """A process that runs steps one after the other, watched by a thread of its own, which also starts it.

    The thread lives as long as the process: on Linux the kernel ends the process with the *thread* that made it.
    """

    def __init__(
        self,
        owner: Owner,
        run: RunContext,
        secrets: SecretValues,
        *,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
        cpus: Sequence[int] = (),
        locks: Sequence[HeldLock] = (),
    ) -> None:
        """`locks` are the worker's from here on: its process has them for as long as it lives."""
        self._owner = owner
        self._locks = tuple(locks)
        self._run = run
        self._secrets = secrets
        self._python = python
        self._environment = dict(environment or {})
        self._cpus = tuple(cpus)
        self._pipe = WorkerPipe()
        self._lock = threading.Lock()
        self._started: Started | None = None
        self._job: Job | None = None
        self._limits: Limits | None = None
        self._sentence = Sentence()
        self._ending = False
        self._closing: float | None = None
        self._result: StepResult | None = None
        """What a step has come to that was to be ended."""
        self._greeted = False
        self._scratch: Path | None = None
        self._fresh = False
        """Whether its output is not given to the job yet that it was assigned."""
        self._buffer = b""
        self._tail = b""
        setup = {"type": "setup", "protocol": PROTOCOL, "run": run.model_dump(mode="json")}
        self._pipe.send({**setup, "secrets": _pairs(secrets)})
        self.thread = threading.Thread(target=self._live, name=f"worker of {run.run_id}", daemon=True)
        self.thread.start()

    @property
    def pid(self) -> int | None:
        """The process's id; None before it was started."""
        return self._started.process.pid if self._started is not None else None

    def assign(self, job: Job) -> bool:
        """Give it a step, while it has none. False if it is about to end or has ended."""
        with self._lock:
            if self._ending or self._sentence.verdict is not None:
                return False
            job.place, job.started_at = self, now()
            self._limits = Limits(job.spec)
            self._job = job
            self._fresh = True
        message = job.spec.model_dump(exclude={"run"})
        self._pipe.send({"type": "step", "spec": message, "secrets": _pairs(job.secrets)})
        if self._limits.memory is not None:
            self._pipe.wake()
        if job.cancelled:
            self.stop(job, CANCELLED_WAITING)
        return True

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message. Never waits."""
        self._pipe.send(message)

    def stop(self, job: Job, verdict: Verdict) -> None:
        """End the process and all its children because of `job`, whose result then says why."""
        with self._lock:
            if self._job is not job or self._ending:
                return
            self._sentence.say(verdict)
        self._pipe.wake()

    def close(self) -> None:
        """Let it end by itself; a step that it still has is cancelled."""
        self._closing = time.monotonic() + GRACE_S
        job = self._job
        if job is not None:
            self.stop(job, CANCELLED_RUNNING)
        self._pipe.wake()

    # Everything below runs in the worker's own thread.

    def _live(self) -> None:
        try:
            started = start_worker(
                self._run,
                self._python,
                self._environment,
                self._cpus,
                [lock.descriptor for lock in self._locks],
            )
        except OSError as error:
            self._let_go()
            message = f"{self._python} cannot be started: {error.strerror or error}"
            self._over(Verdict(StepStatus.FAILED, "WorkerFailed", message))
            return
        self._let_go()
        process = started.process
        self._started = started
        assert process.stdin is not None
        self._pipe.connect(process.stdin)
        self._pipe.flush()
        try:
            self._serve(process, started.output)
        except Exception as error:
            # A message that is not ours, or a log that cannot be written: the process is of no use any more.
            message = f"what the worker sent could not be taken in: {type(error).__name__}: {error}"
            self._sentence.say(Verdict(StepStatus.FAILED, "WorkerFailed", message))
        with self._lock:
            self._ending = True
        end_tree(process.pid, started.mark)
        process.wait()
        if self._scratch is not None:
            # One that was killed could not remove it.
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._drain(started)
        last_words = self._tail.decode("utf-8", "replace").strip()
        own_end = verdict_of(process.returncode, self._greeted, last_words, self._run)
        self._over(self._sentence.verdict or own_end)

    def _let_go(self) -> None:
        for lock in self._locks:
            lock.close()

    def _serve(self, process: subprocess.Popen[bytes], output: WorkerOutput) -> None:
        """Take in messages until the process has ended or is to be ended."""
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = process.stdout.fileno(), process.stderr.fileno()
        poll = select.poll()
        for descriptor in (out, err, self._pipe.woken, *output.descriptors):
            os.set_blocking(descriptor, False)
            poll.register(descriptor, select.POLLIN)
        pidfd = _PIDFD(process.pid) if _PIDFD is not None else None
        if pidfd is not None:
            poll.register(pidfd, select.POLLIN)
        writing: int | None = None
        try:
            while True:
                wanted = self._pipe.wants_to_write()
                if wanted != writing:
                    if writing is not None:
                        poll.unregister(writing)
                    if wanted is not None:
                        poll.register(wanted, select.POLLOUT)
                    writing = wanted
                ready = [descriptor for descriptor, _ in poll.poll(self._pause_ms(pidfd is None, output))]
                self._read_output(output, ready)
                for descriptor in ready:
                    if descriptor == out:
                        if not self._read(out):
                            poll.unregister(out)
                    elif descriptor == err:
                        if not self._read_tail(err):
                            poll.unregister(err)
                    elif descriptor == self._pipe.woken:
                        self._pipe.was_woken()
                    elif descriptor == pidfd:
                        return
                    elif descriptor == writing:
                        self._pipe.flush()
                if self._must_end(process):
                    return
        finally:
            if pidfd is not None:
                os.close(pidfd)

    def _pause_ms(self, must_ask: bool, output: WorkerOutput) -> float | None:
        """How long to wait for a message: until something else has to be looked at."""
        if not output.sleep():
            return 0
        pauses = [0.2] if must_ask else []
        if (tell := output.tell()) is not None:
            pauses.append(tell)
        if self._job is not None and self._limits is not None:
            look = self._limits.next_look_s()
            if look is not None:
                pauses.append(look)
        if self._closing is not None:
            pauses.append(self._closing - time.monotonic())
        if (due := self._sentence.due_in_s()) is not None:
            pauses.append(due)
        return max(min(pauses), 0.0) * 1000 + 1 if pauses else None

    def _must_end(self, process: subprocess.Popen[bytes]) -> bool:
        if self._closing is not None:
            self._pipe.hang_up()
            if time.monotonic() > self._closing:
                return True
        sentence = self._sentence
        if self._job is not None and self._limits is not None and sentence.verdict is None:
            passed = self._limits.passed(process.pid)
            if passed is not None:
                sentence.say(passed)
        if sentence.verdict is not None and (
            self._job is None or not sentence.spares(process.pid, self._greeted)
        ):
            return True
        return _PIDFD is None and process.poll() is not None

    def _read_output(self, output: WorkerOutput, ready: Sequence[int] = ()) -> None:
        """Take in what was written."""
        if self._fresh and (job := self._job) is not None:
            self._fresh = False
            output.begin(job.sink, lambda: self._masker_of(job), self._rewritten)
        output.read(ready)

    def _masker_of(self, job: Job) -> Masker:
        return Masker([*self._secrets.values(), *job.secrets.values()])

    def _rewritten(self, text: str) -> str:
        return text.replace(self._run.code_path, self._run.workspace)

    def _read(self, out: int) -> bool:
        """Take in what has arrived. False at the end of the pipe."""
        try:
            block = os.read(out, _BLOCK)
        except BlockingIOError:
            return True
        *lines, self._buffer = (self._buffer + block).split(b"\n")
        for line in lines:
            self._take(message_of(line))
        return bool(block)

    def _read_tail(self, err: int) -> bool:
        """What was written outside of any step: by the interpreter before it was ready, or as it crashed."""
        try:
            block = os.read(err, _BLOCK)
        except BlockingIOError:
            return True
        self._tail = (self._tail + block)[-_TAIL:]
        return bool(block)

    def _take(self, message: dict[str, Any]) -> None:
        job, limits = self._job, self._limits
        kind = message["type"]
        if kind == "hello":
            if message["protocol"] != PROTOCOL:
                raise ValueError(
                    f"it speaks protocol {message['protocol']}, not {PROTOCOL}: {self._python} has another "
                    "version of stacktui"
                )
            self._greeted = True
            self._scratch = scratch_of(message)
        elif job is None or limits is None:
            return
        elif kind == "log":
            for at, stream, text, partial in message["lines"]:
                hand_on(job.sink, stream, at, text, partial=partial)
        elif kind == "event":
            event = _EVENTS.validate_python(message["event"])
            if isinstance(event, Question):
                limits.pause(event.id)
            job.sink(event)
        elif kind == "began":
            limits.begin()
        elif kind == "resumed":
            limits.resume(message["id"])
        elif kind == "result":
            assert self._started is not None
            # What the step wrote stands before its result.
            self._read_output(self._started.output)
            self._started.output.end()
            self._finish(job, StepResult.model_validate(message["result"]))

    def _finish(self, job: Job, result: StepResult) -> None:
        with self._lock:
            verdict = self._sentence.verdict
            if verdict is None:
                self._job = None
            elif result.status is StepStatus.SUCCEEDED:
                # The verdict came at the same time: the process is still ended, but the result counts.
                self._result = result
            free = verdict is None and not self._ending
            self._sentence.step_is_over(result.error.traceback if result.error is not None else "")
        if free:
            self._owner.finished(self)
        if verdict is None:
            job.resolve(result)

    def _drain(self, started: Started) -> None:
        """Read what the process left in its pipes, which a child that outlives it may still hold open."""
        process = started.process
        assert process.stdout is not None
        assert process.stderr is not None
        with contextlib.suppress(Exception):
            while _readable(process.stdout.fileno()) and self._read(process.stdout.fileno()):
                pass
        while _readable(process.stderr.fileno()) and self._read_tail(process.stderr.fileno()):
            pass
        with contextlib.suppress(Exception):
            self._read_output(started.output)
            started.output.end()

    def _over(self, verdict: Verdict) -> None:
        """The process is gone: its step, if it still had one, has failed."""
        with self._lock:
            self._ending = True
            job, self._job = self._job, None
        self._pipe.close()
        if self._started is not None:
            for pipe in (self._started.process.stdout, self._started.process.stderr):
                if pipe is not None:
                    pipe.close()
            self._started.output.close()
        self._owner.gone(self)
        # Not before: where a step was told to end, nothing of it is left when that is known.
        if job is not None and self._result is not None:
            job.resolve(self._result)
        elif job is not None:
            job.fail(verdict)


def _readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _pairs(secrets: SecretValues) -> list[list[str]]:
    return [[reference.name, reference.key, str(value)] for reference, value in secrets.items()]
