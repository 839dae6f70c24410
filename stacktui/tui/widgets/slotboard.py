"""The ten slots of a stack in two columns, or in one where it is narrow: all of them are seen at once.

    board.set_cards([SlotCard("orchestrator", Clean("1"), Clean("orchestrator"), Clean("wide"), …), …])

Columns are filled downwards, as the digits run. Used by the stack builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph
from stacktui.tui.widgets.gridrows import fit

TWO_COLUMNS = 70
"""The width from which there are two columns."""
_TITLE = 18
_LEFT = 3
"""The marker, the digit and a space."""
_BETWEEN = 2
_WIDEST = 56
"""Cells of what fills a slot and where it comes from: further apart the eye loses the line."""


class SlotCard(NamedTuple):
    """One slot."""

    key: str
    """Names it across refreshes."""
    digit: Clean
    title: Clean
    text: Clean
    """What fills it."""
    tone: Tone
    origin: Clean = Clean("")
    """Where that comes from: `← base`."""
    mark: Clean = Clean("")
    """The same, shorter, where there is no room for the words. Of one cell it is always there."""


class SlotBoard(Widget, can_focus=True):
    """Cards in columns with a cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--cursor", "grid--cursor-blurred", "grid--plain", "grid--muted", "grid--strong", "grid--accent",
        "grid--warn", "grid--error", "grid--marker",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("slots.down", "j,down", "cursor(1)", "down", rank=150, help="Next slot."),
        bind("slots.up", "k,up", "cursor(-1)", "up", rank=150, help="Previous slot."),
        bind("slots.across", "l,right", "across(1)", "other column", rank=150, help="To the other column."),
        bind("slots.back", "left", "across(-1)", "other column", rank=150, help="To the other column."),
        bind("slots.top", "g,home", "cursor_to(0)", "first", rank=150, help="First slot."),
        bind("slots.bottom", "G,end", "cursor_to(-1)", "last", rank=150, help="Last slot."),
        bind("slots.open", "enter", "open", "choose", rank=1, help="To what fits the slot."),
    ]

    class Moved(Message):
        """The cursor is on another slot."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, SlotBoard.Moved)

    class Opened(Message):
        """Enter was pressed on a slot."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cards: tuple[SlotCard, ...] = ()
        self._cursor = 0

    @property
    def cards(self) -> Sequence[SlotCard]:
        """All slots, in order."""
        return self._cards

    @property
    def cursor_key(self) -> str | None:
        """The key of the slot under the cursor; None before there are any."""
        return self._cards[self._cursor].key if self._cards else None

    def set_cards(self, cards: Sequence[SlotCard]) -> None:
        """Replace all slots; only those that look different are drawn again."""
        old, self._cards = self._cards, tuple(cards)
        self._cursor = min(self._cursor, max(0, len(self._cards) - 1))
        if len(old) != len(self._cards):
            self.refresh()
            return
        for place, (before, now) in enumerate(zip(old, self._cards, strict=True)):
            if before != now:
                self._refresh_card(place)

    def move_to(self, key: str) -> bool:
        """Put the cursor on a slot by its key, and say whether there is such a one."""
        for place, card in enumerate(self._cards):
            if card.key == key:
                self._move(place)
                return True
        return False

    # Actions.

    def action_cursor(self, by: int) -> None:
        self._move(self._cursor + by)

    def action_cursor_to(self, place: int) -> None:
        self._move(place if place >= 0 else len(self._cards) + place)

    def action_across(self, by: int) -> None:
        """To the slot beside it; from the last column to the first, so that one key goes back and forth."""
        if self.columns > 1:
            self._move((self._cursor + by * self.lines) % (self.columns * self.lines))

    def action_open(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.Opened(self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        column = min(self.columns - 1, event.x // (self._card_width + _BETWEEN))
        if 0 <= event.y < self.lines:
            self._move(column * self.lines + event.y)
            if event.chain == 2:
                self.action_open()

    # Drawing.

    @property
    def columns(self) -> int:
        """How many columns there is room for."""
        return 2 if self.size.width >= TWO_COLUMNS else 1

    @property
    def lines(self) -> int:
        """How many slots stand below each other."""
        return -(-len(self._cards) // self.columns) if self._cards else 1

    @property
    def _card_width(self) -> int:
        return (self.size.width - _BETWEEN * (self.columns - 1)) // self.columns

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self._card_width
        segments: list[Segment] = []
        for column in range(self.columns):
            place = column * self.lines + y
            if y < self.lines and place < len(self._cards):
                if column:
                    segments.append(Segment(" " * _BETWEEN, base))
                segments += self._card(place, width)
        return Strip(Segment.simplify(segments)).adjust_cell_length(self.size.width, base)

    def _card(self, place: int, width: int) -> list[Segment]:
        card, base = self._cards[place], self.rich_style
        if place == self._cursor:
            name = "grid--cursor" if self.has_focus else "grid--cursor-blurred"
            base += self.get_component_rich_style(name, partial=True)
        marker = glyph("▌") if place == self._cursor else " "
        room = max(4, width - _LEFT - _TITLE - 1)
        text, origin = laid_out(card, min(room, _WIDEST))
        rest = " " * (room - min(room, _WIDEST))
        return [
            Segment(marker, base + self._tone("marker")),
            Segment(fit(card.digit, 1, "left") + " ", base + self._tone("accent")),
            Segment(fit(card.title, _TITLE, "left") + " ", base + self._tone("muted")),
            Segment(text, base + self._tone(card.tone)),
            Segment(origin + rest, base + self._tone("muted")),
        ]

    def _tone(self, name: str) -> Style:
        return self.get_component_rich_style(f"grid--{name}", partial=True)

    # The machinery.

    def _move(self, place: int) -> None:
        if not self._cards:
            return
        place = min(max(0, place), len(self._cards) - 1)
        old, self._cursor = self._cursor, place
        if old == place:
            return
        self._refresh_card(old)
        self._refresh_card(place)
        self.post_message(self.Moved(self._cards[place].key))

    def _refresh_card(self, place: int) -> None:
        column, line = divmod(place, self.lines)
        width = self._card_width
        self.refresh(Region(column * (width + _BETWEEN), line, width, 1))

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self._refresh_card(self._cursor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()


def laid_out(card: SlotCard, room: int) -> tuple[str, str]:
    """What fills a slot and where that comes from, in `room` cells together: the words where they fit beside it, else
    the mark."""
    taken = cell_len(card.text)
    origin = ""
    for words in (card.origin, card.mark):
        if words and taken + 1 + cell_len(words) <= room:
            origin = f" {words}"
            break
    else:
        if cell_len(card.mark) == 1:
            origin = f" {card.mark}"
    return fit(card.text, room - cell_len(origin), "left"), origin
