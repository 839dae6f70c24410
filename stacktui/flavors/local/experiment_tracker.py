"""The embedded experiment tracker: curves, parameters and files kept in the stack's metadata store.

Inside a step what is logged travels as events to the runner, which records it: the step's host needs no
access to the store. Outside a step the store is read.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from stacktui.categories.base import FlavorConfig, ProbeResult, StepChannel, Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.experiment_tracker import CurvePoint, ExperimentRun, ExperimentTracker
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.execution import FileLogged, MetricPoint, ParamsLogged
from stacktui.model.run import Run

# An order by metric looks at no more runs than these, the newest: each costs a few reads of the store.
RANKED_RUNS = 10_000
_PAGE = 500


class LocalExperimentTrackerConfig(FlavorConfig):
    """Nothing to configure: the rows go where the stack's metadata store is."""


class LocalExperimentTracker(ExperimentTracker):
    """Keeps experiments beside the runs that they belong to: a run of a pipeline is an experiment's run."""

    facts: ClassVar[FlavorFacts] = FlavorFacts(
        category=Category.EXPERIMENT_TRACKER,
        name="local",
        summary="curves kept in the metadata store",
        capabilities=ExperimentTracker.CAPABILITIES,
    )
    Config = LocalExperimentTrackerConfig
    config: LocalExperimentTrackerConfig

    def __init__(self, config: LocalExperimentTrackerConfig, around: Surroundings) -> None:
        super().__init__(config, around)
        self._next_step: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        """Whether there is a store to keep experiments in; inside a step, whether the step is listened to."""
        if self.around.channel is not None:
            return ProbeResult(ok=True, message="what is logged goes to the run's metadata store")
        if self.around.metadata_store is None:
            return ProbeResult(ok=False, message="the stack has no metadata store to keep experiments in")
        found = self.around.metadata_store.probe(timeout_s)
        return found.model_copy(update={"message": f"kept in the metadata store: {found.message}"})

    def log_params(self, params: Mapping[str, Any]) -> None:
        channel = self._channel("log_params")
        channel.emit(ParamsLogged(at=now(), params={str(name): value for name, value in params.items()}))

    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        self._log({key: value}, step, "log_metric")

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._log(values, step, "log_metrics")

    def log_file(self, path: Path, name: str | None = None) -> None:
        channel = self._channel("log_file")
        file = Path(path)
        if not file.is_file():
            raise ComponentError(f"there is no file {file} to log; write it first, or check its path")
        called = name or file.name
        channel.emit(FileLogged(at=now(), name=called, artifact=channel.materialize(called, file)))

    def runs(
        self,
        experiment: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = True,
        limit: int = 100,
    ) -> list[ExperimentRun]:
        """Experiments, newest first. With `order_by`: those of the newest 10,000 runs that have that metric."""
        store = self._store()
        if order_by is None:
            page = store.runs(RunQuery(pipeline=experiment, limit=limit))
            return [self._experiment(store, run, store.last_metrics(run.id)) for run in page.runs]
        ranked: list[tuple[float, Run, dict[str, float]]] = []
        for run in _newest(store, experiment):
            metrics = store.last_metrics(run.id)
            value = metrics.get(order_by, math.nan)
            if not math.isnan(value):
                ranked.append((value, run, metrics))
        ranked.sort(key=lambda entry: entry[0], reverse=descending)
        return [self._experiment(store, run, metrics) for _, run, metrics in ranked[:limit]]

    def curve(self, run_id: str, key: str, limit: int = 1000) -> Sequence[CurvePoint]:
        if limit < 1:
            raise ValueError("a curve has a limit of at least one point")
        store = self._store()
        points = store.metrics(store.run(run_id).id, key)
        if len(points) > limit:
            stride = (len(points) - 1) / max(limit - 1, 1)
            kept = [len(points) - 1 - round(index * stride) for index in range(limit)]
            points = tuple(points[index] for index in reversed(kept))
        return [CurvePoint(step=point.step, value=point.value, at=point.at) for point in points]

    def _log(self, values: Mapping[str, float], step: int | None, method: str) -> None:
        channel = self._channel(method)
        # Converted before anything is sent: numbers of NumPy and of tensors too, and all of a batch or none.
        numbers = {str(key): float(value) for key, value in values.items()}
        at = now()
        for key, value in numbers.items():
            # One lock around number and emission: a point that is logged later never stands before.
            with self._lock:
                place = self._next_step[key] if step is None else int(step)
                self._next_step[key] = max(self._next_step[key], place + 1)
                channel.emit(MetricPoint(at=at, key=key, value=value, step=place))

    def _experiment(self, store: MetadataStore, run: Run, metrics: dict[str, float]) -> ExperimentRun:
        logged = store.logged(run.id)
        return ExperimentRun(
            run_id=run.id,
            name=run.name,
            experiment=run.pipeline,
            status=run.status.value,
            started_at=run.started_at,
            params={**run.params, **logged["params"]},
            metrics=metrics,
            files=tuple(logged["files"]),
        )

    def _channel(self, method: str) -> StepChannel:
        if self.around.channel is None:
            raise ComponentError(
                f"{method} of experiment tracker {self.name} works inside a step only, where there is a run to"
                " log to: call it as context().experiment_tracker in the step's function"
            )
        return self.around.channel

    def _store(self) -> MetadataStore:
        if self.around.metadata_store is None:
            raise ComponentError(
                f"experiment tracker {self.name} can be read outside a step only, in a stack with a metadata"
                " store; a step takes what an earlier run made as an Artifact"
            )
        return self.around.metadata_store


def _newest(store: MetadataStore, pipeline: str | None) -> Iterator[Run]:
    seen, after = 0, None
    while seen < RANKED_RUNS:
        page = store.runs(RunQuery(pipeline=pipeline, limit=min(_PAGE, RANKED_RUNS - seen), after=after))
        yield from page.runs
        seen += len(page.runs)
        after = page.next
        if after is None:
            return
