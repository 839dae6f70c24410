"""Following a run from outside: its events and its logs as they come. Used by `run`, `runs logs` and `demo`.

Nothing here belongs to the run: whoever follows may come late and leave early.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.model.base import now
from stacktui.model.run import Event, RunStatus
from stacktui.operations.documents import Moment, Part
from stacktui.operations.run_documents import LogPart

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session

_POLL_S = 0.05
_LOST_CHECK_S = 1.0
_CLOCK_NS = 50_000_000


class RunEvent(Part):
    """Something that happened to a run."""

    event: str
    """`run_created`, `run_started`, `step_started`, `step_finished`, `log`, `metric`, `run_finished` …"""
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

    @property
    def answer(self) -> bool:
        return self.event != "run_finished" or self.status == RunStatus.SUCCEEDED


class Logs:
    """The logs of a run, of all its steps or of one, from the place where they were last read.

    A look costs what is new: the folder is listed when something came into it, and a file is read when it grew.
    """

    def __init__(self, session: Session, run_id: str, step: str | None, attempt: int | None = None) -> None:
        self._state = session.workspace.state
        self._run_id = run_id
        self._step = step
        self._attempt = attempt
        self._listed_at = 0
        self._open: dict[tuple[str, int], Path] = {}
        self._read: dict[tuple[str, int], int] = {}
        """How far each was read, in bytes; those that ended too."""

    def new(self) -> list[LogPart]:
        """The lines since the last call, in the order of their times."""
        from stacktui.pipelines.logs import read_log

        self._list()
        found: list[LogPart] = []
        for key, path in self._open.items():
            step, attempt = key
            while path.stat().st_size > self._read[key]:
                page = read_log(self._state, self._run_id, step, attempt, self._read[key])
                if page.next_offset == self._read[key]:
                    # The last line is half written.
                    break
                self._read[key] = page.next_offset
                found.extend(
                    LogPart(at=line.at, step=step, stream=line.stream, text=line.text) for line in page.lines
                )
        # A stable sort: lines of one step with the same time stay in order.
        found.sort(key=lambda line: line.at)
        return found

    def ended(self, step: str, attempt: int) -> None:
        """Nothing more comes from this attempt, and all of it was read: it is not looked at again."""
        self._open.pop((step, attempt), None)
        self._read.setdefault((step, attempt), 0)

    def _list(self) -> None:
        from stacktui.pipelines.logs import log_folder, log_of

        folder = log_folder(self._state, self._run_id)
        try:
            changed = folder.stat().st_mtime_ns
            if changed == self._listed_at:
                return
            files = list(folder.iterdir())
        except FileNotFoundError:
            return
        # Files that come within the clock's grain of this look are seen by another one.
        self._listed_at = changed if time.time_ns() - changed > _CLOCK_NS else 0
        for log in filter(None, map(log_of, files)):
            key = (log.step, log.attempt)
            if (
                key not in self._read
                and self._step in (None, log.step)
                and self._attempt in (None, log.attempt)
            ):
                self._open[key] = log.path
                self._read[key] = 0


def log_lines(
    session: Session,
    store: MetadataStore,
    run_id: str,
    step: str | None,
    *,
    attempt: int | None = None,
    follow: bool = False,
    raw: bool = False,
) -> Iterator[LogPart]:
    """A run's log lines; with `follow` until it ends."""
    logs = Logs(session, run_id, step, attempt)
    while True:
        # Asked first: what is written before the end is then read for certain.
        ended = not follow or store.run(run_id).status.finished
        for line in logs.new():
            yield line.model_copy(update={"raw": raw}) if raw else line
        if ended:
            return
        time.sleep(_POLL_S * 2)


def run_events(session: Session, store: MetadataStore, run_id: str) -> Iterator[RunEvent]:
    """A run's events with its log lines between them, until `run_finished`.

    Ctrl+C (a KeyboardInterrupt while it waits or is thrown into it) asks the run to stop and goes on following;
    a second one leaves the run to itself.
    """
    tail = _Tail(session, store, run_id)
    asked = False
    while True:
        try:
            while tail.pending:
                yield tail.pending.popleft()
            if tail.finished:
                return
            tail.read()
            if not tail.pending:
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            if asked:
                raise
            asked = True
            store.request(run_id, "stop")
            tail.pending.append(RunEvent(event="stop_requested", run_id=run_id, at=now()))


class _Tail:
    """Where a follower stands in a run's events and logs."""

    def __init__(self, session: Session, store: MetadataStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._logs = Logs(session, run_id, None)
        self._after = 0
        self._next_check = time.monotonic() + _LOST_CHECK_S
        self.pending: deque[RunEvent] = deque()
        self.finished = False

    def read(self) -> None:
        """Take in what is new."""
        events = self._store.events(self._after, run_id=self._run_id)
        batch: list[tuple[datetime, RunEvent]] = []
        for event in events:
            self._after = event.id
            batch.append((event.at, self._of(event)))
        # Read after the events: the runner writes a step's lines before it records the step's end.
        batch.extend(
            (
                line.at,
                RunEvent(
                    event="log",
                    run_id=self._run_id,
                    at=line.at,
                    step=line.step,
                    stream=line.stream,
                    text=line.text,
                ),
            )
            for line in self._logs.new()
        )
        for event in events:
            if event.kind == "step_finished" and isinstance(event.data.get("attempt"), int):
                self._logs.ended(str(event.data.get("step")), event.data["attempt"])
        # The last event of a run stays the last: a clock that jumped must not put a line after it.
        batch.sort(key=lambda item: (item[1].event == "run_finished", item[0]))
        self.pending.extend(event for _, event in batch)
        if any(event.kind == "run_finished" for event in events):
            self.finished = True
        elif time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + _LOST_CHECK_S
            self._check_lost()

    def _check_lost(self) -> None:
        run = self._store.run(self._run_id)
        if run.status is RunStatus.LOST:
            self.finished = True
            self.pending.append(
                RunEvent(event="run_finished", run_id=self._run_id, at=now(), status=RunStatus.LOST.value)
            )

    def _of(self, event: Event) -> RunEvent:
        data = dict(event.data)
        step, status = data.pop("step", None), data.pop("status", None)
        text = None
        if event.kind in ("message", "question"):
            # The event has the item's id only: its words stand in the inbox.
            item = self._store.inbox_item(str(data.get("id")))
            text = item.text
            data |= {"choices": list(item.choices)} if item.choices else {}
        return RunEvent(
            event=event.kind,
            run_id=self._run_id,
            at=event.at,
            step=step if isinstance(step, str) else None,
            status=status if isinstance(status, str) else None,
            text=text,
            data=data,
        )
