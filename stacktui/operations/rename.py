"""Renaming components and stacks, with every reference in the workspace's YAML. Python that names them is listed: it is
not changed.

Both faces come here; the workbench shows the diff and the Python first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from stacktui.model.category import Category
from stacktui.operations.changes import apply, confirmed
from stacktui.operations.component_edit import config_model, new_component_name
from stacktui.operations.errors import OperationError
from stacktui.operations.python_uses import python_note, uses_of_component, uses_of_stack
from stacktui.operations.references import (
    PythonUse,
    Reference,
    ReferencesDocument,
    protected_stacks,
    references_of,
)
from stacktui.operations.stack_edit import new_stack_name
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.model.component import ComponentId
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import WorkspaceSnapshot

_NEW = "The new name."
_CONFIRM = "The name of the protected stack whose file is written; of several, as a,b."


@operation(
    "component rename",
    writes=True,
    on="component",
    key="R",
    examples=("stacktui component rename step_operator a100 h100",),
)
def rename_component(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
    new: Annotated[str, Arg(_NEW)],
    *,
    confirm: Annotated[str | None, Opt(_CONFIRM)] = None,
) -> ReferencesDocument:
    """Rename a component, and every reference to it in the workspace's YAML.

    Where Python names it is listed with file and line, and not changed.
    """
    from stacktui.model.component import ComponentId
    from stacktui.workspace import renames

    snapshot = session.snapshot()
    id_ = ComponentId(category, name)
    if id_ not in snapshot.broken_components:
        session.component(category, name, snapshot)
    new_component_name(category, new, snapshot)
    workspace = session.workspace
    references = references_of(renames.component_uses(workspace, snapshot, id_), snapshot.root)
    _confirmed(snapshot, f"{category.facts.title} {name!r}", references, confirm)
    keeping = _keeping_state(session, snapshot, id_)
    return _renamed(
        session,
        lambda: renames.rename_component(workspace, snapshot, id_, new, content=keeping),
        references,
        uses_of_component(workspace, id_),
    )


@operation(
    "stack rename", writes=True, on="stack", key="R", examples=("stacktui stack rename staging preprod",)
)
def rename_stack(
    session: Session,
    name: Annotated[str, Arg("The stack.", complete="stack")],
    new: Annotated[str, Arg(_NEW)],
    *,
    confirm: Annotated[str | None, Opt(_CONFIRM)] = None,
) -> ReferencesDocument:
    """Rename a stack, and every reference to it in the workspace's YAML.

    Where Python names it is listed with file and line, and not changed. A checkout that uses it goes on using it.
    """
    from stacktui.workspace import renames

    snapshot = session.snapshot()
    if name not in snapshot.broken_stacks:
        session.stack_name(name, snapshot)
    new_stack_name(new, snapshot)
    workspace = session.workspace
    references = references_of(renames.stack_uses(workspace, snapshot, name), snapshot.root)
    _confirmed(snapshot, f"stack {name!r}", references, confirm, own=(name,))
    return _renamed(
        session,
        lambda: renames.rename_stack(workspace, snapshot, name, new),
        references,
        uses_of_stack(workspace, name),
    )


def _confirmed(
    snapshot: WorkspaceSnapshot,
    what: str,
    references: Sequence[Reference],
    confirm: str | None,
    own: tuple[str, ...] = (),
) -> None:
    """Raises `ConfirmationNeeded` with the protected stacks whose files would be written."""
    mine = protected_stacks(snapshot, own)
    named = dict.fromkeys(each.name for each in references if each.kind == "stack")
    others = protected_stacks(snapshot, (name for name in named if name not in own))
    several = "s" if len(others) > 1 else ""
    why = f"stands in the protected stack{several} {', '.join(others)}" if others else "is protected"
    wanted = (*mine, *others)
    confirmed(",".join(wanted), bool(wanted), confirm, what, why)


def _keeping_state(
    session: Session, snapshot: WorkspaceSnapshot, id_: ComponentId
) -> Callable[[bytes], bytes] | None:
    """What the configuration has to say under another name so that the component keeps what it holds."""
    entry = snapshot.components.get(id_)
    if entry is None or entry.stale:
        return None
    component = entry.value
    if config_model(session, component) is None:
        return None
    flavor = session.registry().load(component.category, component.flavor)
    config = flavor.config_when_renamed(component.config, id_.name)
    if config == component.config:
        return None

    def content(_: bytes) -> bytes:
        from stacktui.workspace.edits import edit_component

        (edit,) = edit_component(
            session.workspace, entry, component.model_copy(update={"config": config})
        ).edits
        return edit.after or b""

    return content


def _renamed(
    session: Session,
    build: Callable[[], Change],
    references: tuple[Reference, ...],
    python: tuple[PythonUse, ...],
) -> ReferencesDocument:
    from stacktui.workspace.edits import EditImpossible

    try:
        change = build()
    except EditImpossible as error:
        raise OperationError(f"{error}; nothing was renamed") from None
    document = apply(session, change, note=python_note(python))
    return ReferencesDocument(**dict(document), references=references, python=python)
