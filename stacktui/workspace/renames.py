"""Renames of components and stacks: the file under its new name, and every place in the workspace's YAML that names it.

Looked through are stacks (components, step settings, `extends`), `stacktui.yaml` (`default_stack`) and run files. Used
by the operations that rename, and to show who refers to an object. Nothing here writes.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from stacktui.model.category import Category
from stacktui.model.component import ComponentId
from stacktui.model.runconfig import RunConfig
from stacktui.model.stack import StepSettings
from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.listing import COMPONENTS, STACKS, THEMES
from stacktui.workspace.reading import Unreadable, read_bytes
from stacktui.workspace.sources import source_files
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot
from stacktui.workspace.yaml_editor import EditImpossible
from stacktui.workspace.yaml_reader import YamlProblem, position, read_yaml
from stacktui.workspace.yaml_scalars import replace_texts

Place = tuple[str | int, ...]
_PlacesOf = Callable[[str, Any, str], list[Place]]
"""Finds the places in a file's data, by the file's kind and the name."""

_NOT_RUN_FILES = (COMPONENTS, STACKS, THEMES)


class NameUse(NamedTuple):
    """One place in a YAML file that names an object."""

    kind: str
    """`stack`, `settings` for stacktui.yaml, or `run file`."""
    name: str
    """The stack's name; of another file its path, relative to the workspace."""
    file: Path
    place: Place
    """Where it stands: `("components", "step_operator", 1)`."""
    line: int | None


class _File(NamedTuple):
    """A YAML file with the places in it that name the object."""

    kind: str
    name: str
    file: Path
    raw: bytes
    places: tuple[Place, ...]


def component_uses(
    workspace: Workspace, snapshot: WorkspaceSnapshot, id_: ComponentId
) -> tuple[NameUse, ...]:
    """Every place in the workspace's YAML that names a component. Reads the run files: call it in a thread."""
    return tuple(_uses(_files(workspace, snapshot, id_.name, _places_of(id_))))


def stack_uses(workspace: Workspace, snapshot: WorkspaceSnapshot, name: str) -> tuple[NameUse, ...]:
    """Every place in the workspace's YAML that names a stack. Reads the run files: call it in a thread."""
    return tuple(_uses(_files(workspace, snapshot, name, _places_of_stack)))


def rename_component(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    id_: ComponentId,
    new: str,
    *,
    content: Callable[[bytes], bytes] | None = None,
) -> Change:
    """The change that renames a component with every reference in the workspace's YAML.

    `content` makes the bytes of the new file from those of the old one, where its configuration has to say something
    else under another name. Raises KeyError for a component that does not exist, ValueError for what is not a name,
    `EditImpossible` where a file that names it, or might, cannot be edited: then it is renamed nowhere.
    """
    entry = snapshot.components.get(id_)
    old = entry.file if entry is not None else snapshot.broken_components[id_]
    file = workspace.component_file(id_.category, new)
    files = _files(workspace, snapshot, id_.name, _places_of(id_))
    return _renamed(snapshot, f"rename {id_} to {new}", old, file, files, id_.name, new, content)


def rename_stack(workspace: Workspace, snapshot: WorkspaceSnapshot, name: str, new: str) -> Change:
    """The change that renames a stack with every reference in the workspace's YAML. Raises as `rename_component`."""
    entry = snapshot.stacks.get(name)
    old = entry.file if entry is not None else snapshot.broken_stacks[name]
    files = _files(workspace, snapshot, name, _places_of_stack)
    title = f"rename stack/{name} to {new}"
    return _renamed(snapshot, title, old, workspace.stack_file(new), files, name, new, None)


def _renamed(
    snapshot: WorkspaceSnapshot,
    title: str,
    old: Path,
    file: Path,
    files: list[_File],
    name: str,
    new: str,
    content: Callable[[bytes], bytes] | None,
) -> Change:
    root = snapshot.root
    if old.is_symlink():
        raise EditImpossible(f"{_shown(old, root)} is a link; rename what it leads to, or the link, by hand")
    if file.exists() or file.is_symlink():
        raise EditImpossible(f"{_shown(file, root)} exists already; choose another name")
    if unreadable := next((each for each in files if not each.places and each.file != old), None):
        raise EditImpossible(
            f"{_shown(unreadable.file, root)} cannot be read as it is now and may name {name}; repair it first"
        )
    before = after = _bytes(old, root)
    if content is not None:
        after = content(after)
    edits = []
    for each in files:
        if not each.places:
            continue
        edited = _edited(each, new, root)
        if each.file == old:
            after = edited
        else:
            edits.append(FileEdit(each.file, each.raw, edited))
    mode = stat.S_IMODE(old.stat().st_mode)
    return Change(title, (FileEdit(file, None, after, mode), FileEdit(old, before, None), *edits))


def _edited(found: _File, new: str, root: Path) -> bytes:
    try:
        return replace_texts(found.raw, found.places, new)
    except (EditImpossible, YamlProblem):
        uses = ", ".join(_line_of(found.raw, place) for place in found.places)
        raise EditImpossible(
            f"{_shown(found.file, root)} names it ({uses}) in YAML that cannot be edited here (anchors, tags); "
            "change that by hand first"
        ) from None


def _line_of(raw: bytes, place: Place) -> str:
    at = position(raw, place)
    return f"line {at.line}" if at else ".".join(map(str, place))


def _files(workspace: Workspace, snapshot: WorkspaceSnapshot, name: str, places_of: _PlacesOf) -> list[_File]:
    """Every YAML file that names the object, each file once however many links lead to it. One that cannot be read as
    it is now and may name it is there without places."""
    found: dict[Path, _File] = {}
    for kind, called, file, raw in _yaml_files(workspace, snapshot, name.encode()):
        target = file.resolve()
        if target in found or name.encode() not in raw:
            continue
        try:
            places = places_of(kind, read_yaml(raw).value, name)
        except YamlProblem:
            found[target] = _File(kind, called, file, raw, ())
        else:
            if places:
                found[target] = _File(kind, called, file, raw, tuple(places))
    return list(found.values())


def _yaml_files(
    workspace: Workspace, snapshot: WorkspaceSnapshot, holding: bytes
) -> Iterator[tuple[str, str, Path, bytes]]:
    """Kind, name, path and bytes of every file that may name something: as read, or as they are where that failed."""
    stacks = {name: entry.file for name, entry in snapshot.stacks.items()} | dict(snapshot.broken_stacks)
    for name, file in sorted(stacks.items()):
        entry = snapshot.stacks.get(name)
        yield "stack", name, file, _now(file) if entry is None or entry.stale else entry.raw
    yield "settings", snapshot.settings_file.name, snapshot.settings_file, _now(snapshot.settings_file)
    for file, raw in run_files(workspace, holding):
        yield "run file", _shown(file, snapshot.root), file, raw


def _now(file: Path) -> bytes:
    try:
        return read_bytes(str(file))[0]
    except (OSError, Unreadable):
        return b""


def run_files(workspace: Workspace, holding: bytes = b"") -> Iterator[tuple[Path, bytes]]:
    """The workspace's YAML files that `--config` could be given, with their bytes: mappings with a run file's keys.
    Only those with the bytes `holding` in them are parsed."""
    root = workspace.root
    for file in source_files(workspace, ".yaml", ".yml"):
        below = file.relative_to(root).parts
        if below[0] in _NOT_RUN_FILES or file == workspace.file:
            continue
        try:
            raw, _ = read_bytes(str(file))
            value = read_yaml(raw).value if holding in raw else None
            if not isinstance(value, Mapping) or not value:
                continue
            RunConfig.model_validate(value)
        except (OSError, Unreadable, YamlProblem, ValidationError):
            continue
        yield file, raw


def _uses(files: list[_File]) -> Iterator[NameUse]:
    for found in files:
        for place in found.places:
            at = position(found.raw, place)
            yield NameUse(found.kind, found.name, found.file, place, at.line if at else None)


def _places_of(id_: ComponentId) -> _PlacesOf:
    def places(kind: str, data: Any, name: str) -> list[Place]:
        if not isinstance(data, Mapping):
            return []
        found: list[Place] = []
        if kind == "stack" and isinstance(slots := data.get("components"), Mapping):
            held = slots.get(id_.category.value)
            path: Place = ("components", id_.category.value)
            if isinstance(held, list):
                found += [(*path, index) for index, each in enumerate(held) if each == name]
            elif held == name:
                found.append(path)
        if kind in ("stack", "run file") and id_.category.value in _STEP_FIELDS:
            steps = data.get("steps")
            for step, settings in steps.items() if isinstance(steps, Mapping) else ():
                if isinstance(settings, Mapping) and settings.get(id_.category.value) == name:
                    found.append(("steps", step, id_.category.value))
        return found

    return places


_STEP_FIELDS = frozenset(Category) & StepSettings.model_fields.keys()
"""The settings of a step that name a component: each is called like its category."""
_NAMING_A_STACK = {"stack": "extends", "settings": "default_stack", "run file": "stack"}


def _places_of_stack(kind: str, data: Any, name: str) -> list[Place]:
    key = _NAMING_A_STACK[kind]
    return [(key,)] if isinstance(data, Mapping) and data.get(key) == name else []


def _bytes(file: Path, root: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise EditImpossible(
            f"{_shown(file, root)} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
