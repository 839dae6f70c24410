"""Running one step once, in a worker: inputs loaded, the function called, outputs checked and kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import now
from stacktui.model.execution import StepResult, StepSpec
from stacktui.model.masking import Masker
from stacktui.model.run import StepError, StepStatus
from stacktui.pipelines.cancelling import StepCancelled, interruptible
from stacktui.pipelines.errors import PipelineBroken
from stacktui.pipelines.frames import one_line, user_frames
from stacktui.pipelines.hooks import call_hook, run_hook
from stacktui.pipelines.importing import load_step
from stacktui.pipelines.materializers import load, save
from stacktui.pipelines.step import Step

_LONGEST_MESSAGE = 4000
_LONGEST_TRACEBACK = 64_000
_FOLDER = Path.cwd()
"""Where the worker was started."""


class WrongOutputs(Exception):
    """A step did not return what it declares."""


def run_step(
    spec: StepSpec,
    store: ArtifactStore,
    scratch: Path,
    masker: Masker,
    on_error: Callable[[BaseException], None] | None = None,
) -> StepResult:
    """Run the step and say how it ended. Never raises: whatever the step does is its result.

    `on_error` may look at what it raised before anybody else does.
    """
    started = now()
    variables = _variables()
    if spec.hook is not None:
        result = run_hook(spec)
        _restore(variables)
        return result
    os.environ.update(spec.environment)
    step: Step[Any] | None = None
    outputs: dict[str, ArtifactRef] = {}
    failure: StepError | None = None
    told = True
    try:
        step = load_step(spec.module, spec.function, Path(spec.run.code_path), spec.run.roots)
        arguments: dict[str, Any] = {}
        for item in spec.inputs:
            arguments[item.name] = (
                step.constant(item.name, item.value)
                if item.artifact is None
                else load(item.artifact, store, scratch=scratch)
            )
        value = _called(step, arguments)
        outputs = _kept(value, spec, store, scratch)
        if step.options.on_success is not None:
            call_hook(step.options.on_success, None, spec.run)
    except StepCancelled as error:
        # Why it was told to end, and which hook is for that, whoever told it knows.
        failure, told = as_step_error(error, spec, masker), False
    except BaseException as error:
        if on_error is not None:
            on_error(error)
        failure = as_step_error(error, spec, masker)
        if step is not None and step.options.on_failure is not None and spec.last_attempt:
            call_hook(step.options.on_failure, error, spec.run)
    _restore(variables)
    if scratch.is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
    return StepResult.model_construct(
        status=StepStatus.SUCCEEDED if failure is None else StepStatus.FAILED,
        started_at=started,
        finished_at=now(),
        outputs=outputs,
        error=failure,
        hooks_called=told,
    )


def _called(step: Step[Any], arguments: Mapping[str, Any]) -> Any:
    """What the step returns, in this process: one that it has forked ends here, as a program of its own would."""
    process = os.getpid()
    try:
        with interruptible():
            return step.call(arguments)
    except BaseException as error:
        if os.getpid() != process:
            _end_child(error)
        raise
    finally:
        if os.getpid() != process:
            _end_child(None)


def _end_child(error: BaseException | None) -> None:
    code = 0 if error is None else 1
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        with contextlib.suppress(Exception):
            traceback.print_exception(error)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)


def _variables() -> dict[Any, Any]:
    # The bytes beneath, where Python lets us: a copy through `os.environ` decodes every variable, for every step.
    return dict(getattr(os.environ, "_data", os.environ))


def _restore(variables: dict[Any, Any]) -> None:
    """A warm worker begins its next step where this one began: same variables, same current folder."""
    if _variables() != variables:
        os.environ.clear()
        for name, value in variables.items():
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
    os.chdir(_FOLDER)


def _kept(value: Any, spec: StepSpec, store: ArtifactStore, scratch: Path) -> dict[str, ArtifactRef]:
    """What the step returned, in the artifact store, by the outputs' names."""
    return {
        output.name: save(
            item,
            store,
            name=output.name,
            declared_type=output.type,
            materializer=output.materializer,
            scratch=scratch,
        )
        for output, item in zip(spec.outputs, values_of_outputs(value, spec), strict=True)
    }


def values_of_outputs(value: Any, spec: StepSpec) -> tuple[Any, ...]:
    """What a step returned, by the outputs that it declares. Raises `WrongOutputs`."""
    names = ", ".join(output.name for output in spec.outputs)
    count = len(spec.outputs)
    if count == 0:
        if value is not None:
            raise WrongOutputs(
                f"step {spec.step!r} returned a {type(value).__name__} and declares no output: "
                "annotate what it returns, or return nothing"
            )
        return ()
    if count == 1:
        return (value,)
    if isinstance(value, Mapping) and set(value) == {output.name for output in spec.outputs}:
        return tuple(value[output.name] for output in spec.outputs)
    if not isinstance(value, (tuple, list)):
        raise WrongOutputs(
            f"step {spec.step!r} returned a {type(value).__name__} and declares {count} outputs: {names}"
        )
    if len(value) != count:
        raise WrongOutputs(
            f"step {spec.step!r} returned {len(value)} values and declares {count} outputs: {names}"
        )
    return tuple(value)


def as_step_error(error: BaseException, spec: StepSpec, masker: Masker) -> StepError:
    """The error as people read it, masked."""
    code, workspace = Path(spec.run.code_path), Path(spec.run.workspace)
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        message = f"the step ended itself by sys.exit({'' if error.code is None else repr(error.code)})"
    elif isinstance(error, StepCancelled):
        # The runner says by itself why it ended a step; nobody has told this one.
        message = f"the step's process got {signal.SIGTERM.name}, and not from its run: from the step itself or by hand"
    elif isinstance(error, KeyboardInterrupt):
        message = f"the step was interrupted ({signal.SIGINT.name}, or it raised KeyboardInterrupt itself)"
    elif isinstance(error, (WrongOutputs, PipelineBroken, ComponentError)):
        message = str(error)
    else:
        message = _message(error, kind, code, workspace)
    try:
        frames = user_frames(error, code, workspace)
    except Exception:
        frames = ""
    return StepError(
        type=kind,
        message=_cut(masker(message), _LONGEST_MESSAGE),
        traceback=_cut(masker(frames), _LONGEST_TRACEBACK),
    )


def _message(error: BaseException, kind: str, code: Path, workspace: Path) -> str:
    try:
        text = one_line(error, code, workspace, whole=not isinstance(error, SyntaxError))
    except Exception:
        return f"{kind}, whose text cannot be made"
    qualified = f"{type(error).__module__}.{type(error).__qualname__}"
    for prefix in (qualified, type(error).__qualname__, kind):
        if text.startswith(prefix):
            return text[len(prefix) :].removeprefix(":").strip()
    return text


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters)"
