"""Alerters told how a run ended: in one line, each of the stack's. Used by the runner when that is written.

It never fails a run: what an alerter could not say stands in the runner's log.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.alert import Level
from stacktui.model.base import now, short_id
from stacktui.model.category import Category
from stacktui.model.execution import Alert, RunContext, StepEvent
from stacktui.model.masking import Masker
from stacktui.model.run import Run, RunStatus
from stacktui.pipelines.intake import inbox_message
from stacktui.pipelines.runfile import RunFile
from stacktui.runtime.build import stack_of_run

_PATIENCE_S = 10.0


def tell_the_end(file: RunFile, store: MetadataStore, masker: Masker) -> None:
    """Tell the stack's alerters, where the workspace's settings want that. Returns within some ten seconds."""
    if not file.run.components.get(Category.ALERTER):
        return
    try:
        run = store.run(file.run.run_id)
        said = _line(file, run)
        if said is not None:
            _post(file.run, store, masker, *said)
    except Exception as error:
        print(masker(f"the alerters could not be told: {type(error).__name__}: {error}"), file=sys.stderr)


def _line(file: RunFile, run: Run) -> tuple[str, Level] | None:
    wanted = file.alerts
    took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    if run.status is RunStatus.FAILED and wanted.failed:
        why = f": {run.error}" if run.error else ""
        return f"run {run.name} failed{why}; stacktui runs show {short_id(run.id)} says more", Level.ERROR
    if (
        run.status is RunStatus.SUCCEEDED
        and wanted.succeeded_after is not None
        and took > wanted.succeeded_after
    ):
        return f"run {run.name} succeeded after {_duration(took)}", Level.SUCCESS
    return None


def _post(context: RunContext, store: MetadataStore, masker: Masker, text: str, level: Level) -> None:
    live = stack_of_run(context, _Inbox(store, context.run_id, masker))

    def post(name: str) -> None:
        try:
            live.alerter(name).post(text, level)
        except Exception as error:
            print(masker(f"alerter {name}: {type(error).__name__}: {error}"), file=sys.stderr)

    # Side by side: one that hangs keeps no other one from speaking. Daemons: nor the runner from ending.
    threads = [
        threading.Thread(target=post, args=(name,), name=f"alerter {name}", daemon=True)
        for name in live.names(Category.ALERTER)
    ]
    for thread in threads:
        thread.start()
    waits_until = now().timestamp() + _PATIENCE_S
    for thread in threads:
        thread.join(max(waits_until - now().timestamp(), 0.0))
    if not any(thread.is_alive() for thread in threads):
        live.close()


class _Inbox:
    """Where the workbench's own alerter posts to, with the run that it is about."""

    step = ""

    def __init__(self, store: MetadataStore, run_id: str, masker: Masker) -> None:
        self.run_id = run_id
        self._store = store
        self._masker = masker

    def emit(self, event: StepEvent) -> None:
        if isinstance(event, Alert):
            self._store.post(inbox_message(event, self.run_id, self.step, self._masker))

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        """Nothing is asked at the end of a run."""
        return None

    def materialize(self, name: str, value: Any) -> Any:
        raise NotImplementedError("nothing is kept at the end of a run")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
