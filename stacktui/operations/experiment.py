"""Experiments as the stack's tracker knows them: parameters, last metrics, curves, several compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.base import short_id
from stacktui.operations.documents import Document, Moment, Part
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.categories.experiment_tracker import ExperimentRun, ExperimentTracker
    from stacktui.operations.session import Session

_TRACKER = Opt("The experiment tracker; the stack's default without it.", complete="tracker")
_RUN = Arg("The experiment's run: its id, or an unambiguous beginning.", complete="run", name="run")


class ExperimentRow(Part):
    """One experiment."""

    run_id: str
    name: str
    experiment: str
    status: str
    started_at: Moment | None
    params: dict[str, Any]
    metrics: dict[str, float]
    """The last value of each."""
    files: tuple[str, ...]

    @classmethod
    def of(cls, run: ExperimentRun) -> ExperimentRow:
        return cls(**facts_of_experiment(run))


def facts_of_experiment(run: ExperimentRun) -> dict[str, Any]:
    """The fields that an experiment has in every document."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "started_at": run.started_at,
        "params": run.params,
        "metrics": run.metrics,
        "files": run.files,
    }


class ExperimentList(Document):
    """Experiments, newest first or by a metric."""

    tracker: str
    experiments: tuple[ExperimentRow, ...]


class ExperimentDocument(ExperimentRow, Document):
    """One experiment."""

    tracker: str


class PointPart(Part):
    """One point of a curve."""

    step: int
    value: float
    at: Moment


class CurveDocument(Document):
    """One metric of one experiment over its steps."""

    run_id: str
    key: str
    points: tuple[PointPart, ...]


class ExperimentComparison(Document):
    """Several experiments side by side."""

    tracker: str
    experiments: tuple[ExperimentRow, ...]
    params: tuple[str, ...]
    """All parameters, those that differ first."""
    metrics: tuple[str, ...]


@operation(
    "experiment list",
    writes=False,
    examples=("stacktui experiment list", "stacktui experiment list training --by accuracy"),
)
def list_(
    session: Session,
    experiment: Annotated[str | None, Arg("Only this experiment: the pipeline's name.")] = None,
    *,
    by: Annotated[str | None, Opt("Order by the last value of this metric, the greatest first.")] = None,
    ascending: Annotated[bool, Opt("The least first.")] = False,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
    tracker: Annotated[str | None, _TRACKER] = None,
) -> ExperimentList:
    """List experiments with their parameters and last metrics."""
    found = _tracker(session, tracker)
    runs = found.runs(experiment, order_by=by, descending=not ascending, limit=limit)
    return ExperimentList(tracker=found.name, experiments=tuple(map(ExperimentRow.of, runs)))


@operation(
    "experiment show",
    writes=False,
    on="experiment",
    key="enter",
    examples=("stacktui experiment show 0193a1b2",),
)
def show(
    session: Session,
    run_id: Annotated[str, _RUN],
    *,
    tracker: Annotated[str | None, _TRACKER] = None,
) -> ExperimentDocument:
    """Show an experiment: parameters, last metrics, files."""
    found = _tracker(session, tracker)
    return ExperimentDocument(tracker=found.name, **facts_of_experiment(_run(session, found, run_id)))


@operation(
    "experiment curve", writes=False, on="experiment", examples=("stacktui experiment curve 0193a1b2 loss",)
)
def curve(
    session: Session,
    run_id: Annotated[str, _RUN],
    key: Annotated[str, Arg("The metric.")],
    *,
    limit: Annotated[int, Opt("How many points, at most; evenly thinned above that.", short="n")] = 1000,
    tracker: Annotated[str | None, _TRACKER] = None,
) -> CurveDocument:
    """Show one metric over the steps of an experiment."""
    found = _tracker(session, tracker)
    run = _run(session, found, run_id)
    if key not in run.metrics:
        raise unknown(
            f"metric in run {short_id(run.run_id)}",
            key,
            run.metrics,
            f"stacktui experiment show {run.run_id}",
        )
    points = found.curve(run.run_id, key, limit)
    return CurveDocument(
        run_id=run.run_id,
        key=key,
        points=tuple(PointPart(step=each.step, value=each.value, at=each.at) for each in points),
    )


@operation(
    "experiment compare", writes=False, examples=("stacktui experiment compare 0193a1b2 0193a1c4 0193a1d8",)
)
def compare(
    session: Session,
    run_ids: Annotated[tuple[str, ...], Arg("The experiments' runs.", complete="run", name="runs")],
    *,
    tracker: Annotated[str | None, _TRACKER] = None,
) -> ExperimentComparison:
    """Compare experiments: parameters, those that differ first, and last metrics."""
    if len(run_ids) < 2:
        raise OperationError("name two runs or more; stacktui experiment list lists them")
    found = _tracker(session, tracker)
    rows = tuple(ExperimentRow.of(_run(session, found, each)) for each in run_ids)
    params = list(dict.fromkeys(key for row in rows for key in row.params))
    params.sort(key=lambda key: all(row.params.get(key) == rows[0].params.get(key) for row in rows))
    metrics = dict.fromkeys(key for row in rows for key in row.metrics)
    return ExperimentComparison(
        tracker=found.name, experiments=rows, params=tuple(params), metrics=tuple(metrics)
    )


def _tracker(session: Session, name: str | None) -> ExperimentTracker:
    return session.live().experiment_tracker(name)


def _run(session: Session, tracker: ExperimentTracker, wanted: str) -> ExperimentRun:
    for run in tracker.runs(limit=10_000):
        if run.run_id == wanted:
            return run
    matches = [run for run in tracker.runs(limit=10_000) if run.run_id.startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise OperationError(f"{wanted!r} begins {len(matches)} runs; write more of the id")
    raise OperationError(f"there is no experiment {wanted!r}; stacktui experiment list lists them")
