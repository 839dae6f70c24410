"""A log that is followed: lines are kept as they come and only the visible ones are drawn.

The screen gives it batches of lines (`add_lines`) and says what is shown (`start`). Used by the run screen and by
the panes that show a server's log.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stacktui.model.text import Clean
from stacktui.tui.keys import bind

MOST_LINES = 50_000
"""Lines that are kept in memory; the file has all of them."""
_STAMP = 13


class LogText(NamedTuple):
    """One line: the time of day at which it was written, where it came from, the text."""

    stamp: Clean
    """`09:41:07.123`, or empty."""
    stream: str
    """`stdout`, `stderr`, `logging`; `error` for why the step failed, which is ours."""
    text: Clean


class LogView(ScrollView, can_focus=True):
    """Lines with their times. Follows the end until the reader scrolls away from it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--stamp",
        "log--text",
        "log--stderr",
        "log--error",
        "log--hit",
        "log--current",
        "log--empty",
    }

    DEFAULT_CSS = """
    LogView { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-color: $rule; scrollbar-background: $background; }
    LogView > .log--stamp { color: $faint; }
    LogView > .log--stderr { color: $tone-warn; }
    LogView > .log--error { color: $tone-error; }
    LogView > .log--hit { color: $tone-warn; text-style: bold underline; }
    LogView > .log--current { color: $tone-warn; text-style: bold reverse; }
    LogView > .log--empty { color: $quiet; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("log.down", "j,down", "move(1)", "down", rank=150, help="A line down."),
        bind("log.up", "k,up", "move(-1)", "up", rank=150, help="A line up."),
        bind("log.top", "g,home", "to_top", "top", rank=150, help="To the first line."),
        bind("log.bottom", "G,end", "to_end", "bottom", rank=150, help="To the last line, and follow."),
        bind("log.half_down", "ctrl+d", "turn(0.5)", "half down", rank=150, help="Half a page down."),
        bind("log.half_up", "ctrl+u", "turn(-0.5)", "half up", rank=150, help="Half a page up."),
        bind("log.page_down", "pagedown", "turn(1)", "page down", rank=150, help="A page down."),
        bind("log.page_up", "pageup", "turn(-1)", "page up", rank=150, help="A page up."),
        bind("log.search", "slash", "screen.filter", "search", rank=22, help="Search in the log."),
        bind("log.follow", "f", "follow", "follow", rank=20, help="Follow the end, or stay where you are."),
        bind("log.wrap", "w", "wrap", "wrap", rank=21, help="Wrap long lines, or cut them."),
        bind("log.stamps", "m", "stamps", "times", rank=62, help="Show the times, or hide them."),
        bind(
            "log.next_hit",
            "right_square_bracket",
            "hit(1)",
            "next hit",
            rank=60,
            help="The next hit of the search.",
        ),
        bind(
            "log.previous_hit",
            "left_square_bracket",
            "hit(-1)",
            "previous hit",
            rank=61,
            help="The hit before.",
        ),
    ]

    class Changed(Message):
        """Following, wrapping or the search changed: titles may want to say so."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view

        @property
        def control(self) -> LogView:
            return self.view

    def __init__(self, *, empty: Clean = Clean("Nothing was written."), id: str | None = None) -> None:
        super().__init__(id=id)
        self.following = True
        self.wrapping = False
        self.stamped = True
        self.search = ""
        self._empty = empty
        self._lines: list[LogText] = []
        self._dropped = 0
        self._rows: list[tuple[int, Clean]] = []
        """What is drawn, row by row: the line's index and the piece of it. Only kept while wrapping."""
        self._hits: list[int] = []
        self._hit = -1

    # What screens use.

    @property
    def empty(self) -> Clean:
        """What it says without lines."""
        return self._empty

    @empty.setter
    def empty(self, text: Clean) -> None:
        if text != self._empty:
            self._empty = text
            if not self._lines:
                self.refresh()

    @property
    def lines(self) -> Sequence[LogText]:
        """The lines that are kept, oldest first."""
        return self._lines

    @property
    def dropped(self) -> int:
        """How many lines were let go because there are more than are kept."""
        return self._dropped

    @property
    def hit_count(self) -> int:
        return len(self._hits)

    @property
    def hit_number(self) -> int:
        """Which hit the reader is at, from 1; 0 for none."""
        return self._hit + 1

    def start(self, empty: Clean | None = None) -> None:
        """Forget everything: another log is shown."""
        self._empty = empty or self._empty
        self._lines, self._rows, self._dropped = [], [], 0
        self._find()
        self.following = True
        self._resize()
        self._scroll(0)

    def add_lines(self, lines: Sequence[LogText]) -> None:
        """Take in lines that were written since; one redraw for all of them."""
        if not lines:
            return
        begin = len(self._lines)
        self._lines.extend(lines)
        if len(self._lines) > MOST_LINES:
            surplus = len(self._lines) - MOST_LINES
            del self._lines[:surplus]
            self._dropped += surplus
            begin, self._rows = 0, []
            self._hits = []
        if self.search:
            word = self.search.casefold()
            self._hits += [
                i for i in range(begin, len(self._lines)) if word in self._lines[i].text.casefold()
            ]
        if self.wrapping:
            self._wrap_from(begin)
        self._resize()

    def set_search(self, text: str) -> None:
        """Mark what matches and go to the first hit at or after the top; an empty text ends the search."""
        self.search = text
        self._find()
        if self._hits:
            top = self._line_at(self.scroll_offset.y)
            self._hit = next((n for n, line in enumerate(self._hits) if line >= top), 0)
            self._show_line(self._hits[self._hit])
        self.refresh()
        self.post_message(self.Changed(self))

    # Actions.

    def action_move(self, by: int) -> None:
        self._scroll_by(by)

    def action_turn(self, pages: float) -> None:
        self._scroll_by(int(self.size.height * pages))

    def action_to_top(self) -> None:
        self._follow(False)
        self._scroll(0)

    def action_to_end(self) -> None:
        self._follow(True)

    def action_follow(self) -> None:
        self._follow(not self.following)

    def action_wrap(self) -> None:
        line = self._line_at(self.scroll_offset.y)
        self.wrapping = not self.wrapping
        self._rewrap()
        if not self.following:
            self._show_line(line, at_top=True)
        self.post_message(self.Changed(self))

    def action_stamps(self) -> None:
        self.stamped = not self.stamped
        self._rewrap()

    def action_hit(self, by: int) -> None:
        if self._hits:
            self._hit = (self._hit + by) % len(self._hits)
            self._show_line(self._hits[self._hit])
            self.refresh()
            self.post_message(self.Changed(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "hit" and not self._hits:
            return None
        return super().check_action(action, parameters)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        row = self.scroll_offset.y + y
        if not self._lines:
            style = base + self.get_component_rich_style("log--empty", partial=True)
            said = wrap(self._empty, max(10, width - 2))
            text = f" {said[y]}" if y < len(said) else ""
            return Strip([Segment(text, style)]).adjust_cell_length(width, base)
        if row >= self._row_count:
            return Strip.blank(width, base)
        index, text, first = self._row(row)
        line = self._lines[index]
        segments = []
        if self.stamped:
            stamp = base + self.get_component_rich_style("log--stamp", partial=True)
            segments.append(Segment((line.stamp if first else "").ljust(_STAMP), stamp))
        name = f"log--{line.stream}" if line.stream in ("stderr", "error") else "log--text"
        segments += self._marked(text, base + self.get_component_rich_style(name, partial=True), index)
        return Strip(segments).adjust_cell_length(width, base)

    def _marked(self, text: str, style: Style, index: int) -> list[Segment]:
        word = self.search.casefold()
        if not word or word not in text.casefold():
            return [Segment(text, style)]
        current = self._hit >= 0 and self._hits[self._hit] == index
        mark = style + self.get_component_rich_style("log--current" if current else "log--hit", partial=True)
        segments, place, folded = [], 0, text.casefold()
        while (found := folded.find(word, place)) >= 0 and len(folded) == len(text):
            segments += [Segment(text[place:found], style), Segment(text[found : found + len(word)], mark)]
            place = found + len(word)
        segments.append(Segment(text[place:], style))
        return segments

    # The machinery.

    @property
    def _row_count(self) -> int:
        return len(self._rows) if self.wrapping else len(self._lines)

    @property
    def _room(self) -> int:
        return max(8, self.size.width - (_STAMP if self.stamped else 0))

    def _row(self, row: int) -> tuple[int, str, bool]:
        if not self.wrapping:
            return row, self._lines[row].text, True
        index, text = self._rows[row]
        return index, text, row == 0 or self._rows[row - 1][0] != index

    def _line_at(self, row: int) -> int:
        if self.wrapping and self._rows:
            return self._rows[min(row, len(self._rows) - 1)][0]
        return row

    def _wrap_from(self, begin: int) -> None:
        room = self._room
        for index in range(begin, len(self._lines)):
            text = self._lines[index].text
            pieces = [text] if cell_len(text) <= room else chop_cells(text, room)
            self._rows += [(index, Clean(piece)) for piece in pieces or [""]]

    def _rewrap(self) -> None:
        self._rows = []
        if self.wrapping:
            self._wrap_from(0)
        self._resize()
        self.refresh()

    def _find(self) -> None:
        word = self.search.casefold()
        self._hits = [i for i, line in enumerate(self._lines) if word in line.text.casefold()] if word else []
        self._hit = -1

    def _resize(self) -> None:
        self.virtual_size = Size(max(1, self.scrollable_content_region.width), self._row_count)
        if self.following:
            self._scroll(self.max_scroll_y)
        self.refresh()

    def _scroll(self, row: float) -> None:
        # By force: Textual refuses as long as the scrollbar is not laid out.
        self.scroll_to(y=row, animate=False, force=True)

    def _scroll_by(self, rows: int) -> None:
        target = min(max(0, self.scroll_offset.y + rows), self.max_scroll_y)
        # Whoever scrolls up wants to read; whoever reaches the end wants to see what comes.
        self._follow(target >= self.max_scroll_y and rows > 0, jump=False)
        self._scroll(target)

    def _show_line(self, line: int, at_top: bool = False) -> None:
        row = line
        if self.wrapping:
            row = next((n for n, (index, _) in enumerate(self._rows) if index >= line), 0)
        self._follow(False)
        self._scroll(max(0, row if at_top else row - self.size.height // 2))

    def _follow(self, wanted: bool, jump: bool = True) -> None:
        changed = wanted != self.following
        self.following = wanted
        if wanted and jump:
            self._scroll(self.max_scroll_y)
        if changed:
            self.post_message(self.Changed(self))

    def on_resize(self, _: events.Resize) -> None:
        if self.wrapping:
            self._rewrap()
        else:
            self._resize()

    def on_mouse_scroll_up(self, _: events.MouseScrollUp) -> None:
        self._follow(False, jump=False)
