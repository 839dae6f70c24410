"""Step operators: run single steps in a specialised environment."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from stacktui.categories.base import EventSink, StackComponent
from stacktui.categories.orchestrator import SecretValues, StepHandle
from stacktui.model.execution import StepSpec


class StepOperator(StackComponent):
    """Runs one step spec with the resources that it asks for."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"cancel", "cpu", "gpu", "memory", "time"})

    @abstractmethod
    def submit(self, spec: StepSpec, secrets: SecretValues, sink: EventSink) -> StepHandle:
        """Start a step and return at once; see `Orchestrator.submit`.

        `secrets` are the step's own and those of the stack's components. A resource limit that is passed
        ends the step: the failed result names the limit and what was used.
        """
