"""Orchestrators: run a pipeline's planned steps, here or on an engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from stacktui.categories.base import EventSink, StackComponent
from stacktui.model.execution import RunContext, StepResult, StepSpec
from stacktui.model.secretref import SecretRef

if TYPE_CHECKING:
    # It imports logging; stacks are listed and checked without.
    from concurrent.futures import Future

SecretValues = Mapping[SecretRef, str]
"""Resolved secrets by reference. They travel over pipes and private files only; no repr shows them."""


class StepHandle(Protocol):
    """A step on its way. The runner waits on `future`, which never raises: a crash is a failed `StepResult`."""

    future: Future[StepResult]

    def cancel(self) -> None:
        """End the step's work, its child processes too; `future` then gives a cancelled result. Returns at once."""

    def answer(self, question_id: str, choice: str | None) -> None:
        """Pass on the answer to a question that the step asked; None says that the time is up."""


class Orchestrator(StackComponent):
    """Runs step specs, as many at once as it has slots. The runner owns order, cache and retries.

    Calls come in this order, from one thread: `open` once, `submit` any number of times, `shut` once.
    """

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"cancel", "parallel", "resources"})

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many steps it runs at a time; more that are submitted wait in order."""

    @abstractmethod
    def open(self, run: RunContext, secrets: SecretValues) -> None:
        """Make ready for one run. `secrets` are those that the stack's components need.

        Raises `ComponentError` if the engine cannot be reached.
        """

    @abstractmethod
    def submit(self, spec: StepSpec, secrets: SecretValues, sink: EventSink) -> StepHandle:
        """Start or queue a step and return at once. `secrets` are those that the step itself named.

        `sink` gets every event in order before the future is resolved. A worker that dies, runs out of
        memory or exits gives a failed result that says so, with the signal or exit code.
        """

    @abstractmethod
    def shut(self) -> None:
        """End what `open` began; running steps are cancelled. Returns when no process of it is left."""
