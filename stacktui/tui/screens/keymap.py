"""Every key of the workbench with its id: searched with `/`, changed in place, or in the keymap's file.

What is written goes through the operations on keys, and so through a diff; the watcher reads it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind, known_facts, shown
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class KeyLine(NamedTuple):
    """One binding, with the key in force and who says it."""

    id: str
    keys: str
    """In Textual's spelling, with commas between."""
    shipped: str
    help: Clean
    file: Path | None
    line: int | None
    own: bool


class KeysSnapshot(NamedTuple):
    """All bindings by id."""

    lines: tuple[KeyLine, ...]
    workspace_file: Path


class KeysScreen(WorkbenchScreen[KeysSnapshot]):
    """The list of all keys."""

    topics = frozenset({Topic.FILES})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("keymap.edit", "e", "edit_key", "change", writes=True, rank=1, help="Give it another key: press it next."),
        bind("keymap.default", "d,backspace", "default_key", "default", writes=True, rank=2, help="Take it out of the keymap: it has its own key again."),
        bind("keymap.none", "minus", "no_key", "no key", writes=True, rank=3, help="Leave it without a key; `?` still runs it."),
        bind("keymap.editor", "E", "edit_file", "editor", writes=True, rank=4, help="Open the keymap in $EDITOR, at the line; a new one says how."),
        bind("keymap.copy", "y", "copy_id", "copy id", rank=20, help="Copy the id."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        with Panel(title="keys", id="keymap-panel"):
            yield Grid(
                Column("id", "id", 27),
                Column("key", "key", 10),
                Column("help", "what it does", 20, grow=True),
                Column("shipped", "ships as", 8, drop=2),
                Column("source", "said by", 19, drop=1),
                markable=False, opens="change", id="keymap",
            )  # fmt: skip

    def on_mount(self) -> None:
        # Ids of what nobody has opened yet are known only then.
        self.workbench.looks.know_bindings(self.reload)

    def load(self, session: Session) -> KeysSnapshot:
        from stacktui.workspace.keymaps import keymap_file

        said = dict(self.workbench.looks.keymap)
        lines = []
        for name, facts in sorted(known_facts().items(), key=_in_order):
            entry = said.get(name)
            lines.append(
                KeyLine(
                    name, facts.key if entry is None else entry.keys, facts.key, clean(facts.help),
                    entry.file if entry else None, entry.line if entry else None, entry is None or entry.own,
                )
            )  # fmt: skip
        return KeysSnapshot(tuple(lines), keymap_file(session.workspace.root))

    def show(self, snapshot: KeysSnapshot) -> None:
        changed = sum(line.file is not None for line in snapshot.lines)
        self.query_one("#keymap", Grid).set_rows(_row(line) for line in snapshot.lines)
        panel = self.query_one("#keymap-panel", Panel)
        panel.set_title("keys", len(snapshot.lines))
        panel.set_note(Clean(f"{changed} changed" if changed else "as they ship"))

    def refusal(self, action: str) -> str | None:
        line = self._line()
        if action in ("edit_key", "default_key", "no_key", "copy_id") and line is None:
            return "no key is chosen"
        if action == "default_key" and line is not None and line.file is None:
            return "it has the key that ships"
        return super().refusal(action)

    @on(Grid.Opened, "#keymap")
    def _opened(self) -> None:
        if reason := self.refusal("edit_key"):
            self.notice(clean(reason))
        else:
            self.action_edit_key()

    def action_edit_key(self) -> None:
        """Ask for the key by having it pressed."""
        from stacktui.tui.dialogs.press_key import PressKeyDialog
        from stacktui.tui.keyclash import clash_of

        line = self._line()
        if line is None:
            return
        entries = self.workbench.looks.keymap
        self.ask(
            PressKeyDialog(
                line.id, line.help, shown_all(line.keys), lambda key: clash_of(line.id, key, entries)
            ),
            lambda key: (
                self._write("key set", binding=line.id, keys=(key,), workspace=not line.own) if key else None
            ),
        )

    def action_default_key(self) -> None:
        line = self._line()
        if line is not None:
            self._write("key unset", binding=line.id, workspace=not line.own)

    def action_no_key(self) -> None:
        line = self._line()
        if line is not None:
            self._write("key set", binding=line.id, keys=(), workspace=not line.own)

    def action_edit_file(self) -> None:
        from stacktui.tui.editor import open_in_editor
        from stacktui.workspace.keymaps import STARTER, keymap_file
        from stacktui.workspace.own_files import write_starter

        line = self._line()
        file = line.file if line is not None and line.file is not None else keymap_file()
        try:
            write_starter(file, STARTER)
        except OSError as error:
            self.notice(clean(f"{file}: {(error.strerror or str(error)).lower()}"), error=True)
            return
        open_in_editor(self.workbench, file, line.line if line is not None else None)

    def action_copy_id(self) -> None:
        line = self._line()
        if line is not None:
            self.app.copy_to_clipboard(line.id)
            self.notice(clean(f"copied {line.id}"))

    def _write(self, operation: str, **arguments: Any) -> None:
        from stacktui.operations.table import operations_of

        self.workbench.doing.typed(operations_of("key")[operation], arguments)

    def _line(self) -> KeyLine | None:
        grid = next(iter(self.query("#keymap").results(Grid)), None)
        if grid is None or self.snapshot is None:
            return None
        return next((line for line in self.snapshot.lines if line.id == grid.cursor_key), None)


def shown_all(keys: str) -> Clean:
    """Keys as people read them, one after the other."""
    return clean("  ".join(shown(key) for key in keys.split(",")) if keys else "none")


def _in_order(item: tuple[str, Any]) -> tuple[bool, str, int]:
    """What holds everywhere first, then by place, the likeliest of each first."""
    name, facts = item
    place = name.partition(".")[0]
    return place != "global", place, facts.rank


def _row(line: KeyLine) -> Row:
    changed = line.file is not None
    said = Clean("")
    if line.file is not None:
        whose = "your " if line.own else ""
        said = clean(f"{whose}{line.file.name}:{line.line}" if line.line else f"{whose}{line.file.name}")
    return Row(
        line.id,
        (
            Cell(clean(line.id), Tone.PLAIN if changed else Tone.MUTED),
            Cell(shown_all(line.keys), Tone.ACCENT),
            Cell(line.help),
            Cell(shown_all(line.shipped) if changed else Clean(""), Tone.MUTED),
            Cell(said, Tone.ACCENT),
        ),
    )
