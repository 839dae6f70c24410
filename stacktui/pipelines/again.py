"""A run once more: what was asked for then, with the code and the stack of today. Used by the operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from stacktui.pipelines.launch import RunRequest
from stacktui.pipelines.runfile import Asked, RunFile

if TYPE_CHECKING:
    from stacktui.model.run import Run
    from stacktui.model.stack import ResolvedStack
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot


def retry_request(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    run: Run,
    stack: ResolvedStack,
    from_step: str | None = None,
) -> RunRequest:
    """What starts `run` again through `stack`, which is today's of the same name: with the parameters, labels, step
    settings, failure mode and cache that were asked for then.

    With `from_step` that step and all after it run again, and the others' results are taken from `run`. Where its
    folder is gone, what the store has of it must do.
    """
    file: RunFile | None = None
    try:
        file = RunFile.read(workspace.state / "runs" / run.id)
    except (OSError, ValidationError):
        asked = Asked(params=run.params, labels=run.labels)
    else:
        asked = file.asked or Asked(params=file.description.params, labels=run.labels)
    return RunRequest(
        target=run.target,
        stack=stack,
        params=asked.params,
        name=asked.name,
        # Labels may have been given or taken away since.
        labels=run.labels,
        steps=asked.steps,
        failure_mode="fail_fast" if file is None else file.failure_mode,
        cache=True if file is None else file.cache,
        retry_of=run.id,
        from_step=from_step,
        group=run.group,
    )
