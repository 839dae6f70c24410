"""Writing stacks. Each operation has a half that only builds the change, for a face that shows the diff first.

Registered when `stack` is loaded; the workbench's builder calls `stack_change`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.operations.changes import apply, confirmed, refuse_errors
from stacktui.operations.documents import ChangeDocument
from stacktui.operations.errors import OperationError, nearest
from stacktui.operations.references import protected_children, protected_stacks, stands_in
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import first_line, pairs, with_value

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.model.stack import Stack
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Entry, WorkspaceSnapshot

_SET = "What fills a category: category=name, or category=first,second where it may hold several; of steps: steps.fit.retries=2."


def stack_change(session: Session, stack: Stack, base: Entry[Stack] | None = None) -> Change:
    """The change that writes a stack: a new file, or the keys of the existing one that differ. Writes nothing.

    `base` is the version that the edit was made from, for a face that held it for a while: what others wrote since
    is then a conflict when the change is applied. By default it is the file as it is now.
    """
    from stacktui.workspace.edits import edit_stack, new_stack

    entry = base or session.snapshot().stacks.get(stack.name)
    if entry is None:
        return new_stack(session.workspace, stack)
    return edit_stack(session.workspace, entry, stack)


def draft_findings(session: Session, stack: Stack) -> tuple[Diagnostic, ...]:
    """What the rules say about a stack that is not written yet."""
    from stacktui.validation.validate import validate_draft

    return validate_draft(session.snapshot(), session.registry(), stack)


@operation(
    "stack add",
    writes=True,
    on="stack",
    key="a",
    examples=(
        "stacktui stack add nightly --extends prod --set step_operator=a100,local",
        "stacktui stack add mine --from default --set artifact_store=team-bucket",
    ),
)
def add(
    session: Session,
    name: Annotated[str, Arg("The new stack's name.")],
    *,
    values: Annotated[tuple[str, ...], Opt(_SET, short="s", name="set", complete="slot")] = (),
    extends: Annotated[str | None, Opt("The stack that it takes the rest from.", complete="stack")] = None,
    from_: Annotated[str | None, Opt("A stack whose content it starts with.", complete="stack")] = None,
    description: Annotated[str, Opt("One line for the people who choose it.", short="d")] = "",
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    protected: Annotated[bool, Opt("Ask for its name before it is changed or runs.")] = False,
    force: Annotated[bool, Opt("Write it even if the rules find errors.")] = False,
) -> ChangeDocument:
    """Add a stack."""
    snapshot = session.snapshot()
    new_stack_name(name, snapshot)
    content: dict[str, Any] = {}
    if from_ is not None:
        session.stack_name(from_, snapshot)
        content = _written(snapshot.stacks[from_].value)
    if extends is not None:
        content["extends"] = session.stack_name(extends, snapshot)
    if description:
        content["description"] = description
    if label:
        content["labels"] = {**content.get("labels", {}), **pairs(label, "--label")}
    if protected:
        content["protected"] = True
    return _write(session, name, _with_values(content, pairs(values, "--set")), force)


@operation(
    "stack edit",
    writes=True,
    on="stack",
    key="e",
    examples=("stacktui stack edit prod --set alerter=oncall --unset steps.fit",),
)
def edit(
    session: Session,
    name: Annotated[str, Arg("The stack.", complete="stack")],
    *,
    values: Annotated[tuple[str, ...], Opt(_SET, short="s", name="set", complete="slot")] = (),
    unset: Annotated[
        tuple[str, ...],
        Opt("A key to take out, so that the parent's counts: a category, extends, labels.team, steps.fit."),
    ] = (),
    extends: Annotated[str | None, Opt("The stack that it takes the rest from.", complete="stack")] = None,
    description: Annotated[str | None, Opt("One line for the people who choose it.", short="d")] = None,
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    protected: Annotated[bool | None, Opt("Ask for its name before it is changed or runs.")] = None,
    confirm: Annotated[
        str | None, Opt("The stack's name, where it is protected, or of those that extend it, as a,b.")
    ] = None,
    force: Annotated[bool, Opt("Write it even if the rules find errors.")] = False,
) -> ChangeDocument:
    """Change a stack's own file; comments and order in it stay."""
    snapshot = session.snapshot()
    session.stack_name(name, snapshot)
    stack = snapshot.stacks[name].value
    if protected_stacks(snapshot, (name,)):
        confirmed(name, True, confirm, f"stack {name!r}")
    elif children := protected_children(snapshot, name):
        why = stands_in(children, "is a parent of")
        confirmed(",".join(children), True, confirm, f"stack {name!r}", why)
    content = _written(stack)
    for key in unset:
        content = _without(content, key)
    if extends is not None:
        content["extends"] = session.stack_name(extends, snapshot)
    if description is not None:
        content["description"] = description
    if label:
        content["labels"] = {**content.get("labels", {}), **pairs(label, "--label")}
    if protected is not None:
        content["protected"] = protected
    return _write(session, name, _with_values(content, pairs(values, "--set")), force)


@operation("stack clone", writes=True, on="stack", key="c", examples=("stacktui stack clone prod staging",))
def clone(
    session: Session,
    name: Annotated[str, Arg("The stack.", complete="stack")],
    new: Annotated[str, Arg("The copy's name.")],
) -> ChangeDocument:
    """Copy a stack's file, comments and all, under another name."""
    from stacktui.workspace.edits import clone_entry

    snapshot = session.snapshot()
    entry = snapshot.stacks[session.stack_name(name, snapshot)]
    new_stack_name(new, snapshot)
    if entry.stale:
        raise OperationError(f"stacks/{name}.yaml cannot be read as it is now; repair it, then copy it")
    findings = draft_findings(session, entry.value.model_copy(update={"name": new}))
    return apply(session, clone_entry(session.workspace, entry, new), findings)


def new_stack_name(name: str, snapshot: WorkspaceSnapshot) -> None:
    """Raises `OperationError` where a stack cannot be called so, or is."""
    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a stack: a name has {NAME_RULE}")
    if name in snapshot.stacks or name in snapshot.broken_stacks:
        raise OperationError(f"stack {name!r} exists already; change it with: stacktui stack edit {name}")


def _written(stack: Stack) -> dict[str, Any]:
    """What a stack's file says, as plain data."""
    content = stack.model_dump(mode="json", exclude_unset=True, exclude={"name"})
    content["components"] = dict(content.get("components", {}))
    return content


def _with_values(content: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    changed = dict(content)
    for key, text in values.items():
        root, _, rest = key.partition(".")
        if root == "steps" and rest:
            step, _, field = rest.partition(".")
            if not field:
                raise OperationError(f"--set {key!r}: name the setting too, as steps.{step}.retries=2")
            from stacktui.operations.step_settings import setting_value

            path = field.split(".")
            value = setting_value(path, text, f"{key}={text}", "--set")
            changed = with_value(changed, ("steps", step, *path), value)
        else:
            names = [name.strip() for name in text.split(",") if name.strip()]
            changed["components"] = {**changed.get("components", {}), _category(key): names}
    return changed


def _without(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    from stacktui.operations.values import without

    path = tuple(key.split("."))
    if path[0] in set(Category):
        path = ("components", *path)
    elif path[0] not in {"extends", "description", "labels", "steps", "protected"}:
        _category(key)
    return without(content, path, key)


def _category(text: str) -> str:
    found = text.replace("-", "_")
    if found not in set(Category):
        raise OperationError(
            f"there is no category {text!r}{nearest(found, list(Category))}; they are {', '.join(Category)}"
        )
    return found


def _write(session: Session, name: str, content: Mapping[str, Any], force: bool) -> ChangeDocument:
    stack = _stack(name, content)
    findings = refuse_errors(session, draft_findings(session, stack), f"stack {name!r}", force)
    return apply(session, stack_change(session, stack), findings)


def _stack(name: str, content: Mapping[str, Any]) -> Stack:
    from pydantic import ValidationError

    from stacktui.model.stack import Stack

    try:
        return Stack.model_validate({"name": name, **content})
    except ValidationError as error:
        raise OperationError(f"stack {name!r}: {first_line(error)}") from None
