"""The live pane of a secrets manager: names and keys, masked, who refers to each, and what is missing.

A value is on screen only after `v`, for five seconds, and in nothing but that one row: never in a snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from pathlib import Path

    from stacktui.categories.secrets_manager import SecretsManager
    from stacktui.operations.session import Session

REVEAL_SECONDS = 5.0
_DOTS = "••••••••"
_NAMED_KEY = re.compile(r"""["']([a-z0-9][a-z0-9_-]*)\.([A-Za-z0-9_-]+)["']""")
_COLUMNS = (
    Column("key", "name.key", 18, grow=True),
    Column("value", "value", 10),
    Column("uses", "referred to by", 22, grow=True, drop=1),
)
# While a value is shown it has the room of those who refer to it.
_REVEALING = (Column("key", "name.key", 18), Column("value", "value", 20, grow=True))


@dataclass(frozen=True)
class Use:
    """A field of a component, or a line of code, that refers to a key."""

    component: Clean
    """`artifact_store/team-bucket`, or the module's name."""
    field: Clean
    file: Clean
    line: int | None
    path: Path
    in_code: bool = False

    @property
    def place(self) -> Clean:
        """Its file with the line."""
        return clean(f"{self.file}:{self.line}" if self.line else self.file)

    @property
    def short(self) -> Clean:
        """What a list says of it."""
        return self.place if self.in_code else clean(f"{self.component}:{self.field}")


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


class SecretsManagerPane(Pane[Secrets]):
    """Names and keys, masked."""

    WORD = "secrets"
    EMPTY = Clean("No secrets yet. a sets the first; a component's file then refers to it as {{name.key}}.")
    STACK_ONLY = frozenset({"reveal_secret", "set_secret", "new_secret", "delete_secret"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_secrets.reveal", "v", "reveal_secret", "reveal", rank=2, help="Show the value for five seconds."),
        bind("pane_secrets.new", "a", "new_secret", "add", writes=True, rank=3, help="Set a key that is not there yet."),
        bind("pane_secrets.set", "e", "set_secret", "set value", writes=True, rank=4, help="Give the key another value."),
        bind("pane_secrets.delete", "D", "delete_secret", "delete", writes=True, rank=5, help="Delete the key; who refers to it is named first."),
        bind("pane_secrets.copy", "y", "copy_reference", "copy reference", rank=30, help="Copy {{name.key}}, as a component's file writes it."),
    ]  # fmt: skip

    def __init__(self, category: Category) -> None:
        super().__init__(category)
        self._revealed: tuple[str, Clean] | None = None
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
                Column("component", "component", 20, grow=True),
                Column("field", "field", 12),
                Column("file", "file", 24, grow=True, drop=1),
                markable=False,
                marker_without_focus=False,
                id="secret-uses",
                empty=Clean("Nothing refers to it."),
            ),
            title="referred to by",
        )

    def read(self, source: Source) -> Secrets:
        from stacktui.operations.secret import secret_uses

        snapshot = source.session.snapshot()
        held = {entry.name: set(entry.keys) for entry in cast("SecretsManager", source.live).list()}
        uses: dict[tuple[str, str], list[Use]] = {}
        for name, found in secret_uses(snapshot).items():
            for use in found:
                place = Use(
                    clean(use.component),
                    clean(use.field),
                    clean(use.file),
                    use.line,
                    snapshot.root / use.file,
                )
                uses.setdefault((name, use.key), []).append(place)
        referred = set(uses)
        wanted = {(name, key) for name, keys in held.items() for key in keys}
        for pair, step_use in _in_steps(source.session):
            if pair in wanted:
                uses.setdefault(pair, []).append(step_use)
        # What the stack's components refer to is missing from this manager only if it is the stack's.
        missing = referred - wanted if source.in_stack else set()
        lines = [
            KeyLine(name, key, (name, key) in wanted, tuple(uses.get((name, key), ())))
            for name, key in sorted(wanted | missing, key=lambda pair: (pair in wanted, pair))
        ]
        return Secrets(tuple(lines), frozenset(source.live.facts.capabilities))

    def draw(self, data: Secrets) -> None:
        self.main_grid.set_rows(self._row(line) for line in data.keys)
        missing = sum(not line.exists for line in data.keys)
        self.entitle(len(data.keys) - missing, f"{missing} missing" if missing else "")
        self._draw_uses()

    def blank(self, why: Clean) -> None:
        self._hide()
        super().blank(why)

    def _row(self, line: KeyLine) -> Row:
        shown = self._revealed[1] if self._revealed is not None and self._revealed[0] == line.id else None
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
                    Cell(use.component),
                    Cell(use.field),
                    Cell(use.place, Tone.MUTED),
                ),
            )
            for number, use in enumerate(uses)
        )
        self.detail_title(
            clean(f"who refers to {line.id}") if line else "referred to by", "enter edits" if uses else ""
        )

    def on_grid_moved(self, event: Grid.Moved) -> None:
        if event.grid is self.main:
            if self._revealed is not None and event.key != self._revealed[0]:
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
        if line is None or not self.in_stack:
            return None
        return Subject("secret", {"name": line.name, "key": line.key}, clean(f"secret {line.id}"))

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
        if self._revealed is not None and self._revealed[0] == line.id:
            self._hide()
            return
        self.host.do("secret reveal", self._reveal, name=line.name, key=line.key)

    def _reveal(self, document: Any) -> None:
        self._hide()
        line = self._line()
        # The cursor may have moved on meanwhile, or the screen changed: then nobody asked for it any more.
        if line is None or line.id != f"{document.name}.{document.key}" or not self.view_visible:
            return
        self._revealed = (line.id, clean(document.value))
        self.main_grid.set_columns(*_REVEALING)
        self._hide_timer = self.set_timer(REVEAL_SECONDS, self._hide)
        self.main_grid.update_row(self._row(line))

    def _hide(self) -> None:
        if self._hide_timer is not None:
            self._hide_timer.stop()
            self._hide_timer = None
        if self._revealed is None:
            return
        name, self._revealed = self._revealed[0], None
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
        from stacktui.tui.dialogs.simple import PromptDialog

        self.host.ask(
            PromptDialog(
                "add a secret", "Its name and key, as aws.access_key_id. The value comes next, hidden.", check=_problem
            ),
            lambda text: self._ask_value(*_parts(text)) if text else None,
        )  # fmt: skip

    def action_set_secret(self) -> None:
        line = self._line()
        if line is not None:
            self._ask_value(line.name, line.key)

    def _ask_value(self, name: str, key: str) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        self.host.ask(
            PromptDialog(clean(f"value of {name}.{key}"), "It is encrypted at once and never shown.", secret=True),
            lambda value: None if value is None else self.host.do("secret set", name=name, key=key, value=value),
        )  # fmt: skip

    def action_delete_secret(self) -> None:
        from stacktui.tui.dialogs.simple import ConfirmDialog

        line = self._line()
        if line is None:
            return
        uses = "".join(f"\n  {use.component} {use.field}  {use.place}" for use in line.uses)
        text = f"Delete {line.id} from {self.component_name}?" + (
            f"\n\nThese refer to it:{uses}" if uses else ""
        )
        self.host.ask(
            ConfirmDialog("delete a secret", text, "delete"),
            lambda yes: self.host.do("secret delete", name=line.name, key=line.key, force=bool(uses)) if yes else None,
        )  # fmt: skip

    def action_copy_reference(self) -> None:
        line = self._line()
        if line is not None:
            self.copy(f"{{{{{line.id}}}}}")


def _in_steps(session: Session) -> Iterator[tuple[tuple[str, str], Use]]:
    """Every text in the workspace's pipelines that could name a key, with its place: `@step(secrets=["aws.key"])`."""
    snapshot = session.snapshot()
    for name in snapshot.settings.pipelines:
        place = snapshot.root / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError):
                continue
            shown = clean(file.relative_to(snapshot.root).as_posix())
            for number, line in enumerate(lines, 1):
                for found in _NAMED_KEY.finditer(line):
                    use = Use(Clean("a step's code"), Clean(""), shown, number, file, in_code=True)
                    yield (found[1], found[2]), use


def _parts(text: str) -> tuple[str, str]:
    name, _, key = text.strip().partition(".")
    return name, key


def _problem(text: str) -> str | None:
    name, key = _parts(text)
    if not key:
        return "write it as name.key"
    return None if is_name(name) else f"a name has {NAME_RULE}"
