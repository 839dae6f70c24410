"""The list of every screen: rows of cells of which only the visible ones are drawn. Ten thousand rows are instant.

    grid = Grid(
        Column("name", "name", 24, grow=True),
        Column("state", "state", 12),
        Column("age", "age", 5, align="right", drop=2),
        id="runs", empty=Clean("No runs yet. Press n to start one."),
    )
    grid.set_rows([Row(run.id, (Cell(clean(run.name)), Cell(state_text(run.status), tone_of(run.status)), …))])

Cursor, scroll and marks survive `set_rows` by the rows' keys. `/` filters as you type (`Grid.filter_text`); a
screen that filters elsewhere (in a query) sets `filter_here=False` and handles `Grid.FilterChanged`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stacktui.model.text import Clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.widgets.gridrows import GAP, Cell, Column, Placed, Row, fit, lay_out, matches, wrapped

__all__ = ["Cell", "Column", "Grid", "Row", "Tone"]


_NEAR_END = 20
_EMPTY_LINES = 4
_MARKER = 2
_RIGHT = 1


class Grid(ScrollView, can_focus=True):
    """A virtual list with a cursor, marks and a filter."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--header", "grid--cursor", "grid--cursor-blurred", "grid--marked", "grid--match",
        "grid--plain", "grid--muted", "grid--strong", "grid--accent", "grid--ok", "grid--warn", "grid--error",
        "grid--running", "grid--marker",
    }  # fmt: skip

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("grid.down", "j,down", "cursor(1)", "down", rank=150, help="Next row."),
        bind("grid.up", "k,up", "cursor(-1)", "up", rank=150, help="Previous row."),
        bind("grid.top", "g,home", "cursor_to(0)", "top", rank=150, help="First row."),
        bind("grid.bottom", "G,end", "cursor_to(-1)", "bottom", rank=150, help="Last row."),
        bind("grid.half_down", "ctrl+d", "page(0.5)", "half down", rank=150, help="Half a page down."),
        bind("grid.half_up", "ctrl+u", "page(-0.5)", "half up", rank=150, help="Half a page up."),
        bind("grid.page_down", "pagedown", "page(1)", "page down", rank=150, help="A page down."),
        bind("grid.page_up", "pageup", "page(-1)", "page up", rank=150, help="A page up."),
        bind("grid.open", "enter", "open", "open", rank=1, help="Open what is under the cursor."),
        bind("grid.mark", "space", "mark", "mark", rank=80, help="Mark the row, or take the mark away."),
        bind("grid.mark_all", "asterisk", "mark_all", "mark all", rank=151, help="Mark every row, or none."),
    ]

    class Moved(Message):
        """The cursor is on another row, or on none (`key` is None)."""

        def __init__(self, grid: Grid, key: str | None) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            return self.grid

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Grid.Moved) and message.grid is self.grid

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, grid: Grid, key: str) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            return self.grid

    class NeedMore(Message):
        """The cursor or the view came near the end of the rows, and `more` says that there are others: load the
        next page and pass it to `add_rows`. Sent once until rows come."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

        @property
        def control(self) -> Grid:
            return self.grid

    class FilterChanged(Message):
        """The filter's text changed, or how many rows it finds (`Grid.match_count`)."""

        def __init__(self, grid: Grid, text: str) -> None:
            super().__init__()
            self.grid = grid
            self.text = text

        @property
        def control(self) -> Grid:
            return self.grid

    def __init__(
        self,
        *columns: Column,
        empty: Clean = Clean("Nothing here."),
        header: bool = True,
        markable: bool = True,
        filter_here: bool = True,
        marker_without_focus: bool = True,
        opens: str = "open",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """A grid. `empty` is what it says without rows: what to do, and which key does it. `opens` is what the footer says
        that enter does.

        `marker_without_focus` is for a screen with one list; among several only the focused one marks its row.
        """
        super().__init__(id=id, classes=classes)
        self.columns = columns
        self._empty = empty
        self.show_header = header
        self.markable = markable
        self.filter_here = filter_here
        self.filter_hint = Clean("")
        """What can be typed to filter, where that is more than words."""
        self._marker_without_focus = marker_without_focus
        self.opens = opens
        self.more = False
        """Whether there are rows after the last one that `NeedMore` would bring."""
        self.marks: set[str] = set()
        """Keys of the marked rows."""
        self._all: list[Row] = []
        self._rows: list[Row] = []
        self._cursor = 0
        self._filter = ""
        self._asked_more = False
        self._layout: list[Placed] = []
        self._laid_out = -1
        """The width that the layout is for."""
        self._strips: dict[tuple[int, str, bool, bool], Strip] = {}

    # What screens use.

    @property
    def empty(self) -> Clean:
        """What it says without rows."""
        return self._empty

    @empty.setter
    def empty(self, text: Clean) -> None:
        if text != self._empty:
            self._empty = text
            if not self._rows:
                self.refresh()

    @property
    def rows(self) -> Sequence[Row]:
        """The rows that the filter leaves, in order."""
        return self._rows

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self._all)

    @property
    def cursor(self) -> int:
        """The index of the cursor's row among `rows`."""
        return self._cursor

    @property
    def cursor_key(self) -> str | None:
        """The key of the cursor's row; None without rows."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def filter_text(self) -> str:
        """What is filtered for; empty for no filter. Words are looked for in all cells, without case."""
        return self._filter

    @property
    def match_count(self) -> int:
        """How many rows the filter leaves."""
        return len(self._rows)

    def shows(self, key: str) -> bool:
        """Whether a column fits, so that it is drawn."""
        return any(column.key == key for _, column, _ in self._layout)

    def set_rows(self, rows: Iterable[Row], *, more: bool = False) -> None:
        """Replace all rows. The cursor stays on its key; if that is gone, on its place."""
        old = self._all
        new = list(rows)
        self.more = more
        self._asked_more = False
        if new == old and not self._size_unset:
            return
        self._replace(new)

    def add_rows(self, rows: Iterable[Row], *, more: bool = False) -> None:
        """Add a page at the end."""
        self.more = more
        self._asked_more = False
        self._replace([*self._all, *rows])

    def update_row(self, row: Row) -> None:
        """Replace one row by its key, repainting that line only: for elapsed times and states that tick."""
        for index, old in enumerate(self._all):
            if old.key == row.key:
                if old == row:
                    return
                self._all[index] = row
                break
        else:
            return
        for index, old in enumerate(self._rows):
            if old.key == row.key:
                self._rows[index] = row
                self._forget(index)
                self._refresh_row(index)
                return

    def move_to(self, key: str) -> bool:
        """Put the cursor on a row by key, and say whether it is there."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self._move(index)
                return True
        return False

    def set_columns(self, *columns: Column) -> None:
        """Other columns; rows must follow."""
        self.columns = columns
        self._laid_out = -1
        self.refresh()

    def set_filter(self, text: str) -> None:
        """Filter the rows; an empty text shows all."""
        if text == self._filter:
            return
        self._filter = text
        self.post_message(self.FilterChanged(self, text))
        if self.filter_here:
            self._replace(self._all)

    # Actions.

    def action_cursor(self, by: int) -> None:
        self._move(self._cursor + by)

    def action_cursor_to(self, index: int) -> None:
        self._move(index if index >= 0 else len(self._rows) + index)

    def action_page(self, pages: float) -> None:
        by = max(1, int(self._page_height * abs(pages))) * (1 if pages > 0 else -1)
        target, top = self._cursor + by, self.scroll_offset.y + by
        self.scroll_to(y=min(max(0, top), self.max_scroll_y), animate=False, force=True)
        self._move(target)

    def action_open(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.Opened(self, self.cursor_key))

    def action_mark(self) -> None:
        key = self.cursor_key
        if key is None or not self.markable:
            return
        self.marks ^= {key}
        self._refresh_row(self._cursor)
        self._move(self._cursor + 1)
        if self.cursor_key == key:
            # On the last row nothing has moved, and the marks are others.
            self.post_message(self.Moved(self, key))

    def action_mark_all(self) -> None:
        """Mark all rows that are there; if they are, none."""
        every = {row.key for row in self._rows if not row.heading}
        self.marks = set() if every <= self.marks else self.marks | every
        self._redraw()
        self.post_message(self.Moved(self, self.cursor_key))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("mark", "mark_all") and not self.markable:
            return False
        if action == "open" and not self._rows:
            return None
        return super().check_action(action, parameters)

    # Drawing.

    @property
    def _top(self) -> int:
        return 1 if self.show_header else 0

    @property
    def _page_height(self) -> int:
        return max(1, self.scrollable_content_region.height - self._top)

    @property
    def _size_unset(self) -> bool:
        return self.size.width == 0

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if width != self._laid_out:
            self._lay_out()
        if y == 0 and self.show_header:
            return self._strip(-1, width)
        index = self.scroll_offset.y + y - self._top
        if not self._rows:
            return self._empty_line(y - self._top, width)
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._strip(index, width)

    def _strip(self, index: int, width: int) -> Strip:
        key = self._rows[index].key if index >= 0 else ""
        on_cursor = index == self._cursor
        found = self._strips.get((index, key, on_cursor and self.has_focus, on_cursor))
        marked = key in self.marks
        if found is None or marked:
            found = self._header(width) if index < 0 else self._row_strip(index, width)
            if not marked:
                self._strips[(index, key, on_cursor and self.has_focus, on_cursor)] = found
        return found

    def _header(self, width: int) -> Strip:
        style = self.get_component_rich_style("grid--header")
        segments = [Segment(" " * _MARKER, style)]
        for position, (_, column, cells) in enumerate(self._layout):
            segments.append(Segment(fit(column.title, cells, column.align), style))
            if position < len(self._layout) - 1:
                segments.append(Segment(" " * GAP, style))
        return Strip(segments).adjust_cell_length(width, style)

    def _row_strip(self, index: int, width: int) -> Strip:
        row = self._rows[index]
        base = self.rich_style
        if index == self._cursor:
            name = "grid--cursor" if self.has_focus else "grid--cursor-blurred"
            base += self.get_component_rich_style(name, partial=True)
        marked = row.key in self.marks
        if marked:
            base += self.get_component_rich_style("grid--marked", partial=True)
        # A reversed row is one ground: reversed tones would be patches of it.
        flat = bool(base.reverse)
        marker_style = base if flat else base + self.get_component_rich_style("grid--marker", partial=True)
        pointed = index == self._cursor and (self.has_focus or self._marker_without_focus)
        marker = (glyph("▌") if pointed else " ") + ("*" if marked else " ")
        segments = [Segment(marker, marker_style)]
        if row.heading:
            text = fit(row.cells[0].text, max(1, width - _MARKER), "left")
            style = base + self.get_component_rich_style("grid--strong", partial=True)
            segments.append(Segment(text, style))
            return Strip(segments).adjust_cell_length(width, base)
        last = len(self._layout) - 1
        for position, (place, column, cells) in enumerate(self._layout):
            cell = row.cells[place] if place < len(row.cells) else Cell(Clean(""))
            tone = Tone.PLAIN if flat else Tone.MUTED if row.dim else cell.tone
            style = base + self.get_component_rich_style(f"grid--{tone}", partial=True)
            segments.append(Segment(fit(cell.text, cells, column.align), style))
            if position < last:
                segments.append(Segment(" " * GAP, base))
        return Strip(Segment.simplify(segments)).adjust_cell_length(width, base)

    def _empty_line(self, line: int, width: int) -> Strip:
        if line >= _EMPTY_LINES:
            return Strip.blank(width, self.rich_style)
        style = self.rich_style + self.get_component_rich_style("grid--muted", partial=True)
        text = self.empty
        if self._filter and self._all:
            text = Clean(f"Nothing matches. esc clears the filter; {len(self._all):,} rows are behind it.")
        lines = wrapped(text, max(10, width - _MARKER - 1))
        shown = lines[line] if 0 <= line < len(lines) else ""
        return Strip([Segment(" " * _MARKER + shown, style)]).adjust_cell_length(width, style)

    def _lay_out(self) -> None:
        self._laid_out = self.scrollable_content_region.width
        self._strips.clear()
        self._layout = lay_out(self.columns, self._laid_out - _MARKER - _RIGHT, GAP)

    # The machinery.

    def _replace(self, rows: list[Row]) -> None:
        key, offset, matched = self.cursor_key, self._cursor - self.scroll_offset.y, len(self._rows)
        if self._cursor == 0 and not self.has_focus and not self._marker_without_focus:
            # Nobody has put the cursor there: it is at the top, whatever comes to be the first row.
            key = None
        self._all = rows
        if self._filter and self.filter_here:
            words = self._filter.casefold().split()
            self._rows = [row for row in rows if matches(row, words)]
            if len(self._rows) != matched:
                self.post_message(self.FilterChanged(self, self._filter))
        else:
            self._rows = list(rows)
        self.marks &= {row.key for row in rows} if self.marks else set()
        place = min(self._cursor, max(0, len(self._rows) - 1))
        if key is not None and not (place < len(self._rows) and self._rows[place].key == key):
            place = next((i for i, row in enumerate(self._rows) if row.key == key), place)
        if key is None and len(self._rows) > 1 and self._rows[0].heading:
            # The heading above it stays in view.
            place, offset = 1, 1
        self._cursor = place
        self._strips.clear()
        height = len(self._rows) + self._top
        # Its width never changes: Textual would lay out again for each change.
        self.virtual_size = Size(1, height)
        top = min(max(0, place - offset), max(0, height - max(1, self.scrollable_content_region.height)))
        if self.scroll_offset.y == 0 and place < self._page_height:
            # Whoever looks at the beginning of a list sees what comes in there.
            top = 0
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)
        self.refresh()
        if key != self.cursor_key:
            self.post_message(self.Moved(self, self.cursor_key))
        self._ask_more()

    def _move(self, index: int) -> None:
        if not self._rows:
            return
        index = min(max(0, index), len(self._rows) - 1)
        old, self._cursor = self._cursor, index
        top, page = self.scroll_offset.y, self._page_height
        if index < top:
            self.scroll_to(y=index, animate=False, force=True)
        elif index >= top + page:
            self.scroll_to(y=index - page + 1, animate=False, force=True)
        if old == index:
            return
        self._refresh_row(old)
        self._refresh_row(index)
        self.post_message(self.Moved(self, self.cursor_key))
        self._ask_more()

    def _ask_more(self) -> None:
        if self.more and not self._asked_more and self._cursor >= len(self._rows) - _NEAR_END:
            self._asked_more = True
            self.post_message(self.NeedMore(self))

    def _forget(self, index: int) -> None:
        for key in [key for key in self._strips if key[0] == index]:
            del self._strips[key]

    def _refresh_row(self, index: int) -> None:
        y = index - self.scroll_offset.y + self._top
        if self._top <= y < self.size.height:
            self.refresh(Region(0, y, self.scrollable_content_region.width, 1))

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        self.refresh()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self._refresh_row(self._cursor)

    def on_resize(self, _: events.Resize) -> None:
        self._move(self._cursor)

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y - self._top
        if event.y >= self._top and 0 <= index < len(self._rows):
            again = index == self._cursor
            self._move(index)
            if again and event.chain == 2:
                self.action_open()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # The wheel moves the view; the cursor comes along at the edge, as in less and k9s.
        top, page = round(new_value), self._page_height
        if self._rows and not top <= self._cursor < top + page:
            self._cursor = min(max(self._cursor, top), top + page - 1, len(self._rows) - 1)
            self.post_message(self.Moved(self, self.cursor_key))
        self._ask_more()
