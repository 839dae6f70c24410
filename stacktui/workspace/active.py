"""The active stack of a checkout, and why it is the one. Used by the session and shown on every screen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stacktui.model.base import is_name
from stacktui.workspace.files import replace_file
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

STACK_VARIABLE = "STACKTUI_STACK"


class ActiveStack(NamedTuple):
    """Which stack is in force. It may not exist: then its absence is the finding, and no other takes its place."""

    name: str | None
    reason: str
    """What decided it, for people."""


def active_stack(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    override: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> ActiveStack:
    """The stack in force: `--stack`, `STACKTUI_STACK`, the checkout's choice, the default, the only one there is."""
    if override:
        return ActiveStack(override, "--stack")
    if named := (os.environ if environ is None else environ).get(STACK_VARIABLE):
        return ActiveStack(named, STACK_VARIABLE)
    if chosen := chosen_stack(workspace):
        return ActiveStack(chosen, "chosen in this checkout")
    if snapshot.settings.default_stack:
        return ActiveStack(snapshot.settings.default_stack, "default in stacktui.yaml")
    if len(snapshot.stacks) == 1:
        return ActiveStack(next(iter(snapshot.stacks)), "the only stack")
    return ActiveStack(None, "no stack is chosen; choose one with `stacktui stack use NAME`")


def use_stack(workspace: Workspace, name: str) -> None:
    """Make a stack the active one of this checkout. Raises ValueError for what is not a name, OSError as usual."""
    if not is_name(name):
        raise ValueError(f"{name!r} is not a stack's name")
    replace_file(workspace.state_dir("active") / "stack", f"{name}\n".encode())


def forget_stack(workspace: Workspace) -> None:
    """Let the default decide again."""
    choice_file(workspace).unlink(missing_ok=True)


def choice_file(workspace: Workspace) -> Path:
    """Where the checkout's choice stands; the watcher reports it."""
    return workspace.state / "active" / "stack"


def chosen_stack(workspace: Workspace) -> str | None:
    """The checkout's own choice; None if there is none or its file does not hold a name."""
    try:
        text = choice_file(workspace).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return text if is_name(text) else None
