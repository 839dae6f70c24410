"""The run that people mean: by its id, by an unambiguous beginning of it, or as `last`. Used wherever a run is named."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from stacktui.model.base import short_id
from stacktui.operations.errors import AnswerIsNo, OperationError, unknown
from stacktui.operations.table import Arg

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run
    from stacktui.operations.session import Session

RUN = Arg(
    "The run: its id, a beginning of it, `last`, or `last-1` for the one before.", complete="run", name="run"
)
_LEAVES_WITHIN_S = 10.0
_LAST = re.compile(r"last(?:-(\d{1,3}))?")


def which_run(store: MetadataStore, text: str) -> Run:
    """The run, whole. Raises `NotFound` in words, `OperationError` where there are not so many runs."""
    found = _LAST.fullmatch(text)
    if found is None:
        return store.run(text)
    from stacktui.categories.metadata_store import RunQuery

    back = int(found[1] or 0)
    newest = store.runs(RunQuery(limit=back + 1)).runs
    if len(newest) <= back:
        count = f"{len(newest)} runs" if len(newest) != 1 else "1 run"
        raise OperationError(
            f"there is no run {text!r}: the store has {count}"
            if newest
            else "nothing has run yet; start with: stacktui run pipelines/hello.py:hello"
        )
    return store.run(newest[-1].id)


def run_to_retry(store: MetadataStore, text: str, from_step: str | None) -> Run:
    """The run to retry, from a step of its own where one is named. Raises `AnswerIsNo` where it still goes on."""
    run = which_run(store, text)
    if not run.status.finished:
        raise AnswerIsNo(
            f"run {short_id(run.id)} is {run.status}; stop it first with: stacktui runs stop {short_id(run.id)}"
        )
    if from_step is not None:
        names = [node.name for node in run.graph]
        if from_step not in names:
            raise unknown(
                "step",
                from_step,
                names,
                f"stacktui runs show {short_id(run.id)}",
                f" in run {short_id(run.id)}",
            )
    return run


def let_go(session: Session, store: MetadataStore, run: Run) -> bool:
    """Whether nobody holds a run that has ended. Its runner may still be ending its workers: that is waited for."""
    until = time.monotonic() + _LEAVES_WITHIN_S
    while store.is_held(run.id):
        if time.monotonic() > until:
            return False
        session.attention.pause(0.05)
    return True
