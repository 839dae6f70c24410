"""What a run would do: where each step runs, whether it is cached, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.operations.documents import DiagnosticPart, Document, Part
from stacktui.operations.running import RunConfig, read_run_config, user_code
from stacktui.operations.step_settings import known_steps, over, step_settings
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.pipelines.graph import PipelineDescription
    from stacktui.runtime.build import LiveStack


class PlannedStepPart(Part):
    """What is known about one step before the run."""

    name: str
    after: tuple[str, ...]
    where: str
    """The component that will run it."""
    cached: bool | None
    """None: it depends on what an earlier step will produce."""
    reason: str
    secrets: tuple[str, ...]


class PlanDocument(Document):
    """A pipeline's steps through a stack, in order."""

    pipeline: str
    stack: str
    params: dict[str, Any]
    steps: tuple[PlannedStepPart, ...]
    diagnostics: tuple[DiagnosticPart, ...]
    """What stands in the way of the run."""

    @property
    def answer(self) -> bool:
        return not any(each.severity == "error" for each in self.diagnostics)


@operation(
    "plan",
    writes=False,
    on="pipeline",
    examples=(
        "stacktui plan pipelines/training.py:training -p lr=0.2",
        "stacktui plan training --set fit.step_operator=a100",
    ),
)
def plan(
    session: Session,
    target: Annotated[
        str, Arg("The pipeline: FILE.py:NAME, or its name alone where that is clear.", complete="pipeline")
    ],
    *,
    param: Annotated[tuple[str, ...], Opt("A parameter of the pipeline, as key=value.", short="p")] = (),
    stack: Annotated[str | None, Opt("The stack; the active one without it.", complete="stack")] = None,
    config: Annotated[Path | None, Opt("A YAML file: stack, params, steps.", complete="path")] = None,
    settings: Annotated[
        tuple[str, ...],
        Opt("A setting of a step, above file and stack, as step.key=value: fit.retries=2.", name="set"),
    ] = (),
    no_cache: Annotated[bool, Opt("As for a run of every step, whatever ran before.")] = False,
) -> PlanDocument:
    """Show what a run would do: for every step where it will run, whether it is cached, and why."""
    from stacktui.pipelines.describe import describe
    from stacktui.pipelines.discover import resolve_target
    from stacktui.pipelines.fingerprint import CodeIndex
    from stacktui.pipelines.plan import make_plan
    from stacktui.pipelines.snapshot import take_snapshot
    from stacktui.validation.validate import validate_stack

    snapshot = session.snapshot()
    given = RunConfig() if config is None else read_run_config((session.start / config).absolute())
    steps = over(step_settings(settings, "--set"), given.steps)
    resolved = session.resolved(stack or given.stack, snapshot)
    live = session.live(resolved.name)
    with user_code():
        code = take_snapshot(session.workspace)
        whole = resolve_target(snapshot.root, snapshot.settings, target, folder=session.start)
        params = {**given.params, **pairs(param, "--param")}
        description = describe(session.workspace, whole, params, code=code.path)
        known_steps(description, steps)
        made = make_plan(
            description,
            CodeIndex(code.path, tuple(code.path / root for root in description.roots)),
            resolved,
            live.metadata_store,
            overrides=steps,
            cache=not no_cache and given.cache is not False,
            artifacts=live.artifact_store,
            root=snapshot.root,
        )
    findings = (
        *validate_stack(snapshot, session.registry(), resolved.name),
        *made.findings,
        *_missing_secrets(live, description),
    )
    return PlanDocument(
        pipeline=made.pipeline,
        stack=made.stack,
        params=description.params,
        steps=tuple(
            PlannedStepPart(
                name=step.name,
                after=step.after,
                where=step.where,
                cached=step.cached,
                reason=step.reason,
                secrets=step.secrets,
            )
            for step in made.steps
        ),
        diagnostics=tuple(DiagnosticPart.of(each, snapshot.root) for each in findings),
    )


def _missing_secrets(live: LiveStack, description: PipelineDescription) -> Iterator[Diagnostic]:
    """SEC005: secrets that steps name, as a run would look for them. SEC006: the manager cannot be asked."""
    from stacktui.categories.errors import ComponentError
    from stacktui.model.codes import CODES
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.runtime.build import SecretMissing, resolve_secrets

    for node in description.steps:
        try:
            resolve_secrets(live, node.secrets)
        except ComponentError as error:
            code = "SEC005" if isinstance(error, SecretMissing) else "SEC006"
            yield Diagnostic(
                code=code,
                severity=CODES[code].severity,
                message=f"step `{node.name}`: {error}",
                file=Path(node.file) if node.file else None,
                line=node.line or None,
            )
