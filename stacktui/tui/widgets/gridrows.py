"""What a grid shows, and how it fits on a line: columns, rows, cells; widths in terminal cells. Knows no widget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from stacktui.model.text import Clean
from stacktui.tui.marks import Tone, glyph

GAP = 2
"""Cells between two columns."""


class Column(NamedTuple):
    """A column: `width` in terminal cells; one that may `grow` shares the room that is left."""

    key: str
    title: str
    width: int
    grow: bool = False
    align: Literal["left", "right"] = "left"
    drop: int = 0
    """On a narrow screen columns with a higher number vanish first; 0 never does."""
    most: int = 0
    """How wide it may grow, so that others get the rest; 0 for any width."""


class Cell(NamedTuple):
    """The text of one cell, and what it means."""

    text: Clean
    tone: Tone = Tone.PLAIN


class Row(NamedTuple):
    """A row. `key` names it across refreshes. `dim` draws the whole row muted; a `heading` draws its first cell over
    the whole width, to group those below it."""

    key: str
    cells: tuple[Cell, ...]
    dim: bool = False
    heading: bool = False


class Placed(NamedTuple):
    """A column that fits: its place among a row's cells, and its width here."""

    place: int
    column: Column
    width: int


def lay_out(columns: Sequence[Column], room: int, gap: int = GAP) -> list[Placed]:
    """Which columns fit into `room` cells, and how wide they are."""
    kept = list(enumerate(columns))
    while len(kept) > 1 and sum(c.width for _, c in kept) + gap * (len(kept) - 1) > room:
        droppable = [item for item in kept if item[1].drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda item: (item[1].drop, item[0])))
    spare = room - sum(c.width for _, c in kept) - gap * (len(kept) - 1)
    growing = [index for index, (_, c) in enumerate(kept) if c.grow]
    widths = [c.width for _, c in kept]
    if spare > 0 and growing:
        while spare > 0 and growing:
            share = max(1, spare // len(growing))
            for index in list(growing):
                most = kept[index][1].most or room
                more = min(share, spare, max(0, most - widths[index]))
                widths[index] += more
                spare -= more
                if widths[index] >= most:
                    growing.remove(index)
    elif spare < 0 and widths:
        # Nothing may be dropped any more: the growing columns give, else the widest.
        for index in growing or [max(range(len(widths)), key=widths.__getitem__)]:
            give = min(-spare, max(0, widths[index] - 4))
            widths[index] -= give
            spare += give
    return [Placed(place, c, w) for (place, c), w in zip(kept, widths, strict=True)]


def matches(row: Row, words: list[str]) -> bool:
    """Whether every word stands in one of the row's cells; the words are casefolded."""
    text = " ".join(cell.text for cell in row.cells).casefold()
    return all(word in text for word in words)


def fit(text: str, cells: int, align: str) -> str:
    """`text` in exactly that many terminal cells; what is too long ends in an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > cells:
        if cells <= 1:
            return set_cell_size(text, cells)
        kept = set_cell_size(text, cells - 1).rstrip(" ")
        return kept + glyph("…") + " " * (cells - cell_len(kept) - 1)
    pad = " " * (cells - length)
    return pad + text if align == "right" else text + pad


@lru_cache(maxsize=64)
def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most that width."""
    return [piece for line in text.split("\n") for piece in (wrap(line, width) or [""])]
