"""The saved edits, with the diff of the one under the cursor: what `u` takes back next, and `ctrl+r` does again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stacktui.model.base import now
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.diff import ShownDiff, coloured
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.screens.base import KeyHelp, Subject, WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.edits import EditPart
    from stacktui.operations.session import Session

_STATES = {
    "done": ("✓", "done", Tone.OK),
    "undone": ("○", "undone", Tone.MUTED),
    "taken back": ("!", "taken back", Tone.WARN),
}
_SIGNS = {"created": "+", "changed": "~", "deleted": "-"}
_FOOTER = {"global.undo": 2, "global.redo": 3}
_EMPTY = Clean(
    "Nothing was saved yet. Edit a component or a stack with e: it comes here, and u takes it back."
)
_NONE_OF_MINE = Clean("None of the saved edits is yours. o shows those of others, which are theirs to undo.")


@dataclass(frozen=True)
class EditLine:
    """One edit as shown."""

    id: str
    when: Clean
    who: Clean
    state: str
    next: Clean
    title: Clean
    files: Clean
    paths: tuple[str, ...]


@dataclass(frozen=True)
class EditsSnapshot:
    """The edits, the newest first."""

    edits: tuple[EditLine, ...]
    others: int
    """How many of other people are not shown."""
    damaged: tuple[Clean, ...]


class EditsScreen(WorkbenchScreen[EditsSnapshot]):
    """The journal of edits."""

    topics = frozenset({Topic.FILES})
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("edits.others", "o", "others", "others' too", rank=10, help="Show the edits of others, or only yours."),
        bind("edits.editor", "E", "edit_file", "editor", writes=True, rank=12, help="Open a file of the edit in $EDITOR."),
        bind("edits.copy", "y", "copy", "copy diff", rank=20, help="Copy the diff, as git apply takes it."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._all = False
        self._asked = 0
        self._diff = Clean("")

    def body(self) -> ComposeResult:
        with Horizontal(id="edits"):
            with Panel(title="edits", id="edits-panel"):
                yield Grid(
                    Column("when", "when", 11),
                    Column("who", "who", 9, drop=2),
                    Column("state", "state", 9),
                    Column("next", "next", 6),
                    Column("title", "what", 18, grow=True),
                    Column("files", "files", 14, grow=True, drop=1),
                    markable=False, id="edits-list", empty=_EMPTY,
                )  # fmt: skip
            with Panel(title="diff", id="edit-panel"), VerticalScroll(can_focus=False):
                yield Static(id="edit-diff")

    def load(self, session: Session) -> EditsSnapshot:
        from stacktui.operations.edits import list_

        found = list_(session, all_=self._all, limit=1_000)
        return EditsSnapshot(
            tuple(_line(edit) for edit in found.edits), found.others, tuple(map(clean, found.damaged))
        )

    def show(self, snapshot: EditsSnapshot) -> None:
        grid = self.query_one(Grid)
        grid.empty = _NONE_OF_MINE if snapshot.others and not self._all else _EMPTY
        grid.set_rows(_row(line) for line in snapshot.edits)
        panel = self.query_one("#edits-panel", Panel)
        panel.set_title("edits of everybody" if self._all else "your edits", len(snapshot.edits))
        panel.set_note(
            Clean(f"{snapshot.damaged[0]} is damaged and left out: :doctor")
            if snapshot.damaged
            else Clean(f"{snapshot.others} of others: o")
            if snapshot.others
            else Clean("")
        )
        self._show_diff(grid.cursor_key)
        self.keys_changed()

    def subject(self) -> Subject | None:
        key = self.query_one(Grid).cursor_key
        return None if key is None else Subject("edit", {"edit": key}, Clean(f"edit {key}"))

    def refusal(self, action: str) -> str | None:
        if action in ("copy", "edit_file") and not self._diff:
            return "no edit is chosen"
        return super().refusal(action)

    def all_keys(self) -> list[KeyHelp]:
        # Elsewhere these two are only in `?`; here they are what the screen is for.
        found = [
            item._replace(facts=item.facts._replace(rank=_FOOTER.get(item.facts.id, item.facts.rank)))
            for item in super().all_keys()
        ]
        return sorted(found, key=lambda item: item.facts.rank)

    @on(Grid.Moved)
    def _moved(self, event: Grid.Moved) -> None:
        self._show_diff(event.key)

    @on(Grid.Opened)
    def _opened(self) -> None:
        line = self._line()
        if line is not None and self._diff:
            self.ask(ShownDiff(Clean(f"edit {line.id}"), self._diff, line.title), lambda _: None)

    def _line(self) -> EditLine | None:
        key = self.query_one(Grid).cursor_key
        return next((edit for edit in self.snapshot.edits if edit.id == key), None) if self.snapshot else None

    def action_others(self) -> None:
        self._all = not self._all
        self.reload_now()

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor

        root = self.workbench.session.workspace.root
        line = self._line()
        there = [root / path for path in (line.paths if line else ()) if (root / path).exists()]
        if there:
            open_in_editor(self.workbench, there[0])
        else:
            self.notice("None of its files is there any more.", error=True)

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._diff)
        self.notice(Clean("Copied the diff."))

    def _show_diff(self, key: str | None) -> None:
        """Read the diff of an edit; the answer for one that the cursor has left is dropped."""
        self._asked += 1
        asked = self._asked
        session = self.workbench.session
        if key is None:
            self._draw(Clean(""), Content(""))
            return

        def work() -> Any:
            from stacktui.operations.edits import show

            return show(session, key)

        def arrived(found: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if asked != self._asked or not self.is_mounted:
                return
            if error is not None:
                self._draw(Clean(""), Content(one_line(error)))
                return
            self._draw(clean_block(found.diff), _about(found))

        self.workbench.background.submit(work, arrived)

    def _draw(self, diff: Clean, shown: Content) -> None:
        self._diff = diff
        self.query_one("#edit-diff", Static).update(shown)
        self.query_one("#edit-panel VerticalScroll", VerticalScroll).scroll_home(animate=False)
        self.keys_changed()


def _about(found: Any) -> Content:
    """The diff of an edit, and what was written to its files since."""
    origin = f" from {found.origin}" if found.origin else ""
    parts: list[Content] = [
        Content.styled(clean(f"{found.user}@{found.host}{origin}"), "$quiet"),
    ]
    if found.problem:
        parts.append(Content.styled(clean(found.problem), "$tone-warn"))
    if found.since:
        blocks = found.mine and found.state == "done"
        why = ": it cannot be undone without losing that" if blocks else ""
        parts.append(
            Content.styled(f"{glyph('!')} its files were changed since{why}; see below", "$tone-warn")
        )
    if found.diff:
        parts.append(coloured(clean_block(found.diff)))
    if found.since:
        left = "what it left" if found.state == "done" else "what was there before it"
        parts.append(Content.styled(f"\nwritten since, from {left} (-) to now (+):", "bold"))
        parts.append(coloured(clean_block(found.since)))
    return Content("\n").join(parts)


def _line(edit: EditPart) -> EditLine:
    return EditLine(
        edit.id,
        clean(_when(edit.at)),
        clean(edit.user),
        edit.state,
        Clean(edit.next or ""),
        clean(edit.title),
        clean(", ".join(f"{_SIGNS[file.action]} {file.file}" for file in edit.files)),
        tuple(file.file for file in edit.files),
    )


def _when(at: datetime) -> str:
    """`16:00:28` for today, `11-24 16:00` for this year, else the day."""
    from stacktui.operations.moments import stamp

    then, today = stamp(at), stamp(now())
    if then[:10] == today[:10]:
        return then[11:]
    return then[5:16] if then[:4] == today[:4] else then[:10]


def _row(line: EditLine) -> Row:
    symbol, word, tone = _STATES[line.state]
    return Row(
        line.id,
        (
            Cell(line.when, Tone.MUTED),
            Cell(line.who, Tone.MUTED),
            Cell(Clean(f"{glyph(symbol)} {word}"), tone),
            Cell(line.next, Tone.ACCENT),
            Cell(line.title, Tone.MUTED if line.state == "undone" else Tone.PLAIN),
            Cell(line.files, Tone.MUTED),
        ),
    )
