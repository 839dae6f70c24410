"""Following a run from outside: its events and its log lines as they come. Used by `run`, `runs resume` and `demo`.

Nothing here belongs to the run: whoever follows may come late and leave early.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import Field

from stacktui.model.base import now
from stacktui.model.run import Event, RunStatus
from stacktui.operations.attention import LeaveRunning
from stacktui.operations.documents import Moment, Part
from stacktui.operations.run_logs import Logs

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run, StepRun
    from stacktui.model.stack import StepSettings
    from stacktui.operations.session import Session

T = TypeVar("T")

_POLL_S = 0.05
_LOST_CHECK_S = 1.0
_LAST_WORDS = 4096


class FollowedRun:
    """The run that events are about, for a face that shows more than they say. Each answer is as of now."""

    def __init__(self, store: MetadataStore, run_id: str, folder: Path) -> None:
        self.run_id = run_id
        self._store = store
        self._folder = folder

    def run(self) -> Run:
        """The run, whole."""
        return self._store.run(self.run_id)

    def steps(self) -> tuple[StepRun, ...]:
        """Its steps by position."""
        return self._store.steps(self.run_id)

    def settings(self) -> dict[str, StepSettings]:
        """The settings in force by step; empty where the run's file is not on this host."""
        from stacktui.pipelines.runfile import RunFile

        try:
            file = RunFile.read(self._folder)
        except (OSError, ValueError):
            return {}
        return {node.name: file.settings.get(node.name, node.settings) for node in file.description.steps}

    def last_words(self) -> str:
        """The last line that its runner wrote, which says something where the runner died; empty where it did not."""
        try:
            with (self._folder / "runner.log").open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _LAST_WORDS, 0))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1].strip() if lines else ""

    @staticmethod
    def next_attempt_s(settings: StepSettings, number: int) -> float:
        """How long the retry `number` of a step waits, in seconds; chance may have changed it."""
        from stacktui.pipelines.retries import wait_s

        return wait_s(settings, number, 0.0)


class RunEvent(Part):
    """Something that happened to a run."""

    event: str
    """`run_created`, `run_started`, `step_started`, `step_finished`, `log`, `metric`, `run_finished` …, and of
    whoever looks on `stop_requested` and `left_running`."""
    run_id: str
    at: Moment
    step: str | None = None
    status: str | None = None
    """The run's or the step's, after the event."""
    stream: str | None = None
    """Of a log line: `stdout`, `stderr` or `logging`."""
    text: str | None = None
    """Of a log line, a message or a question."""
    data: dict[str, Any] = {}
    """What else the event says."""
    followed: Any = Field(default=None, exclude=True, repr=False)
    """The `FollowedRun`; None where an event was made without one."""

    @property
    def answer(self) -> bool:
        return self.event != "run_finished" or self.status == RunStatus.SUCCEEDED


def run_events(
    session: Session, store: MetadataStore, run_id: str, *, after: int | None = None
) -> Iterator[RunEvent]:
    """A run's events with its log lines between them, until `run_finished`.

    `after` leaves out what came up to that event: earlier events, and the log lines that are there already.

    A KeyboardInterrupt (out of the session's `attention`, or thrown in) asks the run to stop and goes on following;
    a second one is raised again. `LeaveRunning` ends the following. Both say with `left_running` that the run goes on.
    """
    yield from followed(session, RunTail(session, store, run_id, after))


class Tail(Protocol[T]):
    """What can be looked at while it goes on: a run, a group of runs."""

    @property
    def pending(self) -> deque[T]: ...
    @property
    def finished(self) -> bool: ...
    def read(self) -> None: ...
    def stop(self) -> None: ...
    def own(self, event: str, **data: Any) -> T: ...


def followed(session: Session, tail: Tail[T]) -> Iterator[T]:
    """What comes of `tail` until it is finished. How people interrupt it stands at `run_events`."""
    asked = False
    with session.attention.looking_on():
        while True:
            try:
                while tail.pending:
                    yield tail.pending.popleft()
                if tail.finished:
                    return
                tail.read()
                if not tail.pending:
                    session.attention.pause(_POLL_S)
            except KeyboardInterrupt:
                if tail.finished:
                    continue
                if asked:
                    yield tail.own("left_running", stopping=True)
                    raise
                asked = True
                tail.stop()
                tail.pending.append(tail.own("stop_requested"))
            except LeaveRunning:
                if tail.finished:
                    continue
                yield tail.own("left_running", stopping=asked)
                return


class RunTail:
    """Where a follower stands in a run's events and logs."""

    def __init__(self, session: Session, store: MetadataStore, run_id: str, after: int | None) -> None:
        self._store = store
        self._run_id = run_id
        self._followed = FollowedRun(store, run_id, session.workspace.state / "runs" / run_id)
        self._logs = Logs(session, run_id, None, tail=None if after is None else 0)
        self._after = after or 0
        self._next_check = time.monotonic() + _LOST_CHECK_S
        self._waits_for = ""
        self.pending: deque[RunEvent] = deque()
        self.finished = False

    def own(self, event: str, status: RunStatus | None = None, **data: Any) -> RunEvent:
        """An event that stands in no store: about whoever follows, or what only readers know."""
        return RunEvent(
            event=event,
            run_id=self._run_id,
            at=now(),
            status=None if status is None else status.value,
            data=data,
            followed=self._followed,
        )

    def stop(self) -> None:
        """Ask the run to stop."""
        self._store.request(self._run_id, "stop")

    def read(self) -> None:
        """Take in what is new."""
        events = self._store.events(self._after, run_id=self._run_id)
        batch: list[tuple[datetime, RunEvent]] = [(event.at, self._of(event)) for event in events]
        # Read after the events: the runner writes a step's lines before it records the step's end.
        batch.extend(self._lines())
        ends = any(event.kind == "run_finished" for event in events)
        while ends and self._logs.more:
            batch.extend(self._lines())
        for event in events:
            if event.kind == "step_finished" and isinstance(event.data.get("attempt"), int):
                self._logs.ended(str(event.data.get("step")), event.data["attempt"])
        # The last event of a run stays the last: a clock that jumped must not put a line after it.
        batch.sort(key=lambda item: (item[1].event == "run_finished", item[0]))
        self.pending.extend(event for _, event in batch)
        if events:
            self._after = events[-1].id
        if ends:
            self.finished = True
        elif time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + _LOST_CHECK_S
            self._check_lost()

    def _lines(self) -> Iterator[tuple[datetime, RunEvent]]:
        for line in self._logs.new():
            yield (
                line.at,
                RunEvent(
                    event="log",
                    run_id=self._run_id,
                    at=line.at,
                    step=line.step,
                    stream=line.stream,
                    text=line.text,
                    followed=self._followed,
                ),
            )

    def _check_lost(self) -> None:
        if self._store.run(self._run_id).status is RunStatus.LOST:
            self.finished = True
            self.pending.append(self.own("run_finished", RunStatus.LOST))

    def _of(self, event: Event) -> RunEvent:
        data = dict(event.data)
        step, status = data.pop("step", None), data.pop("status", None)
        text = None
        if event.kind in ("message", "question"):
            # The event has the item's id only: its words stand in the inbox.
            item = self._store.inbox_item(str(data.get("id")))
            text = item.text
            data |= {"choices": list(item.choices)} if item.choices else {}
        elif event.kind == "run_changed":
            # What it waits for stands on the run, as of now.
            waits_for = self._store.run(self._run_id).waits_for
            if waits_for != self._waits_for:
                self._waits_for = waits_for
                data["waits_for"] = waits_for
        return RunEvent(
            event=event.kind,
            run_id=self._run_id,
            at=event.at,
            step=step if isinstance(step, str) else None,
            status=status if isinstance(status, str) else None,
            text=text,
            data=data,
            followed=self._followed,
        )
