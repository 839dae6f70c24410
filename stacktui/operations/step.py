"""One step of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stacktui.model.run import RunStatus
from stacktui.operations.artifact import ArtifactPart, artifact_part
from stacktui.operations.documents import Document
from stacktui.operations.errors import unknown
from stacktui.operations.run_documents import StepRow, facts_of_step
from stacktui.operations.table import Arg, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class StepDocument(StepRow, Document):
    """One step of one run, whole."""

    run_id: str
    pipeline: str
    run_status: RunStatus
    after: tuple[str, ...]
    """The steps that it waits for."""
    metrics: dict[str, float]
    """The last value of each that it logged."""
    input_artifacts: dict[str, ArtifactPart]
    output_artifacts: dict[str, ArtifactPart]


@operation("step show", writes=False, on="step", key="enter", examples=("stacktui step show 0193a1b2 fit",))
def show(
    session: Session,
    run_id: Annotated[
        str, Arg("The run: its id, or an unambiguous beginning of it.", complete="run", name="run")
    ],
    step: Annotated[str, Arg("The step.", complete="step")],
) -> StepDocument:
    """Show a step: its state, parameters, inputs, outputs, metrics, and why it was cached or not."""
    store = session.store()
    run = store.run(run_id)
    steps = {each.name: each for each in store.steps(run.id)}
    if step not in steps:
        raise unknown(f"step in run {run.id[:13]}", step, steps, f"stacktui runs show {run.id}")
    found = steps[step]
    metrics = {point.key: point.value for point in store.metrics(run.id) if point.source == step}
    return StepDocument(
        **facts_of_step(found),
        run_id=run.id,
        pipeline=run.pipeline,
        run_status=run.status,
        after=next((node.after for node in run.graph if node.name == step), ()),
        metrics=metrics,
        input_artifacts={
            name: artifact_part(store, store.artifact(id_)) for name, id_ in found.inputs.items()
        },
        output_artifacts={
            name: artifact_part(store, store.artifact(id_)) for name, id_ in found.outputs.items()
        },
    )
