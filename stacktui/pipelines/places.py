"""Where steps run: the stack's orchestrator and its step operators, as the runner uses them."""

from __future__ import annotations

from collections.abc import Mapping

from stacktui.categories.base import EventSink
from stacktui.categories.orchestrator import Orchestrator, StepHandle
from stacktui.model.category import Category
from stacktui.model.execution import RunContext, StepSpec
from stacktui.model.secretref import SecretRef
from stacktui.runtime.build import LiveStack, needed_secrets


class Places:
    """Submits steps; opens the orchestrator when the first one wants it."""

    def __init__(self, run: RunContext, live: LiveStack, secrets: Mapping[SecretRef, str]) -> None:
        self._run = run
        self._live = live
        self._secrets = secrets
        wanted = needed_secrets(live.components())
        self._shared = {reference: value for reference, value in secrets.items() if reference in wanted}
        self._orchestrator: Orchestrator | None = None
        self._there: set[str] = set()
        """Steps that the orchestrator has."""

    def has_room(self, where: str) -> bool:
        """Whether a step for `where` would begin at once; a step operator keeps its own queue."""
        if where.startswith(Category.STEP_OPERATOR) or self._orchestrator is None:
            return True
        return len(self._there) < max(self._orchestrator.slots, 1)

    def submit(self, where: str, spec: StepSpec, sink: EventSink) -> StepHandle:
        """Submit a step. Raises `ComponentError`."""
        own = {reference: self._secrets[reference] for reference in spec.secrets}
        if where.startswith(Category.STEP_OPERATOR):
            operator = self._live.step_operator(where.partition("/")[2])
            return operator.submit(spec, {**self._shared, **own}, sink)
        if self._orchestrator is None:
            orchestrator = self._live.orchestrator
            orchestrator.open(self._run, self._shared)
            self._orchestrator = orchestrator
        handle = self._orchestrator.submit(spec, own, sink)
        if spec.hook is None:
            self._there.add(spec.step)
        return handle

    def left(self, step: str) -> None:
        """A step has ended."""
        self._there.discard(step)

    def close(self) -> None:
        """End what runs, and the processes that ran it."""
        if self._orchestrator is not None:
            self._orchestrator.shut()
