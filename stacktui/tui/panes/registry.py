"""The one table of a category in the workbench: the columns that it adds to the list of components, and its live pane.

A column's `key` is the field of a component's config that it shows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.tui.widgets.grid import Column

if TYPE_CHECKING:
    from stacktui.tui.panes.base import Pane


class CategoryView(NamedTuple):
    """How a category looks."""

    columns: tuple[Column, ...]
    target: str
    """`module:Class` of the pane, under `stacktui.tui.panes`; imported when the screen is first opened."""


VIEWS: dict[Category, CategoryView] = {
    Category.ORCHESTRATOR: CategoryView(
        (Column("max_workers", "workers", 7, align="right", drop=4),), "orchestrator:OrchestratorPane"
    ),
    Category.ARTIFACT_STORE: CategoryView(
        (Column("path", "path", 20, drop=4),), "artifact_store:ArtifactStorePane"
    ),
    Category.METADATA_STORE: CategoryView(
        (Column("path", "path", 20, drop=4),), "metadata_store:MetadataStorePane"
    ),
    Category.CONTAINER_REGISTRY: CategoryView(
        (Column("path", "path", 20, drop=4),), "container_registry:ContainerRegistryPane"
    ),
    Category.SECRETS_MANAGER: CategoryView(
        (Column("prefix", "prefix", 12, drop=4),), "secrets_manager:SecretsManagerPane"
    ),
    Category.STEP_OPERATOR: CategoryView(
        (Column("max_concurrent", "at once", 7, align="right", drop=4),), "step_operator:StepOperatorPane"
    ),
    Category.MODEL_DEPLOYER: CategoryView(
        (Column("first_port", "from port", 9, align="right", drop=4),), "model_deployer:ModelDeployerPane"
    ),
    Category.FEATURE_STORE: CategoryView(
        (Column("views", "views", 5, align="right", drop=4),), "feature_store:FeatureStorePane"
    ),
    Category.EXPERIMENT_TRACKER: CategoryView((), "experiment_tracker:ExperimentTrackerPane"),
    Category.ALERTER: CategoryView((), "alerter:AlerterPane"),
}


def pane_of(category: Category) -> Pane[Any]:
    """A new pane of a category."""
    module, _, attribute = VIEWS[category].target.partition(":")
    made: Pane[Any] = getattr(import_module(f"stacktui.tui.panes.{module}"), attribute)(category)
    return made
