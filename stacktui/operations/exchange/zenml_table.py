"""Which of our flavors stands for which of ZenML's, as a table. Used by `zenml`.

A row counts as soon as one of its flavors is registered, built in or a team's own; until then what it is about is
kept as a comment. A flavor without a row is taken by its name where we have one of the same category and name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stacktui.model.category import Category


class Row(NamedTuple):
    """One of their flavors."""

    category: str
    flavor: str
    ours: Category
    flavors: tuple[str, ...]
    """Ours, best first: the first one that is registered counts."""
    fields: Mapping[str, tuple[str, ...]] = {}
    """Their field → ours, best first; a dot leads into a mapping. A field that is not named here keeps its name."""
    secrets: frozenset[str] = frozenset()
    """Their fields whose value is a secret, whatever they are called."""
    note: str = ""
    """What is otherwise with ours."""


_LOGIN = {
    "tracking_username": ("tracking_username", "username"),
    "tracking_password": ("tracking_password", "password"),
}
_REGISTRY = {"uri": ("uri", "url", "registry")}

_ROWS = (
    Row("orchestrator", "local", Category.ORCHESTRATOR, ("local",)),
    Row(
        "orchestrator", "local_docker", Category.ORCHESTRATOR, ("local",),
        note="steps run in worker processes, not in containers",
    ),
    Row("orchestrator", "airflow", Category.ORCHESTRATOR, ("airflow",), {"local": ()}),
    Row("artifact_store", "local", Category.ARTIFACT_STORE, ("local",)),
    Row(
        "artifact_store", "s3", Category.ARTIFACT_STORE, ("s3",),
        {
            "key": ("key", "access_key_id", "access_key"),
            "secret": ("secret", "secret_access_key", "secret_key"),
            "token": ("token", "session_token"),
            "client_kwargs.endpoint_url": ("endpoint_url", "endpoint"),
            "client_kwargs.region_name": ("region_name", "region"),
        },
        frozenset({"key", "secret", "token"}),
    ),
    Row(
        "artifact_store", "azure", Category.ARTIFACT_STORE, ("azure",),
        {}, frozenset({"account_key", "sas_token", "connection_string", "client_secret"}),
    ),
    Row("artifact_store", "gcp", Category.ARTIFACT_STORE, ("gcs", "gcp"), {}, frozenset({"token"})),
    Row("metadata_store", "sqlite", Category.METADATA_STORE, ("sqlite",), {"uri": ()}),
    Row("secrets_manager", "local", Category.SECRETS_MANAGER, ("local",)),
    Row(
        "secrets_manager", "vault", Category.SECRETS_MANAGER, ("vault",),
        {"url": ("url", "address"), "mount_point": ("mount_point", "mount")}, frozenset({"token"}),
    ),
    Row("secrets_manager", "aws", Category.SECRETS_MANAGER, ("aws",), {"region_name": ("region_name", "region")}),
    Row("container_registry", "default", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("container_registry", "dockerhub", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("container_registry", "github", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("container_registry", "gcp", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("container_registry", "azure", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("container_registry", "aws", Category.CONTAINER_REGISTRY, ("oci",), _REGISTRY),
    Row("model_deployer", "mlflow", Category.MODEL_DEPLOYER, ("mlflow",)),
    Row("model_deployer", "bentoml", Category.MODEL_DEPLOYER, ("bentoml",)),
    Row("feature_store", "feast", Category.FEATURE_STORE, ("feast",), {"feast_repo": ("feast_repo", "repo", "path")}),
    Row(
        "experiment_tracker", "mlflow", Category.EXPERIMENT_TRACKER, ("mlflow",),
        {
            "tracking_uri": ("tracking_uri", "uri", "url"),
            **_LOGIN,
            "tracking_token": ("tracking_token", "token"),
            "tracking_insecure_tls": ("tracking_insecure_tls", "insecure_tls"),
            "experiment_name": ("experiment_name", "experiment"),
        },
        frozenset({"tracking_username", "tracking_password", "tracking_token"}),
    ),
    Row(
        "experiment_tracker", "wandb", Category.EXPERIMENT_TRACKER, ("wandb",),
        {"project_name": ("project_name", "project")}, frozenset({"api_key"}),
    ),
    Row(
        "alerter", "slack", Category.ALERTER, ("slack",),
        {
            "slack_token": ("slack_token", "token"),
            "slack_channel_id": ("slack_channel_id", "channel", "channel_id"),
            "default_slack_channel_id": ("default_slack_channel_id", "channel", "channel_id"),
        },
        frozenset({"slack_token"}),
    ),
)  # fmt: skip

TABLE: Mapping[tuple[str, str], Row] = {(row.category, row.flavor): row for row in _ROWS}
"""The rows by their category and flavor."""

ELSEWHERE: Mapping[str, str] = {
    "annotator": "data is labelled outside a stack",
    "data_validator": "a step validates data",
    "deployer": "pipelines are run, not served",
    "image_builder": "the container registry builds images",
    "log_store": "logs are kept with the runs",
    "model_registry": "models are artifacts, named by pipeline, step and version",
}
"""Their categories that are none of ours, and where what they are for is done here."""
