"""`python -m stacktui.pipelines.runner <run folder>`: executes one run, detached from whoever started it.

It owns the order of the steps, the cache, retries, questions and the end. Orchestrators and step operators only
run single steps for it. It is the only process that writes the run's state.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.base import now
from stacktui.model.masking import Masker
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.run_loop import RunLoop
from stacktui.pipelines.runfile import RunFile
from stacktui.runtime.build import LiveStack, needed_secrets, resolve_secrets
from stacktui.runtime.flavors import flavor_registry


def execute(file: RunFile, masker: Masker) -> RunStatus:
    """Execute a run to its end and return how it ended. Whatever goes wrong is written on the run.

    `masker` learns the run's secrets, for whatever the caller says about an error.
    """
    run = file.run
    live = LiveStack(
        run.stack,
        run.components,
        flavor_registry(Path(run.code_path)),
        workspace=Path(run.workspace),
        state=Path(run.state),
    )
    with live:
        store = live.metadata_store
        with store.hold(run.run_id):
            try:
                store.update_run(run.run_id, status=RunStatus.RUNNING, started_at=now())
                return _execute(file, live, store, masker)
            except BaseException as error:
                _record_crash(store, run.run_id, error, masker)
                raise


def _execute(file: RunFile, live: LiveStack, store: MetadataStore, masker: Masker) -> RunStatus:
    secrets = _secrets(file, live)
    masker.add(secrets.values())
    loop = RunLoop(file, live, store, secrets, masker)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: loop.stop())
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


def _record_crash(store: MetadataStore, run_id: str, error: BaseException, masker: Masker) -> None:
    """The run ends with the runner: say why in one line, and leave no step that says it is running."""
    message = (
        str(error)
        if isinstance(error, ComponentError)
        else f"the runner stopped: {type(error).__name__}: {error}"
    )
    with contextlib.suppress(Exception):
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
        store.update_run(
            run_id, status=RunStatus.FAILED, finished_at=at, error=masker(message).splitlines()[0][:1000]
        )


def main(arguments: list[str]) -> int:
    """Execute the run of a folder. 0 if it succeeded, 1 if not, 2 if it could not be executed."""
    # The screen that started it may go; a hang-up is not for the run.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, _ignore)
    os.environ.pop("STACKTUI_DETACHED", None)
    folder = Path(arguments[0])
    masker = Masker()
    try:
        status = execute(RunFile.read(folder), masker)
    except ComponentError as error:
        print(masker(str(error)), file=sys.stderr)
        return 2
    except Exception as error:
        # The log of the runner is for whoever mends it: frames without local variables.
        print(masker("".join(traceback.format_exception(error))), file=sys.stderr)
        return 2
    return 0 if status is RunStatus.SUCCEEDED else 1


def _ignore(signum: int, frame: FrameType | None) -> None:
    """A key at a terminal is not for the run either. A handler is not inherited by what the run starts."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
