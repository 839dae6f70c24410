"""The inside of a step for contract suites: a channel whose events arrive where the runner would put them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7
from stacktui.model.execution import FileLogged, MetricPoint, ParamsLogged, Question, StepEvent
from stacktui.model.run import Metric


class StepInside:
    """A `StepChannel`. What a tracker logs is recorded in `store`; everything emitted is in `events`, in order."""

    def __init__(self, run_id: str, step: str = "fit", store: MetadataStore | None = None) -> None:
        self.run_id = run_id
        self.step = step
        self.events: list[StepEvent] = []
        self.waited: list[float | None] = []
        """The time limits of the questions that were waited for."""
        self._store = store
        self._answers: dict[str, str | None] = {}
        self._changed = threading.Condition()

    def emit(self, event: StepEvent) -> None:
        with self._changed:
            # As the runner gets it: through JSON.
            self.events.append(type(event).model_validate_json(event.model_dump_json()))
            if self._store is not None:
                self._record(self._store, self.events[-1])
            self._changed.notify_all()

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        with self._changed:
            self.waited.append(timeout_s)
            self._changed.wait_for(lambda: question_id in self._answers, timeout_s)
            return self._answers.get(question_id)

    def materialize(self, name: str, value: Any) -> ArtifactRef:
        content = value.read_bytes() if isinstance(value, Path) else repr(value).encode()
        return ArtifactRef(
            id=uuid7(),
            uri=f"{self.step}/{name}",
            digest="sha256:" + "0" * 64,
            size=len(content),
            type="pathlib.Path" if isinstance(value, Path) else type(value).__qualname__,
            materializer="bytes",
        )

    def question(self, timeout_s: float = 30.0) -> Question:
        """The first question that was asked, once it is."""
        with self._changed:
            if not self._changed.wait_for(self._questions, timeout_s):
                raise AssertionError(f"no question within {timeout_s:g} s")
            return self._questions()[0]

    def reply(self, question_id: str, choice: str | None) -> None:
        """Answer a question, as the runner passes it on."""
        with self._changed:
            self._answers[question_id] = choice
            self._changed.notify_all()

    def _questions(self) -> list[Question]:
        return [event for event in self.events if isinstance(event, Question)]

    def _record(self, store: MetadataStore, event: StepEvent) -> None:
        if isinstance(event, MetricPoint):
            point = Metric(key=event.key, value=event.value, step=event.step, at=event.at, source=self.step)
            store.log_metrics(self.run_id, [point])
        elif isinstance(event, ParamsLogged):
            store.log_params(self.run_id, event.params)
        elif isinstance(event, FileLogged):
            store.log_file(self.run_id, self.step, event.name, event.artifact)
