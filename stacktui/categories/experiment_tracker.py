"""Experiment trackers: record parameters, metrics and files of experiments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.base import Noun


class ExperimentRun(Noun):
    """One experiment as the tracker knows it."""

    run_id: str
    name: str
    experiment: str
    """The pipeline's name for runs of ours."""
    status: str
    started_at: datetime | None = None
    params: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    """The last value of each."""
    files: tuple[str, ...] = ()


class CurvePoint(Noun):
    """One point of a metric's curve."""

    step: int
    value: float
    at: datetime


class ExperimentTracker(StackComponent):
    """Inside a step the `log_…` methods write to that step's run; outside one they raise `ComponentError`."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"curves", "files", "log", "query"})

    @abstractmethod
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; a name that is logged again is replaced."""

    @abstractmethod
    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        """Record one point. Without `step` it comes after the last one of that key."""

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Record one point of several metrics."""
        for key, value in values.items():
            self.log_metric(key, value, step)

    @abstractmethod
    def log_file(self, path: Path, name: str | None = None) -> None:
        """Record a file's content under `name`, or under its own name."""

    @abstractmethod
    def runs(
        self,
        experiment: str | None = None,
        *,
        order_by: str | None = None,
        descending: bool = True,
        limit: int = 100,
    ) -> list[ExperimentRun]:
        """Experiments, newest first, or by the last value of the metric `order_by`."""

    @abstractmethod
    def curve(self, run_id: str, key: str, limit: int = 1000) -> Sequence[CurvePoint]:
        """The points of one metric of one run, by step. Above `limit`, evenly thinned; the last is kept."""
