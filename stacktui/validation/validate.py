"""All findings at once: of a stack, a draft, a component, a workspace; and which components fit a draft.

Quick enough for every key press: what depends on one file is kept until that file or its flavor changes.
Used by the operations, the problems screen, the forms and the stack builder.
"""

from __future__ import annotations

import dataclasses
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stacktui.categories.flavor import FlavorRegistry
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.stack import Slot, Stack
from stacktui.runtime.findings import finding, one_line
from stacktui.runtime.inherit import ancestry, merged, unknown_stack
from stacktui.validation.subject import ComponentSubject, StackSubject, WorkspaceSubject
from stacktui.validation.table import (
    COMPONENT_RULES,
    COMPONENT_RULES_ON_HOST,
    FIT_RULES,
    STACK_RULES,
    WORKSPACE_RULES,
)
from stacktui.validation.team import TOLD_ONCE, team_findings, team_rules

if TYPE_CHECKING:
    from stacktui.workspace.workspace import Entry, WorkspaceSnapshot

_Subject = TypeVar("_Subject")
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.HINT: 2}
# Said once for a flavor, however many components have it.
_ONCE_A_FLAVOR = frozenset({"FLV001", "FLV002"})


class Candidate(NamedTuple):
    """A component that could fill a category of a draft."""

    name: str
    flavor: str
    fits: bool
    reason: str
    """Why not; empty if it fits."""


def validate_stack(
    snapshot: WorkspaceSnapshot, registry: FlavorRegistry, name: str, *, offline: bool = False
) -> tuple[Diagnostic, ...]:
    """Every finding about a saved stack, its parents and its components: errors first, then by file and line."""
    entry = snapshot.stacks.get(name)
    if entry is None:
        return (unknown_stack(snapshot, name),)
    return validate_draft(snapshot, registry, entry.value, offline=offline)


def validate_stacks(
    snapshot: WorkspaceSnapshot, registry: FlavorRegistry, names: Iterable[str], *, offline: bool = False
) -> dict[str, tuple[Diagnostic, ...]]:
    """Every finding about several stacks, by stack: as `validate_stack` gives them, and quicker than one by one."""
    notes: dict[str, Any] = {}
    found: dict[str, tuple[Diagnostic, ...]] = {}
    for name in names:
        entry = snapshot.stacks.get(name)
        if entry is None:
            found[name] = (unknown_stack(snapshot, name),)
        else:
            found[name] = _all_of_stack(
                stack_subject(snapshot, registry, entry.value, offline=offline, notes=notes)
            )
    return found


def validate_draft(
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    draft: Stack,
    *,
    offline: bool = False,
    mends_draft: bool = False,
) -> tuple[Diagnostic, ...]:
    """Every finding about a stack that is not saved yet, as `validate_stack` gives them.

    `mends_draft` is for whoever holds the draft: a fix of its own file then carries the draft's keys, and is applied
    to the draft.
    """
    return _all_of_stack(stack_subject(snapshot, registry, draft, offline=offline, mends_draft=mends_draft))


def _all_of_stack(subject: StackSubject) -> tuple[Diagnostic, ...]:
    snapshot, draft = subject.snapshot, subject.written
    found = [*team_rules().problems, *_of_stack(subject)]
    files = set()
    for stack in subject.chain:
        entry = snapshot.stacks.get(stack.name)
        # A broken file of the draft itself is about to be replaced by the draft.
        if entry is not None and (stack is not draft or subject.saved):
            files.add(entry.file)
    for category, slot in subject.stack.slots.items():
        broken = (snapshot.broken_components.get(ComponentId(category, name)) for name in slot.names)
        files.update(file for file in broken if file is not None)
    for component in subject.all_components():
        held = snapshot.components[component.id]
        files.add(held.file)
        found += _of_component(snapshot, subject.registry, held.value, held, offline=subject.offline)
    found += (problem for problem in snapshot.problems if problem.file in files)
    return _sorted(found)


def validate_component(
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    component: Component,
    entry: Entry[Component] | None,
    *,
    offline: bool = False,
) -> tuple[Diagnostic, ...]:
    """Every finding about a component by itself, saved or still in a form."""
    found = list(_of_component(snapshot, registry, component, entry, offline=offline))
    if entry is not None and component is entry.value:
        found += (problem for problem in snapshot.problems if problem.file == entry.file)
    return _sorted(found)


def validate_workspace(
    snapshot: WorkspaceSnapshot, registry: FlavorRegistry, *, offline: bool = False
) -> tuple[Diagnostic, ...]:
    """Every finding in the workspace: files, components, stacks, flavors, the team's rules."""
    workspace = WorkspaceSubject(snapshot, registry, offline)
    found: list[Diagnostic] = [*snapshot.problems, *team_rules().problems]
    for rule in WORKSPACE_RULES:
        found += _asked(rule, workspace, "the workspace")
    for entry in snapshot.components.values():
        found += _of_component(snapshot, registry, entry.value, entry, offline=offline)
    notes: dict[str, Any] = {TOLD_ONCE: set()}
    for stack in snapshot.stacks.values():
        found += _of_stack(stack_subject(snapshot, registry, stack.value, offline=offline, notes=notes))
    return _sorted(found, once_a_flavor=True)


def candidates(
    snapshot: WorkspaceSnapshot, registry: FlavorRegistry, draft: Stack, category: Category
) -> list[Candidate]:
    """The components of a category, those that fit the draft first; of the others, why not.

    For a category that holds several, a component is judged as one more beside those that the draft has.
    """
    subject = stack_subject(snapshot, registry, draft)
    held = subject.stack.names(category)
    without = _with(subject, category, tuple(held) if category.many else ())
    known = {one.message for one in _fit(without)}
    result = []
    for key, entry in snapshot.components.items():
        if key.category is not category:
            continue
        reasons = [
            one.message
            for one in _of_component(snapshot, registry, entry.value, entry)
            if one.severity is Severity.ERROR
        ]
        if key.name not in held or not category.many:
            chosen = (*held, key.name) if category.many else (key.name,)
            reasons += (
                one.message
                for one in _fit(_with(subject, category, chosen))
                if one.severity is Severity.ERROR and one.message not in known
            )
        result.append(Candidate(key.name, entry.value.flavor, not reasons, reasons[0] if reasons else ""))
    return sorted(result, key=lambda candidate: (not candidate.fits, candidate.name))


def stack_subject(
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    stack: Stack,
    *,
    offline: bool = False,
    notes: dict[str, Any] | None = None,
    mends_draft: bool = False,
) -> StackSubject:
    """What the rules look at for one stack. `notes` spares asking a secrets manager again for the next stack."""
    chain, problems = ancestry(snapshot, stack)
    notes = {} if notes is None else notes
    return StackSubject(
        snapshot, registry, stack, chain, problems, merged(chain), offline, notes, mends_draft
    )


def _of_stack(subject: StackSubject) -> Iterator[Diagnostic]:
    for rule in STACK_RULES:
        yield from _asked(rule, subject, f"stack {subject.name}")
    yield from team_findings(subject)


def _fit(subject: StackSubject) -> Iterator[Diagnostic]:
    for rule in FIT_RULES:
        yield from _asked(rule, subject, f"stack {subject.name}")
    yield from team_findings(subject)


def _with(subject: StackSubject, category: Category, names: tuple[str, ...]) -> StackSubject:
    """The subject as if its own file filled the category so."""
    slots = {key: slot for key, slot in subject.stack.slots.items() if key is not category}
    if names:
        slots[category] = Slot(names, subject.name)
    return dataclasses.replace(subject, stack=subject.stack.model_copy(update={"slots": slots}))


_Key = tuple[Path, bytes, str, str]
_kept: dict[int, tuple[weakref.ref[FlavorRegistry], dict[_Key, tuple[Diagnostic, ...]]]] = {}
_kept_lock = threading.Lock()
_MOST_KEPT = 50_000


def _of_component(
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    component: Component,
    entry: Entry[Component] | None,
    *,
    offline: bool = False,
) -> Iterator[Diagnostic]:
    subject = ComponentSubject(snapshot, registry, component, entry, offline)
    if entry is not None and component is entry.value:
        kept = _findings_of(registry)
        key = (entry.file, entry.raw, component.category.value, component.name)
        found = kept.get(key)
        if found is None:
            found = tuple(_static(subject))
            if len(kept) >= _MOST_KEPT:
                kept.clear()
            kept[key] = found
        yield from found
    else:
        yield from _static(subject)
    for rule in COMPONENT_RULES_ON_HOST:
        yield from _asked(rule, subject, str(component.id))


def _static(subject: ComponentSubject) -> Iterator[Diagnostic]:
    for rule in COMPONENT_RULES:
        yield from _asked(rule, subject, str(subject.component.id))


def _asked(
    rule: Callable[[_Subject], Iterable[Diagnostic]], subject: _Subject, name: str
) -> list[Diagnostic]:
    """What a rule says. One that raises, over what a team's flavor declares for example, is itself a finding."""
    try:
        return list(rule(subject))
    except Exception as error:
        message = f"the rule {rule.__name__} failed on {name}: {type(error).__name__}: {one_line(error)}"
        return [finding("RUL001", message)]


def _findings_of(registry: FlavorRegistry) -> dict[_Key, tuple[Diagnostic, ...]]:
    """What was found with this registry: another one has other flavors."""
    found = _kept.get(id(registry))
    if found is not None and found[0]() is registry:
        return found[1]
    with _kept_lock:
        for key in [key for key, (reference, _) in _kept.items() if reference() is None]:
            del _kept[key]
        kept: dict[_Key, tuple[Diagnostic, ...]] = {}
        _kept[id(registry)] = (weakref.ref(registry), kept)
    return kept


def _sorted(found: Iterable[Diagnostic], *, once_a_flavor: bool = False) -> tuple[Diagnostic, ...]:
    """Errors first, then by file and line, nothing twice."""
    ordered = sorted(
        found,
        key=lambda f: (_ORDER[f.severity], str(f.file or ""), f.line or 0, f.column or 0, f.code, f.message),
    )
    seen: set[tuple[object, ...]] = set()
    result = []
    for one in ordered:
        key: tuple[object, ...] = (one.code, one.message)
        if not (once_a_flavor and one.code in _ONCE_A_FLAVOR):
            key += (one.file, one.line, one.column)
        if key not in seen:
            seen.add(key)
            result.append(one)
    return tuple(result)
