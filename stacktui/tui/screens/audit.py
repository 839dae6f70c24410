"""Who did what here, newest first: edits, runs, stops, secrets that were set or revealed; when, and from where.

Enter goes to what an entry is about, where that is still there. `/` looks in all columns, also in those that a narrow
screen leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.audit import AuditList, AuditRow
    from stacktui.operations.session import Session

PAGE = 500
_LOUD = frozenset({"revealed", "deleted", "stopped", "pruned"})
_NOTHING = Clean(
    "Nothing was done yet. Edits, runs and revealed secrets are noted here, with who and from where."
)


@dataclass(frozen=True)
class AuditSnapshot:
    """The newest entries."""

    found: AuditList
    stamp: tuple[int, int] | None
    """Of the file when it was read."""


class AuditScreen(WorkbenchScreen[AuditSnapshot]):
    """The audit list."""

    # What this workbench does is there at once; what others do within a second.
    topics = frozenset({Topic.FILES, Topic.RUNS, Topic.ACTIVE, Topic.INBOX})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("audit.like", "o", "only_like", "only this action", rank=3, help="Only what has the action under the cursor; again shows all."),
        bind("audit.by", "w", "only_by", "only this person", rank=4, help="Only what the person under the cursor did; again shows all."),
        bind("audit.copy", "y", "copy", "copy", rank=20, help="Copy the entry as one line."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._limit = PAGE
        self._looks = False

    def body(self) -> ComposeResult:
        with Panel(title="audit", id="audit-panel"):
            yield Grid(*_columns("when"), markable=False, id="audit", empty=Clean("The list is being read…"))
        yield Static(id="audit-detail")

    def load(self, session: Session) -> AuditSnapshot:
        from stacktui.operations.audit import list_

        stamp = _stamp(session)
        found: AuditList = list_(session, limit=self._limit)
        return AuditSnapshot(found, stamp)

    def show(self, snapshot: AuditSnapshot) -> None:
        from stacktui.operations.moments import with_zone

        grid = self.query_one("#audit", Grid)
        grid.empty = _NOTHING
        found = snapshot.found
        columns = _columns(with_zone("when", (each.at for each in found.entries)), found.entries)
        if columns != grid.columns:
            grid.set_columns(*columns)
        grid.set_rows(map(_row, found.entries), more=found.next is not None)
        panel = self.query_one("#audit-panel", Panel)
        panel.set_title("audit", len(found.entries))
        notes = ["and older ones"] if found.next is not None else []
        if found.damaged:
            lines = "line" if found.damaged == 1 else "lines"
            notes.append(f"{found.damaged} damaged {lines} left out")
        panel.set_note(clean(", ".join(notes)))
        self._detail()
        self.keep_ticking(True)

    def load_failed(self, error: BaseException) -> None:
        from stacktui.tui.doing import one_line

        self.query_one("#audit", Grid).empty = one_line(error)

    def tick(self) -> None:
        """Another process may have added a line: look, in a thread, whether the file is another."""
        if self._looks or self.snapshot is None:
            return
        self._looks = True
        session = self.session

        def arrived(stamp: Any, error: BaseException | None) -> None:
            self._looks = False
            if self.is_attached and error is None and self.snapshot and stamp != self.snapshot.stamp:
                self.reload()

        self.workbench.background.submit(lambda: _stamp(session), arrived)

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        # The base's own handler is called too. What was done on the screen above is on the list now.
        if self.snapshot is not None:
            self.reload()

    @on(Grid.Moved, "#audit")
    def _moved(self) -> None:
        self._detail()

    @on(Grid.NeedMore, "#audit")
    def _more(self) -> None:
        self._limit += PAGE
        self.reload()

    def _detail(self) -> None:
        from stacktui.operations.moments import full_stamp

        entry = self._entry()
        detail = self.query_one("#audit-detail", Static)
        if entry is None:
            detail.update(Content(""))
            return
        detail.update(
            Content.assemble(
                (clean(f"{entry.action} {entry.subject}"), "bold"),
                "\n",
                clean(entry.text),
                "\n" if entry.text else "",
                (clean(f"{full_stamp(entry.at)}  by {entry.who}, {entry.place or 'unknown'}"), "$quiet"),
            )
        )

    def _entry(self) -> AuditRow | None:
        key = self.query_one("#audit", Grid).cursor_key if self.is_mounted else None
        found = self.snapshot.found.entries if self.snapshot is not None else ()
        return next((each for each in found if each.id == key), None)

    def refusal(self, action: str) -> str | None:
        if action in ("only_like", "only_by", "copy") and self._entry() is None:
            return "nothing is chosen"
        return super().refusal(action)

    def action_only_like(self) -> None:
        entry = self._entry()
        if entry is not None:
            self._filter(entry.action)

    def action_only_by(self) -> None:
        entry = self._entry()
        if entry is not None:
            self._filter(entry.who)

    def _filter(self, word: str) -> None:
        grid = self.query_one("#audit", Grid)
        shown = clean(word)
        grid.set_filter("" if grid.filter_text == shown else shown)
        self.keys_changed()

    def action_copy(self) -> None:
        entry = self._entry()
        if entry is not None:
            from stacktui.operations.moments import full_stamp

            said = f"{full_stamp(entry.at)} {entry.who} ({entry.place}) {entry.action} {entry.subject} {entry.text}"
            self.app.copy_to_clipboard(clean(said.rstrip()))
            self.notice("Copied.")

    # What an entry is about.

    @on(Grid.Opened, "#audit")
    def _opened(self) -> None:
        entry, session = self._entry(), self.session
        if entry is None:
            return

        def arrived(there: Any, error: BaseException | None) -> None:
            if not self.is_attached:
                return
            kind, _, name = entry.subject.partition("/")
            if kind not in _OPENED:
                self.notice(f"there is no screen for {entry.subject}")
            elif error is not None or not there:
                self.notice(f"{shown_subject(entry.subject)} is not there any more")
            else:
                self._go(kind, name)

        self.workbench.background.submit(lambda: _exists(session, entry.subject), arrived)

    def _go(self, kind: str, name: str) -> None:
        from stacktui.tui.editor import open_in_editor

        app = self.workbench
        if kind == "run":
            app.open_place("run", run_id=name)
        elif kind == "stack":
            app.open_place("stacks", name)
        elif kind == "component":
            category, _, component = name.partition("/")
            app.open_place(category, component)
        elif kind == "secret":
            app.open_place("secrets_manager", name.partition("/")[0])
        elif kind == "model":
            app.open_place("model_deployer")
        else:
            open_in_editor(app, self.session.workspace.root / name)


_OPENED = frozenset({"run", "stack", "component", "secret", "model", "file"})


def _exists(session: Session, subject: str) -> bool:
    """Whether what an entry is about is still there. Blocks; raises what asking for it raises."""
    kind, _, name = subject.partition("/")
    if kind == "run":
        return bool(session.store().run(name))
    if kind == "model":
        return any(server.name == name for server in session.live().model_deployer.find())
    if kind == "file":
        return session.workspace.root.joinpath(name).is_file()
    snapshot = session.snapshot()
    if kind == "stack":
        return name in snapshot.stacks or name in snapshot.broken_stacks
    category, _, component = name.partition("/")
    if kind == "secret":
        category, component = "secrets_manager", category
    known = {*snapshot.components, *snapshot.broken_components}
    return any((str(each.category), each.name) == (category, component) for each in known)


def _stamp(session: Session) -> tuple[int, int] | None:
    from stacktui.workspace.audit import audit_file

    try:
        status = audit_file(session.workspace).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size


def shown_subject(subject: str) -> Clean:
    """A subject as people read it: `stack prod`, `run 0193a1b2-c3d4`, `secret aws.region in vault`."""
    kind, _, name = subject.partition("/")
    if kind == "run":
        name = short_id(name)
    elif kind == "secret":
        manager, _, key = name.partition("/")
        name = f"{key} in {manager}"
    elif kind == "component":
        return clean(name)
    return clean(name if kind == "file" else f"{kind} {name}".rstrip())


def _columns(when: str, entries: tuple[AuditRow, ...] = ()) -> tuple[Column, ...]:
    """As wide as what stands in them, so that the last two get what is left."""
    who = max((len(clean(each.who)) for each in entries), default=0)
    place = max((len(clean(each.place)) for each in entries), default=0)
    return (
        Column("when", when, max(19, len(when))),
        Column("who", "who", max(8, min(who, 20))),
        Column("action", "action", 9),
        Column("what", "what", 22, grow=True, most=40),
        Column("from", "from", max(8, min(place, 24)), drop=2),
        Column("more", "more", 16, grow=True, drop=3),
    )


def _row(entry: AuditRow) -> Row:
    from stacktui.operations.moments import stamp

    return Row(
        entry.id,
        (
            Cell(clean(stamp(entry.at)), Tone.MUTED),
            Cell(clean(entry.who)),
            Cell(clean(entry.action), Tone.WARN if entry.action in _LOUD else Tone.PLAIN),
            Cell(shown_subject(entry.subject)),
            Cell(clean(entry.place), Tone.MUTED),
            Cell(clean(entry.text), Tone.MUTED),
        ),
    )
