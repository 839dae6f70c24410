"""Stopping a run from outside: it is asked, and only then told by signals. Used by the operations."""

from __future__ import annotations

import contextlib
import signal
import socket
import time

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore
from stacktui.categories.process_mark import ProcessMark
from stacktui.model.base import now, short_id
from stacktui.model.run import Event, Run, RunStatus, StepStatus

WITHOUT_EFFECT_S = 10.0
"""A request that is older, of a run that still goes on, has had no effect."""
_TERM_GRACE_S = 10.0
"""What a runner takes to end its steps and to write that, at most; one that is told twice gets no second grace."""
_RELEASED_WITHIN_S = 10.0
_POLL_S = 0.05


def stop_run(store: MetadataStore, run: Run, *, force: bool = False) -> str:
    """Ask a run to stop, which its runner reads within a second; what was done, in one line.

    With `force`, or where an earlier request has had no effect for 10 s, its runner is told by SIGTERM, and killed
    where that does not help either: only where host, boot, pid and start time are those of the process that holds
    the run. This then waits for its end, up to some 10 s. A run whose runner was killed is recorded as cancelled.
    """
    name = f"run {short_id(run.id)}"
    if run.status.finished:
        return f"{name} is {run.status}: there is nothing to stop"
    earlier = last_stop(store, run.id)
    waited = None if earlier is None else (now() - earlier.at).total_seconds()
    if not force and (waited is None or waited < WITHOUT_EFFECT_S):
        if earlier is None:
            store.request(run.id, "stop")
            return f"asked {name} to stop"
        return (
            f"{name} was asked to stop {waited:.0f} s ago; ask again after 10 s and it is ended by a signal"
        )
    if earlier is None:
        store.request(run.id, "stop")
    holder = run.holder
    if holder is None:
        return f"asked {name} to stop; no process holds it yet that could be sent a signal"
    if holder.host != socket.gethostname():
        return f"asked {name} to stop; it runs on {holder.host}, signals can be sent from there only"
    mark = ProcessMark(pid=holder.pid, started=holder.started, boot=holder.boot)
    return _told(store, run.id, mark, name)


def _told(store: MetadataStore, run_id: str, mark: ProcessMark, name: str) -> str:
    try:
        there = mark.signal(signal.SIGTERM)
        if there and _ended(mark, _TERM_GRACE_S):
            # It may have had no time yet to learn how to end in order.
            _record_killed(store, run_id)
            return f"{name} was told to end by SIGTERM, and is {store.run(run_id).status}"
        killed = there and mark.signal(signal.SIGKILL)
    except PermissionError:
        raise ComponentError(
            f"{name} belongs to another user: process {mark.pid} may not be sent a signal"
        ) from None
    if killed and not _ended(mark, _TERM_GRACE_S):
        return f"{name} was sent SIGKILL, and process {mark.pid} has not ended yet"
    if not killed:
        return f"{name} has no process any more: it is {store.run(run_id).status}"
    _record_killed(store, run_id)
    return f"{name} did not end by SIGTERM: its process {mark.pid} was killed"


def _ended(mark: ProcessMark, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while mark.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _record_killed(store: MetadataStore, run_id: str) -> None:
    """Whoever kills the runner writes what it cannot write any more. Where that fails the run is shown as lost."""
    # A process whose first thread has ended may hold the run for as long as its other threads take to end.
    deadline = time.monotonic() + _RELEASED_WITHIN_S
    while not (run := store.run(run_id)).status.finished and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    if run.status is not RunStatus.LOST or run.finished_at is not None:
        return
    with contextlib.suppress(ComponentError), store.hold(run_id):
        at = now()
        store.record_steps(
            [
                step.model_copy(update={"status": StepStatus.CANCELLED, "finished_at": at})
                for step in store.steps(run_id)
                if not step.status.finished or step.status is StepStatus.LOST
            ]
        )
        store.update_run(
            run_id,
            status=RunStatus.CANCELLED,
            finished_at=at,
            error="it did not stop when it was asked to: its runner was killed",
            waits_for="",
            # Who had it, not who ended it.
            holder=run.holder,
        )


def last_stop(store: MetadataStore, run_id: str) -> Event | None:
    """The first request to stop of the run's present life; None where nobody asked. Blocks: reads the store."""
    stops = [event for event in store.requests(run_id) if event.data.get("what") == "stop"]
    for stop in stops:
        later = store.events(stop.id, run_id=run_id)
        if not any(event.data.get("status") == RunStatus.QUEUED for event in later):
            return stop
    return None
