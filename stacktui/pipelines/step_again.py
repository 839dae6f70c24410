"""One step of an earlier run once more, in the foreground, with the inputs that the store has for it.

`again_request` makes what the child is told; `python -m stacktui.pipelines.step_again` is the child. Nothing of it is
recorded: what the step returns is described, what it logs is shown.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.model.base import short_id
from stacktui.model.execution import StepSpec
from stacktui.model.masking import Masker
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.at_terminal import TerminalChannel, post_mortem
from stacktui.pipelines.attached import answer, run_attached, told
from stacktui.pipelines.context import StepContext, set_context
from stacktui.pipelines.errors import PipelineBroken
from stacktui.pipelines.execute import as_step_error, values_of_outputs
from stacktui.pipelines.importing import load_step, prepare
from stacktui.pipelines.materializers import load
from stacktui.pipelines.resume import reference_to
from stacktui.pipelines.runfile import RunFile
from stacktui.pipelines.specs import SpecMaker
from stacktui.runtime.build import needed_secrets, resolve_secrets, stack_in_step, stack_of_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import Run, StepRun

_LONGEST = 200


def again_spec(store: MetadataStore, state: Path, run: Run, step: StepRun, *, today: Path | None) -> StepSpec:
    """The spec of a step as it ran; with `today`, a workspace's folder, of the code that is there now.

    Raises `ComponentError` in words where the run's file, its code or an input is not there any more.
    """
    name = f"run {short_id(run.id)}"
    folder = state / "runs" / run.id
    try:
        file = RunFile.read(folder)
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not as it was written"
        raise ComponentError(
            f"{name} has left no {folder / 'run.json'} ({why}): it cannot be run again"
        ) from None
    if today is None and not Path(file.run.code_path).is_dir():
        raise ComponentError(f"the code of {name} is gone from {file.run.code_path}; --today takes today's")
    node = file.description.step(step.name)
    wanted = [item.name for item in node.inputs if not item.constant]
    missing = [each for each in wanted if each not in step.inputs]
    if missing:
        raise ComponentError(
            f"step {step.name} of {name} is {step.status} and never had its inputs: {', '.join(missing)}"
        )
    inputs = {each: reference_to(store.artifact(step.inputs[each])) for each in wanted}
    spec = SpecMaker(file).make(node, step.attempt, inputs, last=True)
    if today is not None:
        spec = spec.model_copy(update={"run": spec.run.model_copy(update={"code_path": str(today)})})
    return spec


def run_again(spec: StepSpec, *, pdb: bool) -> dict[str, Any]:
    """Run it in a child that has the terminal; what it says about the end: `outputs`, `error`, `duration_s`.

    Raises `ComponentError` where its secrets or the child cannot be had.
    """
    run = spec.run
    with stack_of_run(run) as live:
        shared = needed_secrets(live.components())
        values = resolve_secrets(live, {*shared, *spec.secrets})
    request = {
        "spec": spec.model_dump(mode="json"),
        "secrets": [[each.name, each.key, str(value)] for each, value in values.items()],
        "shared": [[each.name, each.key] for each in shared],
        "pdb": pdb,
    }
    code, said = run_attached(
        "stacktui.pipelines.step_again",
        request,
        folder=Path(run.workspace),
        environment={**run.environment, **spec.environment},
    )
    if not said:
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        said = {
            "error": {"type": "ProcessExited", "message": f"its process ended with {ended}", "traceback": ""}
        }
    return said


def main(arguments: list[str]) -> int:
    """The child: 0 where the step returned, 1 where it raised."""
    request, descriptor = told(arguments)
    spec = StepSpec.model_validate(request["spec"])
    values = {SecretRef(name, key): value for name, key, value in request["secrets"]}
    shared = {SecretRef(*pair) for pair in request["shared"]}
    masker = Masker()
    masker.add(values.values())
    with tempfile.TemporaryDirectory(prefix="stacktui-step-") as scratch:
        said = _run(spec, values, shared, masker, Path(scratch), request["pdb"])
    answer(descriptor, said)
    return 1 if said.get("error") else 0


def _run(
    spec: StepSpec,
    values: Mapping[SecretRef, str],
    shared: set[SecretRef],
    masker: Masker,
    scratch: Path,
    pdb: bool,
) -> dict[str, Any]:
    run = spec.run
    code = Path(run.code_path)
    around = Surroundings(name="scratch", workspace=scratch, state=scratch, user_data=scratch)
    kept = LocalArtifactStore(LocalArtifactStoreConfig(), around)
    channel = TerminalChannel(run.run_id, spec.step, lambda: kept, scratch / "kept")
    sys.dont_write_bytecode = True
    prepare(code, run.roots, Path(run.workspace))
    live = stack_in_step(run, {each: values[each] for each in shared}, channel)
    named = {each: values[each] for each in spec.secrets}
    began = time.monotonic()
    with live:
        set_context(StepContext(spec, named, live, channel))
        try:
            step = load_step(spec.module, spec.function, code, run.roots)
            given = {
                item.name: step.constant(item.name, item.value)
                if item.artifact is None
                else load(item.artifact, live.artifact_store, scratch=scratch / "inputs")
                for item in spec.inputs
            }
            began = time.monotonic()
            returned = values_of_outputs(step.call(given), spec)
            outputs = [
                {"name": output.name, "type": _type(value), "summary": masker(_summary(value))}
                for output, value in zip(spec.outputs, returned, strict=True)
            ]
            return {"outputs": outputs, "duration_s": time.monotonic() - began}
        except BaseException as error:
            taken = time.monotonic() - began
            if pdb and not isinstance(error, (KeyboardInterrupt, SystemExit, PipelineBroken)):
                post_mortem(error, code)
            failure = as_step_error(error, spec, masker)
            return {"error": failure.model_dump(), "duration_s": taken}
        finally:
            set_context(None)


def _type(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _summary(value: Any) -> str:
    """A value in a line: its shape where it has one, else its text."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return "shape " + " × ".join(str(length) for length in shape)
    try:
        text = repr(value)
    except Exception:
        return "its text cannot be made"
    text = " ".join(text.split())
    length = f"{len(value):,} elements, " if isinstance(value, (list, dict, set, tuple, bytes)) else ""
    return length + (text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that the step left behind must not hold it up.
    os._exit(code)
