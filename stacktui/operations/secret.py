"""Secrets of the active stack's secrets manager: names and keys, and single values when asked for by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stacktui.operations.documents import Document, DoneDocument, Part, relative
from stacktui.operations.errors import AnswerIsNo, OperationError, unknown
from stacktui.operations.table import Arg, Ask, Opt, operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot


class SecretUse(Part):
    """A component that refers to a key."""

    component: str
    """`artifact_store/team-bucket`."""
    field: str
    key: str
    file: str
    line: int | None


class SecretRow(Part):
    """One secret without its values."""

    name: str
    keys: tuple[str, ...]
    used_by: tuple[SecretUse, ...]
    missing: tuple[str, ...] = ()
    """Keys that components refer to and that it does not have."""
    exists: bool = True


class SecretList(Document):
    """The secrets by name, those that are only referred to included."""

    stack: str
    manager: str
    secrets: tuple[SecretRow, ...]


class SecretValueDocument(Document):
    """One value, revealed by key. It appears in no repr."""

    name: str
    key: str
    value: str = Field(repr=False)


@operation("secret list", writes=False, examples=("stacktui secret list",))
def list_(session: Session) -> SecretList:
    """List secrets by name and key, who refers to each, and which are missing."""
    snapshot = session.snapshot()
    live = session.live()
    manager = live.secrets_manager
    uses = secret_uses(snapshot)
    held = {entry.name: entry.keys for entry in manager.list()}
    rows = []
    for name in sorted({*held, *uses}):
        keys = held.get(name, ())
        wanted = {use.key for use in uses.get(name, ())}
        rows.append(
            SecretRow(
                name=name,
                keys=keys,
                used_by=tuple(uses.get(name, ())),
                missing=tuple(sorted(wanted - set(keys))),
                exists=name in held,
            )
        )
    return SecretList(stack=live.name, manager=manager.name, secrets=tuple(rows))


@operation(
    "secret set",
    writes=True,
    on="secret",
    key="e",
    examples=("stacktui secret set aws access_key_id", "stacktui secret set aws secret_key < key.txt"),
)
def set_(
    session: Session,
    name: Annotated[str, Arg("The secret.", complete="secret")],
    key: Annotated[str, Arg("The key in it.")],
    value: Annotated[str, Ask("The value:")],
) -> DoneDocument:
    """Set one key of a secret. The value comes from standard input or is asked for, and is never an argument."""
    from stacktui.model.base import NAME_RULE, is_name

    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a secret: a name has {NAME_RULE}")
    live = session.live()
    live.secrets_manager.set(name, {key: value})
    session.changed(paths=[session.workspace.state])
    return DoneDocument(
        done=f"set {name}.{key} in {live.secrets_manager.name}; refer to it as {{{{{name}.{key}}}}}"
    )


@operation(
    "secret reveal", writes=False, on="secret", key="v", examples=("stacktui secret reveal aws region",)
)
def reveal(
    session: Session,
    name: Annotated[str, Arg("The secret.", complete="secret")],
    key: Annotated[str, Arg("The key in it.")],
) -> SecretValueDocument:
    """Show one value."""
    manager = session.live().secrets_manager
    held = [entry.name for entry in manager.list()]
    if name not in held:
        raise unknown("secret", name, held, "stacktui secret list")
    values = manager.get(name)
    if key not in values:
        raise unknown(f"key of secret {name!r} called", key, values, "stacktui secret list")
    return SecretValueDocument(name=name, key=key, value=str(values[key]))


@operation(
    "secret delete", writes=True, on="secret", key="D", examples=("stacktui secret delete aws old_key",)
)
def delete(
    session: Session,
    name: Annotated[str, Arg("The secret.", complete="secret")],
    key: Annotated[str | None, Arg("Only this key; the whole secret without it.")] = None,
    *,
    force: Annotated[bool, Opt("Delete it even if components refer to it.")] = False,
) -> DoneDocument:
    """Delete a secret, or one key of it; who refers to it is named first."""
    snapshot = session.snapshot()
    manager = session.live().secrets_manager
    held = {entry.name: entry.keys for entry in manager.list()}
    if name not in held:
        raise unknown("secret", name, held, "stacktui secret list")
    if key is not None and key not in held[name]:
        raise unknown(f"key of secret {name!r} called", key, held[name], "stacktui secret list")
    used = [use for use in secret_uses(snapshot).get(name, ()) if key in (None, use.key)]
    if used and not force:
        places = ", ".join(f"{use.component} ({use.field})" for use in used)
        raise AnswerIsNo(
            f"secret {name!r} is used by {places}; change those first, or delete it with --force"
        )
    manager.delete(name, key)
    session.changed(paths=[session.workspace.state])
    return DoneDocument(done=f"deleted {name if key is None else f'{name}.{key}'} from {manager.name}")


def secret_uses(snapshot: WorkspaceSnapshot) -> dict[str, Sequence[SecretUse]]:
    """Every reference in the workspace's components, by the secret's name."""
    from stacktui.model.secretref import walk_references

    found: dict[str, list[SecretUse]] = {}
    for id_, entry in snapshot.components.items():
        for path, reference in walk_references(entry.value.config):
            position = entry.position("config", *path)
            found.setdefault(reference.name, []).append(
                SecretUse(
                    component=str(id_),
                    field=".".join(map(str, path)),
                    key=reference.key,
                    file=relative(entry.file, snapshot.root),
                    line=position.line if position else None,
                )
            )
    return dict(found)
