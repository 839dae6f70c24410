"""Labels of components and stacks, of one or of several at once: one change, undone as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, TypeVar

from stacktui.model.category import Category
from stacktui.operations.changes import apply
from stacktui.operations.documents import ChangeDocument
from stacktui.operations.errors import ConfirmationNeeded, OperationError, nearest
from stacktui.operations.references import protected_stacks
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import pairs

if TYPE_CHECKING:
    from stacktui.model.component import Component
    from stacktui.model.stack import Stack
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Entry

V = TypeVar("V", "Component", "Stack")

_LABEL = "A label to set, as key=value."
_REMOVE = "A label to take away, by its key."


@operation(
    "component label",
    writes=True,
    on="component",
    key="L",
    examples=(
        "stacktui component label artifact_store team-bucket archive --label team=vision --remove old",
    ),
)
def label_component(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
    more: Annotated[tuple[str, ...], Arg("Others of the category.", complete="component")] = (),
    *,
    label: Annotated[tuple[str, ...], Opt(_LABEL, short="l")] = (),
    remove: Annotated[tuple[str, ...], Opt(_REMOVE)] = (),
) -> ChangeDocument:
    """Set labels on a component, or take them away."""
    from stacktui.workspace.edits import edit_component

    snapshot = session.snapshot()
    entries = [session.component(category, each, snapshot) for each in dict.fromkeys((name, *more))]
    labels = _labels([entry.value.labels for entry in entries], label, remove)
    return _labelled(
        session,
        category.facts.title if len(entries) == 1 else category.facts.plural,
        [(entry, entry.value.model_copy(update={"labels": new})) for entry, new in zip(entries, labels, strict=True)],
        lambda entry, value: edit_component(session.workspace, entry, value),
        (*label, *(f"without {key}" for key in remove)),
    )  # fmt: skip


@operation(
    "stack label",
    writes=True,
    on="stack",
    key="L",
    examples=("stacktui stack label nightly staging --label team=vision",),
)
def label_stack(
    session: Session,
    name: Annotated[str, Arg("The stack.", complete="stack")],
    more: Annotated[tuple[str, ...], Arg("Other stacks.", complete="stack")] = (),
    *,
    label: Annotated[tuple[str, ...], Opt(_LABEL, short="l")] = (),
    remove: Annotated[tuple[str, ...], Opt(_REMOVE)] = (),
    confirm: Annotated[
        str | None, Opt("The stack's name, where it is protected; of several those that are, as a,b.")
    ] = None,
) -> ChangeDocument:
    """Set labels in a stack's own file, or take them away."""
    from stacktui.workspace.edits import edit_stack

    snapshot = session.snapshot()
    names = list(dict.fromkeys(session.stack_name(each, snapshot) for each in (name, *more)))
    entries = [snapshot.stacks[each] for each in names]
    labels = _labels([entry.value.labels for entry in entries], label, remove)
    guarded = ",".join(protected_stacks(snapshot, names))
    if guarded and confirm != guarded:
        raise ConfirmationNeeded(guarded, f"stack {guarded!r}")
    return _labelled(
        session,
        "stack" if len(entries) == 1 else "stacks",
        [(entry, entry.value.model_copy(update={"labels": new})) for entry, new in zip(entries, labels, strict=True)],
        lambda entry, value: edit_stack(session.workspace, entry, value),
        (*label, *(f"without {key}" for key in remove)),
    )  # fmt: skip


def _labels(
    before: list[Mapping[str, str]], given: tuple[str, ...], remove: tuple[str, ...]
) -> list[dict[str, str]]:
    """The labels of each afterwards."""
    wanted = pairs(given, "--label")
    if not wanted and not remove:
        raise OperationError("say what to set or to take away: --label key=value, --remove key")
    if both := [key for key in remove if key in wanted]:
        raise OperationError(f"label {both[0]!r} is both set and taken away; say one")
    known = {key for labels in before for key in labels}
    for key in remove:
        if key not in known:
            raise OperationError(f"there is no label {key!r} to take away{nearest(key, sorted(known))}")
    return [
        {**{key: value for key, value in labels.items() if key not in remove}, **wanted} for labels in before
    ]


def _labelled(
    session: Session,
    kind: str,
    values: list[tuple[Entry[V], V]],
    edit: Callable[[Entry[V], V], Change],
    said: tuple[str, ...],
) -> ChangeDocument:
    from stacktui.workspace.changes import Change
    from stacktui.workspace.edits import EditImpossible

    names = ", ".join(value.name for _, value in values)
    try:
        edits = [each for entry, value in values for each in edit(entry, value).edits]
    except EditImpossible as error:
        raise OperationError(f"{error}; nothing was labelled") from None
    return apply(session, Change(f"label {kind} {names}: {', '.join(said)}", tuple(edits)))
