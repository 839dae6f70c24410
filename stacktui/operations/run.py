"""Running a pipeline: a detached runner does it, this starts it and looks on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.model.base import uuid7
from stacktui.model.runconfig import RunConfig
from stacktui.operations.attention import LeaveRunning
from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.following import run_events
from stacktui.operations.running import allowed_stack, read_run_config, refuse, user_code
from stacktui.operations.step_settings import NO_SETTINGS, over, step_settings
from stacktui.operations.sweep import SweepStarted, axes_of, start_all, sweep_events
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs

if TYPE_CHECKING:
    from stacktui.model.stack import ResolvedStack, StepSettings
    from stacktui.operations.session import Session
    from stacktui.pipelines.launch import RunRequest
    from stacktui.workspace.workspace import WorkspaceSnapshot


class RunStarted(Document):
    """The answer of `run --detach`."""

    run_id: str


@operation(
    "run",
    writes=True,
    streams=True,
    on="pipeline",
    key="enter",
    examples=(
        "stacktui run pipelines/hello.py:hello",
        "stacktui run pipelines/training.py:training -p lr=0.2 --stack prod --json",
        "stacktui run training --sweep lr=0.1,0.2,0.4 --sweep depth=3,5",
        "stacktui run training --config run.yaml --set fit.retries=2 --detach",
    ),
)
def run(
    session: Session,
    target: Annotated[
        str, Arg("The pipeline: FILE.py:NAME, or its name alone where that is clear.", complete="pipeline")
    ],
    *,
    param: Annotated[tuple[str, ...], Opt("A parameter of the pipeline, as key=value.", short="p")] = (),
    stack: Annotated[str | None, Opt("The stack; the active one without it.", complete="stack")] = None,
    config: Annotated[
        Path | None, Opt("A YAML file: stack, name, params, labels, steps.", complete="path")
    ] = None,
    settings: Annotated[
        tuple[str, ...],
        Opt("A setting of a step, above file and stack, as step.key=value: fit.retries=2.", name="set"),
    ] = (),
    name: Annotated[str | None, Opt("The run's name.")] = None,
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    no_cache: Annotated[bool, Opt("Run every step, whatever ran before.")] = False,
    keep_going: Annotated[bool, Opt("After a failed step, run those that do not depend on it.")] = False,
    no_probe: Annotated[bool, Opt("Do not ask the stack's components whether they can be reached.")] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
    detach: Annotated[bool, Opt("Do not look on: answer with the run's id.", short="d")] = False,
    sweep: Annotated[
        tuple[str, ...],
        Opt("Several values of a parameter, as key=value,value: a run for each combination."),
    ] = (),
    at_once: Annotated[
        int | None, Opt("With --sweep: how many runs go on at once; else max_runs, or the processors.")
    ] = None,
    yes: Annotated[bool, Opt("With --sweep: also more than 200 runs.", short="y")] = False,
    in_process: Annotated[
        bool,
        Opt(
            "Run all steps in one process here: breakpoint() works, limits are not in force, and what steps print is "
            "shown as it is, secrets too; what is kept of it is masked."
        ),
    ] = False,
    pdb: Annotated[
        bool, Opt("With --in-process: where a step raises, look at it with the debugger.")
    ] = False,
) -> Iterator[Part]:
    """Run a pipeline through a stack and look on. The run goes on if the terminal goes away.

    With --sweep a group of runs is started, followed as one and compared at the end: runs compare --group.

    Ctrl+C and SIGTERM ask the run to stop, and show how it ends; a second Ctrl+C stops looking on. Ctrl+D at a
    terminal, and a terminal that goes away, leave it running.

    Exit code 0 where the run succeeded or was left running, 1 where it failed or was stopped, or findings forbid it,
    2 where it cannot be run.
    """
    several = axes_of(sweep, yes) if sweep else []
    if at_once is not None and (at_once < 1 or not sweep):
        raise OperationError("--at-once is a number of runs, for --sweep")
    if in_process and (sweep or detach):
        raise OperationError(
            "--in-process runs one pipeline here in the terminal: leave --sweep and --detach out"
        )
    if pdb and not in_process:
        raise OperationError(
            "--pdb needs --in-process; for one step of an earlier run: stacktui step run --pdb"
        )
    snapshot = session.snapshot()
    with launched(session, detach):
        request = requested(
            session,
            snapshot,
            target,
            params=param,
            stack=stack,
            config=config,
            name=name,
            labels=label,
            no_cache=no_cache,
            keep_going=keep_going,
            probe=not no_probe,
            confirm=confirm,
            steps=step_settings(settings, "--set"),
        )
        if sweep:
            group = uuid7()
            with user_code():
                request = request.model_copy(update={"max_runs": at_once})
                started = start_all(session, snapshot, request, several, group)
        else:
            request = request.model_copy(update={"in_process": in_process})
            run_id = started_run(session, snapshot, request)
    if sweep and detach:
        yield SweepStarted(group=group, run_ids=tuple(each.run_id for each in started))
        return
    if sweep:
        yield from sweep_events(session, session.live(request.stack.name).metadata_store, group, started)
        return
    if detach:
        yield RunStarted(run_id=run_id)
        return
    if in_process:
        from stacktui.pipelines.attached import run_attached

        store = session.live(request.stack.name).metadata_store
        # Whatever ends this command ends the run: how, is told below.
        with suppress(KeyboardInterrupt, LeaveRunning):
            run_attached(
                "stacktui.pipelines.in_process",
                {"folder": str(session.workspace.state / "runs" / run_id), "pdb": pdb},
                folder=session.workspace.root,
                environment={},
                meanwhile=lambda: session.attention.pause(0),
                started=lambda pid: store.expect(run_id, pid),
            )
        # What the steps wrote was here already.
        yield from (each for each in run_events(session, store, run_id) if each.event != "log")
        return
    yield from run_events(session, session.live(request.stack.name).metadata_store, run_id)


def started_run(session: Session, snapshot: WorkspaceSnapshot, request: RunRequest) -> str:
    """Start what was asked for and return the run's id. Raises `OperationError` in words."""
    from stacktui.pipelines.launch import start_run

    with user_code():
        run_id = start_run(session.workspace, snapshot, session.registry(), request, face=session.face)
    session.changed(runs=[run_id])
    return run_id


def requested(
    session: Session,
    snapshot: WorkspaceSnapshot,
    target: str,
    *,
    params: tuple[str, ...] = (),
    stack: str | None = None,
    config: Path | None = None,
    name: str | None = None,
    labels: tuple[str, ...] = (),
    no_cache: bool = False,
    keep_going: bool = False,
    probe: bool = True,
    confirm: str | None = None,
    steps: Mapping[str, StepSettings] = NO_SETTINGS,
) -> RunRequest:
    """What is to be run, once the stack allows it; see `run` for the rest. Raises `OperationError` in words."""
    from stacktui.pipelines.discover import resolve_target
    from stacktui.pipelines.launch import RunRequest

    given = _given(session, config)
    resolved = allowed_stack(session, snapshot, stack or given.stack)
    confirmed(resolved.name, resolved.protected, confirm, f"stack {resolved.name!r}")
    if probe:
        probe_stack(session, snapshot, resolved)
    mode = "continue" if keep_going else given.failure_mode or "fail_fast"
    with user_code():
        return RunRequest(
            target=resolve_target(snapshot.root, snapshot.settings, target, folder=session.start),
            stack=resolved,
            params={**given.params, **pairs(params, "--param")},
            name=name or given.name or "",
            labels={**given.labels, **pairs(labels, "--label")},
            steps=over(steps, given.steps),
            failure_mode=mode,
            cache=not no_cache and given.cache is not False,
        )


def _given(session: Session, config: Path | None) -> RunConfig:
    return RunConfig() if config is None else read_run_config((session.start / config).absolute())


@contextmanager
def launched(session: Session, detach: bool) -> Iterator[None]:
    """Around what starts a run that is then looked at: it is not lost sight of by an interruption."""
    with nullcontext() if detach else session.attention.starting():
        yield


def probe_stack(session: Session, snapshot: WorkspaceSnapshot, resolved: ResolvedStack) -> None:
    """Ask the stack's components whether they can be reached. Raises `FindingsForbid`."""
    from stacktui.operations.probing import probe_components
    from stacktui.operations.session import component_values
    from stacktui.validation.probes import probe_finding

    components = component_values(snapshot, resolved)
    found = [probe_finding(*answer) for answer in probe_components(session, components)]
    refuse(session, resolved.name, tuple(each for each in found if each is not None), probed=True)
