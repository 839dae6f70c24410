"""Writing components. Each operation has a half that only builds the change, for a face that shows the diff first.

Registered when `component` is loaded; the workbench's form calls `component_change`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.operations.changes import apply, confirmed, refuse_errors
from stacktui.operations.documents import ChangeDocument
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.references import protected_users, stands_in
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.values import configured, first_line, pairs

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig
    from stacktui.model.component import Component
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change
    from stacktui.workspace.workspace import Entry, WorkspaceSnapshot


def component_change(session: Session, component: Component, base: Entry[Component] | None = None) -> Change:
    """The change that writes a component: a new file, or the keys of the existing one that differ. Writes nothing.

    `base` is the version that the edit was made from, for a face that held it for a while: what others wrote since
    is then a conflict when the change is applied. By default it is the file as it is now.
    """
    from stacktui.workspace.edits import edit_component, new_component

    entry = base or session.snapshot().components.get(component.id)
    if entry is None:
        return new_component(session.workspace, component)
    return edit_component(session.workspace, entry, component)


def component_copy_change(session: Session, entry: Entry[Component], component: Component) -> Change:
    """The change that makes `component` as a copy of another one's file, with its comments. Writes nothing."""
    from dataclasses import replace

    from stacktui.workspace.changes import Change, FileEdit
    from stacktui.workspace.edits import edit_component

    file = session.workspace.component_file(component.category, component.name)
    (edit,) = edit_component(session.workspace, replace(entry, file=file), component).edits
    return Change(f"add {component.id} as a copy of {entry.value.name}", (FileEdit(file, None, edit.after),))


def component_findings(session: Session, component: Component) -> tuple[Diagnostic, ...]:
    """What the rules say about a component that is not written yet."""
    from stacktui.validation.validate import validate_component

    return validate_component(session.snapshot(), session.registry(), component, None)


def config_model(session: Session, component: Component) -> type[FlavorConfig] | None:
    """The config model of a component's flavor; None where the flavor is unknown or does not load."""
    from stacktui.categories.flavor import FlavorBroken

    try:
        return session.registry().load(component.category, component.flavor).Config
    except (KeyError, FlavorBroken):
        return None


@operation(
    "component add",
    writes=True,
    on="component",
    key="a",
    examples=(
        "stacktui component add artifact_store team --flavor local --set path=/data/team",
        "stacktui component add alerter oncall --flavor local --description 'the inbox'",
    ),
)
def add(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The new component's name.")],
    *,
    flavor: Annotated[str, Opt("The implementation.", short="f", complete="flavor")],
    values: Annotated[
        tuple[str, ...], Opt("A field of its configuration: key=value.", short="s", name="set")
    ] = (),
    description: Annotated[str, Opt("One line for the people who choose it.", short="d")] = "",
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    force: Annotated[bool, Opt("Write it even if the rules find errors.")] = False,
) -> ChangeDocument:
    """Add a component."""
    snapshot = session.snapshot()
    new_component_name(category, name, snapshot)
    known = [source.id.name for source in session.registry().of(category)]
    if flavor not in known and not force:
        raise unknown(f"{category.facts.title} flavor", flavor, known, f"stacktui flavor list {category}")
    content: dict[str, Any] = {"flavor": flavor}
    if description:
        content["description"] = description
    if label:
        content["labels"] = pairs(label, "--label")
    return _write(session, category, name, content, pairs(values, "--set"), (), force)


@operation(
    "component edit",
    writes=True,
    on="component",
    key="e",
    examples=("stacktui component edit artifact_store team --set path=/data/vision --unset labels.old",),
)
def edit(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
    *,
    flavor: Annotated[str | None, Opt("Another implementation.", short="f", complete="flavor")] = None,
    values: Annotated[
        tuple[str, ...], Opt("A field of its configuration: key=value.", short="s", name="set")
    ] = (),
    unset: Annotated[
        tuple[str, ...], Opt("A field of its configuration to take out, or labels.NAME, or description.")
    ] = (),
    description: Annotated[str | None, Opt("One line for the people who choose it.", short="d")] = None,
    label: Annotated[tuple[str, ...], Opt("A label, as key=value.", short="l")] = (),
    confirm: Annotated[
        str | None, Opt("The protected stack's name, where it fills one; of several, as a,b.")
    ] = None,
    force: Annotated[bool, Opt("Write it even if the rules find errors.")] = False,
) -> ChangeDocument:
    """Change a component; comments and order in its file stay."""
    from stacktui.operations.values import without

    snapshot = session.snapshot()
    entry = session.component(category, name, snapshot)
    if guarded := protected_users(snapshot, entry.value.id):
        what = f"{category.facts.title} {name!r}"
        confirmed(",".join(guarded), True, confirm, what, stands_in(guarded, "fills"))
    content = _written(entry.value)
    fields = []
    for key in unset:
        if key == "description" or key.startswith("labels."):
            content = without(content, tuple(key.split(".", 1)), key)
        else:
            fields.append(key)
    if flavor is not None:
        content["flavor"] = flavor
    if description is not None:
        content["description"] = description
    if label:
        content["labels"] = {**content.get("labels", {}), **pairs(label, "--label")}
    return _write(session, category, name, content, pairs(values, "--set"), tuple(fields), force)


@operation(
    "component clone",
    writes=True,
    on="component",
    key="c",
    examples=("stacktui component clone artifact_store team vision",),
)
def clone(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
    new: Annotated[str, Arg("The copy's name.")],
) -> ChangeDocument:
    """Copy a component's file, comments and all, under another name."""
    from stacktui.workspace.edits import clone_entry

    snapshot = session.snapshot()
    entry = session.component(category, name, snapshot)
    new_component_name(category, new, snapshot)
    if entry.stale:
        raise OperationError(f"{category}/{name} cannot be read as it is now; repair its file, then copy it")
    findings = component_findings(session, entry.value.model_copy(update={"name": new}))
    return apply(session, clone_entry(session.workspace, entry, new), findings)


def new_component_name(category: Category, name: str, snapshot: WorkspaceSnapshot) -> None:
    """Raises `OperationError` where a component cannot be called so, or is."""
    from stacktui.model.component import ComponentId

    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a component: a name has {NAME_RULE}")
    id_ = ComponentId(category, name)
    if id_ in snapshot.components or id_ in snapshot.broken_components:
        raise OperationError(
            f"{category}/{name} exists already; change it with: stacktui component edit {category} {name}"
        )


def _written(component: Component) -> dict[str, Any]:
    """What a component's file says, as plain data."""
    return component.model_dump(mode="json", exclude_unset=True, exclude={"name", "category"})


def _write(
    session: Session,
    category: Category,
    name: str,
    content: Mapping[str, Any],
    settings: Mapping[str, str],
    unset: tuple[str, ...],
    force: bool,
) -> ChangeDocument:
    from pydantic import ValidationError

    from stacktui.model.component import Component

    try:
        draft = Component.model_validate({"category": category, "name": name, **content})
        config = configured(draft.config, settings, unset, config_model(session, draft))
        whole = {**content, "config": config} if config or "config" in content else content
        component = Component.model_validate({"category": category, "name": name, **whole})
    except ValidationError as error:
        raise OperationError(f"{category}/{name}: {first_line(error)}") from None
    findings = refuse_errors(session, component_findings(session, component), f"{category}/{name}", force)
    return apply(session, component_change(session, component), findings)
