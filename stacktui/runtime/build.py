"""Live components and stacks, out of files. Used by the operations, the runner, the probes and the workers.

A component is made on first use, a secret is read when the component that needs it is made: a command that
needs neither works without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.runtime.flavors import flavor_registry
from stacktui.runtime.live import LiveStack
from stacktui.runtime.secrets import SecretMissing, needed_secrets

if TYPE_CHECKING:
    from stacktui.categories.base import Caller, StackComponent, StepChannel
    from stacktui.categories.flavor import FlavorRegistry
    from stacktui.categories.orchestrator import SecretValues
    from stacktui.model.execution import RunContext
    from stacktui.model.secretref import SecretRef
    from stacktui.model.stack import ResolvedStack
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

__all__ = [
    "LiveStack",
    "SecretMissing",
    "needed_secrets",
    "open_component",
    "open_stack",
    "resolve_secrets",
    "stack_in_step",
    "stack_of_run",
]


# What a component may need beside itself.
_HELPERS = (Category.SECRETS_MANAGER, Category.METADATA_STORE, Category.ARTIFACT_STORE)


def open_stack(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    resolved: ResolvedStack,
    caller: Caller | None = None,
) -> LiveStack:
    """The live stack of a resolved one. Nothing is made or read yet, so this does not fail."""
    return LiveStack(
        resolved.name,
        _registered(snapshot, resolved),
        registry,
        workspace=workspace.root,
        state=workspace.state,
        caller=caller,
    )


def open_component(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    component: Component,
    *,
    secrets_from: ResolvedStack | None,
    caller: Caller | None = None,
) -> StackComponent:
    """One component by itself, saved or not, with the secrets, the metadata store and the artifacts of a stack.

    Closing it closes what was made for it. Raises `ComponentError` in words.
    """
    components = _registered(snapshot, secrets_from) if secrets_from is not None else {}
    kept: dict[Category, tuple[Component | ComponentId, ...]] = {
        category: held for category, held in components.items() if category in _HELPERS
    }
    kept[component.category] = (component,)
    name = secrets_from.name if secrets_from is not None else component.name
    live = LiveStack(name, kept, registry, workspace=workspace.root, state=workspace.state, caller=caller)
    try:
        made = live.get(component.category)
    except BaseException:
        live.close()
        raise
    return _closing(made, live)


def stack_of_run(run: RunContext, channel: StepChannel | None = None) -> LiveStack:
    """The stack that a run was started with, as its runner has it: its flavors are those of the run's code."""
    return LiveStack(
        run.stack,
        run.components,
        flavor_registry(Path(run.code_path)),
        workspace=Path(run.workspace),
        state=Path(run.state),
        channel=channel,
    )


def stack_in_step(run: RunContext, secrets: SecretValues, channel: StepChannel) -> LiveStack:
    """The stack inside a step: secrets were given, the metadata store stays with the runner."""
    flavors = Path(run.code_path)
    return LiveStack(
        run.stack,
        run.components,
        flavor_registry(flavors),
        workspace=Path(run.workspace),
        state=Path(run.state),
        given_secrets=secrets,
        channel=channel,
        in_step=True,
    )


def resolve_secrets(live: LiveStack, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
    """The values of references, from the stack's secrets manager. Raises `SecretMissing` naming all that are missing."""
    return live.secrets(refs)


def _registered(
    snapshot: WorkspaceSnapshot, resolved: ResolvedStack
) -> dict[Category, tuple[Component | ComponentId, ...]]:
    found: dict[Category, tuple[Component | ComponentId, ...]] = {}
    for category, slot in resolved.slots.items():
        ids = [ComponentId(category, name) for name in slot.names]
        entries = [snapshot.components.get(key) for key in ids]
        found[category] = tuple(
            entry.value if entry is not None else key for key, entry in zip(ids, entries, strict=True)
        )
    return found


def _closing(component: StackComponent, live: LiveStack) -> StackComponent:
    """The component, whose `close` now also closes what was made for it."""
    own = component.close

    def close() -> None:
        component.close = own  # type: ignore[method-assign]
        live.close()

    component.close = close  # type: ignore[method-assign]
    return component
