"""What is known of a run that is followed: its steps as the events tell them. Used by the live tree and the summary."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stacktui.model.run import RunStatus, StepStatus

if TYPE_CHECKING:
    from stacktui.model.run import Run
    from stacktui.model.stack import StepSettings
    from stacktui.operations.following import FollowedRun, RunEvent

_REMEMBERED = 50
_FLAT_FROM = 300
"""Graphs of more steps are shown without levels: nobody reads those off a screen, and they take time to find."""


@dataclass
class StepState:
    """One step."""

    name: str
    level: int = 0
    """How far it is indented: steps side by side stand below the one that they come after."""
    status: StepStatus = StepStatus.PENDING
    attempt: int = 1
    first: int = 1
    """The number of the first attempt in this life of the run."""
    where: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cached_from: str = ""
    error: str = ""
    done: float | None = None
    total: float | None = None
    said: str = ""
    """The last that it wrote, or said of its progress or its metrics."""

    @property
    def active(self) -> bool:
        """Whether something is going on in it."""
        return self.status in (StepStatus.RUNNING, StepStatus.RETRYING)


class RunState:
    """The run and its steps. `take` each event; the answers are then as of that event."""

    def __init__(self, followed: FollowedRun) -> None:
        self._followed = followed
        self.run: Run = followed.run()
        self.status: RunStatus = self.run.status
        self.waits_for = self.run.waits_for
        self.started_at = self.run.started_at if self.status is RunStatus.RUNNING else None
        """When it began to run in this life."""
        self.stopping = False
        self.steps: dict[str, StepState] = {}
        """In the order of the tree."""
        self.counts: Counter[StepStatus] = Counter()
        self.active: dict[str, StepState] = {}
        self.broken: dict[str, StepState] = {}
        self.ended: deque[StepState] = deque(maxlen=_REMEMBERED)
        """Those that ended last."""
        self._settings: Mapping[str, StepSettings] | None = None
        levels = levels_of([(node.name, node.after) for node in self.run.graph])
        found = {step.name: step for step in followed.steps()}
        for name in [*levels, *(name for name in found if name not in levels)]:
            state = self.steps[name] = StepState(name, levels.get(name, 0))
            if (step := found.get(name)) is not None:
                state.attempt, state.where = step.attempt, step.where
                state.first = step.attempt if step.status is StepStatus.PENDING else 1
                state.started_at, state.finished_at = step.started_at, step.finished_at
                state.cached_from = step.cached_from or ""
                if step.error is not None:
                    state.error = f"{step.error.type}: {step.error.message}"
                if step.progress is not None:
                    state.done, state.total = step.progress.done, step.progress.total
                    state.said = step.progress.text
            self.counts[state.status] += 1
            if step is not None:
                self._enter(state, step.status)

    @property
    def total(self) -> int:
        return len(self.steps)

    @property
    def finished(self) -> int:
        return sum(count for status, count in self.counts.items() if status.finished)

    def attempts_allowed(self, step: StepState) -> int:
        """How often a step is tried at most, attempts of earlier lives counted; 1 where nobody knows."""
        settings = self._settings_of(step)
        return step.first + (0 if settings is None else settings.retries or 0)

    def next_attempt(self, step: StepState) -> tuple[datetime, bool] | None:
        """When a step that has failed is tried again, and whether that is certain; None where nobody knows."""
        settings = self._settings_of(step)
        if settings is None or step.finished_at is None:
            return None
        wait = self._followed.next_attempt_s(settings, step.attempt - step.first + 1)
        return step.finished_at + timedelta(seconds=wait), not settings.retry_jitter

    def _settings_of(self, step: StepState) -> StepSettings | None:
        if self._settings is None:
            self._settings = self._followed.settings()
        return self._settings.get(step.name)

    def pending(self) -> Iterator[StepState]:
        """What has not begun, in order."""
        return (step for step in self.steps.values() if step.status is StepStatus.PENDING)

    def take(self, event: RunEvent) -> None:
        """Take an event in."""
        if event.step is None:
            self._take_of_run(event)
            return
        step = self.steps.get(event.step)
        if step is None:
            return
        if event.event == "log":
            step.said = event.text or ""
        elif event.event == "progress":
            step.done, step.total = _number(event.data.get("done")), _number(event.data.get("total"))
            step.said = str(event.data.get("text") or "") or step.said
        elif event.event == "metric":
            last = event.data.get("last")
            if isinstance(last, dict):
                step.said = ", ".join(
                    f"{key}={value:.6g}" for key, value in last.items() if _number(value) is not None
                )
        elif event.event.startswith("step_") and event.event != "step_attempt_ended":
            self._take_of_step(step, event)

    def _take_of_run(self, event: RunEvent) -> None:
        if event.event == "stop_requested":
            self.stopping = True
        if event.status is not None and event.event.startswith("run_"):
            self.status = RunStatus(event.status)
        if event.event == "run_started":
            self.waits_for, self.started_at = "", event.at
        self.waits_for = str(event.data.get("waits_for", self.waits_for))

    def _take_of_step(self, step: StepState, event: RunEvent) -> None:
        data: dict[str, Any] = event.data
        status = StepStatus(event.status) if event.status in set(StepStatus) else step.status
        attempt = data.get("attempt")
        if isinstance(attempt, int):
            step.attempt = attempt
        step.where = str(data.get("where") or step.where)
        step.cached_from = str(data.get("cached_from") or "")
        cause = data.get("error")
        step.error = f"{cause.get('type')}: {cause.get('message')}" if isinstance(cause, dict) else ""
        if status is StepStatus.RUNNING:
            step.started_at, step.finished_at = event.at, None
            step.done = step.total = None
            step.said = ""
        elif status is StepStatus.PENDING:
            step.started_at = step.finished_at = None
            step.first = step.attempt
        else:
            step.finished_at = event.at
        self._enter(step, status)

    def _enter(self, step: StepState, status: StepStatus) -> None:
        self.counts[step.status] -= 1
        self.counts[status] += 1
        step.status = status
        self.active.pop(step.name, None)
        self.broken.pop(step.name, None)
        if step.active:
            self.active[step.name] = step
        elif status in (StepStatus.FAILED, StepStatus.LOST):
            self.broken[step.name] = step
        elif status in (StepStatus.SUCCEEDED, StepStatus.CACHED):
            self.ended.append(step)


def levels_of(graph: Sequence[tuple[str, Sequence[str]]]) -> dict[str, int]:
    """The steps of a graph, each with what it comes after, in the order and with the levels of a tree.

    A chain stays on one level. Steps that part behind one stand a level deeper, and what joins them is back on its.
    """
    if len(graph) > _FLAT_FROM:
        return {name: 0 for name, _ in graph}
    before: dict[str, set[str]] = {}
    """All that a step waits for, near or far."""
    parents: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {name: [] for name, _ in graph}
    for name, after in graph:
        known = [each for each in after if each in before]
        far = set().union(*(before[each] for each in known)) if known else set()
        before[name] = far | set(known)
        # What is before another parent is no parent: it is waited for anyway.
        parents[name] = [each for each in known if each not in far]
        for parent in parents[name]:
            children[parent].append(name)
    levels: dict[str, int] = {}
    waiting = [name for name, _ in reversed(graph) if not parents[name]]
    while waiting:
        name = waiting.pop()
        own = parents[name]
        if not own:
            levels[name] = 0
        elif len(own) == 1:
            levels[name] = levels[own[0]] + (len(children[own[0]]) > 1)
        else:
            levels[name] = max(min(levels[each] for each in own) - 1, 0)
        waiting.extend(
            child
            for child in reversed(children[name])
            if child not in levels and all(parent in levels for parent in parents[child])
        )
    return levels


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
