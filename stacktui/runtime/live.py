"""A live stack: its components, each made on first use, in one place and closed together.

Made by `stacktui.runtime.build`; used by the operations, the runner, the probes and the workers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from stacktui.categories.base import Caller, StackComponent, StepChannel, Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorBroken, FlavorRegistry
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.secretref import SecretRef
from stacktui.runtime.config import build_config, secrets_of
from stacktui.runtime.findings import did_you_mean, one_line
from stacktui.runtime.secrets import GivenSecrets, ManagerSecrets, SecretMissing, SecretSource
from stacktui.runtime.surroundings import LazySurroundings, user_data_folder

if TYPE_CHECKING:
    from stacktui.categories.alerter import Alerter
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.categories.container_registry import ContainerRegistry
    from stacktui.categories.experiment_tracker import ExperimentTracker
    from stacktui.categories.feature_store import FeatureStore
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.categories.model_deployer import ModelDeployer
    from stacktui.categories.orchestrator import Orchestrator, SecretValues
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.categories.step_operator import StepOperator


class LiveStack:
    """A stack's components, each made on first use, all closed together in the reverse order.

    Safe to use from several threads: a component that is slow to make holds up only those who want it.
    A component that could not be made is tried again when it is next asked for.
    """

    def __init__(
        self,
        name: str,
        components: Mapping[Category, tuple[Component | ComponentId, ...]],
        registry: FlavorRegistry,
        *,
        workspace: Path,
        state: Path,
        given_secrets: SecretValues | None = None,
        channel: StepChannel | None = None,
        in_step: bool = False,
        caller: Caller | None = None,
    ) -> None:
        """`components` holds a `ComponentId` alone where the stack names what does not exist."""
        self.name = name
        self._components = components
        self._registry = registry
        self._workspace = workspace
        self._state = state
        self._channel = channel
        self._in_step = in_step
        self._caller = caller or Caller()
        self._secrets: SecretSource = (
            GivenSecrets(given_secrets or {}) if in_step else ManagerSecrets(name, self._manager)
        )
        self._lock = threading.Lock()
        self._making: dict[ComponentId, threading.RLock] = {}
        self._made: dict[ComponentId, StackComponent] = {}
        self._closed = False

    def get(self, category: Category, name: str | None = None) -> StackComponent:
        """The component `name` of a category, or its default, the first. Raises `ComponentError` in words."""
        held = self._held(category)
        if not held:
            raise ComponentError(
                f"stack {self.name} has no {category.facts.title}; "
                f"add one with: stacktui stack edit {self.name} --set {category}=NAME"
            )
        if name is None:
            return self._one(held[0])
        for component in held:
            if component.name == name:
                return self._one(component)
        names = [component.name for component in held]
        raise ComponentError(
            f"stack {self.name} has no {category.facts.title} named {name}"
            + (did_you_mean(name, names) or f"; it has: {', '.join(names)}")
        )

    def all(self, category: Category) -> list[StackComponent]:
        """All components of a category, the default first; empty where there is none. Raises `ComponentError`."""
        return [self._one(component) for component in self._held(category)]

    def names(self, category: Category) -> tuple[str, ...]:
        """The names of a category's components, the default first, without making any."""
        return tuple(component.name for component in self._components.get(category, ()))

    def components(self) -> list[Component]:
        """All components as registered, without making any; what does not exist is left out."""
        return [
            component
            for held in self._components.values()
            for component in held
            if isinstance(component, Component)
        ]

    @property
    def orchestrator(self) -> Orchestrator:
        return cast("Orchestrator", self.get(Category.ORCHESTRATOR))

    @property
    def artifact_store(self) -> ArtifactStore:
        return cast("ArtifactStore", self.get(Category.ARTIFACT_STORE))

    @property
    def metadata_store(self) -> MetadataStore:
        return cast("MetadataStore", self.get(Category.METADATA_STORE))

    @property
    def container_registry(self) -> ContainerRegistry:
        return cast("ContainerRegistry", self.get(Category.CONTAINER_REGISTRY))

    @property
    def secrets_manager(self) -> SecretsManager:
        return cast("SecretsManager", self.get(Category.SECRETS_MANAGER))

    def step_operator(self, name: str | None = None) -> StepOperator:
        return cast("StepOperator", self.get(Category.STEP_OPERATOR, name))

    @property
    def model_deployer(self) -> ModelDeployer:
        return cast("ModelDeployer", self.get(Category.MODEL_DEPLOYER))

    @property
    def feature_store(self) -> FeatureStore:
        return cast("FeatureStore", self.get(Category.FEATURE_STORE))

    def experiment_tracker(self, name: str | None = None) -> ExperimentTracker:
        return cast("ExperimentTracker", self.get(Category.EXPERIMENT_TRACKER, name))

    def alerter(self, name: str | None = None) -> Alerter:
        return cast("Alerter", self.get(Category.ALERTER, name))

    def secrets(self, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        """The values of references. Raises `SecretMissing`, which names every one that is missing."""
        return self._secrets.values(refs)

    def close(self) -> None:
        """Close what was made, the last first. All are closed; then the first error that came up is raised."""
        with self._lock:
            self._closed = True
            made = list(reversed(self._made.values()))
            self._made.clear()
        errors = []
        for component in made:
            try:
                component.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.close()
        except Exception:
            # What went wrong inside says more than what went wrong on the way out.
            if kind is None:
                raise

    def __repr__(self) -> str:
        return f"<LiveStack {self.name!r}>"

    def _held(self, category: Category) -> tuple[Component | ComponentId, ...]:
        if self._in_step and category in _OUT_OF_STEPS:
            raise ComponentError(_OUT_OF_STEPS[category])
        return self._components.get(category, ())

    def _one(self, component: Component | ComponentId) -> StackComponent:
        if not isinstance(component, Component):
            raise ComponentError(
                f"stack {self.name} names {component}, and there is no such component; "
                f"add it with: stacktui component add {component.category} {component.name} --flavor FLAVOR"
            )
        key = component.id
        with self._lock:
            self._check_open()
            if key in self._made:
                return self._made[key]
            making = self._making.setdefault(key, threading.RLock())
        with making:
            with self._lock:
                if key in self._made:
                    return self._made[key]
            made = self._make(component)
            with self._lock:
                if not self._closed:
                    self._made[key] = made
                    return made
        made.close()
        raise ComponentError(f"stack {self.name} was closed meanwhile")

    def _check_open(self) -> None:
        if self._closed:
            raise ComponentError(f"stack {self.name} is closed")

    def _make(self, component: Component) -> StackComponent:
        flavor = load_flavor(self._registry, component)
        # A secrets manager cannot read its own secrets, and a metadata store cannot keep its rows in itself.
        source = self._secrets
        if component.category is Category.SECRETS_MANAGER and not self._in_step:
            source = _NoSecrets(component)
        wanted = secrets_of(flavor.Config, component.config)
        values = source.values(reference for found in wanted.values() for reference in found)
        try:
            config = build_config(flavor.Config, component.config, values.__getitem__)
        except ValueError as error:
            managers = self.names(Category.SECRETS_MANAGER)
            asked = f" (the secrets come from {managers[0]})" if wanted and managers else ""
            # Without the cause: it holds the values.
            raise ComponentError(
                f"{component.id} is not configured rightly{asked}: {one_line(error)}"
            ) from None
        around = self._around(component)
        try:
            return flavor(config, around)
        except ComponentError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {_without(one_line(error), values.values())}"
        # Outside the handler: neither cause nor context, which may hold a value.
        raise ComponentError(f"{component.id} cannot be made: {said}")

    def _around(self, component: Component) -> Surroundings:
        return LazySurroundings(
            name=component.name,
            workspace=self._workspace,
            state=self._state,
            user_data=user_data_folder,
            store=self._store_for(component.category),
            artifact_store=self._artifacts_for(component.category),
            channel=self._channel,
            environment=os.environ,
            caller=self._caller,
        )

    def _store_for(self, category: Category) -> Callable[[], MetadataStore | None]:
        alone = category in (Category.METADATA_STORE, Category.SECRETS_MANAGER)
        if alone or self._in_step or not self._components.get(Category.METADATA_STORE):
            return lambda: None
        return lambda: self.metadata_store

    def _artifacts_for(self, category: Category) -> Callable[[], ArtifactStore] | None:
        if category is Category.ARTIFACT_STORE or not self._components.get(Category.ARTIFACT_STORE):
            return None
        return lambda: self.artifact_store

    def _manager(self) -> SecretsManager | None:
        return self.secrets_manager if self._components.get(Category.SECRETS_MANAGER) else None


_OUT_OF_STEPS = {
    Category.METADATA_STORE: "a step has no access to the metadata store; log through the experiment tracker, "
    "or return what it should keep",
    Category.SECRETS_MANAGER: "a step reads only the secrets that it names: @step(secrets=['name.key'])",
}


class _NoSecrets:
    """For the secrets manager itself: it has nobody to ask."""

    def __init__(self, component: Component) -> None:
        self._component = component

    def values(self, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        for reference in refs:
            raise SecretMissing(
                f"{self._component.id} refers to the secret {reference}, which only itself could give; "
                "give it by the environment or a file instead",
                (reference,),
            )
        return {}


def load_flavor(registry: FlavorRegistry, component: Component) -> type[StackComponent]:
    """The class of a component's flavor. Raises `ComponentError` in words."""
    source = registry.get(component.category, component.flavor)
    if source is None:
        known = [found.id.name for found in registry.of(component.category)]
        raise ComponentError(
            f"{component.id} has the flavor {component.flavor}, and there is no such {component.category.facts.title}"
            + (did_you_mean(component.flavor, known) or f"; there are: {', '.join(known)}")
        )
    try:
        return registry.load(component.category, component.flavor)
    except FlavorBroken as error:
        raise ComponentError(one_line(error)) from error


def _without(text: str, values: Iterable[str]) -> str:
    for value in sorted(values, key=len, reverse=True):
        if value:
            text = text.replace(value, "******")
    return text
