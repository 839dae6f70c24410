"""What a rule looks at: one component, one stack with its components, or the whole workspace.

Also what a team's own rule is given (entry point group `stacktui.rules`): a `StackSubject`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.categories.flavor import FlavorBroken, FlavorFacts, FlavorRegistry, FlavorSource
from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.model.component import Component, ComponentId
from stacktui.model.diagnostic import Diagnostic, Fix, Severity
from stacktui.model.stack import ResolvedStack, Stack
from stacktui.runtime.findings import KeyPath, finding

if TYPE_CHECKING:
    from stacktui.categories.base import StackComponent
    from stacktui.workspace.workspace import Entry, WorkspaceSnapshot


@dataclass(frozen=True)
class ComponentSubject:
    """A component, saved or still in a form."""

    snapshot: WorkspaceSnapshot
    registry: FlavorRegistry
    component: Component
    entry: Entry[Component] | None
    """Its file, for positions; None for a new one."""
    offline: bool = False

    @cached_property
    def source(self) -> FlavorSource | None:
        """Where its flavor comes from; None if there is no such flavor."""
        return self.registry.get(self.component.category, self.component.flavor)

    @cached_property
    def flavor(self) -> type[StackComponent] | None:
        """Its flavor's class; None if there is none, or if it does not load."""
        return loaded(self.registry, self.component)

    @cached_property
    def saved(self) -> bool:
        """Whether it is what its file says: only then do fixes, which edit the file, fit."""
        return self.entry is not None and (
            self.component is self.entry.value or self.component == self.entry.value
        )

    def finding(
        self,
        code: str,
        message: str,
        path: KeyPath = (),
        *,
        severity: Severity | None = None,
        fix: Fix | None = None,
    ) -> Diagnostic:
        """A finding at `path` in the component's file."""
        return finding(
            code,
            message,
            entry=self.entry,
            path=path,
            subject=str(self.component.id),
            severity=severity,
            fix=fix,
        )

    def set_fix(self, title: str, path: KeyPath, value: Any) -> Fix | None:
        """The edit that writes `value` at `path`."""
        if self.entry is None or not self.saved:
            return None
        return Fix(title=title, file=self.entry.file, path=path, value=value)

    def delete_fix(self, title: str, path: KeyPath) -> Fix | None:
        """The edit that takes `path` out."""
        if self.entry is None or not self.saved:
            return None
        return Fix(title=title, file=self.entry.file, path=path, action="delete")


@dataclass(frozen=True)
class StackSubject:
    """A stack after inheritance, with the components that it names and that exist."""

    snapshot: WorkspaceSnapshot
    registry: FlavorRegistry
    written: Stack
    """The stack as written, saved or still in the builder."""
    chain: tuple[Stack, ...]
    """The stack and its parents, nearest first, as far as they are known."""
    broken_chain: tuple[Diagnostic, ...]
    """Why parents are not known; empty if they all are."""
    stack: ResolvedStack
    """After inheritance, as far as the parents are known."""
    offline: bool = False
    notes: dict[str, Any] = field(default_factory=dict, compare=False)
    """What one rule found out at some cost and another wants too, within one validation."""
    mends_draft: bool = False
    """Whether a fix may be for the stack as it is being built: its paths are those of the draft, not of the file."""

    @property
    def name(self) -> str:
        return self.written.name

    @cached_property
    def components(self) -> Mapping[Category, tuple[Component, ...]]:
        """The components by category, the default first, without those that do not exist."""
        known = self.snapshot.components
        return {
            category: tuple(
                known[key].value for name in slot.names if (key := ComponentId(category, name)) in known
            )
            for category, slot in self.stack.slots.items()
        }

    def all_components(self) -> Iterator[Component]:
        """Every component of the stack that exists, in the order of the categories."""
        for held in self.components.values():
            yield from held

    def facts(self, component: Component) -> FlavorFacts | None:
        """What the component's flavor declares; None if there is no such flavor or it does not load."""
        flavor = loaded(self.registry, component)
        return flavor.facts if flavor is not None else None

    def entry_of(self, stack: str) -> Entry[Stack] | None:
        """The file of this stack or of a parent."""
        return self.snapshot.stacks.get(stack)

    @cached_property
    def saved(self) -> bool:
        """Whether the stack is what its file says: only then do fixes, which edit the file, fit."""
        entry = self.entry_of(self.name)
        return entry is not None and (self.written is entry.value or self.written == entry.value)

    def origin(self, category: Category) -> str:
        """The stack whose file fills the category; this one where none does."""
        slot = self.stack.slots.get(category)
        return slot.origin if slot is not None else self.name

    def finding(
        self,
        code: str,
        message: str,
        category: Category | None = None,
        name: str | None = None,
        *,
        severity: Severity | None = None,
        fix: Fix | None = None,
    ) -> Diagnostic:
        """A finding where the stack, or the parent that it has it from, fills a category; else at the stack itself.

        A code that stacktui does not know, of a team's own, is an error unless `severity` says otherwise.
        """
        if category is None:
            return self.finding_in(self.name, code, message, (), severity=severity, fix=fix)
        path: KeyPath = ("components", category.value)
        names = self.stack.names(category)
        if name in names:
            path = (*path, names.index(name))
        return self.finding_in(self.origin(category), code, message, path, severity=severity, fix=fix)

    def finding_in(
        self,
        stack: str,
        code: str,
        message: str,
        path: KeyPath,
        *,
        severity: Severity | None = None,
        fix: Fix | None = None,
    ) -> Diagnostic:
        """A finding at `path` in the file of this stack or of a parent."""
        if severity is None and code not in CODES:
            severity = Severity.ERROR
        return finding(
            code,
            message,
            entry=self.entry_of(stack),
            path=path,
            subject=f"stack/{self.name}",
            severity=severity,
            fix=fix,
        )

    def fix(self, stack: str, title: str, path: KeyPath, value: Any) -> Fix | None:
        """The edit that writes `value` at `path` in the file of this stack or of a parent."""
        entry = self.entry_of(stack)
        if stack == self.name and self.mends_draft:
            file = entry.file if entry is not None else self.snapshot.root / "stacks" / f"{stack}.yaml"
            return Fix(title=title, file=file, path=path, value=value)
        if entry is None or (stack == self.name and not self.saved):
            return None
        return Fix(title=title, file=entry.file, path=path, value=value)

    def fix_name(self, category: Category, wrong: str, right: str) -> Fix | None:
        """The edit that writes another component's name, whether the file has one name there or a list."""
        stack = self.origin(category)
        entry = self.entry_of(stack)
        path: KeyPath = ("components", category.value)
        if stack == self.name and self.mends_draft:
            path = (*path, self.stack.names(category).index(wrong))
            return self.fix(stack, f"write {right} instead", path, right)
        if entry is None:
            return None
        if written_as_list(entry, path):
            path = (*path, self.stack.names(category).index(wrong))
        return self.fix(stack, f"write {right} instead", path, right)


@dataclass(frozen=True)
class WorkspaceSubject:
    """The whole workspace."""

    snapshot: WorkspaceSnapshot
    registry: FlavorRegistry
    offline: bool = False

    @property
    def root(self) -> Path:
        return self.snapshot.root


def loaded(registry: FlavorRegistry, component: Component) -> type[StackComponent] | None:
    """The class of a component's flavor; None if there is none, or if it does not load."""
    try:
        return registry.load(component.category, component.flavor)
    except (KeyError, FlavorBroken):
        return None


def written_as_list(entry: Entry[Any], path: KeyPath) -> bool:
    """Whether the file has a list at `path`."""
    from stacktui.workspace.yaml_reader import YamlProblem, read_yaml

    try:
        value = read_yaml(entry.raw).value
        for key in path:
            value = value[key]
    except (YamlProblem, KeyError, IndexError, TypeError):
        return False
    return isinstance(value, list)
