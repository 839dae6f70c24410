"""A stack while it is being built, and what the builder shows of it. Used by the stack builder.

The edits are pure: each takes a draft and gives another one. A category that says what its parent says anyway is not
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.stack import Stack
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import Entry

Inherited = Mapping[Category, tuple[str, ...]]
"""What the parents of a stack say, by category."""


class BuilderSlot(NamedTuple):
    """One category of the draft."""

    category: Category
    names: tuple[str, ...]
    own: bool
    """Whether the draft itself says it."""
    origin: Clean
    """The parent that says it, or whose value the draft takes out; empty where none does."""
    wrong: bool
    """A component does not exist, or none is there and one is required."""


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


class BuilderSnapshot(NamedTuple):
    """What is on screen."""

    draft: Stack
    entry: Entry[Stack] | None
    """The file as it is now."""
    slots: tuple[BuilderSlot, ...]
    category: Category
    candidates: tuple[CandidateLine, ...]
    findings: tuple[Diagnostic, ...]
    inherited: tuple[tuple[Category, tuple[str, ...]], ...]
    protected: bool
    """Whether the saved stack asks for its name."""
    others: tuple[str, ...]
    """Stacks that it could extend."""
    root: Path


def load_builder(
    session: Session, name: str, draft: Stack | None, category: Category, fresh: Stack | None
) -> BuilderSnapshot:
    """Everything about a draft. Without one, the draft is what the file says, or `fresh` for a stack that has none.

    Blocks: reads files and asks the rules. Raises `OperationError` for a stack that cannot be edited.
    """
    from stacktui.operations.errors import OperationError
    from stacktui.runtime.inherit import ancestry, merged, resolve_stack
    from stacktui.validation.validate import candidates, validate_draft

    snapshot, registry = session.snapshot(), session.registry()
    entry = snapshot.stacks.get(name)
    if draft is None:
        if (entry is not None and entry.stale) or name in snapshot.broken_stacks:
            raise OperationError(
                f"the file of stack {name} cannot be read as it is now; E opens it in your editor"
            )
        if fresh is None and entry is None:
            session.stack_name(name, snapshot)
        draft = entry.value if entry is not None else fresh
        assert draft is not None
    chain = ancestry(snapshot, draft).chain
    parents = merged(chain[1:]).slots if len(chain) > 1 else {}
    resolved = merged(chain)
    slots = []
    for each in Category:
        own, names = each in draft.components, resolved.names(each)
        parent = parents.get(each)
        missing = any(ComponentId(each, found) not in snapshot.components for found in names)
        slots.append(
            BuilderSlot(
                each,
                names,
                own,
                clean(parent.origin if parent else ""),
                missing or (each.required and not names),
            )
        )
    chosen = resolved.names(category)
    lines = [
        CandidateLine(found, Clean(""), Clean(""), False, Clean("there is no such component"), place)
        for place, found in enumerate(chosen, 1)
        if ComponentId(category, found) not in snapshot.components
    ]
    for one in candidates(snapshot, registry, draft, category):
        description = snapshot.components[ComponentId(category, one.name)].value.description
        place = chosen.index(one.name) + 1 if one.name in chosen else 0
        lines.append(
            CandidateLine(one.name, clean(one.flavor), clean(description), one.fits, clean(one.reason), place)
        )
    saved = resolve_stack(snapshot, name).stack if entry is not None else None
    return BuilderSnapshot(
        draft, entry, tuple(slots), category, tuple(lines), validate_draft(snapshot, registry, draft),
        tuple((each, slot.names) for each, slot in parents.items()),
        saved.protected if saved is not None else entry is not None and entry.value.protected,
        tuple(each for each in sorted(snapshot.stacks) if each != name), snapshot.root,
    )  # fmt: skip


# Edits.


def names_of(draft: Stack, inherited: Inherited, category: Category) -> tuple[str, ...]:
    """What fills a category of the draft, after inheritance."""
    return draft.components.get(category, inherited.get(category, ()))


def toggled(draft: Stack, inherited: Inherited, category: Category, name: str) -> Stack:
    """Put a component in, or take it out. Where one alone may stand it takes the place of the other."""
    current = names_of(draft, inherited, category)
    if name in current:
        rest = tuple(each for each in current if each != name)
        if not rest and category in draft.components:
            return _without(draft, category)
        return _with(draft, inherited, category, rest)
    return _with(draft, inherited, category, (*current, name) if category.many else (name,))


def removed(draft: Stack, inherited: Inherited, category: Category) -> Stack:
    """Take out what the draft says, so that the parent's counts; if it says nothing, take the parent's out."""
    if category in draft.components:
        return _without(draft, category)
    if inherited.get(category):
        return _with(draft, inherited, category, ())
    return draft


def moved(draft: Stack, inherited: Inherited, category: Category, name: str, by: int) -> Stack:
    """Move a component among those of its category; the first is the default."""
    names = list(names_of(draft, inherited, category))
    if name not in names:
        return draft
    place = names.index(name)
    target = min(max(0, place + by), len(names) - 1)
    names.insert(target, names.pop(place))
    return _with(draft, inherited, category, tuple(names))


def rebased(base: Stack, mine: Stack, theirs: Stack) -> Stack:
    """`theirs` with what `mine` changed from `base`: by category, label and step; other keys whole."""
    update: dict[str, Any] = {}
    for key in ("extends", "description", "protected"):
        if getattr(mine, key) != getattr(base, key):
            update[key] = getattr(mine, key)
    for key in ("labels", "components", "steps"):
        old, own, new = getattr(base, key), getattr(mine, key), dict(getattr(theirs, key))
        for item in {*old, *own}:
            if own.get(item) != old.get(item) or (item in own) != (item in old):
                new.pop(item, None)
                if item in own:
                    new[item] = own[item]
        update[key] = new
    return theirs.model_copy(update=update)


def _with(draft: Stack, inherited: Inherited, category: Category, names: tuple[str, ...]) -> Stack:
    if names == inherited.get(category, ()):
        return _without(draft, category)
    filled = {**draft.components, category: names}
    return draft.model_copy(
        update={"components": {each: filled[each] for each in Category if each in filled}}
    )


def _without(draft: Stack, category: Category) -> Stack:
    rest = {each: names for each, names in draft.components.items() if each is not category}
    return draft.model_copy(update={"components": rest})
