"""The worker's end of the pipe to whoever runs it: messages out, answers in. See `worker_process.py`, in the local
flavors, for the protocol.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.flavors.local.worker_output import WorkerOutput
from stacktui.flavors.local.worker_pipe import message_of
from stacktui.model.artifact import ArtifactRef
from stacktui.model.execution import LogLine, StepEvent
from stacktui.model.masking import Masker

_BLOCK = 1 << 16
_PATIENCE_S = 10.0


class Link:
    """Messages to and from the runner."""

    def __init__(self, descriptor_in: int, descriptor_out: int) -> None:
        self._in = descriptor_in
        self._out = descriptor_out
        self._lock = threading.Lock()
        self._buffer = b""
        self._arrived: list[dict[str, Any]] = []
        self._reading = threading.Lock()
        self._answers: dict[str, str | None] = {}
        self._forked = False
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._cut
        )

    def send(self, message: dict[str, Any]) -> None:
        """Send a message now."""
        data = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            self._write(data)

    def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end of the pipe. Answers are kept for `answer`."""
        with self._reading:
            while True:
                message = self._next(None)
                if message is None or message["type"] != "answer":
                    return message
                self._answers[message["id"]] = message["choice"]

    def answer(self, question: str, timeout_s: float | None) -> str | None:
        """Wait for the answer to a question; None when the time is up or the runner says so."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            # Several threads of a step may wait: each reads in turn, for a moment.
            with self._reading:
                if question in self._answers:
                    return self._answers.pop(question)
                left = 0.1 if deadline is None else min(0.1, deadline - time.monotonic())
                message = self._next(max(left, 0.0))
                if message is not None and message["type"] == "answer":
                    self._answers[message["id"]] = message["choice"]
                    continue
                if message is not None:
                    raise RuntimeError(f"a {message['type']} came while a step waits for an answer")
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def hangs_up(self) -> None:
        """Return when the runner's end of the pipe is closed."""
        poll = select.poll()
        poll.register(self._in, 0)
        poll.poll()

    def _next(self, timeout_s: float | None) -> dict[str, Any] | None:
        while not self._arrived:
            if timeout_s is not None and not select.select([self._in], [], [], timeout_s)[0]:
                return None
            block = os.read(self._in, _BLOCK)
            if not block:
                if timeout_s is not None:
                    time.sleep(timeout_s)
                return None
            *lines, self._buffer = (self._buffer + block).split(b"\n")
            self._arrived.extend(map(message_of, lines))
        return self._arrived.pop(0)

    def _write(self, data: bytes) -> None:
        """With the lock held."""
        if self._forked:
            return
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]

    def _cut(self) -> None:
        self._lock.release()
        self._forked = True


class Relay:
    """Reads this process's own output and sends it as messages, where who started it shares no memory with it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._output = WorkerOutput()
        self._lock = threading.Lock()
        # The ends that are written to become the process's own.
        self.given = self._output.given
        os.register_at_fork(before=self._lock.acquire, after_in_parent=self._lock.release)
        threading.Thread(target=self._read_for_ever, name="lines to the runner", daemon=True).start()

    def begin(self, masker: Masker, rewrite: Callable[[str], str]) -> None:
        """A step begins."""
        with self._lock:
            self._output.begin(self._send, lambda: masker, rewrite)

    def end(self) -> None:
        """Send all that was written until now."""
        with self._lock:
            self._output.end()

    def _send(self, event: StepEvent) -> None:
        if isinstance(event, LogLine):
            line = [event.at.timestamp(), event.stream, event.text, event.partial]
            self._link.send({"type": "log", "lines": [line]})

    def _read_for_ever(self) -> None:
        poll = select.poll()
        for descriptor in self._output.descriptors:
            poll.register(descriptor, select.POLLIN)
        while True:
            with self._lock:
                pause = self._output.tell() if self._output.sleep() else 0.0
            ready = poll.poll(None if pause is None else max(pause, 0.0) * 1000 + 1)
            with self._lock:
                self._output.read([descriptor for descriptor, _ in ready])


class Channel:
    """A step's way out: what `StepChannel` asks for. One an attempt."""

    def __init__(self, link: Link, run_id: str, step: str) -> None:
        self.run_id = run_id
        self.step = step
        self._link = link
        self.store: ArtifactStore | None = None
        self.scratch: Path | None = None

    def emit(self, event: StepEvent) -> None:
        self._link.send({"type": "event", "event": event.model_dump(mode="json")})

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        try:
            # Whoever runs the step says when the time is up; this is for one that does not.
            return self._link.answer(question_id, None if timeout_s is None else timeout_s + _PATIENCE_S)
        finally:
            self._link.send({"type": "resumed", "id": question_id})

    def materialize(self, name: str, value: Any) -> ArtifactRef:
        from stacktui.pipelines.materializers import save

        if self.store is None:
            raise RuntimeError("the step has no artifact store yet")
        return save(value, self.store, name=name, scratch=self.scratch)
