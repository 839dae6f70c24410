"""The line for `/`: filters a grid as you type. Enter keeps the filter, esc clears it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from stacktui.model.text import clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import count_text
from stacktui.tui.widgets.grid import Grid


class QuietInput(Input):
    """An input whose cursor does not blink: a still screen sends nothing."""

    def __init__(self, placeholder: str = "", id: str | None = None, value: str = "") -> None:
        super().__init__(value=value, placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """What is pasted may hold control bytes, and Textual would send them on."""
        return clean(value)


class FilterLine(Horizontal):
    """`/text  12 of 1,204`, above the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("filter.clear", "escape", "clear", "clear", rank=2, help="Clear the filter."),
        bind("filter.keep", "enter", "keep", "keep", rank=1, help="Keep the filter and go to the rows."),
        bind("filter.next", "down", "to_rows(1)", "rows", rank=150, help="Next match."),
        bind("filter.previous", "up", "to_rows(-1)", "rows", rank=150, help="Previous match."),
    ]

    def __init__(self) -> None:
        super().__init__(id="filter")
        self.display = False
        self._grid: Grid | None = None

    def compose(self) -> ComposeResult:
        yield Static(Content(" /"), classes="filter--mark")
        yield QuietInput(id="filter-text")
        yield Static(id="filter-count")

    def open(self, grid: Grid) -> None:
        """Start to type a filter for a grid."""
        self._grid = grid
        self.display = True
        if self.is_mounted and (text := self._input) is not None:
            text.placeholder = grid.filter_hint
            text.value = grid.filter_text
            # What is typed replaces the old filter; an arrow key goes on with it.
            text.selection = Selection(0, len(text.value))
            text.focus()
            self._count()
        else:
            self.call_after_refresh(self.open, grid)

    def close(self) -> bool:
        """Clear the filter and hide; False if there was nothing to clear."""
        if not self.display:
            return False
        grid, self._grid = self._grid, None
        self.display = False
        if grid is not None:
            grid.set_filter("")
            if grid.is_mounted:
                grid.focus()
        return True

    def grid_changed(self, grid: Grid) -> None:
        """The rows of a grid changed: count again."""
        if grid is self._grid:
            self._count()

    @property
    def _input(self) -> Input | None:
        return next(iter(self.query(Input)), None)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._grid is not None and self.display:
            self._grid.set_filter(event.value)
            self._count()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def action_keep(self) -> None:
        if self._grid is None or not self._grid.filter_text:
            self.close()
        else:
            self._grid.focus()

    def action_clear(self) -> None:
        self.close()

    def action_to_rows(self, by: int) -> None:
        if self._grid is not None:
            self._grid.action_cursor(by)

    def _count(self) -> None:
        grid = self._grid
        if grid is None:
            return
        text = f"{count_text(grid.match_count)} of {count_text(grid.total)} " if grid.filter_here else ""
        self.query_one("#filter-count", Static).update(Content(text))
