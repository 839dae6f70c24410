"""What running steps say, on its way to the logs and the metadata store. Used by the runner.

Lines go to disk in the thread in which they arrive. Everything else is handled in the runner's one loop.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from stacktui.categories.errors import ComponentError, Unsupported
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
    Progress,
    Question,
    StepEvent,
)
from stacktui.model.masking import Masker
from stacktui.model.run import Metric, StepProgress
from stacktui.pipelines.logs import LogWriter

_METRICS_EVERY_S = 0.1
_PROGRESS_EVERY_S = 0.5
_WORTH_SAYING_S = 1.0


class StepSink:
    """Takes in one attempt's events; it is the `sink` that goes with the spec."""

    def __init__(self, log: LogWriter, masker: Masker, later: Callable[[StepEvent], None]) -> None:
        self._log = log
        self._masker = masker
        self._later = later
        self._lock = threading.Lock()
        self._missing = 0
        self._why = ""

    def __call__(self, event: StepEvent) -> None:
        if isinstance(event, LogLine):
            # A value that another step knows may have come along as an artifact.
            if self._masker and (text := self._masker.lines(event.text)) is not event.text:
                event = event.model_copy(update={"text": text})
            self._write(event)
        else:
            self._later(event)

    def close(self) -> None:
        """The attempt is over; lines that still come are dropped."""
        with self._lock:
            if self._missing:
                self._say_what_is_missing()
            with contextlib.suppress(OSError):
                self._log.close()

    def _write(self, line: LogLine) -> None:
        # A full disk is no reason to end the step's work: the log says what it has not.
        with self._lock:
            if self._missing and not self._say_what_is_missing():
                self._missing += 1 + line.text.count("\n")
                return
            try:
                self._log.write(line)
            except OSError as error:
                self._missing += 1 + line.text.count("\n")
                self._why = error.strerror or str(error)

    def _say_what_is_missing(self) -> bool:
        """Whether that could be written."""
        lines = "1 line is" if self._missing == 1 else f"{self._missing:,} lines are"
        text = f"WARNING stacktui.run: {lines} missing here, which could not be written: {self._why}"
        try:
            self._log.write(
                LogLine.model_construct(kind="log", at=now(), stream="logging", text=text, partial=False)
            )
        except OSError:
            return False
        self._missing = 0
        return True


def inbox_message(event: Alert, run_id: str, step: str, masker: Masker) -> InboxItem:
    """What an alert puts into the inbox; `step` is empty where the run itself says it."""
    return InboxItem(
        id=uuid7(),
        kind="message",
        alerter=event.alerter,
        level=Level(event.level),
        text=masker(event.message),
        run_id=run_id,
        step=step or None,
        created_at=event.at,
    )


class Intake:
    """Writes events to the metadata store, metrics in batches, and carries questions to people and back."""

    def __init__(self, store: MetadataStore, run_id: str, masker: Masker) -> None:
        self._store = store
        self._run_id = run_id
        self._masker = masker
        self._metrics: dict[str, list[Metric]] = {}
        self._metrics_due = 0.0
        self._progress: dict[str, StepProgress] = {}
        """The last of each step that is not in the store yet."""
        self._progress_due: dict[str, float] = {}
        self._questions: dict[str, tuple[str, StepHandle]] = {}

    def take(self, step: str, handle: StepHandle | None, event: StepEvent) -> None:
        """Handle one event of a step."""
        if isinstance(event, MetricPoint):
            if not self._metrics:
                self._metrics_due = time.monotonic() + _METRICS_EVERY_S
            self._metrics.setdefault(step, []).append(
                Metric.model_construct(
                    key=self._masker(event.key),
                    value=event.value,
                    step=event.step,
                    at=event.at,
                    source=step,
                )
            )
        elif isinstance(event, Progress):
            self._progress[step] = StepProgress(
                done=event.done, total=event.total, text=self._masker(event.text), at=event.at
            )
            if time.monotonic() >= self._progress_due.get(step, 0.0):
                self._write_progress(step)
        elif isinstance(event, ParamsLogged):
            self._store.log_params(self._run_id, _masked(event.params, self._masker))
        elif isinstance(event, FileLogged):
            self._store.log_file(self._run_id, step, self._masker(event.name), event.artifact)
        elif isinstance(event, Alert):
            self._store.post(inbox_message(event, self._run_id, step, self._masker))
        elif isinstance(event, Question) and handle is not None:
            self._ask(step, handle, event)

    def metrics_of(self, step: str) -> list[Metric]:
        """The metrics of a step that are not in the store yet; whoever takes them writes them."""
        return self._metrics.pop(step, [])

    def _write_progress(self, step: str) -> None:
        progress = self._progress.pop(step, None)
        if progress is not None:
            self._progress_due[step] = time.monotonic() + _PROGRESS_EVERY_S
            with contextlib.suppress(Unsupported):
                self._store.log_progress(self._run_id, step, progress)

    def tick(self) -> float | None:
        """Do what is due. Seconds until something is due again; None for nothing."""
        left: list[float] = []
        if self._metrics:
            pause = self._metrics_due - time.monotonic()
            if pause <= 0:
                self.flush()
            else:
                left.append(pause)
        for step in list(self._progress):
            pause = self._progress_due[step] - time.monotonic()
            if pause <= 0:
                self._write_progress(step)
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

    def waits(self, step: str, pause_s: float, attempt: int) -> None:
        """A step has failed and is tried again after a pause: say when, where that is not at once."""
        if pause_s >= _WORTH_SAYING_S:
            due = now() + timedelta(seconds=pause_s)
            text = f"attempt {attempt + 1} at {due:%Y-%m-%d %H:%M:%S} UTC, after {pause_s:.0f} s"
            self._progress[step] = StepProgress(done=attempt, text=text, at=now())
            self._write_progress(step)

    def ended(self, step: str) -> None:
        """A step is over: its last progress counts, and nobody waits for the answers to its questions any more."""
        if self._progress:
            self._write_progress(step)
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
                step=step or None,
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


def _masked(value: Any, masker: Masker) -> Any:
    """Plain values as JSON has them, without secrets in their texts and keys."""
    if isinstance(value, str):
        return masker(value)
    if isinstance(value, Mapping):
        return {masker(key): _masked(item, masker) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, masker) for item in value]
    return value
