"""A log of any length that is followed: a window of its lines is kept, and only the visible ones are drawn.

Who reads the log says how many lines there are and gives some of them (`show`); the view asks for those that it
needs and does not have (`Wanted`), for hits (`HitWanted`) and for a search (`Searched`). Used by the run screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
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
from textual.scrollbar import ScrollTo
from textual.strip import Strip

from stacktui.model.text import Clean
from stacktui.tui.keys import bind

_STAMP = 13
_BESIDE = 200
"""Lines that are asked for above and below those on screen."""


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
    LogView > .log--stamp { color: $quiet; }
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
        bind("log.right", "right", "shift(1)", "right", rank=150, help="The rest of long lines."),
        bind("log.left", "left", "shift(-1)", "left", rank=150, help="Back to their beginning."),
        bind("log.search", "slash", "screen.filter", "search", rank=22, help="Search in the log."),
        bind("log.follow", "f", "follow", "follow", rank=20, help="Follow the end, or stay where you are."),
        bind("log.wrap", "w", "wrap", "wrap", rank=21, help="Wrap long lines, or cut them."),
        bind("log.stamps", "m", "stamps", "times", rank=62, help="Show the times, or hide them."),
        bind(
            "log.next_hit",
            "right_square_bracket",
            "hit(1)",
            "next hit",
            rank=23,
            help="The next hit of the search.",
        ),
        bind(
            "log.previous_hit",
            "left_square_bracket",
            "hit(-1)",
            "hit before",
            rank=24,
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

    class Wanted(Changed):
        """Lines are on screen that it does not have: see `wanted`."""

    class Searched(Changed):
        """Another text is searched, or none: see `search`."""

    class HitWanted(Changed):
        """The reader asks for the next hit, or for the one before."""

        def __init__(self, view: LogView, by: int) -> None:
            super().__init__(view)
            self.by = by

    def __init__(self, *, empty: Clean = Clean("Nothing was written."), id: str | None = None) -> None:
        super().__init__(id=id)
        self.following = True
        self.wrapping = False
        self.stamped = True
        self.search = ""
        self.hit_count = 0
        self.hit_number = 0
        """Which hit the reader is at, from 1; 0 for none."""
        self._hit: int | None = None
        """Its line."""
        self._empty = empty
        self._total = 0
        self._first = 0
        self._window: Sequence[LogText] = ()
        self._tail: Sequence[LogText] = ()
        self._sub = 0
        """While wrapping: how many rows of the first line are above the top."""
        self._left = 0
        """How many cells of each line are left of the view."""
        self._revealing = False
        """Whether the hit is still to be brought into view: its line was not there yet."""
        self._asked = False

    # What screens use.

    @property
    def empty(self) -> Clean:
        """What it says without lines."""
        return self._empty

    @empty.setter
    def empty(self, text: Clean) -> None:
        if text != self._empty:
            self._empty = text
            if not self.count:
                self.refresh()

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._total + len(self._tail)

    @property
    def lines(self) -> Sequence[LogText]:
        """Those that it has: a window of the log's, and what stands below them."""
        return [*self._window, *self._tail]

    @property
    def top_line(self) -> int:
        """The number of the first line on screen, from 0."""
        return min(int(self.scroll_offset.y), max(0, self.count - 1))

    @property
    def wanted(self) -> tuple[int, int]:
        """The lines that it needs: number of the first, and how many."""
        height = max(self.size.height, 1)
        most = height + 2 * _BESIDE
        if self.following:
            return max(0, self._total - most), most
        return max(0, self.top_line - _BESIDE), most

    def start(self, empty: Clean | None = None) -> None:
        """Forget everything: another log is shown."""
        self._empty = empty or self._empty
        self._total, self._first, self._window, self._tail = 0, 0, (), ()
        self._asked, self._left = False, 0
        self.show_hits(0, 0, None)
        self.following = True
        self._resize()
        self._scroll(0)

    def show(self, total: int, first: int, window: Sequence[LogText], tail: Sequence[LogText] = ()) -> None:
        """The log has `total` lines, of which `window` are those from number `first` on; `tail` stands below them.

        One redraw, whatever changed.
        """
        same = (total, first, len(window)) == (self._total, self._first, len(self._window))
        if same and list(tail) == list(self._tail) and not self._asked:
            return
        self._asked = False
        self._total, self._first, self._window, self._tail = total, first, window, tail
        self._reveal()
        self._resize()

    def set_search(self, text: str) -> None:
        """Have lines searched and marked; an empty text ends the search."""
        self.search = text
        self.show_hits(0, 0, None)
        self.post_message(self.Searched(self))

    def show_hits(self, count: int, number: int, line: int | None, *, go: bool = False) -> None:
        """How many lines match, and which of them the reader is at; with `go`, scroll to it."""
        changed = (count, number, line) != (self.hit_count, self.hit_number, self._hit)
        self.hit_count, self.hit_number, self._hit = count, number, line
        if go and line is not None:
            self._show_line(line)
            self._revealing = True
            self._reveal()
        if changed or go:
            self.refresh()
            self.post_message(self.Changed(self))

    @property
    def hit_line(self) -> int | None:
        """The line of the hit that the reader is at."""
        return self._hit

    # Actions.

    def action_move(self, by: int) -> None:
        self._scroll_by(by)

    def action_turn(self, pages: float) -> None:
        self._scroll_by(int(self.size.height * pages))

    def action_to_top(self) -> None:
        self._follow(False)
        self._sub = 0
        self._scroll(0)

    def action_to_end(self) -> None:
        self._follow(True)

    def action_follow(self) -> None:
        self._follow(not self.following)

    def action_wrap(self) -> None:
        line = self.top_line
        self.wrapping = not self.wrapping
        self._sub = 0
        self._resize()
        if not self.following:
            self._scroll(line)
        self.post_message(self.Changed(self))

    def action_shift(self, by: int) -> None:
        self._left = max(0, self._left + by * self._room // 2)
        self.refresh()

    def action_stamps(self) -> None:
        self.stamped = not self.stamped
        self._resize()

    def action_hit(self, by: int) -> None:
        if self.hit_count:
            self.post_message(self.HitWanted(self, by))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "hit" and not self.hit_count:
            return None
        return super().check_action(action, parameters)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if not self.count:
            style = base + self.get_component_rich_style("log--empty", partial=True)
            said = wrap(self._empty, max(10, width - 2))
            text = f" {said[y]}" if y < len(said) else ""
            return Strip([Segment(text, style)]).adjust_cell_length(width, base)
        index, sub = self._place_of(y)
        line = self._line(index)
        if line is None:
            self._ask()
        if line is None or index >= self.count:
            return Strip.blank(width, base)
        segments = []
        if self.stamped:
            stamp = base + self.get_component_rich_style("log--stamp", partial=True)
            segments.append(Segment(("" if sub else line.stamp).ljust(_STAMP), stamp))
        text = _pieces(line.text, self._room)[sub] if self.wrapping else line.text
        name = f"log--{line.stream}" if line.stream in ("stderr", "error") else "log--text"
        marked = self._marked(text, base + self.get_component_rich_style(name, partial=True), index)
        if self._left and not self.wrapping:
            marked = list(Strip(marked).crop(self._left))
        segments += marked
        return Strip(segments).adjust_cell_length(width, base)

    def _marked(self, text: str, style: Style, index: int) -> list[Segment]:
        word = self.search.casefold()
        if not word or word not in text.casefold():
            return [Segment(text, style)]
        name = "log--current" if index == self._hit else "log--hit"
        mark = style + self.get_component_rich_style(name, partial=True)
        segments, place, folded = [], 0, text.casefold()
        while (found := folded.find(word, place)) >= 0 and len(folded) == len(text):
            segments += [Segment(text[place:found], style), Segment(text[found : found + len(word)], mark)]
            place = found + len(word)
        segments.append(Segment(text[place:], style))
        return segments

    # The machinery.

    @property
    def _room(self) -> int:
        return max(8, self.size.width - (_STAMP if self.stamped else 0))

    def _line(self, index: int) -> LogText | None:
        """A line by its number; None if it is not in the window."""
        if index >= self._total:
            index -= self._total
            return self._tail[index] if index < len(self._tail) else _NOTHING
        index -= self._first
        return self._window[index] if 0 <= index < len(self._window) else None

    def _rows_of(self, index: int) -> int:
        line = self._line(index) if self.wrapping else None
        return 1 if line is None else len(_pieces(line.text, self._room))

    def _place_of(self, y: int) -> tuple[int, int]:
        """The line at a row of the screen, and which of its rows that is."""
        index = int(self.scroll_offset.y)
        if not self.wrapping:
            return index + y, 0
        y += min(self._sub, self._rows_of(index) - 1)
        while index < self.count and y >= (rows := self._rows_of(index)):
            y -= rows
            index += 1
        return index, y

    def _end(self) -> tuple[int, int]:
        """The line and its row at the top when the last row is at the bottom."""
        index, room = self.count, self.size.height
        while index > 0 and room > 0:
            index -= 1
            room -= self._rows_of(index)
        return index, max(0, -room)

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self.post_message(self.Wanted(self))

    def _resize(self) -> None:
        end, sub = self._end()
        self.virtual_size = Size(max(1, self.scrollable_content_region.width), end + self.size.height)
        if self.following:
            self._sub = sub
            self._scroll(end)
        self.refresh()

    def _scroll(self, row: float) -> None:
        # By force: Textual refuses as long as the scrollbar is not laid out.
        self.scroll_to(y=row, animate=False, force=True)

    def _scroll_by(self, rows: int) -> None:
        index, sub = int(self.scroll_offset.y), min(self._sub, self._rows_of(int(self.scroll_offset.y)) - 1)
        end = self._end()
        if not self.wrapping:
            index, sub = max(0, index + rows), 0
        while self.wrapping and rows:
            if rows > 0:
                sub += 1
                if sub >= self._rows_of(index):
                    index, sub = index + 1, 0
                rows -= 1
            elif (index, sub) == (0, 0):
                break
            else:
                sub -= 1
                if sub < 0:
                    index -= 1
                    sub = self._rows_of(index) - 1
                rows += 1
        down = (index, sub) > (int(self.scroll_offset.y), self._sub)
        at_end = (index, sub) >= end
        if at_end:
            index, sub = end
        # Whoever scrolls up wants to read; whoever reaches the end wants to see what comes.
        self._follow(at_end and (down or self.following), jump=False)
        self._sub = sub
        self._scroll(index)
        self.refresh()

    def _show_line(self, line: int) -> None:
        self._follow(False)
        self._sub = 0
        top = line if self.wrapping else line - self.size.height // 2
        self._scroll(min(max(0, top), self._end()[0]))
        self.refresh()

    def _reveal(self) -> None:
        """Shift the lines so that the hit is seen."""
        line = self._line(self._hit) if self._revealing and self._hit is not None else None
        if line is None:
            return
        self._revealing = False
        found = line.text.casefold().find(self.search.casefold())
        begin = cell_len(line.text[: max(0, found)])
        end = begin + cell_len(self.search)
        if end <= self._room:
            self._left = 0
        elif not self._left <= begin <= end <= self._left + self._room:
            self._left = max(0, begin - self._room // 2)

    def _follow(self, wanted: bool, jump: bool = True) -> None:
        changed = wanted != self.following
        self.following = wanted
        if wanted and jump:
            if self._line(max(0, self._total - 1)) is None:
                self._ask()
            self._resize()
        if changed:
            self.post_message(self.Changed(self))

    def on_resize(self, _: events.Resize) -> None:
        self._resize()

    def on_mouse_scroll_up(self, _: events.MouseScrollUp) -> None:
        self._follow(False, jump=False)

    def on_scroll_to(self, _: ScrollTo) -> None:
        # The scrollbar was dragged.
        self._follow(False, jump=False)


_NOTHING = LogText(Clean(""), "stdout", Clean(""))


@lru_cache(maxsize=2048)
def _pieces(text: str, room: int) -> Sequence[str]:
    """A line, cut to rows."""
    return [text] if cell_len(text) <= room else chop_cells(text, room)
