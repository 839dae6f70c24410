"""The built-in flavors by dotted path: found without importing them. A new flavor is one line here."""

from __future__ import annotations

from stacktui.categories.flavor import FlavorId, FlavorSource
from stacktui.model.category import Category


def _ours(
    category: Category,
    name: str,
    target: str,
    summary: str,
    packages: tuple[str, ...] = (),
    install: str = "",
) -> FlavorSource:
    provider = target.split(".")[2]
    return FlavorSource(FlavorId(category, name), provider, target, None, summary, packages, install)


BUILT_IN: tuple[FlavorSource, ...] = (
    _ours(
        Category.ORCHESTRATOR,
        "local",
        "stacktui.flavors.local.orchestrator:LocalOrchestrator",
        "worker processes on this host",
    ),
    _ours(
        Category.ARTIFACT_STORE,
        "local",
        "stacktui.flavors.local.artifact_store:LocalArtifactStore",
        "a folder on this host",
    ),
    _ours(
        Category.METADATA_STORE,
        "sqlite",
        "stacktui.flavors.sqlite.metadata_store:SqliteMetadataStore",
        "one SQLite file, no server",
    ),
    _ours(
        Category.CONTAINER_REGISTRY,
        "local",
        "stacktui.flavors.local.container_registry:LocalContainerRegistry",
        "OCI layouts in a folder, no engine",
    ),
    _ours(
        Category.SECRETS_MANAGER,
        "local",
        "stacktui.flavors.local.secrets_manager:LocalSecretsManager",
        "an encrypted file, its key beside your user data",
    ),
    _ours(
        Category.SECRETS_MANAGER,
        "env",
        "stacktui.flavors.env.secrets_manager:EnvSecretsManager",
        "environment variables, read only",
    ),
    _ours(
        Category.STEP_OPERATOR,
        "subprocess",
        "stacktui.flavors.local.step_operator:SubprocessStepOperator",
        "a fresh interpreter a step, with limits",
    ),
    _ours(
        Category.MODEL_DEPLOYER,
        "local",
        "stacktui.flavors.local.model_deployer:LocalModelDeployer",
        "one HTTP process a model on loopback",
    ),
    _ours(
        Category.FEATURE_STORE,
        "local",
        "stacktui.flavors.local.feature_store:LocalFeatureStore",
        "Parquet and CSV, joined by DuckDB",
    ),
    _ours(
        Category.EXPERIMENT_TRACKER,
        "local",
        "stacktui.flavors.local.experiment_tracker:LocalExperimentTracker",
        "curves kept in the metadata store",
    ),
    _ours(
        Category.ALERTER,
        "local",
        "stacktui.flavors.local.alerter:LocalAlerter",
        "the workbench's inbox, a toast and the bell",
    ),
)
