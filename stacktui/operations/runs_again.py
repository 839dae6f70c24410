"""What is done with runs from any later session: resumed, retried, stopped, waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from stacktui.model.base import short_id
from stacktui.model.run import RunStatus
from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, DoneDocument, Part
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.following import run_events
from stacktui.operations.run import RunStarted, launched
from stacktui.operations.run_documents import RunRow
from stacktui.operations.running import allowed_stack
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import RUN, let_go, run_to_retry, which_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run
    from stacktui.operations.session import Session

_LOOK_S = 0.05
_LOST_CHECK_S = 1.0


class WaitDocument(Document):
    """Runs that have ended."""

    runs: tuple[RunRow, ...]

    @property
    def answer(self) -> bool:
        return all(run.status is RunStatus.SUCCEEDED for run in self.runs)


@operation(
    "runs resume",
    writes=True,
    streams=True,
    on="run",
    key="T",
    examples=("stacktui runs resume 0193a1b2", "stacktui runs resume last --detach"),
)
def resume(
    session: Session,
    run_id: Annotated[str, RUN],
    *,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
    detach: Annotated[bool, Opt("Do not look on: answer with the run's id.", short="d")] = False,
) -> Iterator[Part]:
    """Take up a run that failed, was stopped or was lost, and look on.

    It keeps its id, its code and its stack of then. What succeeded or was cached does not run again.

    Ctrl+C, ctrl+d and the exit code are as with `run`.
    """
    from stacktui.pipelines.launch import resume_run

    store = session.store()
    run = which_run(store, run_id)
    snapshot = session.snapshot()
    if run.stack in snapshot.stacks:
        resolved = session.resolved(run.stack, snapshot)
        confirmed(resolved.name, resolved.protected, confirm, f"stack {resolved.name!r}")
    if run.status.finished:
        # One that ended just now; who still holds it after that is told by name.
        let_go(session, store, run)
    before = store.last_event()
    with launched(session, detach):
        resume_run(session.workspace, snapshot, session.registry(), store, run.id, session.face)
    session.changed(runs=[run.id])
    if detach:
        yield RunStarted(run_id=run.id)
    else:
        yield from run_events(session, store, run.id, after=before)


@operation(
    "runs retry",
    writes=True,
    streams=True,
    on="run",
    key="t",
    examples=("stacktui runs retry 0193a1b2", "stacktui runs retry last --from fit"),
)
def retry(
    session: Session,
    run_id: Annotated[str, RUN],
    *,
    from_step: Annotated[
        str | None,
        Opt(
            "Begin here: this step and all after it run, the others' results are taken from the run.",
            complete="step",
            name="from",
        ),
    ] = None,
    no_probe: Annotated[bool, Opt("Do not ask the stack's components whether they can be reached.")] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
    detach: Annotated[bool, Opt("Do not look on: answer with the new run's id.", short="d")] = False,
) -> Iterator[Part]:
    """Start a run anew with today's code, the parameters and settings of then, and look on.

    It is a run of its own with a link to the one that it retries. Ctrl+C, ctrl+d and the exit code are as with `run`.
    """  # fmt: skip
    from stacktui.operations.run import probe_stack, started_run
    from stacktui.operations.running import user_code
    from stacktui.pipelines.again import retry_request

    store = session.store()
    run = run_to_retry(store, run_id, from_step)
    snapshot = session.snapshot()
    resolved = allowed_stack(session, snapshot, run.stack)
    confirmed(resolved.name, resolved.protected, confirm, f"stack {resolved.name!r}")
    if not no_probe:
        probe_stack(session, snapshot, resolved)
    with launched(session, detach):
        with user_code():
            request = retry_request(session.workspace, snapshot, run, resolved, from_step)
        new_id = started_run(session, snapshot, request)
    session.changed(runs=[run.id])
    if detach:
        yield RunStarted(run_id=new_id)
    else:
        yield from run_events(session, session.live(resolved.name).metadata_store, new_id)


@operation(
    "runs stop",
    writes=True,
    on="run",
    key="x",
    examples=("stacktui runs stop 0193a1b2", "stacktui runs stop last --force"),
)
def stop(
    session: Session,
    run_id: Annotated[str, RUN],
    *,
    force: Annotated[bool, Opt("Also send its runner a signal, where it is this host's.")] = False,
) -> DoneDocument:
    """Ask a run to stop; its runner reads that within a second, ends the running steps and cleans up.

    Asked again after ten seconds without effect, or with --force, its runner is told by SIGTERM, then ended by
    SIGKILL: only where host, boot, process id and start time are those of the process that holds the run.
    """
    from stacktui.pipelines.stopping import stop_run

    store = session.store()
    run = which_run(store, run_id)
    if run.status.finished:
        raise AnswerIsNo(f"run {short_id(run.id)} is {run.status}: there is nothing to stop")
    done = stop_run(store, run, force=force)
    session.note("stopped", f"run/{run.id}", f"{run.pipeline}: {done}")
    session.changed(runs=[run.id])
    return DoneDocument(done=done)


@operation(
    "runs wait",
    writes=False,
    on="run",
    examples=("stacktui runs wait 0193a1b2", "stacktui runs wait 0193a1b2 0193a1c4 --timeout 600"),
)
def wait(
    session: Session,
    run_ids: Annotated[tuple[str, ...], Arg("Runs: ids, or beginnings of them.", complete="run", name="run")],
    *,
    timeout: Annotated[float | None, Opt("How many seconds at most; without end by default.")] = None,
) -> WaitDocument:
    """Wait until runs have ended.

    Exit code 0 where all succeeded, 1 where one did not, 2 where one goes on after the timeout.
    """
    if timeout is not None and timeout < 0:
        raise OperationError("--timeout must be at least 0")
    store = session.store()
    ids = [which_run(store, each).id for each in run_ids]
    until = None if timeout is None else time.monotonic() + timeout
    ended: dict[str, Run] = {}
    seen, next_check = -1, 0.0
    while True:
        newest = store.last_event()
        # A run whose runner died says nothing more: that is looked for without an event too.
        if newest != seen or time.monotonic() >= next_check:
            seen, next_check = newest, time.monotonic() + _LOST_CHECK_S
            ended.update(_ended(store, [run_id for run_id in ids if run_id not in ended]))
        if len(ended) == len(set(ids)):
            return WaitDocument(runs=tuple(RunRow.of(ended[run_id]) for run_id in dict.fromkeys(ids)))
        if until is not None and time.monotonic() >= until:
            open_ = [short_id(run_id) for run_id in dict.fromkeys(ids) if run_id not in ended]
            goes_on = f"run {open_[0]} goes on" if len(open_) == 1 else f"runs {', '.join(open_)} go on"
            raise OperationError(
                f"{goes_on} after {timeout:g} s; follow with: stacktui runs logs -f {open_[0]}"
            )
        left = _LOOK_S if until is None else min(_LOOK_S, max(until - time.monotonic(), 0.0))
        session.attention.pause(left)


def _ended(store: MetadataStore, run_ids: list[str]) -> dict[str, Run]:
    found = {run_id: store.run(run_id) for run_id in run_ids}
    return {run_id: run for run_id, run in found.items() if run.status.finished}
