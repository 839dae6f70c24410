"""stacktui: a terminal workbench for MLOps stacks. What a pipeline file needs is exported here, loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from stacktui.model.alert import Level
    from stacktui.model.stack import Resources
    from stacktui.pipelines.context import context
    from stacktui.pipelines.loading import load_artifact
    from stacktui.pipelines.materializers.custom import materializer
    from stacktui.pipelines.pipeline import pipeline
    from stacktui.pipelines.step import Artifact, Env, step

__all__ = [
    "Artifact",
    "Env",
    "Level",
    "Resources",
    "__version__",
    "context",
    "load_artifact",
    "materializer",
    "pipeline",
    "step",
]

_HOMES = {
    "Artifact": "stacktui.pipelines.step",
    "Env": "stacktui.pipelines.step",
    "Level": "stacktui.model.alert",
    "Resources": "stacktui.model.stack",
    "context": "stacktui.pipelines.context",
    "load_artifact": "stacktui.pipelines.loading",
    "materializer": "stacktui.pipelines.materializers.custom",
    "pipeline": "stacktui.pipelines.pipeline",
    "step": "stacktui.pipelines.step",
}


def __getattr__(name: str) -> Any:
    # Late, so that `import stacktui` costs nothing: the command line starts with it.
    if name not in _HOMES:
        raise AttributeError(f"module 'stacktui' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
