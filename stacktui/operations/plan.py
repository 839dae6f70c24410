"""What a run would do: where each step runs, whether it is cached, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.runconfig import RunConfig
from stacktui.operations.documents import DiagnosticPart, Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.running import read_run_config, user_code
from stacktui.operations.step_settings import known_steps, over, step_settings
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs
from stacktui.operations.which_run import run_to_retry

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.pipelines.graph import PipelineDescription
    from stacktui.pipelines.launch import RunRequest
    from stacktui.runtime.build import LiveStack
    from stacktui.workspace.workspace import WorkspaceSnapshot


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
    kept: bool = False
    """Of a retry: whether the result of the retried run stands in for it, whatever changed since."""


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
        "stacktui plan --retry 0193a1b2 --from fit",
    ),
)
def plan(
    session: Session,
    target: Annotated[
        str | None,
        Arg("The pipeline: FILE.py:NAME, or its name alone where that is clear.", complete="pipeline"),
    ] = None,
    *,
    param: Annotated[tuple[str, ...], Opt("A parameter of the pipeline, as key=value.", short="p")] = (),
    stack: Annotated[str | None, Opt("The stack; the active one without it.", complete="stack")] = None,
    config: Annotated[Path | None, Opt("A YAML file: stack, params, steps.", complete="path")] = None,
    settings: Annotated[
        tuple[str, ...],
        Opt("A setting of a step, above file and stack, as step.key=value: fit.retries=2.", name="set"),
    ] = (),
    no_cache: Annotated[bool, Opt("As for a run of every step, whatever ran before.")] = False,
    retry: Annotated[
        str | None,
        Opt(
            "Plan the retry of this run: pipeline, stack, parameters and settings are its own.",
            complete="run",
        ),
    ] = None,
    from_step: Annotated[
        str | None, Opt("With --retry: the step that the retry begins with.", complete="step", name="from")
    ] = None,
) -> PlanDocument:
    """Show what a run would do: for every step where it will run, whether it is cached, and why."""
    if retry is not None:
        if target is not None or param or stack or config or settings or no_cache:
            raise OperationError(
                "a retry takes pipeline, stack, parameters and settings from its run: "
                f"stacktui plan --retry {retry}" + (f" --from {from_step}" if from_step else "")
            )
        return _plan_of_retry(session, retry, from_step)
    if from_step is not None:
        raise OperationError(
            "--from goes with --retry RUN: the results of the steps before it are that run's"
        )
    if target is None:
        raise OperationError("name a pipeline, or a run: stacktui plan --retry RUN")
    from stacktui.pipelines.discover import resolve_target
    from stacktui.pipelines.launch import RunRequest

    snapshot = session.snapshot()
    given = RunConfig() if config is None else read_run_config((session.start / config).absolute())
    steps = over(step_settings(settings, "--set"), given.steps)
    resolved = session.resolved(stack or given.stack, snapshot)
    with user_code():
        request = RunRequest(
            target=resolve_target(snapshot.root, snapshot.settings, target, folder=session.start),
            stack=resolved,
            params={**given.params, **pairs(param, "--param")},
            steps=steps,
            cache=not no_cache and given.cache is not False,
        )
    return _planned(session, snapshot, request)


def _plan_of_retry(session: Session, run_id: str, from_step: str | None) -> PlanDocument:
    from stacktui.pipelines.again import retry_request

    run = run_to_retry(session.store(), run_id, from_step)
    snapshot = session.snapshot()
    resolved = session.resolved(run.stack, snapshot)
    return _planned(session, snapshot, retry_request(session.workspace, snapshot, run, resolved, from_step))


def _planned(session: Session, snapshot: WorkspaceSnapshot, request: RunRequest) -> PlanDocument:
    """The plan of the run that would be asked for in this way."""
    from stacktui.pipelines.describe import describe
    from stacktui.pipelines.fingerprint import CodeIndex
    from stacktui.pipelines.launch import steps_again
    from stacktui.pipelines.plan import make_plan
    from stacktui.pipelines.snapshot import take_snapshot
    from stacktui.validation.validate import validate_stack

    live = session.live(request.stack.name)
    with user_code():
        code = take_snapshot(session.workspace)
        description = describe(session.workspace, request.target, request.params, code=code.path)
        known_steps(description, request.steps)
        again = steps_again(description, request)
        made = make_plan(
            description,
            CodeIndex(code.path, tuple(code.path / root for root in description.roots)),
            request.stack,
            live.metadata_store,
            overrides=request.steps,
            cache=request.cache,
            artifacts=live.artifact_store,
            root=snapshot.root,
            kept_from=request.retry_of if again else None,
            again=again,
        )
    findings = (
        *validate_stack(snapshot, session.registry(), request.stack.name),
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
                kept=step.kept,
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
