"""Starting a run: everything that can be checked is checked first, then a detached runner takes over.

Used by the operations and by `pipeline.run()`. The starter may end at once: the run goes on without it.
"""

from __future__ import annotations

import difflib
import getpass
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from stacktui import __version__
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorRegistry
from stacktui.categories.private import append_file
from stacktui.flavors.local.process_tree import DETACHED
from stacktui.flavors.local.worker_process import importable
from stacktui.model.base import Noun, now, uuid7
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.execution import RunContext
from stacktui.model.run import CodeState, Run, RunStatus, StepDefinition, StepRun
from stacktui.model.stack import ResolvedStack, StepSettings
from stacktui.pipelines.describe import describe
from stacktui.pipelines.errors import GraphBroken, PipelineBroken
from stacktui.pipelines.graph import PipelineDescription
from stacktui.pipelines.plan import settings_of, where_of
from stacktui.pipelines.runfile import FailureMode, RunFile
from stacktui.pipelines.snapshot import CodeSnapshot, take_snapshot
from stacktui.runtime.build import open_stack

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

_TIME_LIMIT_S = 60.0


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
    timeout_s: float = _TIME_LIMIT_S
    """How long drawing the pipeline may take."""


def start_run(
    workspace: Workspace, snapshot: WorkspaceSnapshot, registry: FlavorRegistry, request: RunRequest
) -> str:
    """Start a run and return its id as soon as it is recorded and its runner lives.

    Code is taken as it is now. Raises `PipelineBroken` (and its kinds) where the pipeline or its settings cannot
    run, and `ComponentError` where the stack cannot; nothing is recorded then.
    """
    code = take_snapshot(workspace)
    description = describe(
        workspace, request.target, request.params, code=code.path, timeout_s=request.timeout_s
    )
    components = _components(snapshot, request.stack)
    settings = _settings(description, request)
    where = {node.name: where_of(node, request.stack, request.steps) for node in description.steps}
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
        user=_user(),
        host=socket.gethostname(),
        code=CodeState(digest=code.digest, commit=code.commit, dirty=code.dirty),
        stack_snapshot=_stack_snapshot(request.stack, components),
        environment=environment_facts(),
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
            store.create_run(run, steps)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            spawn_runner(folder)
        except OSError as error:
            message = f"the runner cannot be started: {error.strerror or error}"
            store.update_run(run_id, status=RunStatus.FAILED, finished_at=now(), error=message)
            raise ComponentError(message) from error
    return run_id


def spawn_runner(folder: Path) -> int:
    """Start the runner of a run's folder in a session of its own and return its pid.

    It keeps no terminal, no pipe and no lock of its starter; what it says goes to `runner.log` beside `run.json`.
    """
    log = append_file(folder / "runner.log")
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stacktui.pipelines.runner", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=importable({**os.environ, DETACHED: "1"}),
            start_new_session=True,
        )
    finally:
        os.close(log)
    # Reaped when it ends, for as long as the starter lives: a zombie would look alive.
    threading.Thread(target=process.wait, name=f"runner {process.pid}", daemon=True).start()
    return process.pid


def environment_facts() -> dict[str, Any]:
    """Python, platform and packages, for whoever wants to know later what a run ran with."""
    packages: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            # The first one on the path is the one that is imported.
            packages.setdefault(name.lower(), distribution.version)
    return {
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
            close = difflib.get_close_matches(name, names, 1)
            hint = (
                f"did you mean `{close[0]}`?" if close else f"it has {', '.join(f'`{one}`' for one in names)}"
            )
            raise GraphBroken(f"pipeline `{description.name}` has no step `{name}`; {hint}")
    return {node.name: settings_of(node, request.stack, request.steps) for node in description.steps}


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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
