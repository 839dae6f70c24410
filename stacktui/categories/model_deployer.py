"""Model deployers: serve models online, over the Open Inference Protocol."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import Noun


class ServerState(StrEnum):
    """Where a model server is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


class ModelServer(Noun):
    """One deployed model."""

    name: str
    state: ServerState
    address: str
    """`http://127.0.0.1:8123`; it stays the same over stop, start and replace."""
    artifact: ArtifactRef
    version: int
    """Counted from 1, one more with each replacement."""
    created_at: datetime
    started_at: datetime | None = None
    run_id: str | None = None
    """The run that deployed it."""
    error: str | None = None
    """Why it failed: the last line that it wrote."""


class ModelDeployer(StackComponent):
    """Deploys artifacts that hold a model with `predict`. Names are ours: see `stacktui.model.base.Name`."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset(
        {"delete", "deploy", "find", "logs", "predict", "replace", "start", "stop"}
    )

    @abstractmethod
    def deploy(
        self, name: str, artifact: ArtifactRef, *, run_id: str | None = None, timeout_s: float = 60.0
    ) -> ModelServer:
        """Serve an artifact under `name` and return when it answers.

        Where `name` is served already it is replaced: the address stays and no request fails meanwhile.
        Raises `ComponentError` with the server's last words if it does not come up in time.
        """

    @abstractmethod
    def find(self, name: str | None = None) -> list[ModelServer]:
        """All servers, or the one of that name, with their state as it is now."""

    @abstractmethod
    def start(self, name: str, timeout_s: float = 60.0) -> ModelServer:
        """Start a stopped server on its address. Raises `NotFound`."""

    @abstractmethod
    def stop(self, name: str) -> ModelServer:
        """Stop a server; it can be started again."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Stop a server and forget it."""

    @abstractmethod
    def predict(self, name: str, inputs: Any, timeout_s: float = 30.0) -> Any:
        """Send inputs (nested lists, or column → list) and return the outputs as nested lists."""

    @abstractmethod
    def logs(self, name: str, tail: int = 200) -> Iterator[str]:
        """The last lines that the server wrote."""
