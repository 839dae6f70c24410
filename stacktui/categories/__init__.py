"""The ten base abstractions, one file each, and the flavors that implement them.

A base class is imported when it is first asked for: the command line asks for none or one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stacktui.model.category import Category

if TYPE_CHECKING:
    from stacktui.categories.alerter import Alerter
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.categories.base import StackComponent
    from stacktui.categories.container_registry import ContainerRegistry
    from stacktui.categories.experiment_tracker import ExperimentTracker
    from stacktui.categories.feature_store import FeatureStore
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.categories.model_deployer import ModelDeployer
    from stacktui.categories.orchestrator import Orchestrator
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.categories.step_operator import StepOperator

__all__ = [
    "BASES",
    "Alerter",
    "ArtifactStore",
    "ContainerRegistry",
    "ExperimentTracker",
    "FeatureStore",
    "MetadataStore",
    "ModelDeployer",
    "Orchestrator",
    "SecretsManager",
    "StackComponent",
    "StepOperator",
]

_CLASSES: dict[Category, str] = {
    Category.ORCHESTRATOR: "Orchestrator",
    Category.ARTIFACT_STORE: "ArtifactStore",
    Category.METADATA_STORE: "MetadataStore",
    Category.CONTAINER_REGISTRY: "ContainerRegistry",
    Category.SECRETS_MANAGER: "SecretsManager",
    Category.STEP_OPERATOR: "StepOperator",
    Category.MODEL_DEPLOYER: "ModelDeployer",
    Category.FEATURE_STORE: "FeatureStore",
    Category.EXPERIMENT_TRACKER: "ExperimentTracker",
    Category.ALERTER: "Alerter",
}
"""The base class of each category, in the module of the category's name."""
_MODULES = {name: category.value for category, name in _CLASSES.items()} | {"StackComponent": "base"}


class _Bases(Mapping[Category, "type[StackComponent]"]):
    def __getitem__(self, category: Category) -> type[StackComponent]:
        found: type[StackComponent] = __getattr__(_CLASSES[category])
        return found

    def __iter__(self) -> Iterator[Category]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


BASES: Mapping[Category, type[StackComponent]] = _Bases()
"""The base class of each category: the one entry that a category has on this floor."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'stacktui.categories' has no attribute {name!r}")
    return getattr(import_module(f"stacktui.categories.{_MODULES[name]}"), name)
