"""The live pane of a secrets manager: names and keys, masked, who uses each, and what is missing.

A value is on screen only after `v`, for five seconds, and in nothing but that one row: never in a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from stacktui.model.category import Category
from stacktui.model.secretref import SecretRef
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.revealed import REVEAL_SECONDS
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.operations.secret_uses import SecretUse

_DOTS = "••••••••"
_COLUMNS = (
    Column("key", "name.key", 18, grow=True),
    Column("value", "value", 10),
    Column("uses", "used by", 22, grow=True, drop=1),
)
# While a value is shown it has the room of those who refer to it.
_REVEALING = (Column("key", "name.key", 18), Column("value", "value", 20, grow=True))


@dataclass(frozen=True)
class Use:
    """A field of a component or of stacktui.yaml, or a line of code, that refers to a key."""

    who: Clean
    """`artifact_store/team-bucket`, `step fit`, `stacktui.yaml`."""
    field: Clean
    place: Clean
    """Its file with the line."""
    short: Clean
    """What a list says of it."""
    path: Path
    line: int | None


@dataclass(frozen=True)
class KeyLine:
    """One key of one secret, without its value."""

    name: str
    key: str
    exists: bool
    uses: tuple[Use, ...]

    @property
    def id(self) -> str:
        return f"{self.name}.{self.key}"


@dataclass(frozen=True)
class Secrets:
    """The keys, missing ones first."""

    keys: tuple[KeyLine, ...]
    capabilities: frozenset[str]


class _Revealed(NamedTuple):
    """The one value that is on the screen."""

    manager: str
    id: str
    value: Clean

    def __repr__(self) -> str:
        return f"_Revealed({self.id!r})"


class SecretsManagerPane(Pane[Secrets]):
    """Names and keys, masked."""

    WORD = "secrets"
    EMPTY = Clean("No secrets yet. a sets the first; a component's file then refers to it as {{name.key}}.")
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_secrets.reveal", "v", "reveal_secret", "reveal", rank=2, help="Show the value for five seconds."),
        bind("pane_secrets.new", "a", "new_secret", "add", writes=True, rank=3, help="Set a key that is not there yet."),
        bind("pane_secrets.set", "e", "set_secret", "set value", writes=True, rank=4, help="Give the key another value."),
        bind("pane_secrets.delete", "D", "delete_secret", "delete", writes=True, rank=5, help="Delete the key; who uses it is named first."),
        bind("pane_secrets.copy", "y", "copy_reference", "copy reference", rank=30, help="Copy {{name.key}}, as a component's file writes it."),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__(category)
        self._revealed: _Revealed | None = None
        self._hide_timer: Timer | None = None

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                *_COLUMNS,
                markable=False,
                marker_without_focus=False,
                id="secrets",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(
            Grid(
                Column("who", "used by", 20, grow=True, most=44),
                Column("field", "field", 12, grow=True, drop=2),
                Column("file", "file", 24, grow=True, drop=1),
                markable=False,
                marker_without_focus=False,
                id="secret-uses",
                empty=Clean("Nothing uses it."),
            ),
            title="used by",
        )

    def read(self, source: Source) -> Secrets:
        from stacktui.operations.secret import secret_rows

        snapshot = source.session.snapshot()
        lines = [
            KeyLine(
                row.name,
                key,
                key in row.keys,
                tuple(_use(use, snapshot.root) for use in row.used_by if use.key == key),
            )
            for row in secret_rows(source.session, snapshot, cast("SecretsManager", source.live))
            for key in (*row.missing, *row.keys)
        ]
        lines.sort(key=lambda line: (line.exists, line.name, line.key))
        return Secrets(tuple(lines), frozenset(source.live.facts.capabilities))

    def draw(self, data: Secrets) -> None:
        self.main_grid.set_rows(self._row(line) for line in data.keys)
        missing = sum(not line.exists for line in data.keys)
        note = f"{missing} missing, e sets it" if missing else ""
        if "set" not in data.capabilities:
            note = f"{missing} missing; read only" if missing else "read only"
        self.entitle(len(data.keys) - missing, note)
        self._draw_uses()

    def blank(self, why: Clean) -> None:
        self._hide()
        super().blank(why)

    def aim(self, name: str | None) -> None:
        if name != self.aimed_at:
            # Another manager may hold a key of the same name.
            self._hide()
        super().aim(name)

    def _row(self, line: KeyLine) -> Row:
        found = self._revealed
        shown = found.value if found and (found.manager, found.id) == (self.component_name, line.id) else None
        if not line.exists:
            value = Cell(Clean(f"{glyph('✗')} missing"), Tone.ERROR)
        elif shown is not None:
            value = Cell(shown or Clean("(empty)"), Tone.WARN)
        else:
            value = Cell(Clean("".join(map(glyph, _DOTS))), Tone.MUTED)
        uses = ", ".join(use.short for use in line.uses)
        return Row(
            line.id,
            (
                Cell(clean(line.id), Tone.PLAIN if line.exists else Tone.ERROR),
                value,
                Cell(clean(uses or "nothing"), Tone.PLAIN if uses else Tone.MUTED),
            ),
        )

    def _draw_uses(self) -> None:
        line = self._line()
        grid = self.query_one("#secret-uses", Grid)
        uses = line.uses if line is not None else ()
        grid.set_rows(
            Row(
                str(number),
                (
                    Cell(use.who),
                    Cell(use.field, Tone.MUTED),
                    Cell(use.place, Tone.MUTED),
                ),
            )
            for number, use in enumerate(uses)
        )
        self.detail_title(clean(f"who uses {line.id}") if line else "used by", "enter edits" if uses else "")

    def on_grid_moved(self, event: Grid.Moved) -> None:
        if event.grid is self.main:
            if self._revealed is not None and event.key != self._revealed.id:
                self._hide()
            self._draw_uses()

    def detail_opened(self, key: str) -> None:
        from stacktui.tui.editor import open_in_editor

        line = self._line()
        if line is not None and key.isdecimal() and int(key) < len(line.uses):
            use = line.uses[int(key)]
            open_in_editor(self.workbench, use.path, use.line)

    def _line(self) -> KeyLine | None:
        key = self.main_grid.cursor_key
        return next((line for line in self.data.keys if line.id == key), None) if self.data else None

    def subject(self) -> Subject | None:
        line = self._line()
        if line is None:
            return None
        given = {"name": line.name, "key": line.key, "manager": self.component_name}
        return Subject("secret", given, clean(f"secret {line.id}"))

    def refusal(self, action: str) -> str | None:
        line = self._line()
        if action in ("reveal_secret", "delete_secret", "set_secret", "copy_reference"):
            if line is None:
                return "no key is chosen"
            if action in ("reveal_secret", "delete_secret") and not line.exists:
                return "it is missing; e sets it"
        needs = {"set_secret": "set", "new_secret": "set", "delete_secret": "delete"}.get(action)
        if needs and self.data is not None and needs not in self.data.capabilities:
            return f"{self.component_name} can only be read"
        return super().refusal(action)

    # Revealing.

    def action_reveal_secret(self) -> None:
        line = self._line()
        if line is None:
            return
        if self._revealed is not None and self._revealed.id == line.id:
            self._hide()
            return
        self.host.do("secret reveal", self._reveal, name=line.name, key=line.key, manager=self.component_name)

    def _reveal(self, document: Any) -> None:
        self._hide()
        line = self._line()
        asked_for = (self.component_name, line.id if line is not None else "")
        # The cursor may have moved on meanwhile, or the screen changed: then nobody asked for it any more.
        if line is None or not self.view_visible:
            return
        if asked_for != (document.manager, f"{document.name}.{document.key}"):
            return
        self._revealed = _Revealed(document.manager, line.id, clean(document.value))
        self.main_grid.set_columns(*_REVEALING)
        self._hide_timer = self.set_timer(REVEAL_SECONDS, self._hide)
        self.main_grid.update_row(self._row(line))

    def _hide(self) -> None:
        if self._hide_timer is not None:
            self._hide_timer.stop()
            self._hide_timer = None
        if self._revealed is None:
            return
        name, self._revealed = self._revealed.id, None
        self.main_grid.set_columns(*_COLUMNS)
        for line in self.data.keys if self.data is not None else ():
            if line.id == name:
                self.main_grid.update_row(self._row(line))

    def on_unmount(self) -> None:
        self._revealed = None

    def left(self) -> None:
        self._hide()

    # Writing.

    def action_new_secret(self) -> None:
        from stacktui.tui.dialogs.secret_actions import ask_new

        ask_new(self.host, self.component_name)

    def action_set_secret(self) -> None:
        from stacktui.tui.dialogs.secret_actions import ask_value

        line = self._line()
        if line is not None:
            ask_value(self.host, SecretRef(line.name, line.key), self.component_name)

    def action_delete_secret(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        line = self._line()
        if line is None:
            return
        uses = "".join(f"\n  {use.who} {use.field}  {use.place}" for use in line.uses)
        manager = self.component_name
        text = f"Delete {line.id} from {manager}?" + (f"\n\nThese use it:{uses}" if uses else "")

        def answered(yes: bool | None) -> None:
            if yes:
                self.host.do("secret delete", name=line.name, key=line.key, manager=manager, force=bool(uses))

        self.host.ask(ConfirmDialog("delete a secret", clean_block(text), "delete"), answered)

    def action_copy_reference(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(f"{{{{{line.id}}}}}")


def _use(use: SecretUse, root: Path) -> Use:
    short = use.place if use.kind != "component" else f"{use.component}:{use.field}"
    return Use(clean(use.who), clean(use.field), clean(use.place), clean(short), root / use.file, use.line)
