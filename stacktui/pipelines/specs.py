"""From a node of the graph to the spec that travels. Used by the runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stacktui.model.artifact import ArtifactRef
from stacktui.model.execution import OutputSpec, StepInput, StepSpec
from stacktui.model.run import StepError
from stacktui.model.stack import Resources
from stacktui.pipelines.graph import HookName, StepNode
from stacktui.pipelines.importing import module_name
from stacktui.pipelines.runfile import RunFile

_HOOK_S = 60.0


class SpecMaker:
    """Makes the specs of one run."""

    def __init__(self, file: RunFile) -> None:
        self._file = file

    def make(
        self, node: StepNode, attempt: int, inputs: Mapping[str, ArtifactRef], *, last: bool
    ) -> StepSpec:
        """The spec of one attempt; `inputs` are the artifacts that it takes, by the input's name.

        `last`: if it fails, the step has failed for good.
        """
        settings = self._file.settings.get(node.name, node.settings)
        return StepSpec.model_construct(
            run=self._file.run,
            step=node.name,
            attempt=attempt,
            last_attempt=last,
            module=node.module,
            function=node.function,
            inputs=tuple(
                StepInput.model_construct(
                    name=item.name,
                    value=item.value if item.constant else None,
                    artifact=None if item.constant else inputs[item.name],
                )
                for item in node.inputs
            ),
            outputs=tuple(
                OutputSpec.model_construct(
                    name=output.name,
                    type=output.type,
                    materializer=output.materializer or node.materializers.get(output.name),
                )
                for output in node.outputs
            ),
            resources=settings.resources or Resources(),
            timeout_s=settings.timeout,
            secrets=node.secrets,
            tracker=settings.experiment_tracker,
            environment=settings.environment or {},
        )

    def hook(self, node: StepNode, attempt: int, hook: HookName, error: StepError | None) -> StepSpec:
        """The spec of a step's hook that the runner has called, with what happened to the step."""
        settings = self._file.settings.get(node.name, node.settings)
        return StepSpec(
            run=self._file.run,
            step=node.name,
            attempt=attempt,
            module=node.module,
            function=node.function,
            timeout_s=_HOOK_S,
            secrets=node.secrets,
            tracker=settings.experiment_tracker,
            environment=settings.environment or {},
            hook=hook,
            hook_error=error,
        )

    def run_hook(self, hook: HookName, error: StepError | None) -> StepSpec:
        """The spec of the pipeline's hook."""
        file, _, function = self._file.description.target.rpartition(":")
        return StepSpec(
            run=self._file.run,
            step="",
            module=module_name(Path(self._file.run.code_path), file),
            function=function,
            timeout_s=_HOOK_S,
            hook=hook,
            hook_error=error,
        )
