"""Rules on `extends`: parents that are missing or form a circle, and required categories that a child removes."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic
from stacktui.model.stack import Stack
from stacktui.validation.subject import StackSubject


def parents(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK002 a parent does not exist; STK003 parents form a circle."""
    yield from subject.broken_chain


def removed_required(subject: StackSubject) -> Iterator[Diagnostic]:
    """STK005: `null` or `[]` at a category that a stack needs."""
    for category in Category:
        remover = remover_of(subject, category)
        if remover is None:
            continue
        title = category.facts.title
        parent = _filled_by(subject, category, remover)
        inherited = f" that it would inherit from {parent}" if parent else ""
        fix = None
        if parent:
            fix = subject.fix(remover.name, "", ("components", category.value), None)
            if fix is not None:
                fix = fix.model_copy(update={"title": f"inherit it from {parent}", "action": "delete"})
        yield subject.finding_in(
            remover.name,
            "STK005",
            f"stack {remover.name} removes the {title}{inherited}; a stack needs one: name one, or delete the line",
            ("components", category.value),
            fix=fix,
        )


def remover_of(subject: StackSubject, category: Category) -> Stack | None:
    """The stack in the chain that removes a required category, if the result lacks it for that reason."""
    if not category.required:
        return None
    for stack in subject.chain:
        if category in stack.components:
            return None if stack.components[category] else stack
    return None


def _filled_by(subject: StackSubject, category: Category, remover: Stack) -> str | None:
    above = subject.chain[[stack.name for stack in subject.chain].index(remover.name) + 1 :]
    for stack in above:
        if stack.components.get(category):
            return stack.name
    return None
