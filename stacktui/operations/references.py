"""Who refers to a component or a stack: asked before either is deleted or renamed, and shown beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.operations.documents import ChangeDocument, Part, relative

if TYPE_CHECKING:
    from stacktui.model.component import ComponentId
    from stacktui.workspace.renames import NameUse
    from stacktui.workspace.workspace import WorkspaceSnapshot


class Reference(Part):
    """One place that names an object."""

    kind: str
    """`stack`, `settings` for stacktui.yaml, or `run file`."""
    name: str
    """The stack's name; of another file its path."""
    how: str
    """What stands there: `components.orchestrator`, `extends`, `steps.fit.step_operator`."""
    file: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place} ({self.how})"


class PythonUse(Part):
    """A line of Python that names an object: found in the syntax tree, never changed."""

    file: str
    line: int
    text: str
    """The line without its indentation, shortened where it is long."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.text}"


class ReferencesDocument(ChangeDocument):
    """A change of what others name."""

    references: tuple[Reference, ...] = ()
    """Who names it in YAML: of a rename, what was changed with it; of a deletion, what now leads nowhere."""
    python: tuple[PythonUse, ...] = ()
    """Where Python names it as it was: to be changed by hand."""


def references_of(uses: Iterable[NameUse], root: Path) -> tuple[Reference, ...]:
    """What a search through all of the workspace's YAML found, as documents say it."""
    return tuple(
        Reference(
            kind=use.kind,
            name=use.name,
            how=".".join(part for part in use.place if isinstance(part, str)),
            file=relative(use.file, root),
            line=use.line,
        )
        for use in uses
    )


def protected_stacks(snapshot: WorkspaceSnapshot, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the stacks that are protected, by themselves or by a parent."""
    from stacktui.runtime.inherit import resolve_stack

    found = []
    for name in names:
        resolved = resolve_stack(snapshot, name).stack
        entry = snapshot.stacks.get(name)
        if resolved.protected if resolved else entry is not None and entry.value.protected:
            found.append(name)
    return tuple(found)


def protected_users(snapshot: WorkspaceSnapshot, wanted: ComponentId) -> tuple[str, ...]:
    """The protected stacks that a component fills, also where a parent names it: who changes it changes them. Of a
    family of them the eldest."""
    from stacktui.runtime.inherit import resolve_stack

    found: dict[str, tuple[str, ...]] = {}
    for name in protected_stacks(snapshot, sorted(snapshot.stacks)):
        resolved = resolve_stack(snapshot, name).stack
        names = resolved.names if resolved else snapshot.stacks[name].value.components.get
        if wanted.name in (names(wanted.category) or ()):
            found[name] = resolved.ancestors if resolved else ()
    return _eldest(found)


def protected_children(snapshot: WorkspaceSnapshot, wanted: str) -> tuple[str, ...]:
    """The protected stacks that extend a stack, also over others: who changes it changes them. Of a family of them
    the eldest."""
    from stacktui.runtime.inherit import resolve_stack

    found: dict[str, tuple[str, ...]] = {}
    for name in protected_stacks(snapshot, sorted(snapshot.stacks)):
        resolved = resolve_stack(snapshot, name).stack
        if resolved is not None and wanted in resolved.ancestors:
            found[name] = resolved.ancestors
    return _eldest(found)


def _eldest(found: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Of stacks with their ancestors, those that extend none of the others."""
    return tuple(name for name, ancestors in found.items() if not set(ancestors) & found.keys())


def stands_in(guarded: Iterable[str], how: str) -> str:
    """Why a name is asked for: `fills the protected stacks prod, nightly`."""
    names = list(guarded)
    return f"{how} the protected stack{'s' if len(names) > 1 else ''} {', '.join(names)}"


def component_references(snapshot: WorkspaceSnapshot, wanted: ComponentId) -> tuple[Reference, ...]:
    """The stacks whose own files name a component, in the order of their names. Reads no file: shown on each move of
    a cursor."""
    found = []
    for name, entry in sorted(snapshot.stacks.items()):
        stack = entry.value
        paths: list[tuple[str, ...]] = []
        if wanted.name in stack.components.get(wanted.category, ()):
            paths.append(("components", wanted.category.value))
        for step, settings in stack.steps.items():
            field = {
                Category.STEP_OPERATOR: settings.step_operator,
                Category.EXPERIMENT_TRACKER: settings.experiment_tracker,
            }.get(wanted.category)
            if field == wanted.name:
                paths.append(("steps", step, wanted.category.value))
        for path in paths:
            position = entry.position(*path)
            found.append(
                Reference(
                    kind="stack",
                    name=name,
                    how=".".join(path),
                    file=relative(entry.file, snapshot.root),
                    line=position.line if position else None,
                )
            )
    return tuple(found)


def stack_references(snapshot: WorkspaceSnapshot, wanted: str) -> tuple[Reference, ...]:
    """The stacks that extend a stack, and stacktui.yaml where it is the default. Reads no file."""
    found = []
    for name, entry in sorted(snapshot.stacks.items()):
        if entry.value.extends == wanted:
            position = entry.position("extends")
            found.append(
                Reference(
                    kind="stack",
                    name=name,
                    how="extends",
                    file=relative(entry.file, snapshot.root),
                    line=position.line if position else None,
                )
            )
    if snapshot.settings.default_stack == wanted:
        found.append(
            Reference(kind="settings", name="stacktui.yaml", how="default_stack", file="stacktui.yaml")
        )
    return tuple(found)
