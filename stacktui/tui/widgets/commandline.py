"""The `:` line: goes anywhere and does anything by name, with what completes it listed above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone
from stacktui.tui.widgets.chooser import Popup
from stacktui.tui.widgets.filterline import QuietInput
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from stacktui.tui.screens.base import WorkbenchScreen
    from stacktui.tui.typed import Suggestion

_SHOWN = 10
_HISTORY: list[str] = []
"""Lines of this session, oldest first."""


class CommandLine(Popup):
    """A line at the bottom with its completions. tab completes, enter does it, up and down choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "command.complete",
            "tab",
            "complete",
            "complete",
            rank=2,
            priority=True,
            help="Take the chosen word.",
        ),
        bind("command.down", "down,ctrl+n", "move(1)", "down", rank=150),
        bind("command.up", "up", "move(-1)", "up", rank=150),
    ]

    WIDTH = 10_000

    def __init__(self, screen: WorkbenchScreen[Any]) -> None:
        super().__init__("command")
        self._over = screen
        self._suggestions: list[Suggestion] = []
        self._said = ""
        self._asked = 0
        self._back = 0
        self._chosen = False

    def compose(self) -> ComposeResult:
        yield Grid(
            Column("word", "", 28), Column("help", "", 20, grow=True),
            header=False, markable=False, classes="-popup", empty=Clean(""),
        )  # fmt: skip
        yield Static(classes="command--problem")
        with Horizontal(classes="command--line"):
            yield Static(Content(":"), classes="command--mark")
            yield QuietInput()

    def on_mount(self) -> None:
        self.query_one(Grid).can_focus = False
        self._problem("")
        self._suggest("")

    def place(self, width: int, height: int) -> tuple[int, int, int | None]:
        rows = min(_SHOWN, height - 4, max(1, len(self._suggestions))) + 2 + bool(self._said)
        return 0, height - rows, rows

    def action_complete(self) -> None:
        """Take the suggestion under the cursor into the line."""
        taken = self._current()
        if taken is not None:
            line = self.query_one(Input)
            line.value = taken.line + " "
            line.cursor_position = len(line.value)

    def action_move(self, by: int) -> None:
        line = self.query_one(Input)
        if by < 0 and _HISTORY and (not line.value or self._back):
            self._back = min(self._back + 1, len(_HISTORY))
            line.value = _HISTORY[-self._back]
            line.cursor_position = len(line.value)
            return
        self._chosen = True
        self.query_one(Grid).action_cursor(by)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._chosen = False
        self._problem("")
        self._suggest(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        taken = self._current()
        if self._chosen and taken is not None:
            text = taken.line
        if not text:
            self.close()
            return
        self._do(text, taken)

    def _do(self, text: str, taken: Suggestion | None) -> None:
        from stacktui.tui.typed import GoTo, Leave, Switch, understand

        app = self._over.workbench
        try:
            asked = understand(text)
        except ValueError as error:
            # One word that only one thing begins with is enough, as in vim and k9s.
            if taken is not None and " " not in text and taken.word.startswith(text) and taken.line != text:
                self._do(taken.line, None)
                return
            self._problem(str(error))
            return
        if not _HISTORY or _HISTORY[-1] != text:
            _HISTORY.append(text)
        self.close()
        if isinstance(asked, Leave):
            self._over.action_quit_workbench()
        elif isinstance(asked, Switch):
            from stacktui.tui.switching import switch_to

            switch_to(app, asked.where)
        elif isinstance(asked, GoTo):
            app.open_place(asked.place, asked.argument)
        else:
            app.doing.typed(asked.operation, asked.arguments)

    def _current(self) -> Suggestion | None:
        grid = self.query_one(Grid)
        return self._suggestions[grid.cursor] if grid.rows and self._suggestions else None

    def _suggest(self, line: str) -> None:
        self._asked += 1
        asked, app = self._asked, self._over.workbench

        def arrived(result: Any, error: BaseException | None) -> None:
            if asked == self._asked and self.is_attached and not self.closing and error is None:
                self._show(result)

        def work() -> Any:
            from stacktui.tui.typed import suggestions

            return suggestions(app.session, line)

        app.background.submit(work, arrived)

    def _show(self, found: list[Suggestion]) -> None:
        self._suggestions = found
        grid = self.query_one(Grid)
        grid.set_rows(
            Row(str(place), (Cell(clean(item.word), Tone.ACCENT), Cell(clean(item.help), Tone.MUTED)))
            for place, item in enumerate(found)
        )
        grid.action_cursor_to(0)
        self._stand()

    def _problem(self, text: str) -> None:
        line = self.query_one(".command--problem", Static)
        line.display = bool(text)
        line.update(Content(f" {clean(text)}"))
        if text != self._said:
            self._said = text
            self._stand()

    @on(Grid.Moved)
    def _quiet(self, event: Grid.Moved) -> None:
        event.stop()
