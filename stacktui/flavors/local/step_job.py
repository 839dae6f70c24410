"""A step on its way to a worker process: the handle that the runner holds, its limits, and how it ended.

Used by the worker processes and by the flavors that keep them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stacktui.categories.base import EventSink
from stacktui.categories.orchestrator import SecretValues
from stacktui.flavors.local.process_tree import resident_bytes
from stacktui.model.base import now
from stacktui.model.execution import StepResult, StepSpec
from stacktui.model.run import StepError, StepStatus

if TYPE_CHECKING:
    from concurrent.futures import Future

GRACE_S = 5.0
_MEMORY_EVERY_S = 0.1


class Verdict(NamedTuple):
    """Why a step's process was, or is to be, ended."""

    status: StepStatus
    kind: str
    """The error's type."""
    message: str
    traceback: str = ""
    gentle: bool = False
    """Whether the step may clean up before it is killed."""


CANCELLED_RUNNING = Verdict(StepStatus.CANCELLED, "Cancelled", "cancelled while it ran", gentle=True)
CANCELLED_WAITING = Verdict(StepStatus.CANCELLED, "Cancelled", "cancelled before it began")


class Sentence:
    """Why a worker's process is to end, and how long its step still has for cleaning up. The first verdict counts."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self._until: float | None = None
        self._told = False

    def say(self, verdict: Verdict) -> None:
        """Say why; whoever said it before is right."""
        if self.verdict is None:
            self.verdict = verdict
            if verdict.gentle:
                self._until = time.monotonic() + GRACE_S

    def step_is_over(self, where: str) -> None:
        """The step needs no more time; `where` it was, as a traceback."""
        self._until = None
        if self.verdict is not None:
            self.verdict = self.verdict._replace(traceback=where)

    def due_in_s(self) -> float | None:
        """Seconds until the step's time is up; None where it has none."""
        return None if self._until is None else self._until - time.monotonic()

    def spares(self, leader: int, ready: bool) -> bool:
        """Whether the process may live on for a while. Its group is told to end by SIGTERM, once it is `ready` for that."""
        if self._until is None or time.monotonic() >= self._until:
            return False
        if not self._told and ready:
            self._told = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGTERM)
        return self._told


class Place(Protocol):
    """The worker that has a job."""

    def send(self, message: dict[str, object]) -> None:
        """Send the worker a message."""

    def stop(self, job: Job, verdict: Verdict) -> None:
        """End the worker because of the job."""


class Job:
    """One step, from its submission to its result."""

    def __init__(self, spec: StepSpec, secrets: SecretValues, sink: EventSink) -> None:
        from concurrent.futures import Future

        self.spec = spec
        self.secrets = secrets
        self.sink = sink
        self.future: Future[StepResult] = Future()
        self.place: Place | None = None
        self.cancelled = False
        self.withdraw: Callable[[Job], bool] | None = None
        """Takes it out of the queue; false if it is not in it any more."""
        self.started_at = now()
        self._resolving = threading.Lock()

    def cancel(self) -> None:
        """See `StepHandle.cancel`."""
        self.cancelled = True
        if self.withdraw is not None and self.withdraw(self):
            self.fail(CANCELLED_WAITING)
        elif self.place is not None:
            self.place.stop(self, CANCELLED_RUNNING)

    def answer(self, question_id: str, choice: str | None) -> None:
        """See `StepHandle.answer`."""
        if self.place is not None and not self.future.done():
            self.place.send({"type": "answer", "id": question_id, "choice": choice})

    def resolve(self, result: StepResult) -> None:
        """Give the future its result; a second one is dropped."""
        with self._resolving:
            if not self.future.done():
                self.future.set_result(result)

    def fail(self, verdict: Verdict) -> None:
        """Resolve with a result that did not come from the step itself."""
        self.resolve(
            StepResult(
                status=verdict.status,
                started_at=self.started_at,
                finished_at=max(now(), self.started_at),
                error=StepError(type=verdict.kind, message=verdict.message, traceback=verdict.traceback),
            )
        )


class Limits:
    """Holds one step to its time and memory. The clock stands still until the step begins, and while it asks."""

    def __init__(self, spec: StepSpec) -> None:
        times = [limit for limit in (spec.timeout_s, spec.resources.time) if limit is not None]
        self.time_s: float | None = min(times, default=None)
        self.memory = spec.resources.memory
        self._used_s = 0.0
        self._since: float | None = None
        self._asking: set[str] = set()
        self._next_look = 0.0

    def begin(self) -> None:
        """The step begins: its clock runs."""
        self._since = time.monotonic()

    def pause(self, question: str) -> None:
        """The step waits for people."""
        self._asking.add(question)
        if self._since is not None:
            self._used_s += time.monotonic() - self._since
            self._since = None

    def resume(self, question: str) -> None:
        """The step no longer waits for the answer to `question`."""
        self._asking.discard(question)
        if not self._asking and self._since is None:
            self._since = time.monotonic()

    def next_look_s(self) -> float | None:
        """Seconds until a limit could be passed; None for never."""
        pauses = [_MEMORY_EVERY_S] if self.memory is not None else []
        if self.time_s is not None and self._since is not None:
            pauses.append(self.time_s - self._used_s - (time.monotonic() - self._since))
        return min(pauses, default=None)

    def passed(self, pid: int) -> Verdict | None:
        """The limit that the step in process `pid` has passed."""
        at = time.monotonic()
        if (
            self.time_s is not None
            and self._since is not None
            and self._used_s + at - self._since >= self.time_s
        ):
            message = f"ended after {self.time_s:g} s, its time limit"
            return Verdict(StepStatus.FAILED, "Timeout", message, gentle=True)
        if self.memory is not None and at >= self._next_look:
            self._next_look = at + _MEMORY_EVERY_S
            used = resident_bytes(pid)
            if used > self.memory:
                return Verdict(
                    StepStatus.FAILED,
                    "MemoryLimit",
                    f"ended at {_mebibytes(used)} of resident memory; its limit is {_mebibytes(self.memory)}",
                )
        return None


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
