"""From a node of the graph to the spec that travels. Used by the runner."""

from __future__ import annotations

from collections.abc import Mapping

from stacktui.model.artifact import ArtifactRef
from stacktui.model.execution import OutputSpec, StepInput, StepSpec
from stacktui.model.stack import Resources
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.runfile import RunFile


class SpecMaker:
    """Makes the specs of one run."""

    def __init__(self, file: RunFile) -> None:
        self._file = file

    def make(self, node: StepNode, attempt: int, inputs: Mapping[str, ArtifactRef]) -> StepSpec:
        """The spec of one attempt; `inputs` are the artifacts that it takes, by the input's name."""
        settings = self._file.settings.get(node.name, node.settings)
        return StepSpec.model_construct(
            run=self._file.run,
            step=node.name,
            attempt=attempt,
            last_attempt=attempt > (settings.retries or 0),
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
