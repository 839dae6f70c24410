"""Flavors: the implementations that a component can have; and the skeleton of a team's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stacktui.model.category import Category
from stacktui.operations.changes import apply
from stacktui.operations.documents import ChangeDocument, Document, Part, relative
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.fields import FieldPart, config_fields
from stacktui.operations.table import Arg, operation

if TYPE_CHECKING:
    from stacktui.categories.base import StackComponent
    from stacktui.categories.flavor import FlavorSource
    from stacktui.operations.session import Session
    from stacktui.workspace.changes import Change


class FlavorRow(Part):
    """One flavor in the list. Nothing was imported to know this."""

    category: Category
    name: str
    provider: str
    summary: str
    installed: bool
    """Whether the packages that it needs are installed."""
    install: str
    """The line that installs them; empty where nothing is needed."""
    missing: tuple[str, ...] = ()


class FlavorProblem(Part):
    """A file or a package that could not be read as flavors."""

    source: str
    reason: str


class FlavorList(Document):
    """Flavors by category and name."""

    flavors: tuple[FlavorRow, ...]
    problems: tuple[FlavorProblem, ...] = ()


class DemandPart(Part):
    """What a flavor needs of the rest of its stack."""

    category: Category
    reachable: bool
    flavors: tuple[str, ...]
    reason: str


class FlavorDocument(Document):
    """One flavor, whole."""

    category: Category
    name: str
    provider: str
    summary: str
    installed: bool
    install: str
    missing: tuple[str, ...]
    target: str
    remote: bool | None
    """None where the flavor does not load."""
    capabilities: tuple[str, ...]
    absent: tuple[str, ...]
    """Capabilities of the category that it does not have."""
    demands: tuple[DemandPart, ...]
    fields: tuple[FieldPart, ...]
    problem: str | None
    """Why it does not load."""
    used_by: tuple[str, ...]
    """The components of this flavor."""


@operation(
    "flavor list",
    writes=False,
    workspace=False,
    examples=("stacktui flavor list", "stacktui flavor list alerter"),
)
def list_(
    session: Session,
    category: Annotated[Category | None, Arg("Only this category.", complete="category")] = None,
) -> FlavorList:
    """List the flavors: built in, from packages, and the team's own."""
    registry = session.registry()
    rows = [_row(source) for each in Category if category in (None, each) for source in registry.of(each)]
    problems = [FlavorProblem(source=str(source), reason=reason) for source, reason in registry.problems]
    return FlavorList(flavors=tuple(rows), problems=tuple(problems))


@operation(
    "flavor show",
    writes=False,
    workspace=False,
    on="flavor",
    key="enter",
    examples=("stacktui flavor show artifact_store local",),
)
def show(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The flavor.", complete="flavor")],
) -> FlavorDocument:
    """Show a flavor: its configuration's fields, what it can do and what it demands of a stack."""
    from stacktui.categories.flavor import FlavorBroken

    registry = session.registry()
    source = registry.get(category, name)
    if source is None:
        known = [each.id.name for each in registry.of(category)]
        raise unknown(f"{category.facts.title} flavor", name, known, f"stacktui flavor list {category}")
    row = _row(source)
    problem: str | None = None
    loaded: type[StackComponent] | None = None
    try:
        loaded = registry.load(category, name)
    except FlavorBroken as error:
        problem = error.reason
    facts = loaded.facts if loaded else None
    capabilities = facts.capabilities if facts else frozenset()
    return FlavorDocument(
        **row.model_dump(),
        target=source.target,
        remote=facts.remote if facts else None,
        capabilities=tuple(sorted(capabilities)),
        absent=tuple(sorted(getattr(loaded, "CAPABILITIES", frozenset()) - capabilities)),
        demands=tuple(
            DemandPart(
                category=each.category,
                reachable=each.reachable,
                flavors=tuple(sorted(each.flavors)),
                reason=each.reason,
            )
            for each in (facts.demands if facts else ())
        ),
        fields=config_fields(loaded.Config) if loaded else (),
        problem=problem,
        used_by=_users(session, category, name),
    )


@operation("flavor new", writes=True, examples=("stacktui flavor new artifact_store team-bucket",))
def new(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The new flavor's name.")],
) -> ChangeDocument:
    """Write the skeleton of a flavor of your own, with a test, to flavors/."""
    return apply(session, flavor_change(session, category, name))


def flavor_change(session: Session, category: Category, name: str) -> Change:
    """The change that writes a flavor's skeleton and its test. Writes nothing."""
    from stacktui.model.base import NAME_RULE, is_name
    from stacktui.operations.skeleton import flavor_skeleton, flavor_test
    from stacktui.workspace.changes import Change, FileEdit

    if not is_name(name):
        raise OperationError(f"{name!r} cannot name a flavor: a name has {NAME_RULE}")
    known = session.registry().get(category, name)
    folder = session.workspace.flavors_dir
    stem = name.replace("-", "_")
    if stem[0].isdigit():
        stem = f"flavor_{stem}"
    file = folder / f"{stem}.py"
    if file.exists() or (known is not None and known.file is not None):
        place = relative(known.file if known is not None and known.file else file, session.workspace.root)
        raise OperationError(f"{place} exists already; open it in an editor, or choose another name")
    if known is not None:
        raise OperationError(f"{category} {name!r} is a flavor of {known.provider}; choose another name")
    test = folder / "tests" / f"test_{stem}.py"
    edits = [FileEdit(file, None, flavor_skeleton(category, name).encode())]
    if not test.exists():
        edits.append(FileEdit(test, None, flavor_test(category, name, file.name).encode()))
    return Change(f"add the {category.facts.title} flavor {name}", tuple(edits))


def _row(source: FlavorSource) -> FlavorRow:
    missing = source.missing_packages()
    return FlavorRow(
        category=source.id.category,
        name=source.id.name,
        provider=source.provider,
        summary=source.summary,
        installed=not missing,
        install=source.install,
        missing=missing,
    )


def _users(session: Session, category: Category, name: str) -> tuple[str, ...]:
    from stacktui.workspace.locate import WorkspaceNotFound

    try:
        snapshot = session.snapshot()
    except WorkspaceNotFound:
        return ()
    return tuple(
        id_.name
        for id_, entry in sorted(snapshot.components.items())
        if id_.category is category and entry.value.flavor == name
    )
