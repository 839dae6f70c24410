"""A workspace seen through a slit: components and stacks are read one by one, when they are asked for.

Used by a session that was asked for a stack's components and for nothing else, as for `runs list`: of a thousand
files it reads the dozen that matter. A view of more than that takes `Workspace.read`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from stacktui.model.base import is_name
from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.stack import Stack

if TYPE_CHECKING:
    from stacktui.workspace.documents import Outcome
    from stacktui.workspace.workspace import Entry, Workspace, WorkspaceSnapshot

K = TypeVar("K", ComponentId, str)
T = TypeVar("T")


class _ReadLate(Mapping[K, "Entry[T]"], Generic[K, T]):
    """Entries by key, each read from its file on first use; what cannot be used is not there."""

    def __init__(
        self,
        file_of: Callable[[K], Path],
        read: Callable[[K, Path, bytes], Outcome[T]],
        keys: Callable[[], Iterable[K]],
    ) -> None:
        self._file_of: Callable[[K], Path] = file_of
        self._read: Callable[[K, Path, bytes], Outcome[T]] = read
        self._keys: Callable[[], Iterable[K]] = keys
        self._known: dict[K, Entry[T] | None] = {}

    def __getitem__(self, key: K) -> Entry[T]:
        if key not in self._known:
            self._known[key] = self._entry(key)
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[K]:
        return iter(sorted(self._keys()))

    def __len__(self) -> int:
        return sum(1 for _ in self._keys())

    def _entry(self, key: K) -> Entry[T] | None:
        from stacktui.workspace.reading import Entry, Unreadable, read_bytes

        try:
            file = self._file_of(key)
            raw, _ = read_bytes(str(file))
        except (ValueError, OSError, Unreadable):
            return None
        outcome = self._read(key, file, raw)
        return None if outcome.value is None else Entry(outcome.value, file, raw, not outcome.readable)


def narrow_snapshot(workspace: Workspace) -> WorkspaceSnapshot:
    """The workspace as it is now, with nothing read yet but `stacktui.yaml`."""
    from stacktui.workspace.documents import WorkspaceFile, read_component, read_settings, read_stack
    from stacktui.workspace.workspace import WorkspaceSnapshot

    root = workspace.root
    raw = workspace.file.read_bytes()

    def component_ids() -> Iterator[ComponentId]:
        for category in Category:
            for name in _names(root / "components" / category):
                yield ComponentId(category, name)

    components: Mapping[ComponentId, Entry[Component]] = _ReadLate(
        lambda key: workspace.component_file(*key),
        lambda key, file, data: read_component(file, data, *key),
        component_ids,
    )
    stacks: Mapping[str, Entry[Stack]] = _ReadLate(
        workspace.stack_file,
        lambda name, file, data: read_stack(file, data, name),
        lambda: _names(root / "stacks"),
    )
    return WorkspaceSnapshot(
        root=root,
        generation=0,
        settings=read_settings(workspace.file, raw).value or WorkspaceFile(),
        components=components,
        stacks=stacks,
        problems=(),
        broken_components={},
        broken_stacks={},
        settings_file=workspace.file,
        settings_raw=raw,
    )


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for file in folder.iterdir():
            if file.suffix == ".yaml" and is_name(file.stem):
                yield file.stem
