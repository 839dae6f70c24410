"""What is written for people: lines, pairs and tables that fit the terminal, every text cleaned on its way.

Nothing here lets a text through as it is but `raw`, which is for what programs read. Colour carries meaning,
never alone, and only on a terminal without `NO_COLOR`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, TextIO

from stacktui.model.text import clean, clean_block


class Tone(Enum):
    """What a text means; the value is the SGR code that says it in colour."""

    PLAIN = ""
    STRONG = "1"
    MUTED = "2"
    OK = "32"
    WARN = "33"
    ERROR = "31"
    RUNNING = "36"


class Span(NamedTuple):
    """A text with a meaning."""

    text: object
    tone: Tone = Tone.PLAIN


Text = str | Span


class Column(NamedTuple):
    """One column of a table."""

    title: str
    right: bool = False
    """Aligned to the right: numbers."""
    least: int = 0
    """It may be shortened to this width; 0: never."""
    literal: bool = False
    """The title is a name and stays as it is; others are words of ours, shown in capitals."""
    drop: int = 0
    """Columns with the highest number are left out first where the terminal is narrow; 0: never."""


_GAP = 2
# Widths that are enough to read a column which may be shortened: of one that may be left out, and of another.
_FAIR_EXTRA, _FAIR = 12, 32
_ASCII = str.maketrans(
    {
        "✓": "+", "✗": "x", "●": "*", "○": "o", "◐": "~", "…": ".", "→": ">", "─": "-", "│": "|",
        "◌": "-", "■": "#", "↻": "r", "·": "-", "↳": ">", "▸": ">", "━": "=", "╌": "-",
    }
)  # fmt: skip


class Out:
    """Writes to one stream for people."""

    def __init__(
        self,
        stream: TextIO,
        *,
        width: int | None = None,
        colour: bool | None = None,
        terminal: bool | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        terminal = _is_terminal(stream) if terminal is None else terminal
        self.stream = stream
        self.terminal = terminal
        """Whether a person reads it: asked of the stream where it is not given."""
        self.width = width or (_columns() if terminal else None)
        """Columns to fit; None where a file or a program reads, and nothing is shortened."""
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM", "") in ("dumb", "")
        self.colour = terminal and not plain if colour is None else colour
        encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
        self.unicode = encoding.startswith("utf") and not environ.get("STACKTUI_ASCII")

    def line(self, *spans: Text) -> None:
        """One line of spans, written one after the other."""
        self.stream.write("".join(self.styled(*_text_and_tone(span)) for span in spans) + "\n")

    def block(self, text: object, tone: Tone = Tone.PLAIN, indent: str = "") -> None:
        """A text of several lines."""
        for line in str(clean_block(text)).split("\n"):
            self.line(indent, Span(line, tone))

    def heading(self, text: str) -> None:
        """A line over a part."""
        self.line(Span(text, Tone.STRONG))

    def pairs(self, items: Iterable[tuple[str, Text]]) -> None:
        """Names and values, the values aligned."""
        found = list(items)
        wide = max((cell_width(name) for name, _ in found), default=0)
        for name, value in found:
            text, tone = _text_and_tone(value)
            self.line(Span(_padded(name, wide + _GAP), Tone.MUTED), Span(text, tone))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Text]], indent: str = "") -> None:
        """An aligned table with a line of titles; columns that are empty throughout are left out."""
        cells = [[(clean(text), tone) for text, tone in map(_text_and_tone, row)] for row in rows]
        kept = [
            place
            for place, column in enumerate(columns)
            if not column.drop or any(row[place][0] for row in cells)
        ]
        widths = {
            place: max(
                [cell_width(columns[place].title), *(cell_width(self.shown(row[place][0])) for row in cells)]
            )
            for place in kept
        }
        room = None if self.width is None else self.width - len(indent)
        kept, widths = _fitted(columns, kept, widths, room)
        titles = [
            (clean(column.title if column.literal else column.title.upper()), Tone.MUTED)
            for column in columns
        ]
        for row in [titles, *cells]:
            parts = []
            for place in kept:
                text, tone = row[place]
                last = place == kept[-1] and not columns[place].right
                cut = shortened(self.shown(text), widths[place])
                blank = " " * (widths[place] - cell_width(cut))
                styled = self.styled(cut, tone)
                parts.append(
                    f"{blank}{styled}" if columns[place].right else styled if last else f"{styled}{blank}"
                )
            self.stream.write(indent + (" " * _GAP).join(parts).rstrip(" ") + "\n")

    def raw(self, text: str) -> None:
        """What a program reads, as it is."""
        self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def shown(self, text: str) -> str:
        """`text` with the signs that this stream can show."""
        return text if self.unicode else text.translate(_ASCII)

    def styled(self, text: object, tone: Tone) -> str:
        """`text`, cleaned, as it is written: with its colour where that is wanted."""
        safe = self.shown(clean(text))
        if not self.colour or not tone.value or not safe:
            return safe
        return f"\x1b[{tone.value}m{safe}\x1b[0m"


def cell_width(text: str) -> int:
    """How many columns a terminal gives to `text`."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(letter) or letter in "\u200d\ufe0f"
        else 2
        if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis where something is left out."""
    if cell_width(text) <= width:
        return text
    cut = text[:width]
    while cut and cell_width(cut) >= width:
        cut = cut[:-1]
    return f"{cut}…"


def _fitted(
    columns: Sequence[Column], kept: list[int], widths: dict[int, int], room: int | None
) -> tuple[list[int], dict[int, int]]:
    """Which columns stay and how wide they are in `room` columns.

    Columns that can be done without go before those that cannot are shortened much; what stays is shortened from
    the least needed on.
    """
    if room is None or not kept:
        return kept, widths

    def total(wide: Callable[[int], int]) -> int:
        return sum(wide(place) for place in kept) + _GAP * (len(kept) - 1)

    def fair(place: int) -> int:
        column = columns[place]
        if not column.least:
            return widths[place]
        return min(widths[place], max(column.least, _FAIR_EXTRA if column.drop else _FAIR))

    while total(fair) > room and any(columns[place].drop for place in kept):
        gone = max(kept, key=lambda place: columns[place].drop)
        kept = [place for place in kept if place != gone]
    while total(widths.__getitem__) > room:
        able = [place for place in kept if columns[place].least and widths[place] > columns[place].least]
        if not able:
            break
        spare = [place for place in able if columns[place].drop and widths[place] > fair(place)] or able
        widths[max(spare, key=lambda place: widths[place])] -= 1
    return kept, widths


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_width(text))


def _text_and_tone(text: Text) -> tuple[object, Tone]:
    return (text.text, text.tone) if isinstance(text, Span) else (text, Tone.PLAIN)


def _columns() -> int:
    # Late: what a program reads is not fitted to a width.
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False
