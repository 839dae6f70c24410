"""Edits of a stack while it is being built. Used by the stack builder.

Pure: each takes a draft and gives another one. A category that says what its parent says anyway is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stacktui.model.category import Category
from stacktui.model.stack import Stack, StepSettings

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Fix

Inherited = Mapping[Category, tuple[str, ...]]
"""What the parents of a stack say, by category."""


def names_of(draft: Stack, inherited: Inherited, category: Category) -> tuple[str, ...]:
    """What fills a category of the draft, after inheritance."""
    return draft.components.get(category, inherited.get(category, ()))


def toggled(draft: Stack, inherited: Inherited, category: Category, name: str) -> Stack:
    """Put a component in, or take it out. Where one alone may stand it takes the place of the other."""
    current = names_of(draft, inherited, category)
    if name in current:
        rest = tuple(each for each in current if each != name)
        if not rest and category in draft.components:
            return without_category(draft, category)
        return _with(draft, inherited, category, rest)
    return _with(draft, inherited, category, (*current, name) if category.many else (name,))


def removed(draft: Stack, inherited: Inherited, category: Category) -> Stack:
    """Leave a category empty: what the draft says goes, and what it would inherit is taken out by a null."""
    return _with(draft, inherited, category, ())


def moved(draft: Stack, inherited: Inherited, category: Category, name: str, by: int) -> Stack:
    """Move a component among those of its category; the first is the default."""
    names = list(names_of(draft, inherited, category))
    if name not in names:
        return draft
    place = names.index(name)
    target = min(max(0, place + by), len(names) - 1)
    names.insert(target, names.pop(place))
    return _with(draft, inherited, category, tuple(names))


def without_category(draft: Stack, category: Category) -> Stack:
    """The draft says nothing of a category, so that its parent's counts."""
    rest = {each: names for each, names in draft.components.items() if each is not category}
    return draft.model_copy(update={"components": rest})


def with_protection(draft: Stack, parents: bool, wanted: bool) -> Stack:
    """Protected or not; nothing is written where the `parents` say so anyway."""
    if wanted == parents:
        return Stack.model_validate(draft.model_dump(exclude_unset=True, exclude={"protected"}))
    return draft.model_copy(update={"protected": wanted})


def with_step(draft: Stack, step: str, settings: StepSettings | None) -> Stack:
    """Other settings of a step; None, or settings that say nothing, take the draft's own out."""
    steps = dict(draft.steps)
    if settings is None or settings == StepSettings():
        steps.pop(step, None)
    else:
        steps[step] = settings
    return draft.model_copy(update={"steps": steps})


def mended(draft: Stack, fix: Fix) -> Stack:
    """The draft with a finding's fix. Raises `ValueError` where the draft no longer holds what it is about."""
    head, *rest = fix.path
    if head == "components" and len(rest) == 2:
        # A name in a list; the draft holds names as lists, the file may not.
        category, place = Category(str(rest[0])), rest[1]
        names = list(draft.components.get(category, ()))
        if not isinstance(place, int) or place >= len(names):
            raise ValueError(f"the draft no longer names what should be mended at {category}")
        names[place : place + 1] = [] if fix.action == "delete" else [str(fix.value)]
        return draft.model_copy(update={"components": {**draft.components, category: tuple(names)}})
    data = _changed(draft.model_dump(exclude_unset=True, exclude={"name"}), fix.path, fix)
    return Stack.model_validate({"name": draft.name, **data})


def _changed(data: Mapping[str, Any], path: tuple[str | int, ...], fix: Fix) -> dict[str, Any]:
    key, rest = str(path[0]), path[1:]
    copy = {str(each): value for each, value in data.items()}
    if rest:
        inner = copy.get(key)
        copy[key] = _changed(inner if isinstance(inner, Mapping) else {}, rest, fix)
    elif fix.action == "delete":
        copy.pop(key, None)
    else:
        copy[key] = fix.value
    return copy


def same(a: Stack | None, b: Stack | None) -> bool:
    """Whether two drafts say the same. That one of them says a default aloud counts: a parent may say otherwise."""
    from stacktui.workspace.edits import stack_data

    if a is None or b is None:
        return a is b
    return a.name == b.name and stack_data(a) == stack_data(b)


def _with(draft: Stack, inherited: Inherited, category: Category, names: tuple[str, ...]) -> Stack:
    if names == inherited.get(category, ()):
        return without_category(draft, category)
    filled = {**draft.components, category: names}
    return draft.model_copy(
        update={"components": {each: filled[each] for each in Category if each in filled}}
    )
