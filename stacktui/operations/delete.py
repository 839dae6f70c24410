"""Deleting components and stacks, one or several at once. Who refers to them is named first, and the name asked for.

Both faces come here; the workbench shows the diff first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.category import Category
from stacktui.operations.changes import apply
from stacktui.operations.errors import ConfirmationNeeded, OperationError, StillUsed
from stacktui.operations.python_uses import python_note, uses_of_component, uses_of_stack
from stacktui.operations.references import (
    PythonUse,
    Reference,
    ReferencesDocument,
    protected_stacks,
    references_of,
)
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import Entry

_CONFIRM = "The name, where it is protected or others refer to it; of several those that are, as a,b."


@operation(
    "component delete",
    writes=True,
    on="component",
    key="D",
    examples=(
        "stacktui component delete artifact_store old",
        "stacktui component delete step_operator a100 h100 --confirm a100",
    ),
)
def delete_component(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
    more: Annotated[tuple[str, ...], Arg("Others of the category.", complete="component")] = (),
    *,
    confirm: Annotated[str | None, Opt(_CONFIRM)] = None,
    force: Annotated[bool, Opt("Delete it even if stacks refer to it.")] = False,
) -> ReferencesDocument:
    """Delete a component's file; who refers to it is named first."""
    from stacktui.model.component import ComponentId
    from stacktui.workspace.renames import component_uses

    snapshot = session.snapshot()
    files: dict[str, Path] = {}
    used: dict[str, tuple[Reference, ...]] = {}
    python: list[PythonUse] = []
    for each in dict.fromkeys((name, *more)):
        id_ = ComponentId(category, each)
        broken = snapshot.broken_components.get(id_)
        files[each] = broken or session.component(category, each, snapshot).file
        used[each] = references_of(component_uses(session.workspace, snapshot, id_), snapshot.root)
        python += uses_of_component(session.workspace, id_)
    what = _what(files, category.facts.title, category.facts.plural)
    _confirmed(what, used, (), confirm, force)
    entries = {each: snapshot.components.get(ComponentId(category, each)) for each in files}
    return _deleted(session, f"delete {_title(files, category.value)}", files, entries, used, python)


@operation(
    "stack delete",
    writes=True,
    on="stack",
    key="D",
    examples=("stacktui stack delete old", "stacktui stack delete base nightly --confirm base"),
)
def delete_stack(
    session: Session,
    name: Annotated[str, Arg("The stack.", complete="stack")],
    more: Annotated[tuple[str, ...], Arg("Other stacks.", complete="stack")] = (),
    *,
    confirm: Annotated[str | None, Opt(_CONFIRM)] = None,
    force: Annotated[bool, Opt("Delete it even if other files refer to it.")] = False,
) -> ReferencesDocument:
    """Delete a stack's file; who refers to it is named first."""
    from stacktui.workspace.renames import stack_uses

    snapshot = session.snapshot()
    files: dict[str, Path] = {}
    used: dict[str, tuple[Reference, ...]] = {}
    python: list[PythonUse] = []
    for each in dict.fromkeys((name, *more)):
        broken = snapshot.broken_stacks.get(each)
        files[each] = broken or snapshot.stacks[session.stack_name(each, snapshot)].file
        found = references_of(stack_uses(session.workspace, snapshot, each), snapshot.root)
        # What goes too does not miss it.
        used[each] = tuple(one for one in found if one.kind != "stack" or one.name not in (name, *more))
        python += uses_of_stack(session.workspace, each)
    what = _what(files, "stack", "stacks")
    _confirmed(what, used, protected_stacks(snapshot, files), confirm, force)
    entries = {each: snapshot.stacks.get(each) for each in files}
    return _deleted(session, f"delete {_title(files, 'stack')}", files, entries, used, python)


def _what(names: Iterable[str], one: str, many: str) -> str:
    several = list(names)
    return f"{one} {several[0]!r}" if len(several) == 1 else f"of the {many} {', '.join(several)}"


def _title(names: Iterable[str], kind: str) -> str:
    several = list(names)
    return f"{kind}/{several[0]}" if len(several) == 1 else f"{kind}: {', '.join(several)}"


def _confirmed(
    what: str,
    used: Mapping[str, Sequence[Reference]],
    protected: Sequence[str],
    confirm: str | None,
    force: bool,
) -> None:
    in_use = [name for name, references in used.items() if references]
    wanted = ",".join(name for name in used if name in in_use or name in protected)
    if in_use and not force and confirm != wanted:
        one = len(used) == 1
        users = [str(each) if one else f"{name} by {each}" for name, found in used.items() for each in found]
        said = f"{what} is used by" if one else f"{what} some are used:"
        raise StillUsed(wanted, said, users, protected=bool(protected))
    guarded = ",".join(protected)
    if protected and confirm not in (wanted, guarded):
        raise ConfirmationNeeded(guarded, what if len(used) == 1 else f"{what} {guarded}")


def _deleted(
    session: Session,
    title: str,
    files: Mapping[str, Path],
    entries: Mapping[str, Entry[Any] | None],
    used: Mapping[str, Sequence[Reference]],
    python: Sequence[PythonUse],
) -> ReferencesDocument:
    from stacktui.operations.documents import relative
    from stacktui.workspace.changes import Change, FileEdit

    edits = []
    for name, file in files.items():
        if file.is_symlink():
            raise OperationError(
                f"{relative(file, session.workspace.root)} is a link; delete the link itself by hand"
            )
        entry = entries[name]
        edits.append(FileEdit(file, _now(file) if entry is None or entry.stale else entry.raw, None))
    document = apply(session, Change(title, tuple(edits)), note=python_note(python))
    left = tuple(each for references in used.values() for each in references)
    return ReferencesDocument(**dict(document), references=left, python=tuple(python))


def _now(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise OperationError(
            f"{file.name} cannot be read: {(error.strerror or str(error)).lower()}; nothing was deleted"
        ) from None
