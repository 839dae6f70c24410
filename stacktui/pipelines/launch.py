"""Starting a run: everything that can be checked is checked first, then a detached runner takes over.

Used by the operations and by `pipeline.run()`. The starter may end at once: the run goes on without it.
"""

from __future__ import annotations

import difflib
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field, ValidationError

from stacktui import __version__
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorRegistry
from stacktui.categories.metadata_store import MetadataStore
from stacktui.categories.private import append_file
from stacktui.categories.process_mark import user_name
from stacktui.flavors.local.host_gpus import gpus_at_a_glance
from stacktui.flavors.local.process_tree import DETACHED
from stacktui.flavors.local.worker_process import importable
from stacktui.model.base import Noun, now, short_id, uuid7
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.execution import RunContext
from stacktui.model.run import CodeState, Run, RunStatus, StepDefinition, StepRun
from stacktui.model.stack import ResolvedStack, StepSettings
from stacktui.pipelines.admission import reserve
from stacktui.pipelines.describe import describe
from stacktui.pipelines.errors import GraphBroken, PipelineBroken
from stacktui.pipelines.graph import PipelineDescription
from stacktui.pipelines.plan import settings_of, where_of
from stacktui.pipelines.resume import settle_lost
from stacktui.pipelines.runfile import Asked, FailureMode, RunFile
from stacktui.pipelines.snapshot import CodeSnapshot, take_snapshot
from stacktui.runtime.build import open_stack
from stacktui.workspace.audit import note
from stacktui.workspace.who import whoami

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

_TIME_LIMIT_S = 60.0
IN_PROCESS = "in process"
"""In place of a component, where no worker runs the steps."""


class RunRequest(Noun):
    """What somebody wants to run."""

    target: str
    """`pipelines/training.py:training`."""
    stack: ResolvedStack
    params: dict[str, Any] = Field(default_factory=dict)
    """By name; strings are read as on the command line."""
    name: str = ""
    """The run's name; made of the pipeline's and the time where it is empty."""
    labels: dict[str, str] = Field(default_factory=dict)
    steps: dict[str, StepSettings] = Field(default_factory=dict)
    """Settings of this run by step: over the stack's and the decorator's."""
    failure_mode: FailureMode = "fail_fast"
    cache: bool = True
    """False: no earlier result stands in for any step."""
    retry_of: str | None = None
    """The run that this one retries."""
    from_step: str | None = None
    """With `retry_of`: this step and all after it run again, the results of the others are taken from that run."""
    group: str | None = None
    """The id of the sweep that it belongs to."""
    max_runs: int | None = None
    """It waits until fewer runs of the workspace go on, also where `stacktui.yaml` would let more go on at once."""
    in_process: bool = False
    """No runner is started: whoever asked for it executes it in a process of its own making."""
    timeout_s: float = _TIME_LIMIT_S
    """How long drawing the pipeline may take."""


class StartFacts(NamedTuple):
    """What a run is started with: of this moment, and the same for all runs of a sweep."""

    code: CodeSnapshot
    environment: dict[str, Any]


def start_facts(workspace: Workspace) -> StartFacts:
    """The code and the environment as they are now. Raises `SnapshotFailed`."""
    return StartFacts(take_snapshot(workspace), environment_facts())


def start_run(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    request: RunRequest,
    facts: StartFacts | None = None,
    face: str = "python",
) -> str:
    """Start a run and return its id as soon as it is recorded and its runner lives.

    Code is taken as it is now, or as `facts` has it; `face` is who asked for it, for the audit list. Raises `PipelineBroken` (and its kinds) where the pipeline or
    its settings cannot run, and `ComponentError` where the stack cannot; nothing is recorded then.
    """
    code, environment = facts or start_facts(workspace)
    description = describe(
        workspace, request.target, request.params, code=code.path, timeout_s=request.timeout_s
    )
    components = _components(snapshot, request.stack)
    settings = _settings(description, request)
    again = steps_again(description, request)
    where = {
        node.name: IN_PROCESS if request.in_process else where_of(node, request.stack, request.steps)
        for node in description.steps
    }
    _check_places(settings, where, request.stack)
    run_id = uuid7()
    run = Run(
        id=run_id,
        name=request.name or f"{description.name}-{now():%Y%m%d-%H%M%S}",
        pipeline=description.name,
        target=description.target or request.target,
        stack=request.stack.name,
        status=RunStatus.QUEUED,
        params=description.params,
        labels=request.labels,
        created_at=now(),
        user=user_name(),
        host=socket.gethostname(),
        code=CodeState(digest=code.digest, commit=code.commit, dirty=code.dirty),
        stack_snapshot=_stack_snapshot(request.stack, components),
        environment=environment,
        graph=tuple(StepDefinition(name=node.name, after=node.after) for node in description.steps),
        retry_of=request.retry_of,
        group=request.group,
    )
    file = RunFile(
        run=_context(run, code, description, workspace, components),
        description=description,
        settings=settings,
        where=where,
        failure_mode=request.failure_mode,
        cache=request.cache,
        lineage=snapshot.settings.openlineage is not None,
        max_runs=min(filter(None, (snapshot.settings.max_runs, request.max_runs)), default=None),
        alerts=snapshot.settings.alerts,
        kept_from=request.retry_of if again else None,
        again=again,
        asked=Asked(name=request.name, params=request.params, labels=request.labels, steps=request.steps),
    )
    steps = [
        StepRun(run_id=run_id, name=node.name, position=position, where=where[node.name], params=node.params)
        for position, node in enumerate(description.steps)
    ]
    folder = workspace.state_dir("runs", run_id)
    file.write(folder)
    with open_stack(workspace, snapshot, registry, request.stack) as live:
        try:
            store = live.metadata_store
            if request.retry_of is not None:
                settle_lost(store, request.retry_of)
            store.create_run(run, steps)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _note(workspace, "retried" if request.retry_of else "ran", run, face)
        if request.in_process:
            return run_id
        place = reserve(workspace.state, run_id)
        try:
            inherits = [] if place is None else [place.descriptor]
            store.expect(run_id, _spawn(store, folder, run_id, inherits=inherits))
        finally:
            if place is not None:
                place.close()
    return run_id


def resume_run(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    store: MetadataStore,
    run_id: str,
    face: str = "python",
) -> None:
    """Take a run up again that failed, was cancelled or lost: with its id, its code and its stack of then.

    Steps that succeeded or were cached are not run again. Returns as soon as the run is queued and its runner
    lives. Raises `ComponentError` where it succeeded, still goes on, or its folder or code is gone.
    """
    run = store.run(run_id)
    name = f"run {short_id(run.id)}"
    if run.status is RunStatus.SUCCEEDED:
        raise ComponentError(
            f"{name} has succeeded; start it anew with: stacktui runs retry {short_id(run.id)}"
        )
    if not run.status.finished:
        raise ComponentError(
            f"{name} is {run.status}; stop it first with: stacktui runs stop {short_id(run.id)}"
        )
    folder = workspace.state / "runs" / run.id
    try:
        file = RunFile.read(folder)
    except (OSError, ValidationError) as error:
        raise ComponentError(
            f"{name} cannot be resumed: {folder / 'run.json'} cannot be read ({_short(error)}); "
            f"start it anew with: stacktui runs retry {short_id(run.id)}"
        ) from None
    if not Path(file.run.code_path).is_dir():
        raise ComponentError(
            f"{name} cannot be resumed: its code is gone from {file.run.code_path}; "
            f"start it anew with: stacktui runs retry {short_id(run.id)}"
        )
    # Held meanwhile, so that of two who resume it at once one is refused.
    with store.hold(run.id):
        if not store.run(run.id).status.finished and run.status is not RunStatus.LOST:
            raise ComponentError(f"{name} was resumed by somebody else just now")
        after = store.last_event()
        store.update_run(run.id, status=RunStatus.QUEUED, finished_at=None, error=None)
        _note(workspace, "resumed", run, face)
        # It waits for the hold for a moment: that is quicker than to start it afterwards.
        # Expected before this lets go of it: nobody sees it lost in between.
        store.expect(run.id, _spawn(store, folder, run.id, "--resume", str(after)))


def _note(workspace: Workspace, action: str, run: Run, face: str) -> None:
    note(workspace, action, f"run/{run.id}", whoami(), face=face, text=f"{run.pipeline} through {run.stack}")


def _spawn(
    store: MetadataStore, folder: Path, run_id: str, *options: str, inherits: Sequence[int] = ()
) -> int:
    """Start the runner of a run that is recorded; its pid. Raises `ComponentError`, which stands on the run too."""
    try:
        return spawn_runner(folder, *options, inherits=inherits)
    except OSError as error:
        message = f"the runner cannot be started: {error.strerror or error}"
        store.update_run(run_id, status=RunStatus.FAILED, finished_at=now(), error=message)
        raise ComponentError(message) from error


def spawn_runner(folder: Path, *options: str, inherits: Sequence[int] = ()) -> int:
    """Start the runner of a run's folder in a session of its own and return its pid.

    It keeps no terminal, no pipe and no lock of its starter but `inherits`, descriptors that it has for as long as it
    lives; what it says goes to `runner.log` beside `run.json`.
    """
    log = append_file(folder / "runner.log")
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stacktui.pipelines.runner", str(folder), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=importable({**os.environ, DETACHED: "1"}),
            start_new_session=True,
            pass_fds=tuple(inherits),
        )
    finally:
        os.close(log)
    # Reaped when it ends, for as long as the starter lives: a zombie would look alive.
    threading.Thread(target=process.wait, name=f"runner {process.pid}", daemon=True).start()
    return process.pid


def environment_facts() -> dict[str, Any]:
    """Host, user, Python, packages and GPUs, for whoever wants to know later what a run ran with."""
    packages: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            # The first one on the path is the one that is imported.
            packages.setdefault(name.lower(), distribution.version)
    return {
        "host": socket.gethostname(),
        "user": user_name(),
        "processors": os.cpu_count(),
        "gpus": [gpu.model or f"GPU {gpu.number}" for gpu in gpus_at_a_glance()],
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "stacktui": __version__,
        "packages": dict(sorted(packages.items())),
    }


def _context(
    run: Run,
    code: CodeSnapshot,
    description: PipelineDescription,
    workspace: Workspace,
    components: dict[Category, tuple[Component, ...]],
) -> RunContext:
    return RunContext(
        run_id=run.id,
        run_name=run.name,
        pipeline=run.pipeline,
        stack=run.stack,
        params=run.params,
        code_digest=code.digest,
        code_path=str(code.path),
        roots=description.roots,
        workspace=str(workspace.root),
        state=str(workspace.state),
        components=components,
    )


def _components(snapshot: WorkspaceSnapshot, stack: ResolvedStack) -> dict[Category, tuple[Component, ...]]:
    found: dict[Category, tuple[Component, ...]] = {}
    for category, slot in stack.slots.items():
        held = []
        for name in slot.names:
            entry = snapshot.components.get(ComponentId(category, name))
            if entry is None:
                raise ComponentError(
                    f"stack {stack.name} names the {category.facts.title} {name}, which does not exist; "
                    f"`stacktui stack validate {stack.name}` says more"
                )
            held.append(entry.value)
        if held:
            found[category] = tuple(held)
    for category in Category:
        if category.required and category not in found:
            raise ComponentError(
                f"stack {stack.name} has no {category.facts.title}; "
                f"add one with: stacktui stack edit {stack.name} --set {category}=NAME"
            )
    return found


def _settings(description: PipelineDescription, request: RunRequest) -> dict[str, StepSettings]:
    names = [node.name for node in description.steps]
    for name in request.steps:
        if name not in names:
            raise _no_step(description.name, name, names)
    return {node.name: settings_of(node, request.stack, request.steps) for node in description.steps}


def steps_again(description: PipelineDescription, request: RunRequest) -> tuple[str, ...]:
    """The step that a retry begins with and all after it, in order. Raises `PipelineBroken`."""
    if request.from_step is None:
        return ()
    if request.retry_of is None:
        raise PipelineBroken(
            f"to begin with step `{request.from_step}`, name the run whose results are taken"
        )
    names = [node.name for node in description.steps]
    if request.from_step not in names:
        raise _no_step(description.name, request.from_step, names)
    again = {request.from_step}
    for node in description.steps:
        if not again.isdisjoint(node.after):
            again.add(node.name)
    return tuple(name for name in names if name in again)


def _no_step(pipeline: str, name: str, names: list[str]) -> GraphBroken:
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(f'`{one}`' for one in names)}"
    return GraphBroken(f"pipeline `{pipeline}` has no step `{name}`; {hint}")


def _short(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not as it was written"


def _check_places(settings: dict[str, StepSettings], where: dict[str, str], stack: ResolvedStack) -> None:
    for step, one in settings.items():
        for category, name in (
            (Category.STEP_OPERATOR, one.step_operator),
            (Category.EXPERIMENT_TRACKER, one.experiment_tracker),
        ):
            names = stack.names(category)
            if name is not None and name not in names:
                close = difflib.get_close_matches(name, names, 1)
                hint = f"did you mean `{close[0]}`?" if close else f"it has {', '.join(names) or 'none'}"
                raise PipelineBroken(
                    f"step `{step}` wants the {category.facts.title} `{name}`, which stack {stack.name} "
                    f"does not hold; {hint}"
                )
        if where[step].endswith("/?"):
            raise PipelineBroken(f"stack {stack.name} has nothing that could run step `{step}`")


def _stack_snapshot(
    stack: ResolvedStack, components: dict[Category, tuple[Component, ...]]
) -> dict[str, Any]:
    """The stack as it was, with its references to secrets unresolved."""
    return {
        "name": stack.name,
        "components": {
            str(category): [one.model_dump(mode="json", exclude={"category"}) for one in held]
            for category, held in components.items()
        },
    }
