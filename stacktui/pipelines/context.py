"""`context()`: what a step may ask about the run that it is part of, and the stack that it runs on.

Used by pipeline files. The worker sets it before a step begins and takes it away afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.model.base import now
from stacktui.model.execution import Progress, RunContext, StepSpec
from stacktui.model.secretref import SecretRef, SecretValue, references

if TYPE_CHECKING:
    from stacktui.categories.alerter import Alerter
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.categories.base import StepChannel
    from stacktui.categories.container_registry import ContainerRegistry
    from stacktui.categories.experiment_tracker import ExperimentTracker
    from stacktui.categories.feature_store import FeatureStore
    from stacktui.categories.model_deployer import ModelDeployer
    from stacktui.model.artifact import ArtifactRef
    from stacktui.runtime.build import LiveStack


class NotInAStep(RuntimeError):
    """`context()` was called outside of a step that a run executes."""


class _Secrets(dict[str, str]):
    """Values by `name.key`; one that the step did not name is said in words."""

    def __missing__(self, name: str) -> str:
        named = ", ".join(self) or "none"
        raise KeyError(
            f"the step did not name the secret {name}: add it to @step(secrets=[…]); it named {named}"
        )


class StepContext:
    """The run, the step, the stack's components and the secrets that the step named."""

    def __init__(
        self, spec: StepSpec, secrets: Mapping[SecretRef, str], live: LiveStack, channel: StepChannel
    ) -> None:
        self._spec = spec
        self._secrets = {reference: SecretValue(secrets[reference]) for reference in secrets}
        self._live = live
        self._channel = channel

    @property
    def logger(self) -> logging.Logger:
        """Its lines stand in the step's log."""
        return logging.getLogger(f"stacktui.step.{self._spec.step}")

    @property
    def run(self) -> RunContext:
        """The run: `run_id`, `run_name`, `pipeline`, `stack`, `params`."""
        return self._spec.run

    @property
    def code(self) -> Path:
        """The folder with the snapshot of the workspace's code that the run executes; it must not be changed."""
        return Path(self._spec.run.code_path)

    def input_artifact(self, name: str) -> ArtifactRef:
        """The artifact behind an input: what `model_deployer.deploy` takes. Raises `KeyError` in words."""
        for given in self._spec.inputs:
            if given.name == name and given.artifact is not None:
                return given.artifact
        named = ", ".join(given.name for given in self._spec.inputs if given.artifact is not None) or "none"
        raise KeyError(f"no input {name!r} comes from a step; those that do: {named}")

    @property
    def step(self) -> str:
        """The step's name in its pipeline."""
        return self._spec.step

    @property
    def attempt(self) -> int:
        """1 at first, one more with each retry."""
        return self._spec.attempt

    def secret(self, name: str) -> str:
        """The value of `"name.key"`, which the step named in `@step(secrets=[…])`. Raises `KeyError` in words."""
        found = references("{{" + name + "}}")
        return self.secrets[str(found[0]) if len(found) == 1 else name]

    @property
    def secrets(self) -> Mapping[str, str]:
        """The values of the secrets that the step named, by `name.key`. Raises `KeyError` as `secret` does."""
        return _Secrets({str(reference): value for reference, value in self._secrets.items()})

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        """Say how far the step is."""
        self._channel.emit(Progress(at=now(), done=done, total=total, text=text))

    def save(self, name: str, value: Any) -> Any:
        """Keep a value, or the file or folder of a `Path`, in the artifact store now; returns its reference."""
        return self._channel.materialize(name, value)

    @property
    def artifact_store(self) -> ArtifactStore:
        return self._live.artifact_store

    @property
    def container_registry(self) -> ContainerRegistry:
        return self._live.container_registry

    @property
    def model_deployer(self) -> ModelDeployer:
        return self._live.model_deployer

    @property
    def feature_store(self) -> FeatureStore:
        return self._live.feature_store

    @property
    def experiment_tracker(self) -> ExperimentTracker:
        """The tracker that the step's settings name, else the stack's first."""
        return self._live.experiment_tracker(self._spec.tracker)

    @property
    def alerter(self) -> Alerter:
        """The stack's first alerter; `alerter_named` for another one."""
        return self._live.alerter()

    def alerter_named(self, name: str) -> Alerter:
        """One of the stack's alerters."""
        return self._live.alerter(name)

    def __repr__(self) -> str:
        return f"<context of step {self.step!r} in run {self.run.run_id}>"


_current: StepContext | None = None


def context() -> StepContext:
    """The context of the step that runs in this process, in all its threads. Raises `NotInAStep` elsewhere."""
    if _current is None:
        raise NotInAStep("context() works inside a step while a run executes it, and nowhere else")
    return _current


def set_context(found: StepContext | None) -> None:
    """Set by the worker around each step."""
    global _current  # noqa: PLW0603 - one step at a time runs in a worker process
    _current = found
