"""What running steps say, on its way to the logs and the metadata store. Used by the runner.

Lines go to disk in the thread in which they arrive. Everything else is handled in the runner's one loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore
from stacktui.categories.orchestrator import StepHandle
from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import now, uuid7
from stacktui.model.execution import (
    Alert,
    FileLogged,
    LogLine,
    MetricPoint,
    ParamsLogged,
    Question,
    StepEvent,
)
from stacktui.model.masking import Masker
from stacktui.model.run import Metric
from stacktui.pipelines.logs import LogWriter

_METRICS_EVERY_S = 0.1


class StepSink:
    """Takes in one attempt's events; it is the `sink` that goes with the spec."""

    def __init__(self, log: LogWriter, masker: Masker, later: Callable[[StepEvent], None]) -> None:
        self.log = log
        self._masker = masker
        self._later = later

    def __call__(self, event: StepEvent) -> None:
        if isinstance(event, LogLine):
            # A value that another step knows may have come along as an artifact.
            if self._masker and (text := self._masker(event.text)) != event.text:
                event = event.model_copy(update={"text": text})
            self.log.write(event)
        else:
            self._later(event)


class Intake:
    """Writes events to the metadata store, metrics in batches, and carries questions to people and back."""

    def __init__(self, store: MetadataStore, run_id: str, masker: Masker) -> None:
        self._store = store
        self._run_id = run_id
        self._masker = masker
        self._metrics: dict[str, list[Metric]] = {}
        self._metrics_due = 0.0
        self._questions: dict[str, tuple[str, StepHandle]] = {}

    def take(self, step: str, handle: StepHandle | None, event: StepEvent) -> None:
        """Handle one event of a step."""
        if isinstance(event, MetricPoint):
            if not self._metrics:
                self._metrics_due = time.monotonic() + _METRICS_EVERY_S
            self._metrics.setdefault(step, []).append(
                Metric.model_construct(
                    key=event.key, value=event.value, step=event.step, at=event.at, source=step
                )
            )
        elif isinstance(event, ParamsLogged):
            self._store.log_params(self._run_id, event.params)
        elif isinstance(event, FileLogged):
            self._store.log_file(self._run_id, step, event.name, event.artifact)
        elif isinstance(event, Alert):
            self._store.post(
                InboxItem(
                    id=uuid7(),
                    kind="message",
                    alerter=event.alerter,
                    level=Level(event.level),
                    text=self._masker(event.message),
                    run_id=self._run_id,
                    step=step,
                    created_at=event.at,
                )
            )
        elif isinstance(event, Question) and handle is not None:
            self._ask(step, handle, event)

    def metrics_of(self, step: str) -> list[Metric]:
        """The metrics of a step that are not in the store yet; whoever takes them writes them."""
        return self._metrics.pop(step, [])

    def tick(self) -> float | None:
        """Do what is due. Seconds until something is due again; None for nothing."""
        left: list[float] = []
        if self._metrics:
            pause = self._metrics_due - time.monotonic()
            if pause <= 0:
                self.flush()
            else:
                left.append(pause)
        if self._questions:
            self._look_for_answers()
            left.append(0.1)
        return min(left, default=None)

    def flush(self) -> None:
        """Write the metrics that wait."""
        points = [point for several in self._metrics.values() for point in several]
        self._metrics.clear()
        if points:
            self._store.log_metrics(self._run_id, points)

    def withdraw(self, step: str) -> None:
        """A step is over: nobody waits for the answers to its questions any more."""
        for question, (asker, _) in list(self._questions.items()):
            if asker == step:
                del self._questions[question]
                self._close(question, "the run: its step ended")

    def _ask(self, step: str, handle: StepHandle, event: Question) -> None:
        limit = event.timeout_s
        self._store.post(
            InboxItem(
                id=event.id,
                kind="question",
                alerter=event.alerter,
                level=Level.INFO,
                text=self._masker(event.question),
                choices=event.choices,
                default=event.default,
                run_id=self._run_id,
                step=step,
                created_at=event.at,
                expires_at=None if limit is None else event.at + timedelta(seconds=limit),
            )
        )
        self._questions[event.id] = (step, handle)

    def _look_for_answers(self) -> None:
        for question, (_, handle) in list(self._questions.items()):
            item = self._store.inbox_item(question)
            if item.closed_at is None and item.expires_at is not None and now() >= item.expires_at:
                item = self._close(question, "nobody: the time was up")
            if item.closed_at is not None:
                del self._questions[question]
                handle.answer(question, item.answer)

    def _close(self, question: str, by: str) -> InboxItem:
        try:
            return self._store.answer(question, None, by)
        except ComponentError:
            # Somebody was quicker.
            return self._store.inbox_item(question)
