"""`on_success` and `on_failure` of a step and of a pipeline, called in a worker, inside the context.

In the step's own process when the step is over. Where that process was killed or ended by a limit the runner has the
hook called in another one (`hook_runs.py`), as it has those of a pipeline at the end of the run. What a hook does
wrong stands in a log and changes nothing.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stacktui.model.base import now
from stacktui.model.execution import RunContext, StepResult, StepSpec
from stacktui.model.run import StepError, StepStatus
from stacktui.pipelines.frames import one_line, user_frames
from stacktui.pipelines.importing import load_pipeline, load_step


class StepFailed(Exception):
    """What a hook gets as the error where the step could not raise it itself, and what a pipeline's hook gets."""

    def __init__(self, error: StepError) -> None:
        super().__init__(f"{error.type}: {error.message}" if error.type else error.message)
        self.kind = error.type
        """The error's type: `Timeout`, `MemoryLimit`, `ProcessKilled` …"""
        self.frames = error.traceback
        """The user's frames, as far as they are known."""


def call_hook(hook: Callable[..., Any], error: BaseException | None, run: RunContext) -> None:
    """Call a hook: with the error, if there is one and the hook takes an argument. Never raises."""
    name = getattr(hook, "__name__", repr(hook))
    try:
        takes = [
            parameter
            for parameter in inspect.signature(hook).parameters.values()
            if parameter.kind
            in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        if error is not None and takes:
            hook(error)
        else:
            hook()
    except BaseException as failure:
        if failure.__context__ is error:
            # The step's own error stands where that belongs.
            failure.__context__ = None
        code, workspace = Path(run.code_path), Path(run.workspace)
        try:
            said = user_frames(failure, code, workspace).rstrip() or one_line(failure, code, workspace)
        except Exception:
            said = type(failure).__name__
        logging.getLogger("stacktui.hooks").error("the hook %s failed\n%s", name, said)


def run_hook(spec: StepSpec) -> StepResult:
    """Call the hook that a spec names. Fails only where it cannot be found."""
    started = now()
    os.environ.update(spec.environment)
    code, roots = Path(spec.run.code_path), spec.run.roots
    failure: StepError | None = None
    try:
        options: Any = (
            load_step(spec.module, spec.function, code, roots).options
            if spec.step
            else load_pipeline(spec.module, spec.function, code, roots).options
        )
        hook = getattr(options, spec.hook or "", None)
        if hook is not None:
            call_hook(hook, None if spec.hook_error is None else StepFailed(spec.hook_error), spec.run)
    except BaseException as error:
        failure = StepError(type=type(error).__name__, message=str(error))
    return StepResult(
        status=StepStatus.SUCCEEDED if failure is None else StepStatus.FAILED,
        started_at=started,
        finished_at=now(),
        error=failure,
        hooks_called=True,
    )
