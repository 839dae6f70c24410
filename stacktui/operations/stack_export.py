"""A stack as one file for another workspace: its parents and components with it, secrets as references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.categories.homes import from_home
from stacktui.model.category import Category
from stacktui.model.secretref import has_reference
from stacktui.operations.documents import Document, Part, relative
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.model.component import Component
    from stacktui.model.stack import Stack, StepSettings
    from stacktui.operations.exchange.bundle import ForeignFlavor
    from stacktui.operations.session import Session
    from stacktui.workspace.reading import Entry
    from stacktui.workspace.workspace import WorkspaceSnapshot


class BundledSecret(Part):
    """A secret that the other workspace will need."""

    name: str
    keys: tuple[str, ...]


class BundledFlavor(Part):
    """A flavor that the other workspace will need beside this program's own."""

    category: Category
    name: str
    provider: str
    """The file or package that brings it."""


class StackBundle(Document):
    """A stack with all that it needs."""

    stack: str
    stacks: tuple[str, ...]
    """The stack and its parents, nearest first."""
    components: tuple[str, ...]
    """`artifact_store/team-bucket`, in the order of the categories."""
    secrets: tuple[BundledSecret, ...]
    flavors: tuple[BundledFlavor, ...]
    file: str | None
    """Where it was written; None: it is in `bundle` only."""
    bundle: str
    """The YAML document."""


class FileIsThere(OperationError):
    """The file to write exists, and nobody has said that it may be replaced."""


@operation(
    "stack export",
    writes=False,
    writes_with=("output",),
    on="stack",
    examples=(
        "stacktui stack export prod -o prod.yaml",
        "stacktui stack export prod | ssh box stacktui stack import -",
    ),
)
def export(
    session: Session,
    name: Annotated[str | None, Arg("The stack; the active one without it.", complete="stack")] = None,
    *,
    output: Annotated[
        Path | None, Opt("The file to write; standard output without it.", short="o", complete="path")
    ] = None,
    overwrite: Annotated[bool, Opt("Replace the file where there is one.")] = False,
    force: Annotated[
        bool, Opt("Export a stack that is not whole, or that has credentials in clear.")
    ] = False,
) -> StackBundle:
    """Write a stack, its parents and its components as one file; secrets stay references.

    Another workspace takes it in with `stacktui stack import`. Flavors of the team's own are named in it, not carried.
    """
    from stacktui.operations.exchange.bundle import bundle_text
    from stacktui.runtime.inherit import ancestry

    snapshot = session.snapshot()
    name = session.stack_name(name, snapshot)
    chain, problems = ancestry(snapshot, snapshot.stacks[name].value)
    if problems:
        raise OperationError(f"stack {name!r} cannot be exported: {problems[0].message}")
    stacks = [snapshot.stacks[each.name] for each in chain]
    components = _components(snapshot, stacks, force)
    _check_readable(snapshot, *stacks)
    _check_readable(snapshot, *components)
    secrets = _secrets(components, stacks)
    if not force:
        _refuse_credentials(session, components, stacks)
    flavors = _flavors(session, components)
    text = bundle_text(stacks, components, secrets, flavors)
    if output is not None:
        _write(from_home(output), text, overwrite)
    return StackBundle(
        stack=name,
        stacks=tuple(each.value.name for each in stacks),
        components=tuple(str(each.value.id) for each in components),
        secrets=tuple(BundledSecret(name=each, keys=keys) for each, keys in secrets.items()),
        flavors=tuple(
            BundledFlavor(category=each.category, name=each.name, provider=each.provider) for each in flavors
        ),
        file=None if output is None else str(from_home(output)),
        bundle=text,
    )


def _components(
    snapshot: WorkspaceSnapshot, stacks: list[Entry[Stack]], force: bool
) -> list[Entry[Component]]:
    """The components that the stacks name: those that a child replaces too, so that each of the files is whole."""
    from stacktui.model.component import ComponentId

    written = [each.value.components for each in stacks]
    found = []
    for category in Category:
        names = dict.fromkeys(each for slots in written for each in slots.get(category, ()))
        for each in names:
            id_ = ComponentId(category, each)
            entry = snapshot.components.get(id_)
            if entry is not None:
                found.append(entry)
            elif not force:
                raise AnswerIsNo(
                    f"stack {stacks[0].value.name!r} names {id_}, which {'is broken' if id_ in snapshot.broken_components else 'does not exist'}; "
                    "correct that first, or export the rest with --force"
                )
    return found


def _check_readable(snapshot: WorkspaceSnapshot, *entries: Entry[Any]) -> None:
    for entry in entries:
        if entry.stale:
            file = relative(entry.file, snapshot.root)
            raise OperationError(
                f"{file} cannot be read as it is now; repair it first, see: stacktui stack validate --all"
            )


def _secrets(components: list[Entry[Component]], stacks: list[Entry[Stack]]) -> dict[str, tuple[str, ...]]:
    from stacktui.operations.exchange.needs import referred

    found: dict[str, dict[str, None]] = {}
    for _, reference in referred((each.value for each in components), _steps(stacks)):
        found.setdefault(reference.name, {})[reference.key] = None
    return {name: tuple(sorted(keys)) for name, keys in sorted(found.items())}


def _steps(stacks: list[Entry[Stack]]) -> dict[str, StepSettings]:
    return {
        f"{each.value.name}.{step}": settings
        for each in stacks
        for step, settings in each.value.steps.items()
    }


def _refuse_credentials(
    session: Session, components: list[Entry[Component]], stacks: list[Entry[Stack]]
) -> None:
    """Raise `AnswerIsNo` where a value stands in clear in a field that is for a reference."""
    from stacktui.operations.component_edit import config_model
    from stacktui.operations.exchange.hiding import hidden
    from stacktui.operations.fields import MASK, shown_config

    found = []
    for entry in components:
        component = entry.value
        shown = shown_config(component.config, config_model(session, component))
        found += [
            f"{component.id} has its {key}"
            for key, value in shown.items()
            if value == MASK != component.config[key]
        ]
    for step, settings in _steps(stacks).items():
        found += [
            f"step {step.partition('.')[2]} of stack {step.partition('.')[0]!r} has its {key}"
            for key, value in (settings.environment or {}).items()
            if hidden(value, key) != value and not has_reference(value)
        ]
    if found:
        raise AnswerIsNo(
            f"{found[0]} in clear, and the bundle would carry it away; write a reference to a secret there, "
            "or export it with --force"
        )


def _flavors(session: Session, components: list[Entry[Component]]) -> list[ForeignFlavor]:
    """The flavors that come from the workspace or from packages, not with this program."""
    from stacktui.flavors.manifest import BUILT_IN
    from stacktui.operations.exchange.bundle import ForeignFlavor

    registry = session.registry()
    ours = {source.id: source for source in BUILT_IN}
    found = {}
    for entry in components:
        component = entry.value
        source = registry.get(component.category, component.flavor)
        if source is not None and ours.get(source.id) != source:
            found[source.id] = ForeignFlavor(component.category, component.flavor, source.provider)
    return list(found.values())


def _write(file: Path, text: str, overwrite: bool) -> None:
    import os

    from stacktui.workspace.files import stage_file, sync_folder

    if os.path.lexists(file) and not overwrite:
        raise FileIsThere(f"{file} exists already; name another one, or replace it with --overwrite")
    if file.is_dir():
        raise OperationError(f"{file} is a folder; name a file")
    try:
        staged = stage_file(file, text.encode(), 0o600)
        try:
            staged.replace(file)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(file.parent)
    except OSError as error:
        raise OperationError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None
