"""The secrets that an imported stack refers to: which its secrets manager has, and putting those there that a person
gives. Used by `stack_import` and the workbench's dialog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from stacktui.categories.errors import ComponentError
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.secretref import SecretRef, walk_references
from stacktui.operations.errors import OperationError
from stacktui.operations.exchange.report import SecretNeed
from stacktui.operations.exchange.zenml_shapes import shown

if TYPE_CHECKING:
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.model.stack import ResolvedStack, StepSettings
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot


def needed(
    session: Session, snapshot: WorkspaceSnapshot, stack: str, clear: Mapping[SecretRef, str]
) -> tuple[SecretNeed, ...]:
    """What a stack of a snapshot, written or not, refers to, and whether its manager has it. Asks the manager only if
    there is anything to ask for."""
    resolved, components = _resolved(snapshot, stack)
    uses: dict[SecretRef, list[str]] = {}
    for use, reference in referred(components, resolved.steps if resolved else {}):
        if use not in uses.setdefault(reference, []):
            uses[reference].append(use)
    if not uses:
        return ()
    held, reason = _held(session, snapshot, components, uses)
    return tuple(
        SecretNeed(
            name=reference.name,
            key=reference.key,
            used_by=tuple(used_by),
            state="unknown" if held is None else "held" if held.get(reference) else "missing",
            in_file=reference in clear,
            reason=reason,
        )
        for reference, used_by in uses.items()
    )


def put(session: Session, snapshot: WorkspaceSnapshot, stack: str, values: Mapping[SecretRef, str]) -> str:
    """Put values into the secrets manager of a stack; returns why that cannot be, in one line, or nothing."""
    manager = _manager(_resolved(snapshot, stack)[1])
    if manager is None:
        return f"stack {stack} has no secrets manager"
    from stacktui.operations.secret import set_

    try:
        for reference, value in values.items():
            set_(session, reference.name, reference.key, value, manager=manager.name)
    except (ComponentError, OperationError, OSError) as error:
        return shown(error)
    return ""


def referred(
    components: Iterable[Component], steps: Mapping[str, StepSettings]
) -> Iterator[tuple[str, SecretRef]]:
    """Every reference of components' configs and of steps' environments, with what holds it."""
    for component in components:
        for path, reference in walk_references(component.config):
            yield f"{component.id} {'.'.join(map(str, path))}", reference
    for step, settings in steps.items():
        for path, reference in walk_references(settings.environment or {}):
            yield f"step {step} environment.{'.'.join(map(str, path))}", reference


def _resolved(snapshot: WorkspaceSnapshot, stack: str) -> tuple[ResolvedStack | None, list[Component]]:
    """A stack after inheritance, as far as its parents are known, and its components that exist."""
    from stacktui.operations.session import component_values
    from stacktui.runtime.inherit import ancestry, merged

    entry = snapshot.stacks.get(stack)
    if entry is None:
        return None, []
    resolved = merged(ancestry(snapshot, entry.value).chain)
    return resolved, list(component_values(snapshot, resolved))


def _manager(components: list[Component]) -> Component | None:
    return next((each for each in components if each.category is Category.SECRETS_MANAGER), None)


def _held(
    session: Session, snapshot: WorkspaceSnapshot, components: list[Component], wanted: Iterable[SecretRef]
) -> tuple[dict[SecretRef, bool] | None, str]:
    """Which of them the stack's manager has; or None, and why it cannot be asked."""
    from stacktui.operations.secret_uses import held_keys

    component = _manager(components)
    if component is None:
        return {}, ""
    try:
        opened = session.open(component, snapshot)
        try:
            return held_keys(cast("SecretsManager", opened), set(wanted)), ""
        finally:
            opened.close()
    except (ComponentError, OperationError, OSError) as error:
        return None, shown(error)
