"""A session: one workspace, held open for one face. And `run_operation`, the one door to the table.

Made by the command line for one command and by the workbench for as long as it runs. Safe to use from
several threads. Nothing is read before it is asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.model.category import Category
from stacktui.operations.attention import Asking, Attention
from stacktui.operations.errors import OperationError, unknown

if TYPE_CHECKING:
    from stacktui.categories.base import Caller, StackComponent
    from stacktui.categories.flavor import FlavorRegistry
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.component import Component, ComponentId
    from stacktui.model.stack import ResolvedStack
    from stacktui.operations.table import Operation
    from stacktui.runtime.build import LiveStack
    from stacktui.validation.probes import ProbeBoard
    from stacktui.workspace.active import ActiveStack
    from stacktui.workspace.workspace import Entry, Workspace, WorkspaceSnapshot


class Changed(NamedTuple):
    """What an operation changed: whoever shows it reads these again, as after a watcher's event."""

    paths: frozenset[Path] = frozenset()
    runs: frozenset[str] = frozenset()


class Session:
    """One workspace for one face.

    Args:
        start: the folder from which the workspace is found, upward.
        stack: `--stack`: the stack to use in place of the active one.
        store: `--store`: the metadata store to read in place of the active stack's.
        readonly: refuse every operation that writes. The environment (`STACKTUI_READONLY`) and
            `readonly: true` in stacktui.yaml ask for the same.
        patience_s: how long components may wait for other users of what they keep, as a screen cannot for long;
            None: as they are configured.
        face: who shows it, for the audit list: `cli` or `workbench`.
    """

    def __init__(
        self,
        start: Path,
        *,
        stack: str | None = None,
        store: str | None = None,
        readonly: bool = False,
        environ: Mapping[str, str] = os.environ,
        patience_s: float | None = None,
        face: str = "",
    ) -> None:
        self.start = start
        self.face = face
        self.stack_override = stack
        self.store_override = store
        self.environ = environ
        self._patience_s = patience_s
        self.attention = Attention()
        """What operations wait with, so that the person who looks on can interrupt them; a face may set its own."""
        self._readonly_option = readonly
        self.asking = Asking()
        """Whom operations ask for a secret that they learn of while they run; a face may set its own."""
        self.asked_readonly = readonly or environ.get("STACKTUI_READONLY", "") not in ("", "0")
        self._lock = threading.RLock()
        self._workspace: Workspace | None = None
        self.has_read = False
        """Whether the whole workspace was read: a file that broke since then keeps its last good version here."""
        self._live: dict[str, tuple[object, LiveStack]] = {}
        self._stores: dict[str, tuple[object, MetadataStore]] = {}
        self._retired: list[LiveStack | StackComponent] = []
        self._probes: ProbeBoard | None = None
        self._probed: dict[ComponentId, Component] = {}
        self._listeners: list[Callable[[Changed], None]] = []
        self._look = threading.local()

    # The workspace and its files.

    @property
    def workspace(self) -> Workspace:
        """The workspace. Raises `WorkspaceNotFound` where there is none above `start`."""
        from stacktui.workspace.workspace import Workspace

        with self._lock:
            if self._workspace is None:
                self._workspace = Workspace.open(self.start)
                self._workspace.readonly = self.asked_readonly
            return self._workspace

    def snapshot(self) -> WorkspaceSnapshot:
        """The files as they are now; what did not change on disk is not parsed again."""
        self.has_read = True
        looked: list[WorkspaceSnapshot] | None = getattr(self._look, "snapshots", None)
        if looked is None:
            return self.workspace.read()
        if not looked:
            looked.append(self.workspace.read())
        return looked[0]

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within it this thread gets the same snapshot each time: what is shown together belongs together, and a
        thousand files are looked at once. What an operation changes meanwhile is seen."""
        before = getattr(self._look, "snapshots", None)
        self._look.snapshots = []
        try:
            yield
        finally:
            self._look.snapshots = before

    def glance(self) -> WorkspaceSnapshot:
        """Enough of the files to show or build one stack: each is read when it is asked for; all of them where they
        were read before."""
        from stacktui.operations.narrow import narrow_snapshot

        # In the middle of an edit of several files, only a whole look is one of a single moment.
        whole = self.has_read or self.workspace.unfinished()
        return self.snapshot() if whole else narrow_snapshot(self.workspace)

    @property
    def readonly(self) -> bool:
        """Whether operations that write are refused."""
        return bool(self.readonly_because)

    @property
    def readonly_because(self) -> str:
        """What asks for read-only: an option, a variable or a line of `stacktui.yaml`; empty where nothing does."""
        if self.asked_readonly:
            return "--readonly" if self._readonly_option else "STACKTUI_READONLY"
        from stacktui.workspace.locate import WorkspaceNotFound

        try:
            asked = self.glance().settings.readonly
        except WorkspaceNotFound:
            asked = False
        return "`readonly: true` in stacktui.yaml" if asked else ""

    def registry(self) -> FlavorRegistry:
        """All flavors that can be used here; outside a workspace the built-in and installed ones."""
        from stacktui.runtime.flavors import flavor_registry
        from stacktui.workspace.locate import WorkspaceNotFound

        try:
            root = self.workspace.root
        except WorkspaceNotFound:
            root = None
        return flavor_registry(root)

    # Stacks.

    def active(self, snapshot: WorkspaceSnapshot | None = None) -> ActiveStack:
        """Which stack is in force, and why."""
        from stacktui.workspace.active import active_stack

        return active_stack(
            self.workspace, snapshot or self.snapshot(), self.stack_override, environ=self.environ
        )

    def stack_name(self, name: str | None = None, snapshot: WorkspaceSnapshot | None = None) -> str:
        """`name` if given, else the active stack's; raises `OperationError` in words where neither exists."""
        snapshot = snapshot or self.snapshot()
        if name is None:
            active = self.active(snapshot)
            if active.name is None:
                raise OperationError("no stack is active; choose one with: stacktui stack use NAME")
            if active.name not in snapshot.stacks:
                why = f" ({active.reason})" if active.reason else ""
                raise unknown("stack", active.name, snapshot.stacks, "stacktui stack list", why)
            return active.name
        if name not in snapshot.stacks:
            raise unknown("stack", name, snapshot.stacks, "stacktui stack list")
        return name

    def resolved(self, name: str | None = None, snapshot: WorkspaceSnapshot | None = None) -> ResolvedStack:
        """A stack after inheritance: the named one or the active one. Raises `OperationError` in words."""
        from stacktui.runtime.inherit import resolve_stack

        snapshot = snapshot or self.snapshot()
        name = self.stack_name(name, snapshot)
        found = resolve_stack(snapshot, name)
        if found.stack is None:
            reason = found.problems[0].message if found.problems else "it cannot be read"
            raise OperationError(f"stack {name!r} cannot be used: {reason}")
        return found.stack

    def live(self, name: str | None = None) -> LiveStack:
        """The stack's components, built on first use and kept until their files change or the session ends."""
        from stacktui.runtime.build import open_stack

        snapshot = self.glance()
        resolved = self.resolved(name, snapshot)
        caller = self._caller(snapshot)
        signature = (resolved, tuple(component_values(snapshot, resolved)), caller)
        with self._lock:
            kept = self._live.get(resolved.name)
            if kept is not None and kept[0] == signature:
                return kept[1]
            if kept is not None:
                # Another thread may be using it: it is closed with the session.
                self._retired.append(kept[1])
            live = open_stack(self.workspace, snapshot, self.registry(), resolved, caller)
            self._live[resolved.name] = (signature, live)
            return live

    def store(self, name: str | None = None) -> MetadataStore:
        """The metadata store: the named component, `--store`'s, or the active stack's."""
        from stacktui.categories.metadata_store import MetadataStore

        name = name or self.store_override
        if name is None:
            return self.live().metadata_store
        snapshot = self.glance()
        entry = self.component(Category.METADATA_STORE, name, snapshot)
        with self._lock:
            kept = self._stores.get(name)
            if kept is not None and kept[0] == entry.value:
                return kept[1]
            if kept is not None:
                self._retired.append(kept[1])
            component = self.open(entry.value, snapshot)
            assert isinstance(component, MetadataStore)
            self._stores[name] = (entry.value, component)
            return component

    def component(
        self, category: Category, name: str, snapshot: WorkspaceSnapshot | None = None
    ) -> Entry[Component]:
        """A component's entry. Raises `OperationError` with the nearest name."""
        from stacktui.model.component import ComponentId

        snapshot = snapshot or self.snapshot()
        entry = snapshot.components.get(ComponentId(category, name))
        if entry is None:
            names = [found.name for found in snapshot.components if found.category is category]
            raise unknown(category.facts.title, name, names, f"stacktui component list {category.value}")
        return entry

    def open(self, component: Component, snapshot: WorkspaceSnapshot | None = None) -> StackComponent:
        """One live component outside a stack; secrets come from the active stack's manager. The caller closes it."""
        from stacktui.runtime.build import open_component

        snapshot = snapshot or self.snapshot()
        active = self.active(snapshot).name
        secrets_from = self.resolved(active, snapshot) if active in snapshot.stacks else None
        return open_component(
            self.workspace,
            snapshot,
            self.registry(),
            component,
            secrets_from=secrets_from,
            caller=self._caller(snapshot),
        )

    def _caller(self, snapshot: WorkspaceSnapshot) -> Caller:
        from stacktui.categories.base import Caller

        return Caller(self._patience_s, self.asked_readonly or bool(snapshot.settings.readonly))

    @property
    def probes(self) -> ProbeBoard:
        """The probes and their last results, which count for 30 seconds."""
        from stacktui.validation.probes import ProbeBoard

        with self._lock:
            if self._probes is None:
                self._probes = ProbeBoard()
            return self._probes

    def forget_changed_probes(self, components: Iterable[Component]) -> None:
        """Drop the kept results of those that are configured otherwise than when they were probed."""
        with self._lock:
            wanted = {component.id: component for component in components}
            self.probes.forget(
                id_ for id_, component in wanted.items() if self._probed.get(id_) not in (None, component)
            )
            self._probed.update(wanted)

    # Who is told.

    def note(self, action: str, subject: str, text: str = "") -> None:
        """Put what was done on the audit list, as `workspace.audit` says. Said by an operation once it is done; where
        it cannot be noted, `stacktui doctor` says so. Never pass the value of a secret."""
        from stacktui.workspace.audit import note
        from stacktui.workspace.who import whoami

        # A read-only session makes no folder in the workspace; where there is a state, it notes what was revealed.
        make = self.workspace.state.is_dir() or not self.readonly
        note(
            self.workspace,
            action,
            subject,
            whoami(self.environ),
            face=self.face,
            text=text,
            make_state=make,
        )

    def on_changed(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """Call `listener` with what each operation changed, in the operation's thread. Returns the way to stop it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def changed(self, paths: Iterable[Path] = (), runs: Iterable[str] = ()) -> None:
        """Said by an operation when it has changed something."""
        what = Changed(frozenset(paths), frozenset(runs))
        if what.paths and getattr(self._look, "snapshots", None):
            self._look.snapshots.clear()
        if what.paths or what.runs:
            for listener in tuple(self._listeners):
                listener(what)

    def close(self) -> None:
        """Close every component that was built. May be called more than once."""
        with self._lock:
            opened: list[LiveStack | StackComponent] = [
                *self._retired,
                *(live for _, live in self._live.values()),
                *(store for _, store in self._stores.values()),
            ]
            self._retired, self._live, self._stores = [], {}, {}
        for each in opened:
            each.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def run_operation(session: Session, operation: Operation, /, **arguments: Any) -> Any:
    """Do one thing of the table: the only way in which a face does anything.

    Returns the operation's document, or for one that streams an iterator of documents. Raises
    `ReadOnlyRefused` for one that writes in a read-only session, `OperationError` in words.
    """
    refuse_readonly(session, operation, arguments)
    return operation.function(session, **arguments)


def refuse_readonly(session: Session, operation: Operation, arguments: Mapping[str, Any]) -> None:
    """Raises `ReadOnlyRefused` for what writes in a read-only session. A face that asks for something first calls it
    before that; `run_operation` does in any case."""
    if not operation.only_looks(arguments) and session.readonly:
        from stacktui.operations.table import ReadOnlyRefused

        option = next((f" --{name}" for name in operation.writes_with if arguments.get(name)), "")
        raise ReadOnlyRefused(
            f"{operation.name}{option} writes, and this session is read-only because of {session.readonly_because}"
        )


def component_values(snapshot: WorkspaceSnapshot, resolved: ResolvedStack) -> Iterable[Component]:
    """The components of a resolved stack that exist, in the order of its slots."""
    from stacktui.model.component import ComponentId

    for category, slot in resolved.slots.items():
        for name in slot.names:
            entry = snapshot.components.get(ComponentId(category, name))
            if entry is not None:
                yield entry.value
