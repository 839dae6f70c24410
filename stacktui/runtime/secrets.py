"""Values for references to secrets: from a stack's secrets manager, or as they were given to a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.secretref import SecretRef, SecretValue, walk_references
from stacktui.runtime.findings import closest

if TYPE_CHECKING:
    from stacktui.categories.secrets_manager import SecretsManager


class SecretMissing(ComponentError):
    """Secrets that were referred to are not there. The message names them, the place, and the command that sets them."""

    def __init__(self, message: str, refs: tuple[SecretRef, ...] = ()) -> None:
        super().__init__(message)
        self.refs = refs


class SecretSource(Protocol):
    """Where values come from."""

    def values(self, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        """The values of all `refs`. Raises `SecretMissing`, which names every one that is missing."""


def needed_secrets(components: Iterable[Component]) -> frozenset[SecretRef]:
    """The secrets that the components' configurations refer to; a secrets manager, which has nobody to ask, has none."""
    return frozenset(
        reference
        for component in components
        if component.category is not Category.SECRETS_MANAGER
        for _, reference in walk_references(component.config)
    )


class ManagerSecrets:
    """Secrets of a stack, read from its secrets manager each time that they are asked for."""

    def __init__(self, stack: str, manager: Callable[[], SecretsManager | None]) -> None:
        self._stack = stack
        self._manager = manager

    def values(self, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        wanted = sorted(set(refs))
        if not wanted:
            return {}
        manager = self._manager()
        if manager is None:
            raise SecretMissing(
                f"{_several(wanted)} cannot be read: stack {self._stack} has no secrets manager; "
                f"add one with: stacktui stack edit {self._stack} --set secrets_manager=NAME",
                tuple(wanted),
            )
        secrets: dict[str, Mapping[str, str]] = {}
        for name in {reference.name for reference in wanted}:
            try:
                secrets[name] = manager.get(name)
            except NotFound:
                secrets[name] = {}
        missing = [reference for reference in wanted if reference.key not in secrets[reference.name]]
        if missing:
            known = [SecretRef(name, key) for name, held in secrets.items() for key in held]
            raise SecretMissing(missing_message(missing, manager.name, known), tuple(missing))
        return {reference: SecretValue(secrets[reference.name][reference.key]) for reference in wanted}


class GivenSecrets:
    """Secrets that travelled to a step."""

    def __init__(self, given: Mapping[SecretRef, str]) -> None:
        self._given = given

    def values(self, refs: Iterable[SecretRef]) -> dict[SecretRef, str]:
        wanted = sorted(set(refs))
        missing = [reference for reference in wanted if reference not in self._given]
        if missing:
            raise SecretMissing(
                f"{_several(missing)} was not given to this step; "
                f"name it: @step(secrets=[{', '.join(repr(str(reference)) for reference in missing)}])",
                tuple(missing),
            )
        return {reference: SecretValue(self._given[reference]) for reference in wanted}


def missing_message(missing: list[SecretRef], manager: str, known: Iterable[SecretRef] = ()) -> str:
    """Which secrets are not in a secrets manager, the one that was probably meant, and the command that sets each."""
    near = closest(str(missing[0]), map(str, known)) if len(missing) == 1 else None
    meant = f"did you mean {{{{{near}}}}}? Or " if near else ""
    commands = " && ".join(f"stacktui secret set {reference.name} {reference.key}" for reference in missing)
    verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    return (
        f"{_several(missing)} {verb} not in the secrets manager {manager}; {meant}set {them} with: {commands}"
    )


def _several(refs: list[SecretRef]) -> str:
    names = ", ".join(f"{{{{{reference}}}}}" for reference in refs)
    return f"the secret {names}" if len(refs) == 1 else f"the secrets {names}"
