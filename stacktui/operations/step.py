"""One step of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stacktui.model.base import short_id
from stacktui.model.run import RunStatus
from stacktui.operations.artifact import ArtifactPart, artifact_part
from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import unknown
from stacktui.operations.references import protected_stacks
from stacktui.operations.run_documents import ErrorPart, StepRow, attempts_of, facts_of_step
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import RUN, which_run

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


class ReturnedPart(Part):
    """One output of a step that was run again."""

    name: str
    type: str
    summary: str
    """Its shape or its text, in a line."""


class StepAgain(Document):
    """How a step ended that was run again. Nothing of it was recorded."""

    run_id: str
    step: str
    code: str
    """`of the run`, or `today`."""
    ok: bool
    duration_s: float | None
    outputs: tuple[ReturnedPart, ...]
    error: ErrorPart | None

    @property
    def answer(self) -> bool:
        return self.ok


@operation("step show", writes=False, on="step", key="enter", examples=("stacktui step show 0193a1b2 fit",))
def show(
    session: Session,
    run_id: Annotated[str, RUN],
    step: Annotated[str, Arg("The step.", complete="step")],
) -> StepDocument:
    """Show a step: its state, parameters, inputs, outputs, metrics, and why it was cached or not."""
    store = session.store()
    run = which_run(store, run_id)
    steps = {each.name: each for each in store.steps(run.id)}
    if step not in steps:
        raise unknown(
            "step", step, steps, f"stacktui runs show {short_id(run.id)}", f" in run {short_id(run.id)}"
        )
    found = steps[step]
    metrics = {point.key: point.value for point in store.metrics(run.id) if point.source == step}
    return StepDocument(
        **facts_of_step(found, attempts_of(store, run.id, step).get(step, ())),
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


@operation(
    "step run",
    writes=True,
    on="step",
    examples=("stacktui step run last fit --pdb", "stacktui step run 0193a1b2 fit --today"),
)
def run(
    session: Session,
    run_id: Annotated[str, RUN],
    step: Annotated[str, Arg("The step.", complete="step")],
    *,
    pdb: Annotated[bool, Opt("Where it raises, look at it with the debugger.")] = False,
    today: Annotated[bool, Opt("Run the workspace's code as it is now, not that of the run.")] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
) -> StepAgain:
    """Run one step again by itself, here in the terminal, with the inputs that are stored for it.

    It has standard input, `breakpoint()` works, and its secrets are what they are now. Nothing is recorded: what it
    returns is described, what it logs is shown. Limits of time and memory are not in force, and its output is not
    searched for secrets. Exit code 1 where it failed.
    """
    from stacktui.pipelines.step_again import again_spec, run_again

    store = session.store()
    found = which_run(store, run_id)
    steps = {each.name: each for each in store.steps(found.id)}
    if step not in steps:
        raise unknown(
            "step", step, steps, f"stacktui runs show {short_id(found.id)}", f" in run {short_id(found.id)}"
        )
    workspace = session.workspace
    guarded = protected_stacks(session.snapshot(), (found.stack,))
    confirmed(found.stack, bool(guarded), confirm, f"stack {found.stack!r}")
    spec = again_spec(
        store, workspace.state, found, steps[step], today=workspace.root.resolve() if today else None
    )
    session.note("ran", f"run/{found.id}", f"its step {step} again, by itself")
    said = run_again(spec, pdb=pdb)
    error = said.get("error")
    return StepAgain(
        run_id=found.id,
        step=step,
        code="today" if today else "of the run",
        ok=error is None,
        duration_s=None if (took := said.get("duration_s")) is None else round(took, 6),
        outputs=tuple(ReturnedPart(**each) for each in said.get("outputs", ())),
        error=None if error is None else ErrorPart(**error),
    )
