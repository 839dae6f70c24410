"""Rules on how many components a category of a stack holds."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic
from stacktui.validation.rules.inheritance import remover_of
from stacktui.validation.subject import StackSubject

_SHOWN = 4


def missing(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK004: a required category is empty. Not said of a stack whose parents are not all known."""
    if subject.broken_chain:
        return
    for category in Category:
        if not category.required or subject.stack.names(category) or remover_of(subject, category):
            continue
        known = [key.name for key in subject.snapshot.components if key.category is category]
        path = ("components", category.value)
        fix = subject.fix(subject.name, f"use {known[0]}", path, known[0]) if len(known) == 1 else None
        yield subject.finding_in(
            subject.name,
            "STK004",
            f"stack {subject.name} has no {category.facts.title}, which every stack needs; {_choose(category, known)}",
            path,
            fix=fix,
        )


def too_many(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK006: several components where only one may be."""
    for category, slot in subject.stack.slots.items():
        maximum = category.facts.maximum
        if maximum is None or len(slot.names) <= maximum:
            continue
        yield subject.finding(
            "STK006",
            f"stack {slot.origin} names {len(slot.names)} {category.facts.plural} ({', '.join(slot.names)}); keep one",
            category,
            fix=subject.fix(
                slot.origin, f"keep {slot.names[0]}", ("components", category.value), slot.names[0]
            ),
        )


def named_twice(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK007: the same component twice in one category."""
    for category, slot in subject.stack.slots.items():
        once = list(dict.fromkeys(slot.names))
        if len(once) == len(slot.names):
            continue
        twice = next(name for name in once if slot.names.count(name) > 1)
        yield subject.finding(
            "STK007",
            f"stack {slot.origin} names the {category.facts.title} {twice} more than once",
            category,
            fix=subject.fix(slot.origin, "name it once", ("components", category.value), once),
        )


def _choose(category: Category, known: list[str]) -> str:
    if not known:
        return f"add one with: stacktui component add {category} NAME --flavor FLAVOR"
    shown = ", ".join(sorted(known)[:_SHOWN])
    return f"choose one of: {shown}" + (" …" if len(known) > _SHOWN else "")
