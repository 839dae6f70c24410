"""Secrets of the active stack's secrets manager, or of another one: names and keys, who uses them, and single values
when asked for by key. No value is ever an argument, and none is noted anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import Field

from stacktui.model.category import Category
from stacktui.operations.documents import Document, DoneDocument, Part
from stacktui.operations.errors import AnswerIsNo, OperationError, unknown
from stacktui.operations.secret_uses import SecretUse, concerning, held_keys, secret_uses
from stacktui.operations.table import Arg, Ask, Opt, operation

if TYPE_CHECKING:
    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot

MANAGER = Opt("The secrets manager; the active stack's without it.", complete="manager")
_NAME = Arg("The secret.", complete="secret")
_KEY = Arg("The key in it.", complete="secret_key")
_LONGEST_VALUE = 1 << 20


class SecretRow(Part):
    """One secret without its values."""

    name: str
    keys: tuple[str, ...]
    used_by: tuple[SecretUse, ...]
    missing: tuple[str, ...] = ()
    """Keys that are referred to and that it does not have."""
    exists: bool = True


class ManagerRow(Part):
    """One registered secrets manager."""

    name: str
    flavor: str
    active: bool
    """Whether it is the active stack's."""
    writable: bool
    why: str = ""
    """Why nothing can be set in it; empty where it can."""


class SecretList(Document):
    """The secrets of one manager by name, those that are only referred to included."""

    stack: str
    """The active stack; empty where there is none."""
    manager: str
    secrets: tuple[SecretRow, ...]
    managers: tuple[ManagerRow, ...] = ()
    """All that are registered."""
    only_missing: bool = Field(default=False, exclude=True)

    @property
    def answer(self) -> bool:
        return not (self.only_missing and self.secrets)


class SecretValueDocument(Document):
    """One value, revealed by key. It appears in no repr."""

    name: str
    key: str
    value: str = Field(repr=False)
    manager: str = ""


@operation(
    "secret list",
    writes=False,
    examples=(
        "stacktui secret list",
        "stacktui secret list --missing",
        "stacktui secret list --manager vault",
    ),
)
def list_(
    session: Session,
    *,
    manager: Annotated[str | None, MANAGER] = None,
    missing: Annotated[bool, Opt("Only what is missing; exit code 1 where something is.")] = False,
) -> SecretList:
    """List secrets by name and key, where each is used, and which are missing."""
    snapshot = session.snapshot()
    with opened_manager(session, manager) as found:
        rows = secret_rows(session, snapshot, found)
        name = found.name
    active = session.active(snapshot).name or ""
    return SecretList(
        stack=active,
        manager=name,
        secrets=tuple(row for row in rows if row.missing) if missing else rows,
        managers=managers_of(session, snapshot),
        only_missing=missing,
    )


@operation(
    "secret set",
    writes=True,
    on="secret",
    key="e",
    examples=("stacktui secret set aws access_key_id", "stacktui secret set aws secret_key < key.txt"),
)
def set_(
    session: Session,
    name: Annotated[str, _NAME],
    key: Annotated[str, _KEY],
    value: Annotated[str, Ask("The value:")],
    *,
    manager: Annotated[str | None, MANAGER] = None,
) -> DoneDocument:
    """Set one key of a secret. The value comes from standard input or is asked for, and is never an argument."""
    _check(name, {key: value})
    with opened_manager(session, manager) as found:
        found.set(name, {key: value})
        kept_in = found.name
    session.note("set", f"secret/{kept_in}/{name}.{key}")
    session.changed(paths=[session.workspace.state])
    return DoneDocument(done=f"set {name}.{key} in {kept_in}; refer to it as {{{{{name}.{key}}}}}")


@operation(
    "secret import",
    writes=True,
    examples=("stacktui secret import aws < .env", "stacktui secret import aws < aws.json"),
)
def import_(
    session: Session,
    name: Annotated[str, _NAME],
    given: Annotated[str, Ask("Lines of KEY=VALUE, or a JSON object:")],
    *,
    manager: Annotated[str | None, MANAGER] = None,
) -> DoneDocument:
    """Set several keys of a secret at once, from KEY=VALUE lines or a JSON object on standard input.

    Keys that are not named stay as they are.
    """
    from stacktui.operations.secret_text import values_in

    values = values_in(given)
    _check(name, values)
    with opened_manager(session, manager) as found:
        found.set(name, values)
        kept_in = found.name
    for key in values:
        session.note("set", f"secret/{kept_in}/{name}.{key}")
    session.changed(paths=[session.workspace.state])
    keys = f"{len(values)} keys" if len(values) != 1 else "1 key"
    return DoneDocument(done=f"set {keys} of {name} in {kept_in}: {', '.join(values)}")


@operation(
    "secret reveal", writes=False, on="secret", key="v", examples=("stacktui secret reveal aws region",)
)
def reveal(
    session: Session,
    name: Annotated[str, _NAME],
    key: Annotated[str, _KEY],
    *,
    manager: Annotated[str | None, MANAGER] = None,
) -> SecretValueDocument:
    """Show one value. That it was revealed is noted in the audit list."""
    with opened_manager(session, manager) as found:
        keys = _keys_of(found, name)
        values: Mapping[str, str] = found.get(name) if keys is not None else {}
        if keys is None or key not in values:
            raise _not_there(found, name, key, keys)
        value, kept_in = str(values[key]), found.name
    session.note("revealed", f"secret/{kept_in}/{name}.{key}")
    return SecretValueDocument(name=name, key=key, value=value, manager=kept_in)


@operation(
    "secret delete", writes=True, on="secret", key="D", examples=("stacktui secret delete aws old_key",)
)
def delete(
    session: Session,
    name: Annotated[str, _NAME],
    key: Annotated[
        str | None, Arg("Only this key; the whole secret without it.", complete="secret_key")
    ] = None,
    *,
    manager: Annotated[str | None, MANAGER] = None,
    force: Annotated[bool, Opt("Delete it even if something refers to it.")] = False,
) -> DoneDocument:
    """Delete a secret, or one key of it; who refers to it is named first."""
    snapshot = session.snapshot()
    with opened_manager(session, manager) as found:
        keys = _keys_of(found, name)
        if keys is None or (key is not None and key not in keys):
            raise _not_there(found, name, key, keys)
        used = [
            concern.use
            for concern in concerning(
                snapshot,
                secret_uses(session, snapshot).get(name, ()),
                found.name,
                session.active(snapshot).name,
            )
            if key in (None, concern.use.key)
        ]
        if used and not force:
            places = ", ".join(f"{use.who} ({use.place})" for use in used)
            raise AnswerIsNo(
                f"secret {name!r} is used by {places}; change those first, or delete it with --force"
            )
        found.delete(name, key)
        kept_in = found.name
    what = name if key is None else f"{name}.{key}"
    session.note("deleted", f"secret/{kept_in}/{what}")
    session.changed(paths=[session.workspace.state])
    return DoneDocument(done=f"deleted {what} from {kept_in}")


@contextmanager
def opened_manager(session: Session, name: str | None = None) -> Iterator[SecretsManager]:
    """A registered secrets manager by name, or the active stack's; a live one that is open already is not closed.

    Raises `OperationError` and `ComponentError` in words.
    """
    if name is None:
        yield session.live().secrets_manager
        return
    snapshot = session.snapshot()
    component = session.component(Category.SECRETS_MANAGER, name, snapshot).value
    if session.active(snapshot).name in snapshot.stacks:
        live = session.live()
        if name in live.names(Category.SECRETS_MANAGER):
            yield cast("SecretsManager", live.get(Category.SECRETS_MANAGER, name))
            return
    opened = session.open(component, snapshot)
    try:
        yield cast("SecretsManager", opened)
    finally:
        opened.close()


def secret_rows(
    session: Session, snapshot: WorkspaceSnapshot, manager: SecretsManager
) -> tuple[SecretRow, ...]:
    """What a manager holds and what is missing from it, by name, with who uses it."""
    from stacktui.model.secretref import SecretRef

    uses: dict[SecretRef, list[SecretUse]] = {}
    wanted: set[SecretRef] = set()
    active = session.active(snapshot).name
    every = secret_uses(session, snapshot)
    for name, theirs in every.items():
        for use, expected in concerning(snapshot, theirs, manager.name, active):
            reference = SecretRef(name, use.key)
            uses.setdefault(reference, []).append(use)
            if expected:
                wanted.add(reference)
    held = held_keys(manager, wanted)
    rows = []
    for name in sorted({reference.name for reference in held}):
        keys = sorted(ref.key for ref, there in held.items() if ref.name == name and there)
        missing = sorted(ref.key for ref, there in held.items() if ref.name == name and not there)
        rows.append(
            SecretRow(
                name=name,
                keys=tuple(keys),
                used_by=tuple(use for ref, found in uses.items() if ref.name == name for use in found),
                missing=tuple(missing),
                exists=bool(keys),
            )
        )
    return tuple(rows)


def managers_of(session: Session, snapshot: WorkspaceSnapshot) -> tuple[ManagerRow, ...]:
    """Every registered secrets manager, the active stack's marked."""
    active = session.active(snapshot).name
    in_force = (
        session.resolved(active, snapshot).names(Category.SECRETS_MANAGER)
        if active in snapshot.stacks
        else ()
    )
    registry = session.registry()
    rows = []
    for id_, entry in snapshot.components.items():
        if id_.category is not Category.SECRETS_MANAGER:
            continue
        why = ""
        try:
            flavor = registry.load(id_.category, entry.value.flavor)
            if "set" not in flavor.facts.capabilities:
                why = "it can only be read"
        except Exception:
            why = f"its flavor {entry.value.flavor} cannot be used"
        rows.append(
            ManagerRow(
                name=id_.name,
                flavor=entry.value.flavor,
                active=id_.name in in_force,
                writable=not why,
                why=why,
            )
        )
    return tuple(rows)


def _keys_of(manager: SecretsManager, name: str) -> tuple[str, ...] | None:
    """The keys of a secret; None where there is none of that name."""
    from stacktui.categories.errors import NotFound

    for entry in manager.list():
        if entry.name == name:
            return entry.keys
    try:
        # It may be listed under another spelling than it is asked for by.
        return tuple(manager.get(name))
    except NotFound:
        return None


def _not_there(
    manager: SecretsManager, name: str, key: str | None, keys: tuple[str, ...] | None
) -> OperationError:
    listing = f"stacktui secret list --manager {manager.name}"
    if keys is None:
        return unknown("secret", name, [entry.name for entry in manager.list()], listing)
    return unknown(f"key of secret {name!r} called", str(key), keys, listing)


def _check(name: str, values: Mapping[str, str]) -> None:
    """Whether names and keys can be written as references. Says nothing of what was given for a key: it may be a
    value that was written in the wrong place."""
    from stacktui.model.base import NAME_RULE, is_name
    from stacktui.model.secretref import SecretRef, references

    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a secret: a name has {NAME_RULE}")
    for key, value in values.items():
        if references("{{" + f"{name}.{key}" + "}}") != [SecretRef(name, key)]:
            raise OperationError(
                f"that cannot be a key of secret {name!r}: a key has letters, digits, '_', '.' and '-'; "
                "a value is never an argument, it is asked for or comes on standard input"
            )
        if len(value) > _LONGEST_VALUE:
            raise OperationError(f"the value of {name}.{key} is longer than 1 MiB: keep it in a file")
