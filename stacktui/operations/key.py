"""Keys as the keymaps say them: the user's `keymap.yaml` and the workspace's over it.

Which ids there are only the workbench knows: its place `keys` lists all of them, with the key in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from stacktui.operations.documents import ChangeDocument, DiagnosticPart, Document, Part, homely
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change


class KeyRow(Part):
    """What a keymap says of one id."""

    id: str
    keys: tuple[str, ...]
    """Empty: it has no key."""
    source: Literal["yours", "workspace"]
    file: str
    line: int | None


class KeyList(Document):
    """What the keymaps say, the workspace's over the user's."""

    keys: tuple[KeyRow, ...]
    diagnostics: tuple[DiagnosticPart, ...]


@operation("key list", writes=False, workspace=False, examples=("stacktui key list",))
def list_(session: Session) -> KeyList:
    """List what the keymaps say. The workbench lists every id with its key: `:keys`."""
    from stacktui.workspace.keymaps import load_keymap

    root = _root(session)
    found = load_keymap(root)
    return KeyList(
        keys=tuple(
            KeyRow(
                id=name,
                keys=tuple(filter(None, entry.keys.split(","))),
                source="yours" if entry.own else "workspace",
                file=homely(entry.file) if entry.own else entry.file.name,
                line=entry.line,
            )
            for name, entry in found.entries.items()
        ),
        diagnostics=tuple(DiagnosticPart.of(each, root or session.start) for each in found.problems),
    )


Binding = Annotated[
    str, Arg("The id of what the key does, such as global.home; the workbench lists all: `:keys`.", name="id")
]
Workspace = Annotated[bool, Opt("In the workspace's keymap, and not in your own.")]


@operation(
    "key set",
    writes=True,
    workspace=False,
    examples=("stacktui key set global.problems f2", "stacktui key set grid.down j ctrl+n"),
)
def set_(
    session: Session,
    binding: Binding,
    keys: Annotated[tuple[str, ...], Arg("The key, or several: a letter, a sign, ctrl+s, f5, pagedown.")],
    workspace: Workspace = False,
) -> ChangeDocument:
    """Give something another key, or several, in your keymap; comments in it stay."""
    from stacktui.operations.changes import apply

    return apply(session, key_change(session, binding, keys, workspace))


@operation("key unset", writes=True, workspace=False, examples=("stacktui key unset global.problems",))
def unset(session: Session, binding: Binding, workspace: Workspace = False) -> ChangeDocument:
    """Take something out of your keymap, so that it has its own key again."""
    from stacktui.operations.changes import apply

    return apply(session, key_change(session, binding, None, workspace))


def key_change(
    session: Session, binding: str, keys: tuple[str, ...] | None, workspace: bool = False
) -> Change:
    """The change of a keymap that gives a binding's id these keys; None takes it out. Nothing is written.

    Raises `OperationError` for a key that terminals do not send, and for a keymap that is broken.
    """
    from stacktui.operations.errors import OperationError
    from stacktui.workspace.keymaps import STARTER, keymap_file, normal_key, why_not
    from stacktui.workspace.own_files import REMOVED, edit_keys
    from stacktui.workspace.yaml_editor import EditImpossible
    from stacktui.workspace.yaml_reader import YamlProblem

    for key in keys or ():
        if normal_key(key) is None:
            raise OperationError(f"{binding}: {why_not(key)}")
    file = keymap_file(session.workspace.root if workspace else None)
    title = (
        f"{binding} has its own key again" if keys is None else f"{' '.join(keys) or 'no key'} for {binding}"
    )
    value = REMOVED if keys is None else None if not keys else keys[0] if len(keys) == 1 else list(keys)
    try:
        return edit_keys(file, title, {binding: value}, STARTER)
    except YamlProblem as problem:
        where = f", line {problem.line}" if problem.line else ""
        raise OperationError(f"{file.name}{where}: {problem.message}; repair the file first") from None
    except EditImpossible as error:
        raise OperationError(str(error)) from None


def _root(session: Session) -> Path | None:
    from stacktui.workspace.locate import WorkspaceNotFound

    try:
        return session.workspace.root
    except WorkspaceNotFound:
        return None
