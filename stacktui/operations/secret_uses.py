"""Who uses which secret: components' configurations, steps in Python, and `openlineage:` in stacktui.yaml; and which
secrets are therefore missing from a secrets manager. Used by `secret list`, before a deletion, and by the workbench."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stacktui.model.category import Category
from stacktui.model.secretref import SecretRef, walk_references
from stacktui.operations.documents import Part, relative

if TYPE_CHECKING:
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot


class SecretUse(Part):
    """One place that refers to a key."""

    component: str
    """`artifact_store/team-bucket`; empty for what is no component."""
    field: str
    """The field of the configuration, `transport.auth.key`; empty for a step."""
    key: str
    file: str
    line: int | None
    kind: Literal["component", "step", "settings"] = "component"
    step: str = ""
    """The decorated function, where a step names it."""

    @property
    def who(self) -> str:
        """What people call it: `artifact_store/team-bucket`, `step fit`, `stacktui.yaml`."""
        if self.kind == "component":
            return self.component
        return self.file if self.kind == "settings" else f"step {self.step}".rstrip()

    @property
    def place(self) -> str:
        """Its file with the line."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


def secret_uses(session: Session, snapshot: WorkspaceSnapshot) -> dict[str, list[SecretUse]]:
    """Every reference in the workspace by the secret's name: components first, then settings, then steps."""
    found: dict[str, list[SecretUse]] = {}
    for name, use in (
        *_in_components(snapshot),
        *_in_settings(snapshot),
        *_in_steps(session, snapshot),
    ):
        found.setdefault(name, []).append(use)
    return found


def _in_components(snapshot: WorkspaceSnapshot) -> Iterator[tuple[str, SecretUse]]:
    for id_, entry in snapshot.components.items():
        for path, reference in walk_references(entry.value.config):
            position = entry.position("config", *path)
            yield (
                reference.name,
                SecretUse(
                    component=str(id_),
                    field=".".join(map(str, path)),
                    key=reference.key,
                    file=relative(entry.file, snapshot.root),
                    line=position.line if position else None,
                ),
            )


def _in_settings(snapshot: WorkspaceSnapshot) -> Iterator[tuple[str, SecretUse]]:
    given: Any = (snapshot.settings.openlineage or {}).get("transport")
    if not given:
        return
    file = relative(snapshot.settings_file, snapshot.root)
    lines = snapshot.settings_raw.decode("utf-8", "replace").splitlines()
    for path, reference in walk_references(given, ("openlineage", "transport")):
        line = next(
            (number for number, text in enumerate(lines, 1) if "{{" in text and str(reference) in text), None
        )
        yield (
            reference.name,
            SecretUse(
                component="",
                field=".".join(map(str, path)),
                key=reference.key,
                file=file,
                line=line,
                kind="settings",
            ),
        )


def _in_steps(session: Session, snapshot: WorkspaceSnapshot) -> Iterator[tuple[str, SecretUse]]:
    from stacktui.pipelines.step_secrets import secrets_named
    from stacktui.workspace.sources import source_files

    for named in secrets_named(source_files(session.workspace, ".py")):
        yield (
            named.reference.name,
            SecretUse(
                component="",
                field="",
                key=named.reference.key,
                file=relative(named.file, snapshot.root),
                line=named.line,
                kind="step",
                step=named.step,
            ),
        )


class Concern(NamedTuple):
    """A use, seen from one secrets manager."""

    use: SecretUse
    expected: bool
    """Whether the secret is to come from this manager: it is missing where it does not hold it."""


def concerning(
    snapshot: WorkspaceSnapshot, uses: Iterable[SecretUse], manager: str, active: str | None
) -> Iterator[Concern]:
    """The uses that a secrets manager may have to serve.

    A component's secrets come from the managers of the stacks that hold it. Steps, settings and what no stack holds go
    by the stack that is in force, and may go by any other.
    """
    managers = _managers_of_components(snapshot)
    in_force = _manager_of(snapshot, active) if active in snapshot.stacks else None
    for use in uses:
        if use.component.startswith(f"{Category.SECRETS_MANAGER}/"):
            continue
        theirs = managers.get(use.component)
        if theirs is None:
            yield Concern(use, manager == in_force)
        elif manager in theirs:
            yield Concern(use, True)


def _managers_of_components(snapshot: WorkspaceSnapshot) -> dict[str, set[str]]:
    from stacktui.runtime.inherit import resolve_stack

    found: dict[str, set[str]] = {}
    for name in snapshot.stacks:
        stack = resolve_stack(snapshot, name).stack
        if stack is None:
            continue
        managers = stack.names(Category.SECRETS_MANAGER)
        for category, slot in stack.slots.items():
            for component in slot.names:
                found.setdefault(f"{category}/{component}", set()).update(managers[:1])
    return found


def _manager_of(snapshot: WorkspaceSnapshot, stack: str | None) -> str | None:
    from stacktui.runtime.inherit import resolve_stack

    found = None if stack is None else resolve_stack(snapshot, stack).stack
    names = found.names(Category.SECRETS_MANAGER) if found is not None else ()
    return names[0] if names else None


def held_keys(manager: SecretsManager, wanted: Iterable[SecretRef]) -> dict[SecretRef, bool]:
    """What a manager holds, and of `wanted` whether it does: one may spell names otherwise in its list than it takes
    them, as the environment has no dashes."""
    from stacktui.categories.errors import NotFound

    held = {SecretRef(entry.name, key): True for entry in manager.list() for key in entry.keys}
    for reference in sorted(set(wanted) - held.keys()):
        try:
            held[reference] = reference.key in manager.get(reference.name)
        except NotFound:
            held[reference] = False
    return held
