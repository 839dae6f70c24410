"""What the stacks screen shows: all stacks, and one of them resolved. Used by the stacks screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import WorkspaceSnapshot


class StackLine(NamedTuple):
    """One stack in the list."""

    name: str
    active: bool
    extends: Clean
    description: Clean
    holds: int
    """Its components, inherited ones too."""
    errors: int
    warnings: int
    protected: bool
    stale: bool
    """Its file cannot be read as it is now."""
    file: Path
    held: int = 0
    """A hash of what its file held when it was read: the same under another name, it was renamed."""


class StacksSnapshot(NamedTuple):
    """All stacks, and why one is active."""

    stacks: tuple[StackLine, ...]
    reason: Clean
    override: str
    """The stack that is in force for this session only, so that choosing another one shows no effect."""


class SlotLine(NamedTuple):
    """One category of a stack after inheritance."""

    category: Category
    names: tuple[str, ...]
    shown: Clean
    """The names as people read them; what is missing where there is none."""
    flavors: Clean
    origin: Clean
    """The stack that says so, if it is another one."""
    state: str
    """`ok` or `error` of the last probes, `missing`, `empty` or `unknown`."""
    file: Path | None = None
    """The file that says so: the stack's own, or a parent's."""
    line: int | None = None


class StackDetail(NamedTuple):
    """One stack, whole."""

    name: str
    about: Clean
    slots: tuple[SlotLine, ...]
    findings: tuple[Diagnostic, ...]
    problem: Clean
    """Why its slots cannot be shown; empty if they are."""
    root: Path
    file: Path | None = None


def load_stacks(session: Session) -> StacksSnapshot:
    """All stacks. Blocks: reads files and asks the rules."""
    from stacktui.operations.stack import list_

    found = list_(session)
    root = session.workspace.root
    entries = session.snapshot().stacks
    return StacksSnapshot(
        tuple(
            StackLine(
                row.name,
                row.active,
                clean(row.extends or ""),
                clean(row.description),
                sum(len(names) for names in row.components.values()),
                row.errors,
                row.warnings,
                row.protected,
                row.stale,
                root / row.file,
                hash(entries[row.name].raw) if row.name in entries else 0,
            )
            for row in found.stacks
        ),
        clean(found.active_reason),
        session.stack_override or session.environ.get("STACKTUI_STACK", ""),
    )


def load_detail(session: Session, name: str) -> StackDetail:
    """One stack. Blocks: reads files and asks the rules. Raises `OperationError` if there is none of that name."""
    from stacktui.runtime.inherit import resolve_stack
    from stacktui.validation.validate import validate_stack

    snapshot = session.snapshot()
    root = snapshot.root
    if name not in snapshot.stacks:
        file = snapshot.broken_stacks.get(name)
        found = tuple(problem for problem in snapshot.problems if file is not None and problem.file == file)
        why = "Its file cannot be read. E opens it in your editor." if file else "It is gone."
        return StackDetail(name, Clean(""), (), found, Clean(why), root, file)
    entry = snapshot.stacks[name]
    resolution = resolve_stack(snapshot, name)
    findings = validate_stack(snapshot, session.registry(), name)
    if resolution.stack is None:
        return StackDetail(
            name,
            clean(entry.value.description),
            (),
            findings,
            clean(resolution.problems[0].message),
            root,
            entry.file,
        )
    resolved = resolution.stack
    slots = []
    for category in Category:
        slot = resolved.slots.get(category)
        slots.append(
            slot_line(
                session, snapshot, category, slot.names if slot else (), slot.origin if slot else name, name
            )
        )
    way = " › ".join(clean(each) for each in (name, *resolved.ancestors))
    about = [clean(entry.value.description)] if entry.value.description else []
    if resolved.ancestors:
        about.append(Clean(f"extends {way.partition(' › ')[2]}"))
    if resolved.labels:
        about.append(clean(" ".join(f"{key}={value}" for key, value in resolved.labels.items())))
    if resolved.steps:
        about.append(clean(f"settings for steps {', '.join(resolved.steps)}"))
    return StackDetail(name, Clean(" · ".join(about)), tuple(slots), findings, Clean(""), root, entry.file)


def slot_line(
    session: Session,
    snapshot: WorkspaceSnapshot,
    category: Category,
    names: tuple[str, ...],
    origin: str,
    stack: str,
) -> SlotLine:
    """One category as a line: what fills it, where that is said, and how its last probe ended."""
    said_by = snapshot.stacks.get(origin)
    file = said_by.file if said_by is not None else None
    at = said_by.position("components", category.value) if said_by is not None else None
    line = at.line if at is not None else None
    if not names:
        text = "none, required" if category.required else "none"
        return SlotLine(
            category,
            (),
            Clean(text),
            Clean(""),
            Clean(""),
            "missing" if category.required else "empty",
            file,
            line,
        )
    entries = [snapshot.components.get(ComponentId(category, name)) for name in names]
    flavors = dict.fromkeys(entry.value.flavor for entry in entries if entry is not None)
    state = "unknown"
    if any(entry is None for entry in entries):
        state = "missing"
    else:
        kept = [session.probes.kept(ComponentId(category, name)) for name in names]
        if all(result is not None for result in kept):
            state = "ok" if all(result is not None and result.ok for result in kept) else "error"
        elif any(result is not None and not result.ok for result in kept):
            state = "error"
    return SlotLine(
        category,
        names,
        clean(", ".join(names)),
        clean(", ".join(flavors)),
        clean(origin) if origin != stack else Clean(""),
        state,
        file,
        line,
    )
