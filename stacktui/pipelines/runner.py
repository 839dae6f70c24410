"""`python -m stacktui.pipelines.runner <run folder> [--resume [EVENT]]`: executes one run, detached from its starter.

It owns the order of the steps, the cache, retries, questions and the end. Orchestrators and step operators only
run single steps for it. It is the only process that writes the run's state.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore
from stacktui.flavors.local.process_tree import DETACHED
from stacktui.model.base import now
from stacktui.model.masking import Masker
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.admission import Admission
from stacktui.pipelines.places import Places
from stacktui.pipelines.requests import Requests, Stop, is_gone
from stacktui.pipelines.reserve import Reserve
from stacktui.pipelines.resume import Left, take_up
from stacktui.pipelines.retention.marks import leave_mark
from stacktui.pipelines.run_loop import RunLoop
from stacktui.pipelines.runfile import RunFile
from stacktui.pipelines.telling import tell_the_end
from stacktui.pipelines.watcher import watch_over_this_process
from stacktui.runtime.build import LiveStack, needed_secrets, resolve_secrets, stack_of_run

_WRITABLE_WITHIN_S = 30.0
_NOW = -1
"""In place of an event's number: the newest one when the run is taken up."""


PlacesMaker = Callable[[LiveStack, Mapping[SecretRef, str], Stop], Places]
"""Makes what runs the steps, in place of the stack's orchestrator and step operators."""


def execute(
    file: RunFile, masker: Masker, resumed_after: int | None = None, places: PlacesMaker | None = None
) -> RunStatus:
    """Execute a run to its end and return how it ended. Whatever goes wrong is written on the run.

    `resumed_after` takes a stopped run up again: requests to it count after that event. `masker` learns the run's
    secrets, for whatever the caller says about an error.
    """
    run = file.run
    with stack_of_run(run) as live:
        store = live.metadata_store
        with store.hold(run.run_id):
            _check_open(store, run.run_id, resumed_after is not None)
            folder = Path(run.state) / "runs" / run.run_id
            reserve = Reserve(folder)
            try:
                leave_mark(live.artifact_store, store, Path(run.workspace))
                return _execute(file, live, store, masker, resumed_after, places)
            except BaseException as error:
                if not is_gone(folder):
                    _record_crash(store, run.run_id, error, masker, reserve)
                raise
            finally:
                reserve.release()
                if not is_gone(folder):
                    tell_the_end(file, store, masker)


def _check_open(store: MetadataStore, run_id: str, resumed: bool) -> None:
    """A run that has ended is not executed again; another process may have done that before this one held it."""
    status = store.run(run_id).status
    if status is RunStatus.SUCCEEDED or (status.finished and not resumed):
        raise ComponentError(f"run {run_id} is {status} already")
    if status.finished:
        store.update_run(run_id, status=RunStatus.QUEUED, finished_at=None, error=None)


def _execute(
    file: RunFile,
    live: LiveStack,
    store: MetadataStore,
    masker: Masker,
    resumed_after: int | None,
    places: PlacesMaker | None,
) -> RunStatus:
    run_id = file.run.run_id
    if resumed_after == _NOW:
        resumed_after = store.last_event()
    folder = Path(file.run.state) / "runs" / run_id
    stop = Stop(Requests(store, run_id, resumed_after or 0, folder=folder))
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stop.ask())
    left = Left() if resumed_after is None else take_up(store, file, live.artifact_store)

    def tell(words: str) -> None:
        store.update_run(run_id, waits_for=words)
        if places is not None:
            # Somebody looks on, and sees nothing else yet.
            print(words, file=sys.stderr, flush=True)

    admission = Admission(Path(file.run.state), run_id, file.max_runs, workspace=Path(file.run.workspace))
    try:
        if not admission.wait(stop.wanted, tell):
            return _cancelled(store, run_id)
        before = store.run(run_id)
        changes: dict[str, Any] = {"started_at": before.started_at or now()}
        if resumed_after is not None:
            changes["resumes"] = before.resumes + 1
        store.update_run(run_id, status=RunStatus.RUNNING, waits_for="", **changes)
        if file.lineage:
            from stacktui.pipelines.lineage_consumer import start_consumer

            start_consumer(folder)
        return _steps(file, live, store, masker, stop, left, places)
    finally:
        admission.release()


def _steps(
    file: RunFile,
    live: LiveStack,
    store: MetadataStore,
    masker: Masker,
    stop: Stop,
    left: Left,
    places: PlacesMaker | None,
) -> RunStatus:
    secrets = _secrets(file, live)
    masker.add(secrets.values())
    made = None if places is None else places(live, secrets, stop)
    loop = RunLoop(file, live, store, secrets, masker, stop, left, made)
    try:
        status, error = loop.run()
        # Before the workers leave: nobody has to wait for that to see how it ended.
        store.update_run(file.run.run_id, status=status, finished_at=now(), error=error)
    finally:
        loop.close()
    return status


def _secrets(file: RunFile, live: LiveStack) -> Mapping[SecretRef, str]:
    """All values that the run needs: those of its components, and those that its steps name."""
    wanted = set(needed_secrets(live.components()))
    for node in file.description.steps:
        wanted.update(node.secrets)
    return resolve_secrets(live, wanted) if wanted else {}


def _cancelled(store: MetadataStore, run_id: str) -> RunStatus:
    """It was stopped while it waited in the queue."""
    store.record_steps(
        [
            step.model_copy(update={"status": StepStatus.CANCELLED})
            for step in store.steps(run_id)
            if not step.status.finished
        ]
    )
    store.update_run(run_id, status=RunStatus.CANCELLED, finished_at=now(), waits_for="")
    return RunStatus.CANCELLED


def _record_crash(
    store: MetadataStore, run_id: str, error: BaseException, masker: Masker, reserve: Reserve
) -> None:
    """The run ends with the runner: say why in one line, and leave no step that says it is running."""
    message = (
        str(error)
        if isinstance(error, ComponentError)
        else f"the runner stopped: {type(error).__name__}: {error}"
    )
    line = (masker(message).splitlines() or [""])[0][:1000]
    deadline = time.monotonic() + _WRITABLE_WITHIN_S
    # A full disk or a busy store may be what it died of: the reserve makes room, or somebody else in a moment.
    reserve.release()
    while True:
        try:
            _write_crash(store, run_id, line)
        except Exception:
            if time.monotonic() > deadline:
                return
            time.sleep(0.5)
        else:
            return


def _write_crash(store: MetadataStore, run_id: str, line: str) -> None:
    if store.run(run_id).finished_at is not None:
        return
    at = now()
    unfinished = [step for step in store.steps(run_id) if not step.status.finished]
    store.record_steps(
        [
            step.model_copy(
                update={
                    "status": StepStatus.CANCELLED if step.started_at else StepStatus.SKIPPED,
                    "finished_at": at,
                }
            )
            for step in unfinished
        ]
    )
    store.update_run(run_id, status=RunStatus.FAILED, finished_at=at, error=line, waits_for="")


def main(arguments: list[str]) -> int:
    """Execute the run of a folder. 0 if it succeeded, 1 if not, 2 if it could not be executed."""
    # The screen that started it may go; a hang-up is not for the run.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, _ignore)
    os.environ.pop(DETACHED, None)
    watch_over_this_process()
    masker = Masker()
    try:
        status = execute(RunFile.read(Path(arguments[0])), masker, _resumed_after(arguments[1:]))
    except ComponentError as error:
        print(masker(str(error)), file=sys.stderr)
        return 2
    except Exception as error:
        # The log of the runner is for whoever mends it: frames without local variables.
        print(masker("".join(traceback.format_exception(error))), file=sys.stderr)
        return 2
    return 0 if status is RunStatus.SUCCEEDED else 1


def _resumed_after(options: list[str]) -> int | None:
    """The event after which a run is taken up again; None for a run that begins."""
    if not options:
        return None
    if options[0] != "--resume" or len(options) > 2:
        raise ComponentError(f"the runner takes a folder and --resume [EVENT], not {' '.join(options)}")
    return int(options[1]) if len(options) == 2 else _NOW


def _ignore(signum: int, frame: FrameType | None) -> None:
    """A key at a terminal is not for the run either. A handler is not inherited by what the run starts."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
