"""Running a pipeline: a detached runner does it, this starts it and looks on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from stacktui.operations.changes import confirmed
from stacktui.operations.documents import Document, Part
from stacktui.operations.following import run_events
from stacktui.operations.running import RunConfig, allowed_stack, read_run_config, refuse, user_code
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs

if TYPE_CHECKING:
    from stacktui.model.stack import ResolvedStack
    from stacktui.operations.session import Session
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
        "stacktui run training --config run.yaml --detach",
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
    name: Annotated[str | None, Opt("The run's name.")] = None,
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    no_cache: Annotated[bool, Opt("Run every step, whatever ran before.")] = False,
    keep_going: Annotated[bool, Opt("After a failed step, run those that do not depend on it.")] = False,
    no_probe: Annotated[bool, Opt("Do not ask the stack's components whether they can be reached.")] = False,
    confirm: Annotated[str | None, Opt("The stack's name, where it is protected.")] = None,
    detach: Annotated[bool, Opt("Do not look on: answer with the run's id.", short="d")] = False,
) -> Iterator[Part]:
    """Run a pipeline through a stack and look on. The run goes on if the terminal goes away.

    Ctrl+C and SIGTERM ask the run to stop, and show how it ends; a second Ctrl+C stops looking on.

    Exit code 0 where the run succeeded, 1 where it failed or findings forbid it, 2 where it cannot be run.
    """
    run_id = start(
        session,
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
    )
    if detach:
        yield RunStarted(run_id=run_id)
        return
    yield from run_events(session, session.live(stack_of(session, stack, config)).metadata_store, run_id)


def start(
    session: Session,
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
) -> str:
    """Start a run and return its id; see `run` for the rest. Raises `OperationError` in words."""
    from stacktui.pipelines.discover import resolve_target
    from stacktui.pipelines.launch import RunRequest, start_run

    snapshot = session.snapshot()
    given = _given(session, config)
    resolved = allowed_stack(session, snapshot, stack or given.stack)
    confirmed(resolved.name, resolved.protected, confirm, f"stack {resolved.name!r}")
    if probe:
        _probe(session, snapshot, resolved)
    mode = "continue" if keep_going else given.failure_mode or "fail_fast"
    with user_code():
        request = RunRequest(
            target=resolve_target(snapshot.root, snapshot.settings, target, folder=session.start),
            stack=resolved,
            params={**given.params, **pairs(params, "--param")},
            name=name or given.name or "",
            labels={**given.labels, **pairs(labels, "--label")},
            steps=given.steps,
            failure_mode=mode,
            cache=not no_cache and given.cache is not False,
        )
        run_id = start_run(session.workspace, snapshot, session.registry(), request)
    session.changed(runs=[run_id])
    return run_id


def stack_of(session: Session, stack: str | None, config: Path | None) -> str | None:
    """The stack's name as the command line or the run file gives it; None for the active one."""
    return stack or _given(session, config).stack


def _given(session: Session, config: Path | None) -> RunConfig:
    return RunConfig() if config is None else read_run_config((session.start / config).absolute())


def _probe(session: Session, snapshot: WorkspaceSnapshot, resolved: ResolvedStack) -> None:
    from stacktui.operations.probing import probe_components
    from stacktui.operations.session import component_values
    from stacktui.validation.probes import probe_finding

    components = component_values(snapshot, resolved)
    found = [probe_finding(*answer) for answer in probe_components(session, components)]
    refuse(session, resolved.name, tuple(each for each in found if each is not None), probed=True)
