"""What an import brings, beside what the workspace has: under which names it comes in, and the one change that writes
it. Writes nothing. Used by `stack_import` and the workbench's dialog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.stack import Stack
from stacktui.operations.errors import OperationError
from stacktui.operations.exchange.report import Outcome, ReportRow
from stacktui.operations.exchange.zenml import free_name
from stacktui.workspace.changes import Change, FileEdit
from stacktui.workspace.reading import Entry

if TYPE_CHECKING:
    from stacktui.operations.exchange.incoming import Incoming, Piece
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot


class Conflict(StrEnum):
    """What becomes of something of whose name the workspace has another one."""

    RENAME = "rename"
    """It comes in under another name, and what refers to it follows."""
    KEEP = "keep"
    """The workspace's own is used in its place."""
    REPLACE = "replace"
    """It takes the place of the workspace's."""


class Settled(NamedTuple):
    """An import as it would be written."""

    change: Change
    rows: tuple[ReportRow, ...]
    """What becomes of each file, then what else there is to say."""
    conflicts: tuple[str, ...]
    """Subjects for which nobody has chosen: `artifact_store/team`, `stack/prod`. Nothing is written while there are any."""
    replaced: tuple[str, ...]
    """The stacks of the workspace whose content it replaces."""
    stack: str
    """The imported stack's name here."""
    after: WorkspaceSnapshot
    """The workspace as it would be."""


def settle(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    incoming: Incoming,
    *,
    name: str | None = None,
    choice: Callable[[str], Conflict | None],
) -> Settled:
    """Compare what comes in with what is there. `name` is another one for the stack; `choice` says what becomes of
    a subject that the workspace has otherwise, None where nobody has said."""
    return _Settling(workspace, snapshot, incoming, choice).settled(name)


class _Settling:
    def __init__(
        self,
        workspace: Workspace,
        snapshot: WorkspaceSnapshot,
        incoming: Incoming,
        choice: Callable[[str], Conflict | None],
    ) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._incoming = incoming
        self._choice = choice
        self._rows: list[ReportRow] = []
        self._conflicts: list[str] = []
        self._replaced: list[str] = []
        self._edits: list[FileEdit] = []
        self._components = dict(snapshot.components)
        self._stacks = dict(snapshot.stacks)
        self._taken: dict[Category, set[str]] = {category: set() for category in Category}
        """Names that something here or in the file has."""
        for id_ in (
            *snapshot.components,
            *snapshot.broken_components,
            *(piece.value.id for piece in incoming.components),
        ):
            self._taken[id_.category].add(id_.name)
        self._renamed: dict[ComponentId, str] = {}
        self._renamed_stacks: dict[str, str] = {}

    def settled(self, name: str | None) -> Settled:
        incoming = self._incoming
        for piece in incoming.components:
            self._component(piece)
        for stack_piece in incoming.stacks:
            self._stack(stack_piece, name if stack_piece is incoming.stack else None)
        stack = self._renamed_stacks.get(incoming.stack.value.name, incoming.stack.value.name)
        after = replace(
            self._snapshot,
            generation=self._snapshot.generation + 1,
            components=MappingProxyType(self._components),
            stacks=MappingProxyType(self._stacks),
            broken_components=_without(self._snapshot.broken_components, self._components),
            broken_stacks=_without(self._snapshot.broken_stacks, self._stacks),
        )
        return Settled(
            Change(f"import stack {stack}", tuple(self._edits), deed="imported"),
            (*self._rows, *incoming.rows),
            tuple(self._conflicts),
            tuple(self._replaced),
            stack,
            after,
        )

    def _component(self, piece: Piece[Component]) -> None:
        component = piece.value
        category, snapshot = component.category, self._snapshot
        taken = self._taken[category]

        def there(name: str) -> tuple[Component | None, Path | None]:
            id_ = ComponentId(category, name)
            entry = snapshot.components.get(id_)
            return (entry.value if entry else None), (
                entry.file if entry else snapshot.broken_components.get(id_)
            )

        name, written = self._place(str(component.id), component, there, taken, piece, (component.name,))
        if name != component.name:
            self._renamed[component.id] = name
        if written:
            value = component.model_copy(update={"name": name})
            file = self._workspace.component_file(category, name)
            before = snapshot.components.get(value.id)
            self._write(file, before, piece.raw, snapshot.broken_components.get(value.id))
            self._components[value.id] = Entry(value, file, piece.raw, False)
            taken.add(name)

    def _stack(self, piece: Piece[Stack], name: str | None) -> None:
        wanted = name or piece.value.name
        raw = self._with_new_names(piece)
        stack = self._named(piece.value, wanted)
        snapshot = self._snapshot
        taken = {*self._stacks, *snapshot.broken_stacks, *(p.value.name for p in self._incoming.stacks)}

        def there(name: str) -> tuple[Stack | None, Path | None]:
            entry = snapshot.stacks.get(name)
            return (entry.value if entry else None), (
                entry.file if entry else snapshot.broken_stacks.get(name)
            )

        here, written = self._place(f"stack/{wanted}", stack, there, taken, piece, (piece.value.name, wanted))
        if here != piece.value.name:
            self._renamed_stacks[piece.value.name] = here
        if written:
            file = self._workspace.stack_file(here)
            before = snapshot.stacks.get(here)
            if before is not None:
                self._replaced.append(here)
            self._write(file, before, raw, snapshot.broken_stacks.get(here))
            self._stacks[here] = Entry(stack.model_copy(update={"name": here}), file, raw, False)

    def _place(
        self,
        subject: str,
        value: Component | Stack,
        there: Callable[[str], tuple[Any, Path | None]],
        taken: Iterable[str],
        piece: Piece[Any],
        names: tuple[str, ...],
    ) -> tuple[str, bool]:
        """The name under which something comes in, and whether its file is written."""
        wanted = names[-1]
        foreign = self._incoming.source == "zenml"
        present, file = there(wanted)
        if file is None:
            named = "" if wanted == names[0] else "you named it so"
            message = "; ".join(part for part in (named or piece.renamed, piece.message) if part)
            outcome = Outcome.RENAMED if named or piece.renamed else Outcome.NEW
            self._say(outcome, subject, message, piece.origin or (names[0] if named else ""))
            return wanted, True
        if _equal(present, value, foreign):
            self._say(Outcome.SAME, subject, "the workspace has the same already", piece.origin)
            return wanted, False
        chosen = self._choice(subject)
        if chosen is Conflict.KEEP:
            self._say(Outcome.KEPT, subject, "the workspace's own is used, which is otherwise", piece.origin)
            return wanted, False
        if chosen is Conflict.REPLACE:
            self._say(
                Outcome.REPLACES, subject, "it replaces the workspace's, which is otherwise", piece.origin
            )
            return wanted, True
        if chosen is Conflict.RENAME:
            kind, used = subject.rpartition("/")[0], {wanted}
            while True:
                other = free_name(wanted, used)
                known, known_file = there(other)
                if known_file is not None and _equal(known, value, foreign):
                    # An earlier import made it.
                    self._say(
                        Outcome.SAME, f"{kind}/{other}", "the workspace has the same under this name", wanted
                    )
                    return other, False
                if known_file is None and other not in taken:
                    self._say(
                        Outcome.RENAMED, f"{kind}/{other}", f"the workspace has another {wanted}", wanted
                    )
                    return other, True
                used.add(other)
        self._conflicts.append(subject)
        self._say(Outcome.CONFLICT, subject, "the workspace has another one of this name", piece.origin)
        return wanted, False

    def _write(self, file: Path, before: Entry[Any] | None, after: bytes, broken: Path | None) -> None:
        if broken is not None or (before is not None and before.stale):
            raw = _bytes_of(file)
        else:
            raw = before.raw if before is not None else None
        self._edits.append(FileEdit(file, raw, after))

    # Names inside a stack's file.

    def _named(self, stack: Stack, name: str) -> Stack:
        """The stack as it is here: with the names that its components and its parent have here."""
        components = {
            category: tuple(self._renamed.get(ComponentId(category, each), each) for each in names)
            for category, names in stack.components.items()
        }
        changes: dict[str, Any] = {"name": name, "components": components}
        if stack.extends is not None:
            changes["extends"] = self._renamed_stacks.get(stack.extends, stack.extends)
        if stack.steps:
            changes["steps"] = {
                step: settings.model_copy(
                    update={
                        field: self._renamed.get(ComponentId(category, held), held)
                        for field, category in _STEP_FIELDS.items()
                        if (held := getattr(settings, field)) is not None
                    }
                )
                for step, settings in stack.steps.items()
            }
        return stack.model_copy(update=changes)

    def _with_new_names(self, piece: Piece[Stack]) -> bytes:
        """The stack's file with the names that things have here; its other bytes, comments too, as they are."""
        if not self._renamed and not self._renamed_stacks:
            return piece.raw
        from stacktui.workspace.yaml_editor import EditImpossible, rewrite
        from stacktui.workspace.yaml_reader import read_yaml

        data = dict(read_yaml(piece.raw).value or {})
        if isinstance(data.get("extends"), str):
            data["extends"] = self._renamed_stacks.get(data["extends"], data["extends"])
        if isinstance(data.get("components"), dict):
            data["components"] = {
                key: self._renamed_in(key, held) for key, held in data["components"].items()
            }
        if isinstance(data.get("steps"), dict):
            data["steps"] = {step: self._renamed_step(settings) for step, settings in data["steps"].items()}
        try:
            return rewrite(piece.raw, data)
        except EditImpossible as error:
            raise OperationError(
                f"stack/{piece.value.name} cannot get the names that its components have here: {error}"
            ) from None

    def _renamed_in(self, category: Any, held: Any) -> Any:
        if category not in set(Category):
            return held
        if isinstance(held, list):
            return [self._renamed_in(category, each) for each in held]
        return (
            self._renamed.get(ComponentId(Category(category), held), held) if isinstance(held, str) else held
        )

    def _renamed_step(self, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        return {
            key: self._renamed_in(_STEP_FIELDS[key], value) if key in _STEP_FIELDS else value
            for key, value in settings.items()
        }

    def _say(self, outcome: Outcome, subject: str, message: str, origin: str = "") -> None:
        self._rows.append(ReportRow(outcome=outcome, subject=subject, message=message, origin=origin))


_STEP_FIELDS = {"step_operator": Category.STEP_OPERATOR, "experiment_tracker": Category.EXPERIMENT_TRACKER}


def _equal(present: Component | Stack | None, value: Component | Stack, foreign: bool) -> bool:
    """Whether two say the same; their comments and their order do not count. What is `foreign` has no description and no
    labels of its own to differ in."""
    if present is None:
        return False
    silent = {"description", "labels"} if foreign and not (value.description or value.labels) else set()
    plain = [each.model_dump(mode="json", exclude={"name", *silent}) for each in (present, value)]
    return bool(plain[0] == plain[1])


def _without(broken: Mapping[Any, Path], held: Mapping[Any, Any]) -> Mapping[Any, Path]:
    return MappingProxyType({key: file for key, file in broken.items() if key not in held})


def _bytes_of(file: Path) -> bytes | None:
    """A file's bytes as they are now, for one that cannot be read as what it should be."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise OperationError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None
