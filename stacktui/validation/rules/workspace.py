"""Rules on the workspace as a whole: its default stack, components that nobody uses."""

from __future__ import annotations

from collections.abc import Iterator

from stacktui.model.codes import CODES
from stacktui.model.component import ComponentId
from stacktui.model.diagnostic import Diagnostic, Fix
from stacktui.runtime.findings import closest, finding
from stacktui.validation.subject import WorkspaceSubject


def default_stack(subject: WorkspaceSubject) -> Iterator[Diagnostic]:
    """STK009: `default_stack` in `stacktui.yaml` names no stack."""
    name = subject.snapshot.settings.default_stack
    if name is None or name in subject.snapshot.stacks:
        return
    from stacktui.workspace.yaml_reader import position

    file = subject.snapshot.settings_file
    at = position(subject.snapshot.settings_raw, ("default_stack",))
    near = closest(name, subject.snapshot.stacks)
    yield Diagnostic(
        code="STK009",
        severity=CODES["STK009"].severity,
        message=f"the default stack {name} does not exist"
        + (f"; did you mean {near}?" if near else f"; add stacks/{name}.yaml, or name another"),
        file=file,
        line=at.line if at else None,
        column=at.column if at else None,
        fix=Fix(title=f"write {near} instead", file=file, path=("default_stack",), value=near)
        if near
        else None,
    )


def unused(subject: WorkspaceSubject) -> Iterator[Diagnostic]:
    """STK010: a component that no stack names. A hint, and only where there are stacks."""
    stacks = subject.snapshot.stacks
    used = {
        ComponentId(category, name)
        for entry in stacks.values()
        for category, names in entry.value.components.items()
        for name in names
    }
    for key, entry in subject.snapshot.components.items() if stacks else ():
        if key not in used:
            yield finding("STK010", f"no stack uses {key}", entry=entry, subject=str(key))
