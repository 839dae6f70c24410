"""Rules on the secrets that a stack's components refer to: is there a secrets manager, and does it hold them?

A secrets manager is asked only where it keeps its secrets on this host: no rule goes over the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.secretref import SecretRef
from stacktui.runtime.build import open_component
from stacktui.runtime.config import secrets_of
from stacktui.runtime.findings import KeyPath, finding, one_line
from stacktui.runtime.secrets import missing_message
from stacktui.validation.subject import StackSubject, loaded

if TYPE_CHECKING:
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.workspace.workspace import Workspace


def no_manager(subject: StackSubject) -> Iterator[Diagnostic]:
    """SEC004: components refer to secrets, and the stack has no secrets manager."""
    if subject.stack.names(Category.SECRETS_MANAGER) or subject.broken_chain:
        return
    users = [component for component, refs in _users(subject) if refs]
    if not users:
        return
    known = [key.name for key in subject.snapshot.components if key.category is Category.SECRETS_MANAGER]
    path = ("components", Category.SECRETS_MANAGER.value)
    yield subject.finding_in(
        subject.name,
        "SEC004",
        f"{', '.join(str(component.id) for component in users)} "
        f"{'refers' if len(users) == 1 else 'refer'} to secrets, and stack {subject.name} has no secrets manager; "
        f"add one with: stacktui stack edit {subject.name} --set secrets_manager={known[0] if len(known) == 1 else 'NAME'}",
        path,
        fix=subject.fix(subject.name, f"use {known[0]}", path, known[0]) if len(known) == 1 else None,
    )


def missing(subject: StackSubject) -> Iterator[Diagnostic]:
    """SEC005: a secret is not there (offline, as in CI, that is a warning). SEC006: the manager cannot be asked."""
    managers = subject.components.get(Category.SECRETS_MANAGER, ())
    users = [(component, refs) for component, refs in _users(subject) if refs]
    if not managers or not users:
        return
    flavor = loaded(subject.registry, managers[0])
    if flavor is None or flavor.facts.remote:
        return
    wanted = frozenset(ref for _, refs in users for found in refs.values() for ref in found)
    try:
        held = _held(subject, managers[0], wanted)
    except Exception as error:
        # What is no `ComponentError` comes from a flavor with a fault in it, and its text may hold anything.
        said = one_line(error) if isinstance(error, ComponentError) else f"it raised {type(error).__name__}"
        entry = subject.snapshot.components.get(managers[0].id)
        message = f"{managers[0].id} does not tell which secrets it holds: {said}"
        yield finding("SEC006", message, entry=entry, subject=str(managers[0].id))
        return
    for component, refs in users:
        entry = subject.snapshot.components.get(component.id)
        for path, found in refs.items():
            gone = [reference for reference in found if reference not in held]
            if gone:
                lacking = finding(
                    "SEC005",
                    f"{component.id}: {missing_message(gone, managers[0].name, sorted(held))}",
                    entry=entry,
                    path=("config", *path),
                    subject=f"stack/{subject.name}",
                    severity=Severity.WARNING if subject.offline else None,
                )
                yield lacking.model_copy(update={"missing": tuple(map(str, gone))})


def _users(
    subject: StackSubject,
) -> Iterator[tuple[Component, dict[KeyPath, list[SecretRef]]]]:
    for component in subject.all_components():
        if component.category is Category.SECRETS_MANAGER or not component.config:
            continue
        flavor = loaded(subject.registry, component)
        if flavor is not None:
            yield component, secrets_of(flavor.Config, component.config)


def _held(subject: StackSubject, component: Component, wanted: frozenset[SecretRef]) -> set[SecretRef]:
    """What the manager holds, as far as that matters here. Asked for names first; for values only of what those do not show."""
    key = f"secrets held by {component.id}"
    held: set[SecretRef] = subject.notes.setdefault(key, set())
    if wanted <= held:
        return held
    snapshot = subject.snapshot
    workspace = _workspace(snapshot.root, snapshot.settings.state, os.environ.get("STACKTUI_STATE"))
    with cast(
        "SecretsManager",
        open_component(workspace, snapshot, subject.registry, component, secrets_from=None),
    ) as manager:
        if "list" in manager.facts.capabilities:
            held.update(SecretRef(entry.name, name) for entry in manager.list() for name in entry.keys)
        # A manager may spell names otherwise in its list than it takes them: the environment has no dashes.
        held.update(reference for reference in wanted - held if _holds(manager, reference))
    return held


def _holds(manager: SecretsManager, reference: SecretRef) -> bool:
    try:
        return reference.key in manager.get(reference.name)
    except NotFound:
        return False


@lru_cache(maxsize=16)
def _workspace(root: Path, *where_state_is: str | None) -> Workspace:
    # The rest is part of the key only: the workspace reads its place from the settings and the environment itself.
    from stacktui.workspace.workspace import Workspace

    return Workspace(root)
