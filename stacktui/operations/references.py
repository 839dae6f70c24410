"""Who refers to a component or a stack: asked before either is deleted, and shown beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.operations.documents import Part, relative

if TYPE_CHECKING:
    from stacktui.model.component import ComponentId
    from stacktui.workspace.workspace import WorkspaceSnapshot


class Reference(Part):
    """One place that names an object."""

    kind: str
    """`stack`, or `settings` for stacktui.yaml."""
    name: str
    """The stack's name."""
    how: str
    """What stands there: `components.orchestrator`, `extends`, `steps.fit.step_operator`."""
    file: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place} ({self.how})"


def component_references(snapshot: WorkspaceSnapshot, wanted: ComponentId) -> tuple[Reference, ...]:
    """The stacks whose own files name a component, in the order of their names."""
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
    """The stacks that extend a stack, and stacktui.yaml where it is the default."""
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
