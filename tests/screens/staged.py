"""Runs that are on their way, and what else does not stand still, put beside the recorded history for pictures.

Everything is written by the real store; only the times and ids are chosen, so that the same code gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model import base
from stacktui.model.run import (
    Metric,
    Run,
    RunStatus,
    StepAttempt,
    StepDefinition,
    StepError,
    StepProgress,
    StepRun,
    StepStatus,
)

_GRAPH = (
    ("load", ()), ("split", ("load",)), ("train_forest", ("split",)), ("train_linear", ("split",)),
    ("evaluate", ("train_forest", "train_linear")),
)  # fmt: skip
_TRACE = (
    '  File "pipelines/digits.py", line 88, in fit\n    batch = next(reader)\n'
    "ConnectionResetError: [Errno 104] Connection reset by peer"
)
SWEEP = "01a11111-aaaa-7aaa-8aaa-aaaaaaaaaaaa"


def _id(at: datetime, number: int) -> str:
    """An id that sorts by its time as a UUIDv7 does."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}"


@contextmanager
def staged(root: Path) -> Iterator[MetadataStore]:
    """The history with a sweep, a run that was resumed and goes on, one that waits, one that was lost."""
    from stacktui.operations.session import Session

    with Session(root) as session, ExitStack() as held:
        store = session.store()
        if not any(run.group for run in store.runs(_newest()).runs):
            _write(store)
        for run in store.runs(_newest()).runs:
            if run.name in _GOING:
                held.enter_context(store.hold(run.id))
        yield store


_GOING = ("digits-night", "digits-lr-0.4", "digits-waits")


def _newest() -> Any:
    from stacktui.categories.metadata_store import RunQuery

    return RunQuery(limit=50)


def _write(store: MetadataStore) -> None:
    at = base.now()
    for number, (rate, accuracy) in enumerate(((0.05, 0.921), (0.1, 0.958), (0.2, 0.964), (0.4, None))):
        began = at - timedelta(minutes=5, seconds=10 - number)
        run = _run(number, f"digits-lr-{rate:g}", began, params={"lr": rate, "epochs": 20}, group=SWEEP,
                   labels={"sweep": "lr"}, pinned=rate == 0.2)  # fmt: skip
        if accuracy is None:
            _going(store, run, began, {"load": 2, "split": 1, "train_forest": 40})
        else:
            _ended(store, run, began, 61.0 + 20 * rate)
            points = [Metric(key="accuracy", value=accuracy, at=began, source="evaluate"),
                      Metric(key="loss", value=round(1 - accuracy, 3) / 2, at=began, source="evaluate")]  # fmt: skip
            store.log_metrics(run.id, points)
    _resumed(store, at)
    lost = _run(20, "digits-weekend", at - timedelta(minutes=6, seconds=30), note="the box was rebooted")
    _going(store, lost, at - timedelta(minutes=6, seconds=30), {"load": 3, "split": 2})
    waits = _run(30, "digits-waits", at - timedelta(seconds=20), status=RunStatus.QUEUED, params={"lr": 0.8})
    store.create_run(waits, _steps(waits))
    store.update_run(waits.id, waits_for="waits for 2 runs: max_runs is 2")


def _run(number: int, name: str, began: datetime, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "id": _id(began, number), "name": name, "pipeline": "digits", "target": "pipelines/digits.py:digits",
        "stack": "demo", "status": RunStatus.QUEUED, "created_at": began, "user": "ml", "host": "gpu-box",
        "graph": tuple(StepDefinition(name=step, after=after) for step, after in _GRAPH),
        "environment": {"python": "3.11.9", "platform": "Linux", "gpus": ["A100 80 GB", "A100 80 GB"],
                        "packages": {"numpy": "2.1.3", "pandas": "2.3.0", "scikit-learn": "1.6.1"}},
    }  # fmt: skip
    return Run(**{**values, **fields})


def _steps(run: Run) -> list[StepRun]:
    return [
        StepRun(run_id=run.id, name=name, position=place, where="orchestrator/two-at-a-time")
        for place, (name, _) in enumerate(_GRAPH)
    ]


def _ended(store: MetadataStore, run: Run, began: datetime, seconds: float) -> None:
    store.create_run(run, _steps(run))
    store.update_run(run.id, status=RunStatus.RUNNING, started_at=began)
    for step in _steps(run):
        store.record_step(step.model_copy(update={
            "status": StepStatus.SUCCEEDED, "started_at": began, "finished_at": began + timedelta(seconds=seconds / 5)
        }))  # fmt: skip
    store.update_run(run.id, status=RunStatus.SUCCEEDED, finished_at=began + timedelta(seconds=seconds))


def _going(store: MetadataStore, run: Run, began: datetime, took: dict[str, float]) -> None:
    """A run whose last named step goes on."""
    store.create_run(run, _steps(run))
    store.update_run(run.id, status=RunStatus.RUNNING, started_at=began)
    begins = began
    for step in _steps(run):
        if step.name not in took:
            continue
        ends = begins + timedelta(seconds=took[step.name])
        last = step.name == list(took)[-1]
        store.record_step(step.model_copy(update={
            "status": StepStatus.RUNNING if last else StepStatus.SUCCEEDED, "started_at": begins,
            "finished_at": None if last else ends,
        }))  # fmt: skip
        begins = ends


def _resumed(store: MetadataStore, at: datetime) -> None:
    """Resumed once, and in its third attempt of a step that says how far it is."""
    began = at - timedelta(minutes=4)
    run = _run(10, "digits-night", began, params={"lr": 0.2, "epochs": 400}, labels={"team": "vision"},
               note="before the holidays", retry_of=_id(at - timedelta(hours=3), 1))  # fmt: skip
    _going(store, run, began, {"load": 2, "split": 2, "train_forest": 60})
    store.update_run(run.id, resumes=1)
    step = _steps(run)[2]
    begins = began + timedelta(seconds=4)
    for number, (status, seconds, error) in enumerate((
        (StepStatus.FAILED, 31, StepError(type="ConnectionResetError", message="[Errno 104] Connection reset by peer", traceback=_TRACE)),
        (StepStatus.LOST, 48, StepError(type="Lost", message="the runner was gone before it ended")),
    ), 1):  # fmt: skip
        store.keep_attempt(StepAttempt(
            run_id=run.id, name=step.name, attempt=number, status=status, where=step.where,
            started_at=begins, finished_at=begins + timedelta(seconds=seconds), error=error,
        ))  # fmt: skip
        begins += timedelta(seconds=seconds + 8)
    begins = at - timedelta(seconds=95)
    store.record_step(
        step.model_copy(update={"status": StepStatus.RUNNING, "attempt": 3, "started_at": begins})
    )
    store.log_progress(
        run.id,
        step.name,
        StepProgress(done=260, total=400, text="loss 0.0312", at=begins + timedelta(seconds=94)),
    )
