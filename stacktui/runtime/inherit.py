"""Inheritance between stacks: `extends` followed to its end and merged.

A category that a child writes replaces the parent's whole value, lists too; `null` and `[]` remove it.
Labels and step settings merge by key, a description is not inherited. Used by the operations, the runner
and the rules; nothing here raises for what stands in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic, Fix
from stacktui.model.stack import ResolvedStack, Slot, Stack, StepSettings
from stacktui.runtime.findings import closest, did_you_mean, finding

if TYPE_CHECKING:
    from stacktui.workspace.workspace import WorkspaceSnapshot


class Resolution(NamedTuple):
    """A stack after inheritance."""

    stack: ResolvedStack | None
    """None if there is no such stack, or if it cannot be merged: a parent is missing, or parents form a circle."""
    problems: tuple[Diagnostic, ...]


class Ancestry(NamedTuple):
    """A stack with its parents."""

    chain: tuple[Stack, ...]
    """The stack itself, then its parents, nearest first, as far as they are known."""
    problems: tuple[Diagnostic, ...]
    """Why the chain ends early; empty if it is whole."""


def resolve_stack(snapshot: WorkspaceSnapshot, name: str) -> Resolution:
    """The stack `name` after inheritance, with every reason why it could not be merged."""
    entry = snapshot.stacks.get(name)
    if entry is None:
        return Resolution(None, (unknown_stack(snapshot, name),))
    return resolve_draft(snapshot, entry.value)


def resolve_draft(snapshot: WorkspaceSnapshot, draft: Stack) -> Resolution:
    """A stack that is not saved yet, after inheritance. It stands in for the saved one of its name."""
    chain, problems = ancestry(snapshot, draft)
    return Resolution(None if problems else merged(chain), problems)


def ancestry(snapshot: WorkspaceSnapshot, stack: Stack) -> Ancestry:
    """The stack and its parents up to the one that extends nothing, to a missing one, or once round a circle."""
    chain = [stack]
    seen = {stack.name}
    while (parent := chain[-1].extends) is not None:
        if parent in seen:
            return Ancestry(tuple(chain), (_circle(snapshot, chain, parent),))
        entry = snapshot.stacks.get(parent)
        if entry is None:
            return Ancestry(tuple(chain), (_missing_parent(snapshot, chain[-1], parent),))
        seen.add(parent)
        chain.append(entry.value)
    return Ancestry(tuple(chain), ())


def merged(chain: Sequence[Stack]) -> ResolvedStack:
    """One stack out of a chain of stacks, the child first. Also of a chain that ends early: what is known of it."""
    child = chain[0]
    slots: dict[Category, Slot] = {}
    labels: dict[str, str] = {}
    steps: dict[str, StepSettings] = {}
    protected = False
    for stack in reversed(chain):
        for category, names in stack.components.items():
            slots[category] = Slot(names, stack.name)
        labels.update(stack.labels)
        for step, settings in stack.steps.items():
            steps[step] = settings.over(steps[step]) if step in steps else settings
        if "protected" in stack.model_fields_set:
            protected = stack.protected
    return ResolvedStack(
        name=child.name,
        ancestors=tuple(stack.name for stack in chain[1:]),
        description=child.description,
        labels=labels,
        slots={
            category: slots[category] for category in Category if category in slots and slots[category].names
        },
        steps=steps,
        protected=protected,
    )


def unknown_stack(snapshot: WorkspaceSnapshot, name: str) -> Diagnostic:
    """The finding for a stack that is not there; where its file is there and broken, it points at the file."""
    broken = snapshot.broken_stacks.get(name)
    for problem in snapshot.problems if broken is not None else ():
        if problem.file == broken:
            return problem
    known = ", ".join(sorted(snapshot.stacks)) if len(snapshot.stacks) <= 8 else ""
    hint = did_you_mean(name, snapshot.stacks)
    if not hint:
        hint = f"; there are: {known}" if known else "; list them with: stacktui stack list"
    return finding("STK001", f"there is no stack named {name}{hint}", subject=f"stack/{name}")


def _missing_parent(snapshot: WorkspaceSnapshot, child: Stack, parent: str) -> Diagnostic:
    entry = snapshot.stacks.get(child.name)
    others = [name for name in snapshot.stacks if name != child.name]
    near = closest(parent, others)
    fix = None
    if entry is not None:
        fix = (
            Fix(title=f"extend {near} instead", file=entry.file, path=("extends",), value=near)
            if near
            else Fix(title="extend nothing", file=entry.file, path=("extends",), action="delete")
        )
    return finding(
        "STK002",
        f"stack {child.name} extends {parent}, and there is no such stack"
        + (f"; did you mean {near}?" if near else f"; add stacks/{parent}.yaml, or take `extends` out"),
        entry=entry,
        path=("extends",),
        subject=f"stack/{child.name}",
        fix=fix,
    )


def _circle(snapshot: WorkspaceSnapshot, chain: Sequence[Stack], back_to: str) -> Diagnostic:
    # Reported at the stack that is looked at, so that each stack of a circle carries its own finding.
    child = chain[0]
    names = [stack.name for stack in chain]
    circle = [*names[names.index(back_to) :], back_to]
    entry = snapshot.stacks.get(child.name)
    shown = " → ".join(circle)
    if back_to == child.name:
        message = f"stacks extend each other in a circle: {shown}; take `extends` out of one of them"
        fix = (
            Fix(title="extend nothing", file=entry.file, path=("extends",), action="delete")
            if entry is not None
            else None
        )
    else:
        message = f"stack {child.name} extends stacks that extend each other in a circle: {shown}; take `extends` out of one of those"
        fix = None
    return finding("STK003", message, entry=entry, path=("extends",), subject=f"stack/{child.name}", fix=fix)
