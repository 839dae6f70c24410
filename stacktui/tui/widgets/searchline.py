"""The line for `/` in a log: marks hits as you type. Enter goes to them, esc ends the search."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from stacktui.tui.keys import bind
from stacktui.tui.marks import count_text, glyph
from stacktui.tui.widgets.filterline import QuietInput
from stacktui.tui.widgets.logview import LogView


class SearchLine(Horizontal):
    """`/text  3 of 12`, below its log."""

    DEFAULT_CSS = """
    SearchLine { height: 1; background: $panel; display: none; }
    SearchLine > .search--mark { width: 2; color: $tone-accent; text-style: bold; }
    SearchLine > Input { width: 1fr; background: $panel; }
    SearchLine > .search--count { width: auto; padding: 0 1; color: $quiet; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("search.clear", "escape", "clear", "clear", rank=2, help="End the search."),
        bind("search.keep", "enter", "keep", "to the hits", rank=1, help="Go to the log; ] and [ go on."),
        bind("search.next", "down", "hit(1)", "next hit", rank=150, help="The next hit."),
        bind("search.previous", "up", "hit(-1)", "previous hit", rank=150, help="The hit before."),
    ]

    def __init__(self, log: LogView) -> None:
        super().__init__()
        self._log = log
        self._searching = False

    def compose(self) -> ComposeResult:
        yield Static(Content(" /"), classes="search--mark")
        yield QuietInput(placeholder="search this log")
        yield Static(classes="search--count")

    def open(self) -> None:
        """Start to type."""
        self.display = True
        line = self.query_one(Input)
        line.value = self._log.search
        line.selection = Selection(0, len(line.value))
        line.focus()
        self.count()

    def count(self, *, searching: bool = False) -> None:
        """Say which hit of how many is shown; with `searching`, that there may be more."""
        self._searching = searching
        text = self.hits() if self._log.search else ""
        # The log may have lines before this has its children.
        for shown in self.query(".search--count").results(Static):
            shown.update(Content(text))

    def hits(self) -> str:
        """`3 of 12`, or `3 of 12…` while it is still searched."""
        more = glyph("…") if self._searching else ""
        return f"{count_text(self._log.hit_number)} of {count_text(self._log.hit_count)}{more}"

    def close(self) -> bool:
        """End the search; False if there was none."""
        if not self.display and not self._log.search:
            return False
        self.display = False
        self._log.set_search("")
        self._log.focus()
        return True

    def action_keep(self) -> None:
        if self._log.search:
            self._log.focus()
        else:
            self.close()

    def action_clear(self) -> None:
        self.close()

    def action_hit(self, by: int) -> None:
        self._log.action_hit(by)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display and event.value != self._log.search:
            self._log.set_search(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()
