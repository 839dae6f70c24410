"""Changes to components, stacks and settings: built here, written by `apply_change`. Nothing here writes.

Used by the operations that write YAML. An edit touches only the keys that differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.diagnostic import Fix
from stacktui.model.stack import Stack, StepSettings
from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.documents import WorkspaceFile
from stacktui.workspace.reading import Entry
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot
from stacktui.workspace.yaml_editor import EditImpossible, rewrite
from stacktui.workspace.yaml_reader import YamlProblem, read_yaml
from stacktui.workspace.yaml_tree import same
from stacktui.workspace.yaml_writer import document

__all__ = [
    "EditImpossible",
    "apply_fix",
    "clone_entry",
    "delete_entry",
    "edit_component",
    "edit_settings",
    "edit_stack",
    "new_component",
    "new_stack",
    "schema_line",
]

COMPONENT_ORDER = ("flavor", "description", "labels", "config")
STACK_ORDER = ("extends", "description", "labels", "components", "steps", "protected")
_SETTINGS_ORDER = tuple(WorkspaceFile.model_fields)
_ABSENT = object()


def new_component(workspace: Workspace, component: Component) -> Change:
    """A change that makes a component's file. Applying it fails if there is one."""
    file = workspace.component_file(component.category, component.name)
    text = schema_line(f"component.{component.category}", 2) + document(_component_data(component))
    return Change(f"add {component.id}", (FileEdit(file, None, text.encode()),))


def edit_component(workspace: Workspace, entry: Entry[Component], component: Component) -> Change:
    """A change from `entry` to `component`; under another name it moves the file.

    Raises `EditImpossible` if the file cannot be edited as it is: stale entries among them.
    """
    before, wanted = _component_data(entry.value), _component_data(component)
    data = _merged(_current(entry, workspace.root), before, wanted, COMPONENT_ORDER)
    after = _rewritten(entry.file, entry.raw, data)
    file = workspace.component_file(component.category, component.name)
    return Change(f"edit {component.id}", _moved(entry.file, file, entry.raw, after))


def new_stack(workspace: Workspace, stack: Stack) -> Change:
    """A change that makes a stack's file. Applying it fails if there is one."""
    text = schema_line("stack", 1) + document(stack_data(stack))
    return Change(
        f"add stack/{stack.name}", (FileEdit(workspace.stack_file(stack.name), None, text.encode()),)
    )


def edit_stack(workspace: Workspace, entry: Entry[Stack], stack: Stack) -> Change:
    """A change from `entry` to `stack`; under another name it moves the file. Raises `EditImpossible`."""
    current = _current(entry, workspace.root)
    wanted = stack_data(stack)
    if entry.value.protected and not stack.protected:
        wanted["protected"] = False  # its line stays, and the comment on it
    slots, written = wanted.get("components", {}), current.get("components")
    for category, names in slots.items():
        # A list stays one, with one name too.
        if isinstance(names, str) and isinstance(written, dict) and isinstance(written.get(category), list):
            slots[category] = [names]
    data = _merged(current, stack_data(entry.value), wanted, STACK_ORDER)
    after = _rewritten(entry.file, entry.raw, data)
    file = workspace.stack_file(stack.name)
    return Change(f"edit stack/{stack.name}", _moved(entry.file, file, entry.raw, after))


def edit_settings(workspace: Workspace, snapshot: WorkspaceSnapshot, settings: WorkspaceFile) -> Change:
    """A change of `stacktui.yaml` from the snapshot's settings to others. Raises `EditImpossible`."""
    before, after = _settings_data(snapshot.settings), _settings_data(settings)
    raw = snapshot.settings_raw
    current = _readable(workspace.file, raw)
    data = _merged(current if isinstance(current, dict) else {}, before, after, _SETTINGS_ORDER)
    return Change(
        "edit stacktui.yaml", (FileEdit(workspace.file, raw, _rewritten(workspace.file, raw, data)),)
    )


def clone_entry(workspace: Workspace, entry: Entry[Component] | Entry[Stack], name: str) -> Change:
    """A change that makes a copy of a file, comments and all, under another name in the same folder."""
    value = entry.value
    if isinstance(value, Component):
        file, what = workspace.component_file(value.category, name), f"{value.category}/{name}"
    else:
        file, what = workspace.stack_file(name), f"stack/{name}"
    return Change(f"add {what} as a copy of {value.name}", (FileEdit(file, None, entry.raw),))


def delete_entry(workspace: Workspace, entry: Entry[Component] | Entry[Stack], kind: str = "") -> Change:
    """A change that deletes a file. `kind` is what to call it; found by itself if empty."""
    value = entry.value
    what = kind or (value.category.value if isinstance(value, Component) else "stack")
    return Change(f"delete {what}/{value.name}", (FileEdit(entry.file, entry.raw, None),))


def apply_fix(workspace: Workspace, fix: Fix) -> Change:
    """A change that does what a finding's fix says, to the file as it is now. Raises `EditImpossible`."""
    try:
        raw = fix.file.read_bytes()
    except OSError as error:
        raise EditImpossible(f"{fix.file} cannot be read: {(error.strerror or str(error)).lower()}") from None
    data = _with(_readable(fix.file, raw), fix.path, fix.value if fix.action == "set" else _ABSENT)
    if not isinstance(data, dict):
        raise EditImpossible(f"{fix.file} no longer holds what this fix is about")
    return Change(fix.title, (FileEdit(fix.file, raw, _rewritten(fix.file, raw, data)),))


def schema_line(schema: str, depth: int) -> str:
    """The comment that tells editors where a file's schema lies; `depth` folders below the root."""
    return f"# yaml-language-server: $schema={'../' * depth}.stacktui/schemas/{schema}.schema.json\n"


def _component_data(component: Component) -> dict[str, Any]:
    data: dict[str, Any] = {"flavor": component.flavor}
    if component.description:
        data["description"] = component.description
    if component.labels:
        data["labels"] = component.labels
    if component.config:
        data["config"] = component.config
    return data


def stack_data(stack: Stack) -> dict[str, Any]:
    """What a stack's file says, as plain data in the file's order."""
    data: dict[str, Any] = {}
    if stack.extends is not None:
        data["extends"] = stack.extends
    if stack.description:
        data["description"] = stack.description
    if stack.labels:
        data["labels"] = stack.labels
    if stack.components:
        data["components"] = {
            category.value: _slot(category, stack.components[category])
            for category in Category
            if category in stack.components
        }
    if stack.steps:
        data["steps"] = {name: step_data(settings) for name, settings in stack.steps.items()}
    if stack.protected or "protected" in stack.model_fields_set:
        # `false` says something where the parent is protected.
        data["protected"] = stack.protected
    return data


def _slot(category: Category, names: Sequence[str]) -> Any:
    if len(names) == 1 and not category.many:
        return names[0]
    return list(names) if names or category.many else None


def step_data(settings: StepSettings) -> dict[str, Any]:
    """Settings of a step as they stand in a file: `10m`, `16GiB`."""
    data = settings.model_dump(exclude_none=True)
    for key in ("retry_delay", "timeout"):
        if key in data:
            data[key] = duration_text(data[key])
    resources = data.get("resources", {})
    if "memory" in resources:
        resources["memory"] = memory_text(resources["memory"])
    if "time" in resources:
        resources["time"] = duration_text(resources["time"])
    return data


def memory_text(size: int) -> str | int:
    """Bytes as people write them: the largest binary unit, or else decimal unit, that divides them evenly."""
    for base, mark in ((1024, "iB"), (1000, "B")):
        for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "K")):
            if size and size % base**power == 0:
                return f"{size // base**power}{letter}{mark}"
    return size


def duration_text(seconds: float) -> str | float:
    """Seconds as people write them: the largest unit that divides them evenly."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return seconds


def _settings_data(settings: WorkspaceFile) -> dict[str, Any]:
    data = settings.model_dump(exclude_defaults=True)
    if "pipelines" in data:
        data["pipelines"] = list(data["pipelines"])
    return data


def _current(entry: Entry[Any], root: Path) -> dict[Any, Any]:
    """What an entry's file holds. Raises `EditImpossible` if it is not what the entry shows."""
    shown = entry.file.relative_to(root) if entry.file.is_relative_to(root) else entry.file
    if entry.stale:
        raise EditImpossible(f"{shown} cannot be read as it is now; repair the file first")
    current = _readable(entry.file, entry.raw)
    if not isinstance(current, dict):
        raise EditImpossible(f"{shown} does not hold a mapping; repair the file first")
    return current


def _merged(
    current: dict[Any, Any], before: Mapping[Any, Any], after: Mapping[Any, Any], order: Sequence[str] = ()
) -> dict[Any, Any]:
    """`current` with the differences between `before` and `after`; what neither knows stays as it is."""
    result = {key: value for key, value in current.items() if key not in before or key in after}
    for key, value in after.items():
        old = before.get(key, _ABSENT)
        if old is not _ABSENT and same(old, value) and key in current:
            continue
        held = current.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and isinstance(held, dict):
            result[key] = _merged(held, old, value)
        elif key in result:
            result[key] = value
        else:
            result = _inserted(result, key, value, order)
    return result


def _inserted(data: dict[Any, Any], key: Any, value: Any, order: Sequence[str]) -> dict[Any, Any]:
    """`data` with a new key after those that come before it in `order`; at the end if it is not in it."""
    if key not in order:
        return {**data, key: value}
    earlier = set(order[: order.index(key)])
    place = max((i + 1 for i, name in enumerate(data) if name in earlier), default=0)
    items = list(data.items())
    return dict([*items[:place], (key, value), *items[place:]])


def _with(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """`value` with `new` at `path`, mappings on the way made; without it if `new` is absent."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(head, int) and 0 <= head < len(value):
        inner = _with(value[head], rest, new)
        return value[:head] + ([] if inner is _ABSENT else [inner]) + value[head + 1 :]
    if value is None and new is not _ABSENT:
        value = {}
    if not isinstance(value, dict):
        raise EditImpossible("the file no longer holds what this fix is about")
    if new is _ABSENT and head not in value:
        return value
    inner = _with(value.get(head), rest, new)
    if inner is _ABSENT:
        return {key: held for key, held in value.items() if key != head}
    return {**value, head: inner}


def _readable(file: Path, raw: bytes) -> Any:
    try:
        return read_yaml(raw).value
    except YamlProblem as problem:
        where = f", line {problem.line}" if problem.line else ""
        raise EditImpossible(f"{file.name}{where}: {problem.message}; repair the file first") from None


def _rewritten(file: Path, raw: bytes, data: dict[Any, Any]) -> bytes:
    try:
        return rewrite(raw, data)
    except TypeError as error:
        raise EditImpossible(f"{file.name}: {error}") from None


def _moved(old: Path, new: Path, before: bytes, after: bytes) -> tuple[FileEdit, ...]:
    if old == new:
        return (FileEdit(old, before, after),)
    return (FileEdit(new, None, after), FileEdit(old, before, None))
