"""The ten categories of component that a stack is made of. Used by every room."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CategoryFacts(NamedTuple):
    """What is fixed about one category."""

    key: str
    """The digit that opens its screen, on every screen."""
    title: str
    """Its name for people, singular."""
    plural: str
    role: str
    """What it does in a stack, in one line."""
    minimum: int
    """How many of it a stack must hold."""
    maximum: int | None
    """How many of it a stack may hold; None for any number."""


class Category(StrEnum):
    """A kind of tool in an MLOps stack. The value is the folder's name and the key in YAML."""

    ORCHESTRATOR = "orchestrator"
    ARTIFACT_STORE = "artifact_store"
    METADATA_STORE = "metadata_store"
    CONTAINER_REGISTRY = "container_registry"
    SECRETS_MANAGER = "secrets_manager"
    STEP_OPERATOR = "step_operator"
    MODEL_DEPLOYER = "model_deployer"
    FEATURE_STORE = "feature_store"
    EXPERIMENT_TRACKER = "experiment_tracker"
    ALERTER = "alerter"

    @property
    def facts(self) -> CategoryFacts:
        """Key, titles, role and cardinality."""
        return _FACTS[self]

    @property
    def required(self) -> bool:
        """Whether a stack without it is incomplete."""
        return _FACTS[self].minimum > 0

    @property
    def many(self) -> bool:
        """Whether a stack may hold several; the first is then the default."""
        return _FACTS[self].maximum is None


_FACTS: dict[Category, CategoryFacts] = {
    Category.ORCHESTRATOR: CategoryFacts(
        "1", "orchestrator", "orchestrators", "runs the pipeline's steps in order, here or on an engine", 1, 1
    ),
    Category.ARTIFACT_STORE: CategoryFacts(
        "2", "artifact store", "artifact stores", "keeps what steps produce", 1, 1
    ),
    Category.METADATA_STORE: CategoryFacts(
        "3", "metadata store", "metadata stores", "records every run, step and artifact", 1, 1
    ),
    Category.CONTAINER_REGISTRY: CategoryFacts(
        "4", "container registry", "container registries", "keeps the images that steps run in", 0, 1
    ),
    Category.SECRETS_MANAGER: CategoryFacts(
        "5", "secrets manager", "secrets managers", "keeps credentials, by name", 0, 1
    ),
    Category.STEP_OPERATOR: CategoryFacts(
        "6", "step operator", "step operators", "runs single steps in a specialised environment", 0, None
    ),
    Category.MODEL_DEPLOYER: CategoryFacts(
        "7", "model deployer", "model deployers", "serves models online", 0, 1
    ),
    Category.FEATURE_STORE: CategoryFacts(
        "8", "feature store", "feature stores", "manages and serves features", 0, 1
    ),
    Category.EXPERIMENT_TRACKER: CategoryFacts(
        "9",
        "experiment tracker",
        "experiment trackers",
        "records parameters and metrics of experiments",
        0,
        None,
    ),
    Category.ALERTER: CategoryFacts(
        "0", "alerter", "alerters", "tells people, through their channel", 0, None
    ),
}
