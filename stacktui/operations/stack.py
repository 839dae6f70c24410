"""Stacks: listed, shown, validated, compared and chosen. Writing them is in `stack_edit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from stacktui.model.category import Category
from stacktui.operations import stack_edit
from stacktui.operations.documents import DiagnosticPart, Document, DoneDocument, Part, relative
from stacktui.operations.errors import OperationError
from stacktui.operations.formats import Report
from stacktui.operations.references import Reference, stack_references
from stacktui.operations.remembered import remembered
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.model.stack import ResolvedStack
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot

__all__ = ["stack_edit"]


class StackRow(Part):
    """One stack in the list."""

    name: str
    active: bool
    components: dict[Category, tuple[str, ...]]
    """After inheritance, in the order of the categories; empty ones are left out."""
    ok: bool
    """No error among its findings."""
    description: str = ""
    extends: str | None = None
    protected: bool = False
    labels: dict[str, str] = {}
    file: str = ""
    stale: bool = False
    """Its file is broken and the last good version is in use."""
    errors: int = 0
    warnings: int = 0


class StackList(Document):
    """All stacks by name."""

    active: str | None
    active_reason: str
    stacks: tuple[StackRow, ...]


class SlotPart(Part):
    """What fills one category of a stack."""

    category: Category
    names: tuple[str, ...]
    origin: str | None
    """The stack whose file says so; None where nothing fills it."""
    flavors: tuple[str | None, ...]
    """By name; None for a component that does not exist."""
    required: bool


class StackDocument(Document):
    """One stack, whole."""

    name: str
    active: bool
    active_reason: str | None
    """Why it is in force, where it is."""
    description: str
    labels: dict[str, str]
    extends: str | None
    ancestors: tuple[str, ...]
    protected: bool
    file: str
    stale: bool
    ok: bool
    slots: tuple[SlotPart, ...]
    steps: dict[str, dict[str, Any]]
    diagnostics: tuple[DiagnosticPart, ...]
    used_by: tuple[Reference, ...]


class Verdict(Part):
    """Whether one stack is valid."""

    stack: str
    ok: bool


class Validation(Document):
    """What the rules say about a stack, or about the whole workspace."""

    stack: str | None
    """None for all."""
    ok: bool
    """No errors; with `--strict` no warnings either."""
    diagnostics: tuple[DiagnosticPart, ...]
    stacks: tuple[Verdict, ...] = ()
    report: str | None = Field(default=None, exclude=True)
    """The findings in the form that `--format` asked for; None for people and for `--json`."""

    @property
    def answer(self) -> bool:
        return self.ok


class Difference(Part):
    """One thing that two stacks have otherwise."""

    what: str
    """`orchestrator`, `labels.team`, `steps.fit.retries`, `protected`."""
    a: Any
    """None where the first has nothing there."""
    b: Any


class StackDifference(Document):
    """How two stacks differ after inheritance."""

    a: str
    b: str
    equal: bool
    differences: tuple[Difference, ...]


@operation(
    "stack list",
    writes=False,
    examples=("stacktui stack list", "stacktui stack list --json"),
)
def list_(session: Session) -> StackList:
    """List the stacks, with what fills each category and whether it is valid."""
    return remembered(session, "stack list", StackList, lambda: _listed(session))


def _listed(session: Session) -> StackList:
    from stacktui.runtime.inherit import resolve_stack

    snapshot = session.snapshot()
    active = session.active(snapshot)
    rows = []
    for name, entry in sorted(snapshot.stacks.items()):
        resolved = resolve_stack(snapshot, name).stack
        found = _findings(session, snapshot, name)
        errors = sum(each.severity == "error" for each in found)
        rows.append(
            StackRow(
                name=name,
                active=name == active.name,
                components=_filled(resolved.slots if resolved else {}),
                ok=errors == 0,
                description=entry.value.description,
                extends=entry.value.extends,
                protected=resolved.protected if resolved else entry.value.protected,
                labels=resolved.labels if resolved else entry.value.labels,
                file=relative(entry.file, snapshot.root),
                stale=entry.stale,
                errors=errors,
                warnings=sum(each.severity == "warning" for each in found),
            )
        )
    rows += [
        StackRow(
            name=name, active=name == active.name, components={}, ok=False, stale=True, errors=1,
            file=relative(file, snapshot.root),
        )
        for name, file in snapshot.broken_stacks.items()
    ]  # fmt: skip
    rows.sort(key=lambda row: row.name)
    return StackList(active=active.name, active_reason=active.reason, stacks=tuple(rows))


@operation(
    "stack show",
    writes=False,
    on="stack",
    key="enter",
    examples=("stacktui stack show", "stacktui stack show prod"),
)
def show(
    session: Session,
    name: Annotated[str | None, Arg("The stack; the active one by default.", complete="stack")] = None,
) -> StackDocument:
    """Show a stack: its components, where each comes from, its step settings and findings."""
    from stacktui.model.component import ComponentId
    from stacktui.runtime.inherit import resolve_stack

    snapshot = session.snapshot()
    name = session.stack_name(name, snapshot)
    entry = snapshot.stacks[name]
    resolved = resolve_stack(snapshot, name).stack
    found = _findings(session, snapshot, name)
    active = session.active(snapshot)
    slots = []
    for category in Category:
        slot = resolved.slots.get(category) if resolved else None
        names = slot.names if slot else entry.value.components.get(category, ())
        entries = [snapshot.components.get(ComponentId(category, each)) for each in names]
        slots.append(
            SlotPart(
                category=category,
                names=names,
                origin=slot.origin if slot else (name if names else None),
                flavors=tuple(each.value.flavor if each else None for each in entries),
                required=category.required,
            )
        )
    steps = resolved.steps if resolved else entry.value.steps
    return StackDocument(
        name=name,
        active=name == active.name,
        active_reason=active.reason if name == active.name else None,
        description=entry.value.description,
        labels=resolved.labels if resolved else entry.value.labels,
        extends=entry.value.extends,
        ancestors=resolved.ancestors if resolved else (),
        protected=resolved.protected if resolved else entry.value.protected,
        file=relative(entry.file, snapshot.root),
        stale=entry.stale,
        ok=not any(each.severity == "error" for each in found),
        slots=tuple(slots),
        steps={step: settings.model_dump(mode="json", exclude_none=True) for step, settings in steps.items()},
        diagnostics=tuple(DiagnosticPart.of(each, snapshot.root) for each in found),
        used_by=stack_references(snapshot, name),
    )


@operation(
    "stack validate",
    writes=False,
    on="stack",
    examples=(
        "stacktui stack validate prod",
        "stacktui stack validate --all --strict --format sarif > findings.sarif",
    ),
)
def validate(
    session: Session,
    name: Annotated[str | None, Arg("The stack; the active one by default.", complete="stack")] = None,
    *,
    all_: Annotated[bool, Opt("Validate every stack, component, flavor and file of the workspace.")] = False,
    probe: Annotated[bool, Opt("Ask every component whether it can be reached and accepts us.")] = False,
    strict: Annotated[bool, Opt("Count warnings as errors.")] = False,
    offline: Annotated[bool, Opt("Make missing packages a warning.")] = False,
    format_: Annotated[Report, Opt("How to write the findings: for people, for CI.")] = Report.TEXT,
) -> Validation:
    """Check a stack against every rule: exit 0 without errors, 1 with errors, 2 if it could not run."""
    from stacktui.validation.validate import validate_stack, validate_stacks, validate_workspace

    snapshot = session.snapshot()
    registry = session.registry()
    if all_ and name is not None:
        raise OperationError("name a stack or give --all, not both")
    if all_:
        names = tuple(sorted(snapshot.stacks))
        found = validate_workspace(snapshot, registry, offline=offline)
    else:
        names = (session.stack_name(name, snapshot),)
        found = validate_stack(snapshot, registry, names[0], offline=offline)
    if probe:
        found = (*found, *_probed(session, snapshot, names))
    bad = {"error", "warning"} if strict else {"error"}
    verdicts = []
    if all_:
        by_stack = validate_stacks(snapshot, registry, names, offline=offline)
        verdicts = [
            Verdict(stack=each, ok=not any(one.severity in bad for one in its))
            for each, its in by_stack.items()
        ]
    result = Validation(
        stack=None if all_ else names[0],
        ok=not any(each.severity in bad for each in found),
        diagnostics=tuple(DiagnosticPart.of(each, snapshot.root) for each in found),
        stacks=tuple(verdicts),
    )
    if format_ is Report.TEXT:
        return result
    from stacktui.operations.reports import written

    return result.model_copy(update={"report": written(result, format_, snapshot.root, strict)})


@operation("stack use", writes=True, on="stack", examples=("stacktui stack use prod",))
def use(session: Session, name: Annotated[str, Arg("The stack.", complete="stack")]) -> DoneDocument:
    """Make a stack the active one of this checkout."""
    from stacktui.workspace.active import use_stack

    snapshot = session.snapshot()
    session.stack_name(name, snapshot)
    use_stack(session.workspace, name)
    session.note("used", f"stack/{name}", "the active stack of this checkout")
    session.changed(paths=[session.workspace.state])
    active = session.active(session.snapshot())
    if active.name != name:
        return DoneDocument(
            done=f"{name} is this checkout's stack; {active.name} stays in force because of {active.reason}"
        )
    return DoneDocument(done=f"{name} is the active stack of this checkout")


@operation("stack diff", writes=False, examples=("stacktui stack diff staging prod",))
def diff(
    session: Session,
    a: Annotated[str, Arg("The first stack.", complete="stack")],
    b: Annotated[str, Arg("The second stack.", complete="stack")],
) -> StackDifference:
    """Show how two stacks differ, after inheritance."""
    snapshot = session.snapshot()
    return difference(session.resolved(a, snapshot), session.resolved(b, snapshot))


def difference(a: ResolvedStack, b: ResolvedStack) -> StackDifference:
    """How two stacks differ; one of them may be a draft. Step settings are as a file says them: `10m`, `16GiB`."""
    from stacktui.workspace.edits import step_data

    sides = []
    for stack in (a, b):
        flat: dict[str, Any] = {
            category.value: list(stack.names(category)) for category in Category if stack.names(category)
        }
        flat |= {f"labels.{key}": value for key, value in stack.labels.items()}
        for step, settings in stack.steps.items():
            flat |= _flat(f"steps.{step}", step_data(settings))
        flat["protected"] = stack.protected
        sides.append(flat)
    one, other = sides
    differences = tuple(
        Difference(what=what, a=one.get(what), b=other.get(what))
        for what in dict.fromkeys((*one, *other))
        if one.get(what) != other.get(what)
    )
    return StackDifference(a=a.name, b=b.name, equal=not differences, differences=differences)


def _flat(name: str, value: Any) -> dict[str, Any]:
    """A mapping's values by dotted key."""
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: leaf for each, inner in value.items() for key, leaf in _flat(f"{name}.{each}", inner).items()
    }


def _filled(slots: Mapping[Category, Any]) -> dict[Category, tuple[str, ...]]:
    return {
        category: slots[category].names
        for category in Category
        if slots.get(category) and slots[category].names
    }


def _findings(session: Session, snapshot: WorkspaceSnapshot, name: str) -> tuple[Diagnostic, ...]:
    from stacktui.validation.validate import validate_stack

    return validate_stack(snapshot, session.registry(), name)


def _probed(session: Session, snapshot: WorkspaceSnapshot, names: tuple[str, ...]) -> tuple[Diagnostic, ...]:
    from stacktui.operations.probing import probe_components
    from stacktui.operations.session import component_values
    from stacktui.runtime.inherit import resolve_stack
    from stacktui.validation.probes import probe_finding

    components = {}
    for name in names:
        resolved = resolve_stack(snapshot, name).stack
        if resolved is not None:
            components.update({each.id: each for each in component_values(snapshot, resolved)})
    found = []
    for id_, result in probe_components(session, components.values()):
        finding = probe_finding(id_, result)
        if finding is not None:
            found.append(finding.model_copy(update={"file": snapshot.components[id_].file}))
    return tuple(found)
