"""`training.run(…)`: a run started from Python, by the same way as `stacktui run`. Used by `pipeline.py`.

`loading` asks the same stack for what runs have left.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.model.diagnostic import Severity
from stacktui.model.stack import StepSettings
from stacktui.pipelines.errors import PipelineBroken, PipelineNotFound

if TYPE_CHECKING:
    from stacktui.model.run import Run
    from stacktui.model.stack import ResolvedStack
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

_POLL_S = 0.1


def run_pipeline(
    function: Callable[..., Any],
    *,
    stack: str | None,
    name: str | None,
    params: Mapping[str, Any],
    labels: Mapping[str, str],
    steps: Mapping[str, StepSettings],
    cache: bool,
    wait: bool,
) -> Run:
    """Start a run of the pipeline `function` and, with `wait`, return when it has ended.

    Raises `PipelineBroken` in words if the file lies in no workspace, the stack is not whole, or the pipeline cannot
    be drawn. A run that fails is returned like any other: its `status` says so.
    """
    from stacktui.pipelines.launch import RunRequest, start_run
    from stacktui.runtime.build import open_stack
    from stacktui.runtime.flavors import flavor_registry
    from stacktui.workspace.workspace import Workspace, WorkspaceNotFound

    file = Path(inspect.getfile(function)).resolve()
    try:
        workspace = Workspace.open(file.parent)
    except WorkspaceNotFound as error:
        raise PipelineNotFound(str(error)) from None
    snapshot = workspace.read()
    resolved = chosen_stack(workspace, snapshot, stack)
    registry = flavor_registry(workspace.root)
    request = RunRequest(
        target=f"{file.relative_to(workspace.root.resolve()).as_posix()}:{function.__name__}",
        stack=resolved,
        params=dict(params),
        name=name or "",
        labels=dict(labels),
        steps=dict(steps),
        cache=cache,
    )
    run_id = start_run(workspace, snapshot, registry, request)
    with open_stack(workspace, snapshot, registry, resolved) as live:
        store = live.metadata_store
        run = store.run(run_id)
        while wait and not run.status.finished:
            time.sleep(_POLL_S)
            run = store.run(run_id)
        return run


def chosen_stack(workspace: Workspace, snapshot: WorkspaceSnapshot, name: str | None) -> ResolvedStack:
    """The named stack, or the active one, whole. Raises `PipelineBroken` in words."""
    from stacktui.runtime.inherit import resolve_stack
    from stacktui.workspace.active import active_stack

    chosen = active_stack(workspace, snapshot, name, os.environ).name
    if chosen is None:
        raise PipelineBroken("no stack is active here; name one: stack=…, or `stacktui stack use NAME`")
    resolution = resolve_stack(snapshot, chosen)
    errors = [item for item in resolution.problems if item.severity is Severity.ERROR]
    if resolution.stack is None or errors:
        said = errors[0].message if errors else f"there is no stack {chosen}"
        raise PipelineBroken(f"{said}; see `stacktui stack validate {chosen}`")
    return resolution.stack
