"""A workspace on disk: where its files and its state are, and everything in it as one immutable snapshot.

Used by every face and by the runner. Reading is tolerant: a broken file is a finding, and its last good version
stays in force for as long as this object lives.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.diagnostic import Diagnostic
from stacktui.model.stack import Stack
from stacktui.workspace.documents import (
    Outcome,
    WorkspaceFile,
    read_component,
    read_settings,
    read_stack,
)
from stacktui.workspace.listing import COMPONENTS, FLAVORS, STACKS, Listing
from stacktui.workspace.locate import ROOT_FILE, WorkspaceNotFound, find_root
from stacktui.workspace.reading import COARSEST_CLOCK_NS, Entry, FileReader
from stacktui.workspace.state import journal_name, make_private, resolve_state

__all__ = ["Entry", "Workspace", "WorkspaceFile", "WorkspaceNotFound", "WorkspaceSnapshot"]

if TYPE_CHECKING:
    from stacktui.workspace.journal import Journal

T = TypeVar("T")


@dataclass(frozen=True)
class WorkspaceSnapshot:
    """All files of a workspace as they were at one moment."""

    root: Path
    generation: int
    """Increases when anything in it changed; the same number is the same snapshot."""
    settings: WorkspaceFile
    components: Mapping[ComponentId, Entry[Component]]
    """By category in the order of the digits, then by name."""
    stacks: Mapping[str, Entry[Stack]]
    problems: tuple[Diagnostic, ...]
    """About files as such: what cannot be read or does not have its kind's form, with line and column."""
    broken_components: Mapping[ComponentId, Path]
    """Files of which nothing can be used: these components exist, and nobody can say what they are."""
    broken_stacks: Mapping[str, Path]
    settings_file: Path
    settings_raw: bytes = field(default=b"", repr=False)
    """The bytes of `stacktui.yaml` that `settings` was read from."""


class Workspace:
    """One workspace. Opening it reads `stacktui.yaml` for the place of its state."""

    def __init__(self, root: Path, environ: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.file = root / ROOT_FILE
        self.flavors_dir = root / FLAVORS
        self._settings: FileReader[WorkspaceFile] = FileReader(read_settings)
        self._settings.update(str(self.file))
        entry = self._settings.entry(str(self.file))
        settings = entry.value if entry else WorkspaceFile()
        self.state = resolve_state(root, settings.state, os.environ if environ is None else environ)
        self.shared_group = settings.shared
        self.readonly = False
        """Set by whoever may not write: an edit that was interrupted is then only read as if it were ended."""
        self._journal = journal_name(root, self.state)
        self._pending = str(self.state / self._journal / "pending")
        self._components: FileReader[Component] = FileReader(_component)
        self._stacks: FileReader[Stack] = FileReader(_stack)
        self._lock = threading.Lock()
        self._listing = Listing(root)
        self._naming: tuple[Diagnostic, ...] = ()
        self._snapshot: WorkspaceSnapshot | None = None
        self._written = False
        """Whether an edit was under way, or just ended, when the files were read last."""
        self._latest: WorkspaceSnapshot | None = None
        """What the files held when they were looked at last, which may have been in the middle of an edit."""
        self._read_began = 0.0
        """When the read began whose answer the snapshot is."""

    @classmethod
    def open(cls, start: Path) -> Workspace:
        """The workspace that `start` lies in. Raises `WorkspaceNotFound`."""
        workspace = cls(find_root(start))
        if workspace.shared_group is not None:
            # Whoever comes first makes the state the group's: what is made below it follows the folder.
            with contextlib.suppress(OSError, LookupError):
                workspace.state_dir()
        return workspace

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"

    def component_file(self, category: Category, name: str) -> Path:
        """Where a component stands or would stand. Raises ValueError for what is not a name."""
        return self.root / COMPONENTS / category.value / f"{_checked(name)}.yaml"

    def stack_file(self, name: str) -> Path:
        """Where a stack stands or would stand. Raises ValueError for what is not a name."""
        return self.root / STACKS / f"{_checked(name)}.yaml"

    def state_dir(self, *parts: str) -> Path:
        """A folder of the state, made private to the user if it is not there. Raises OSError if it cannot be made."""
        return make_private(self.state, parts, self.shared_group)

    def read(self) -> WorkspaceSnapshot:
        """Everything as it is on disk now. Files that did not change are not parsed again. Thread-safe: who waits for
        another reader takes what a read found that began after the call."""
        asked = time.monotonic()
        with self._lock:
            if self._snapshot is not None and self._read_began > asked:
                return self._snapshot
            began, began_ns = time.monotonic(), time.time_ns()
            moment_ns = began_ns - COARSEST_CLOCK_NS
            if self._written and self._written_since(moment_ns):
                # It is known before: looking at the files as they are would be in vain.
                found = self._read_whole(self._snapshot)
            else:
                previous = self._snapshot
                found = self._read({})
                self._written = self._written_since(moment_ns)
                if self._written:
                    found = self._read_whole(previous)
            self._snapshot = found
            self._read_began = began
            return found

    @cached_property
    def journal(self) -> Journal:
        """The saved edits."""
        from stacktui.workspace.journal import Journal

        return Journal(self.state / self._journal)

    def make_journal(self) -> None:
        """Make the journal's folder if it is not there. Raises OSError."""
        self.state_dir(self._journal)

    def wrote(self) -> None:
        """Said by who has just written an edit through this object."""
        self._written = True

    def unfinished(self) -> bool:
        """Whether an edit is being written just now, or a writer died in the middle of one."""
        try:
            return os.stat(self._pending).st_size > 0  # noqa: PTH116
        except OSError:
            return False

    def _written_since(self, moment_ns: int) -> bool:
        """Whether an edit has been under way at that moment or later: files may have been read on both sides of it."""
        try:
            status = os.stat(self._pending)  # noqa: PTH116 - all that a read pays for edits of several files
        except OSError:
            return False
        return status.st_size > 0 or max(status.st_mtime_ns, status.st_ctime_ns) > moment_ns

    def _read_whole(self, previous: WorkspaceSnapshot | None) -> WorkspaceSnapshot:
        from stacktui.workspace.recovery import read_whole

        settings = self._settings.entry(str(self.file))
        hands_off = self.readonly or (settings is not None and settings.value.readonly)
        return read_whole(
            self.root,
            self.journal,
            None if hands_off else partial(self.state_dir, "locks"),
            self.state / "locks",
            self._read,
            previous,
        )

    def _read(self, laid: Mapping[str, bytes | None]) -> WorkspaceSnapshot:
        """Everything, with `laid` in place of what those files hold; None: they are not there."""
        changed = self._settings.update(str(self.file), laid.get(str(self.file)))
        listing = self._listing
        listing.begin()
        components = {
            ComponentId(category, name): path
            for category in Category
            for name, path in listing.yaml_files(self.root / COMPONENTS / category.value)
        }
        listing.check_categories(self.root / COMPONENTS)
        stacks = dict(listing.yaml_files(self.root / STACKS))
        if laid:
            components, stacks = _laid_over(self.root, components, stacks, laid)
        changed |= _update(self._components, components.values(), laid)
        changed |= _update(self._stacks, stacks.values(), laid)
        naming = tuple(listing.problems)
        if self._latest is not None and not changed and naming == self._naming:
            return self._latest
        self._naming = naming
        self._latest = self._snapshot_of(components, stacks)
        return self._latest

    def _snapshot_of(
        self, components: Mapping[ComponentId, str], stacks: Mapping[str, str]
    ) -> WorkspaceSnapshot:
        root_file = str(self.file)
        settings = self._settings.entry(root_file)
        problems = [*self._settings.problems(root_file), *self._naming]
        found_components: dict[ComponentId, Entry[Component]] = {}
        found_stacks: dict[str, Entry[Stack]] = {}
        broken_components: dict[ComponentId, Path] = {}
        broken_stacks: dict[str, Path] = {}
        for key, path in components.items():
            problems.extend(self._components.problems(path))
            if (component := self._components.entry(path)) is not None:
                found_components[key] = component
            elif self._components.problems(path):
                broken_components[key] = Path(path)
        for name, path in stacks.items():
            problems.extend(self._stacks.problems(path))
            if (stack := self._stacks.entry(path)) is not None:
                found_stacks[name] = stack
            elif self._stacks.problems(path):
                broken_stacks[name] = Path(path)
        return WorkspaceSnapshot(
            root=self.root,
            generation=self._latest.generation + 1 if self._latest else 1,
            settings=settings.value if settings else WorkspaceFile(),
            components=MappingProxyType(found_components),
            stacks=MappingProxyType(found_stacks),
            problems=tuple(problems),
            broken_components=MappingProxyType(broken_components),
            broken_stacks=MappingProxyType(broken_stacks),
            settings_file=self.file,
            settings_raw=settings.raw if settings else b"",
        )


def _component(file: Path, raw: bytes) -> Outcome[Component]:
    return read_component(file, raw, Category(file.parent.name), file.stem)


def _stack(file: Path, raw: bytes) -> Outcome[Stack]:
    return read_stack(file, raw, file.stem)


def _update(reader: FileReader[T], paths: Collection[str], laid: Mapping[str, bytes | None]) -> bool:
    changed = reader.keep_only(paths)
    for path in paths:
        changed |= reader.update(path, laid.get(path) if laid else None)
    return changed


def _laid_over(
    root: Path,
    components: Mapping[ComponentId, str],
    stacks: Mapping[str, str],
    laid: Mapping[str, bytes | None],
) -> tuple[dict[ComponentId, str], dict[str, str]]:
    """The listing as it is when the files of an edit are there, or gone."""
    places = {
        **{str(root / COMPONENTS / category.value): category for category in Category},
        str(root / STACKS): None,
    }
    found: dict[Category | None, dict[str, str]] = {None: dict(stacks)}
    for id_, path in components.items():
        found.setdefault(id_.category, {})[id_.name] = path
    for path, content in laid.items():
        folder, _, file = path.rpartition("/")
        name = file.removesuffix(".yaml")
        if folder not in places or not file.endswith(".yaml") or not is_name(name):
            continue
        names = found.setdefault(places[folder], {})
        if content is None:
            names.pop(name, None)
        else:
            names[name] = path
    return (
        {
            ComponentId(category, name): path
            for category in Category
            for name, path in sorted(found.get(category, {}).items())
        },
        dict(sorted(found[None].items())),
    )


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name!r} is not a name: it has {NAME_RULE}")
    return name
