"""Components: listed, shown, probed. Writing them is in `component_edit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.category import Category
from stacktui.operations import component_edit
from stacktui.operations.documents import DiagnosticPart, Document, Part, relative
from stacktui.operations.fields import shown_config
from stacktui.operations.references import Reference, component_references
from stacktui.operations.remembered import remembered
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

__all__ = ["component_edit"]


class ComponentRow(Part):
    """One component in the list."""

    category: Category
    name: str
    flavor: str
    labels: dict[str, str]
    file: str
    ok: bool
    """No error among its findings."""
    description: str = ""
    stale: bool = False
    """Its file is broken and the last good version is in use."""
    in_active_stack: bool = False


class ComponentList(Document):
    """Components by category and name."""

    components: tuple[ComponentRow, ...]


class ComponentDocument(Document):
    """One component, whole. References to secrets are shown as they are written, never resolved."""

    category: Category
    name: str
    flavor: str
    description: str
    labels: dict[str, str]
    config: dict[str, Any]
    file: str
    stale: bool
    ok: bool
    diagnostics: tuple[DiagnosticPart, ...]
    used_by: tuple[Reference, ...]


class ProbeDocument(Document):
    """Whether a component can be reached and accepts the credentials."""

    category: Category
    name: str
    ok: bool
    message: str
    latency_s: float

    @property
    def answer(self) -> bool:
        return self.ok


@operation(
    "component list",
    writes=False,
    examples=("stacktui component list", "stacktui component list artifact_store --label team=vision"),
)
def list_(
    session: Session,
    category: Annotated[Category | None, Arg("Only this category.", complete="category")] = None,
    *,
    label: Annotated[tuple[str, ...], Opt("Only those with this label, as key=value.", short="l")] = (),
    flavor: Annotated[str | None, Opt("Only those of this flavor.")] = None,
) -> ComponentList:
    """List the components, of one category or of all."""
    from stacktui.operations.values import pairs

    found = remembered(session, "component list", ComponentList, lambda: _listed(session))
    wanted = pairs(label, "--label").items()
    return ComponentList(
        components=tuple(
            row
            for row in found.components
            if category in (None, row.category)
            and flavor in (None, row.flavor)
            and wanted <= row.labels.items()
        )
    )


def listed_now(session: Session, category: Category) -> tuple[ComponentRow, ...]:
    """The components of one category, as `list_` gives them, with nothing looked at that is of another one."""
    return _listed(session, category).components


def _listed(session: Session, only: Category | None = None) -> ComponentList:
    from stacktui.runtime.inherit import resolve_stack
    from stacktui.validation.validate import validate_component

    snapshot = session.snapshot()
    registry = session.registry()
    active = session.active(snapshot).name
    resolved = resolve_stack(snapshot, active).stack if active is not None else None
    order = {each: place for place, each in enumerate(Category)}
    rows = []
    for id_, entry in snapshot.components.items():
        if only not in (None, id_.category):
            continue
        component = entry.value
        found = validate_component(snapshot, registry, component, entry)
        rows.append(
            ComponentRow(
                category=id_.category,
                name=id_.name,
                flavor=component.flavor,
                labels=component.labels,
                file=relative(entry.file, snapshot.root),
                ok=not any(each.severity == "error" for each in found),
                description=component.description,
                stale=entry.stale,
                in_active_stack=resolved is not None and id_.name in resolved.names(id_.category),
            )
        )
    rows += [
        ComponentRow(
            category=id_.category, name=id_.name, flavor="", labels={}, ok=False, stale=True,
            file=relative(file, snapshot.root),
            in_active_stack=resolved is not None and id_.name in resolved.names(id_.category),
        )
        for id_, file in snapshot.broken_components.items()
        if only in (None, id_.category)
    ]  # fmt: skip
    rows.sort(key=lambda row: (order[row.category], row.name))
    return ComponentList(components=tuple(rows))


@operation(
    "component show",
    writes=False,
    on="component",
    key="enter",
    examples=("stacktui component show artifact_store team-bucket",),
)
def show(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
) -> ComponentDocument:
    """Show a component: its configuration, findings, and who uses it."""
    from stacktui.validation.validate import validate_component

    snapshot = session.snapshot()
    registry = session.registry()
    entry = session.component(category, name, snapshot)
    component = entry.value
    found = validate_component(snapshot, registry, component, entry)
    model = component_edit.config_model(session, component)
    return ComponentDocument(
        category=category,
        name=name,
        flavor=component.flavor,
        description=component.description,
        labels=component.labels,
        config=shown_config(component.config, model),
        file=relative(entry.file, snapshot.root),
        stale=entry.stale,
        ok=not any(each.severity == "error" for each in found),
        diagnostics=tuple(DiagnosticPart.of(each, snapshot.root) for each in found),
        used_by=component_references(snapshot, component.id),
    )


@operation(
    "component probe",
    writes=False,
    on="component",
    key="b",
    examples=("stacktui component probe artifact_store team-bucket",),
)
def probe(
    session: Session,
    category: Annotated[Category, Arg("The category.", complete="category")],
    name: Annotated[str, Arg("The component.", complete="component")],
) -> ProbeDocument:
    """Ask a component whether it can be reached and accepts the credentials; nothing is changed."""
    from stacktui.operations.probing import probe_components

    entry = session.component(category, name)
    _, result = next(iter(probe_components(session, [entry.value], fresh=True)))
    return ProbeDocument(
        category=category, name=name, ok=result.ok, message=result.message, latency_s=result.latency_s
    )
