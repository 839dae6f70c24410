"""What the stack builder shows of a stack while it is being built: its ten slots with where each is said, what fits
the chosen one, step settings, findings, and how it differs from another stack.

Used by the stack builder; the edits are in `builder_edits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.diagnostic import Severity
from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean
from stacktui.tui.snapshots.builder_steps import StepLine, StepOffer, offers, step_lines

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.operations.stack import StackDifference
    from stacktui.workspace.workspace import Entry, WorkspaceSnapshot


class BuilderRequest(NamedTuple):
    """What is to be shown."""

    name: str
    draft: Stack | None
    """None for what the file says, or `fresh`."""
    category: Category
    fresh: Stack | None
    """What a stack that has no file yet starts as."""
    base: Entry[Stack] | None
    """The version of the file that the draft was made from."""
    beside: str | None
    """The stack to compare with; its own name for what its file says."""
    known: tuple[str, ...]
    """The other stacks that there were when its file was last there."""


class BuilderSlot(NamedTuple):
    """One category of the draft."""

    category: Category
    names: tuple[str, ...]
    own: bool
    """Whether the draft itself says it."""
    parent: Clean
    """The next stack further up that says anything of it; empty where none does."""
    through: tuple[Clean, ...]
    """The stacks between the draft and `parent`."""
    parents_names: tuple[str, ...]
    """What the parent says; empty also where it takes it out."""
    wrong: bool
    """A component does not exist, or none is there and one is required; or an error is about it."""


class CandidateLine(NamedTuple):
    """A component that could fill the chosen category."""

    name: str
    flavor: Clean
    description: Clean
    fits: bool
    reason: Clean
    """Why it does not fit; empty if it does."""
    place: int
    """Its place in the category, from 1; 0 if it is not in it."""


class LabelLine(NamedTuple):
    """A label after inheritance."""

    key: str
    value: str
    origin: Clean
    """The parent that says it; empty where the draft itself does."""


class BuilderSnapshot(NamedTuple):
    """What is on screen."""

    draft: Stack
    entry: Entry[Stack] | None
    """The file as it is now."""
    moved: Entry[Stack] | None
    """Where the file is gone, the new one that holds what it held."""
    broken: bool
    """Whether the file is there and nothing of it can be used."""
    slots: tuple[BuilderSlot, ...]
    category: Category
    candidates: tuple[CandidateLine, ...]
    steps: tuple[StepLine, ...]
    offers: tuple[StepOffer, ...]
    labels: tuple[LabelLine, ...]
    findings: tuple[Diagnostic, ...]
    inherited: tuple[tuple[Category, tuple[str, ...]], ...]
    parents_protected: bool
    protected: bool
    """Whether the draft is, after inheritance."""
    parents: tuple[str, ...]
    """Nearest first."""
    others: tuple[str, ...]
    """Stacks that it could be compared with."""
    could_extend: tuple[str, ...]
    """Those that do not extend it themselves."""
    difference: StackDifference | None
    """How it differs from the stack beside it."""
    root: Path


def load_builder(session: Session, wanted: BuilderRequest) -> BuilderSnapshot:
    """Everything about a draft.

    Blocks: reads files and asks the rules. Raises `OperationError` for a stack that cannot be edited.
    """
    from stacktui.operations.stack import difference
    from stacktui.pipelines.step_names import find_step_names
    from stacktui.runtime.inherit import ancestry, merged, resolve_stack
    from stacktui.validation.validate import validate_draft

    snapshot, registry = session.snapshot(), session.registry()
    name = wanted.name
    entry = snapshot.stacks.get(name)
    draft = wanted.draft or _start(session, snapshot, wanted)
    chain = ancestry(snapshot, draft).chain
    above = merged(chain[1:]) if len(chain) > 1 else None
    resolved = merged(chain)
    findings = validate_draft(snapshot, registry, draft, mends_draft=True)
    errors = (slot_of(one) for one in findings if one.severity is Severity.ERROR)
    wrong = {slot[0] for slot in errors if slot is not None}
    known = find_step_names(snapshot.root, snapshot.settings)
    beside = resolve_stack(snapshot, wanted.beside).stack if wanted.beside is not None else None
    if beside is not None and beside.name == name:
        beside = beside.model_copy(update={"name": f"{name} as saved"})
    parents = tuple(stack.name for stack in chain[1:])
    return BuilderSnapshot(
        draft=draft,
        entry=entry,
        moved=_moved(snapshot, wanted) if entry is None else None,
        broken=name in snapshot.broken_stacks,
        slots=tuple(_slot(snapshot, chain, each, each in wrong) for each in Category),
        category=wanted.category,
        candidates=_candidates(session, snapshot, draft, wanted.category, resolved.names(wanted.category)),
        steps=step_lines(chain, resolved.steps, known, frozenset(filter(None, map(step_of, findings)))),
        offers=offers(known),
        labels=_labels(chain),
        findings=findings,
        inherited=tuple((each, slot.names) for each, slot in above.slots.items()) if above else (),
        parents_protected=above.protected if above else False,
        protected=resolved.protected,
        parents=parents,
        others=tuple(each for each in sorted(snapshot.stacks) if each != name),
        could_extend=tuple(
            each
            for each in sorted(snapshot.stacks)
            if name not in (stack.name for stack in ancestry(snapshot, snapshot.stacks[each].value).chain)
        ),
        difference=difference(beside, resolved) if beside is not None else None,
        root=snapshot.root,
    )


def _start(session: Session, snapshot: WorkspaceSnapshot, wanted: BuilderRequest) -> Stack:
    from stacktui.operations.errors import OperationError

    entry = snapshot.stacks.get(wanted.name)
    if (entry is not None and entry.stale) or wanted.name in snapshot.broken_stacks:
        raise OperationError(
            f"the file of stack {wanted.name} cannot be read as it is now; E opens it in your editor"
        )
    if entry is not None:
        return entry.value
    if wanted.fresh is None:
        # Says which stacks there are.
        session.stack_name(wanted.name, snapshot)
        raise OperationError(f"there is no stack named {wanted.name}")
    return wanted.fresh


def _moved(snapshot: WorkspaceSnapshot, wanted: BuilderRequest) -> Entry[Stack] | None:
    """The stack that is new and whose file holds the bytes that the draft was made from, if it is the only one."""
    base = wanted.base
    if base is None or wanted.name in snapshot.broken_stacks:
        return None
    found = [
        entry
        for name, entry in snapshot.stacks.items()
        if name not in wanted.known and entry.raw == base.raw and not entry.stale
    ]
    return found[0] if len(found) == 1 else None


def _slot(
    snapshot: WorkspaceSnapshot, chain: Sequence[Stack], category: Category, wrong: bool
) -> BuilderSlot:
    own = category in chain[0].components
    place = next((i for i, stack in enumerate(chain) if i and category in stack.components), 0)
    parent = chain[place] if place else None
    parents_names = parent.components[category] if parent is not None else ()
    names = chain[0].components[category] if own else parents_names
    missing = any(ComponentId(category, found) not in snapshot.components for found in names)
    return BuilderSlot(
        category,
        names,
        own,
        clean(parent.name if parent is not None else ""),
        tuple(clean(stack.name) for stack in chain[1:place]) if parent is not None else (),
        parents_names,
        wrong or missing or (category.required and not names),
    )


def _candidates(
    session: Session, snapshot: WorkspaceSnapshot, draft: Stack, category: Category, chosen: tuple[str, ...]
) -> tuple[CandidateLine, ...]:
    """Where several may stand those that are in come first, in their order; then those that fit, then the others."""
    from stacktui.validation.validate import candidates

    places = {name: place for place, name in enumerate(chosen, 1)}
    lines = [
        CandidateLine(found, Clean(""), Clean(""), False, Clean("there is no such component"), place)
        for found, place in places.items()
        if ComponentId(category, found) not in snapshot.components
    ]
    for one in candidates(snapshot, session.registry(), draft, category):
        description = snapshot.components[ComponentId(category, one.name)].value.description
        lines.append(
            CandidateLine(
                one.name, clean(one.flavor), clean(description), one.fits, clean(one.reason),
                places.get(one.name, 0),
            )
        )  # fmt: skip

    def order(line: CandidateLine) -> tuple[int, int]:
        if line.place:
            return 0, line.place if category.many else 0
        return (1 if category.many else 0) if line.fits else 2, 0

    return tuple(sorted(lines, key=order))


def _labels(chain: Sequence[Stack]) -> tuple[LabelLine, ...]:
    found: dict[str, LabelLine] = {}
    for place, stack in reversed(list(enumerate(chain))):
        for key, value in stack.labels.items():
            found[key] = LabelLine(key, value, clean(stack.name) if place else Clean(""))
    return tuple(found[key] for key in sorted(found))


def slot_of(finding: Diagnostic) -> tuple[Category, str] | None:
    """The slot that a finding is about, and the component where it is about one; None for another thing."""
    path = finding.path
    kind, _, name = (finding.subject or "").partition("/")
    if kind in set(Category):
        return Category(kind), name
    if len(path) > 1 and path[0] == "components" and path[1] in set(Category):
        return Category(str(path[1])), ""
    return None


def step_of(finding: Diagnostic) -> str | None:
    """The step whose settings a finding is about."""
    path = finding.path
    about_stack = (finding.subject or "").startswith("stack/")
    return str(path[1]) if about_stack and len(path) > 1 and path[0] == "steps" else None
