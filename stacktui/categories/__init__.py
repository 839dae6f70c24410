"""The ten base abstractions, one file each, and the flavors that implement them."""

from __future__ import annotations

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
from stacktui.model.category import Category

BASES: dict[Category, type[StackComponent]] = {
    Category.ORCHESTRATOR: Orchestrator,  # type: ignore[type-abstract]
    Category.ARTIFACT_STORE: ArtifactStore,  # type: ignore[type-abstract]
    Category.METADATA_STORE: MetadataStore,  # type: ignore[type-abstract]
    Category.CONTAINER_REGISTRY: ContainerRegistry,  # type: ignore[type-abstract]
    Category.SECRETS_MANAGER: SecretsManager,  # type: ignore[type-abstract]
    Category.STEP_OPERATOR: StepOperator,  # type: ignore[type-abstract]
    Category.MODEL_DEPLOYER: ModelDeployer,  # type: ignore[type-abstract]
    Category.FEATURE_STORE: FeatureStore,  # type: ignore[type-abstract]
    Category.EXPERIMENT_TRACKER: ExperimentTracker,  # type: ignore[type-abstract]
    Category.ALERTER: Alerter,  # type: ignore[type-abstract]
}
"""The base class of each category: the one entry that a category has on this floor."""
