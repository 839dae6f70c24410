"""One of many, found by typing: the list narrows with each key, enter takes what is under the cursor.

Used where a list may be long: secrets by name and key, the files of a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from stacktui.model.text import Clean
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone
from stacktui.tui.widgets.filterline import QuietInput
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

_MOST_ROWS = 14


class PickDialog(Dialog[str]):
    """The result is the key of what was picked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pick.down", "down,ctrl+n", "move(1)", "down", rank=150),
        bind("pick.up", "up", "move(-1)", "up", rank=150),
        bind("pick.page_down", "pagedown", "page(1)", "page down", rank=150),
        bind("pick.page_up", "pageup", "page(-1)", "page up", rank=150),
    ]

    def __init__(self, title: Clean | str, choices: Sequence[tuple[str, Clean, Clean]]) -> None:
        """`choices` are (key, label, what it means)."""
        super().__init__(title, "type to narrow · enter choose · esc back")
        self._choices = list(choices)

    def content(self) -> ComposeResult:
        width = max((len(label) for _, label, _ in self._choices), default=8)
        yield QuietInput(placeholder="type to narrow the list")
        yield Grid(
            Column("label", "", min(width, 44), grow=True), Column("help", "", 16, drop=1),
            header=False, markable=False, empty=Clean("Nothing matches."),
        )  # fmt: skip

    def on_mount(self) -> None:
        grid = self.query_one(Grid)
        grid.can_focus = False
        grid.styles.height = min(len(self._choices), _MOST_ROWS, max(3, self.app.size.height - 8))
        grid.set_rows(Row(key, (Cell(label), Cell(help_, Tone.MUTED))) for key, label, help_ in self._choices)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        grid = self.query_one(Grid)
        grid.set_filter(event.value)
        grid.action_cursor_to(0)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if (key := self.query_one(Grid).cursor_key) is not None:
            self.finish(key)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        self.finish(event.key)

    def action_move(self, by: int) -> None:
        self.query_one(Grid).action_cursor(by)

    def action_page(self, by: int) -> None:
        self.query_one(Grid).action_page(by)
