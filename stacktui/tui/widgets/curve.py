"""Curves drawn in the terminal: a metric over its steps, of several runs in one plot, with axes and a legend.

Lines are drawn in braille dots, two across and four down in a cell; without Unicode in letters. Each curve ends in
its letter, so that they are told apart without colour. `draw_curves` is pure; `Curves` is the widget.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from textual.content import Content
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.marks import Tone, ascii_only
from stacktui.tui.widgets.facts import STYLES

LETTERS = "abcdefgh"
"""The most curves that one plot takes."""
TONES = (
    Tone.ACCENT, Tone.OK, Tone.WARN, Tone.ERROR, Tone.RUNNING, Tone.PLAIN, Tone.MUTED, Tone.STRONG,
)  # fmt: skip
"""The tone of each curve, in order; the letter at its end says the same."""
AXIS = -1
"""The style index of axes and labels."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# In a braille cell, by row and column.
_LEAST_WIDTH, _LEAST_HEIGHT = 24, 5


class Series(NamedTuple):
    """One curve."""

    key: str
    label: Clean
    points: tuple[tuple[float, float], ...]
    """(step, value), by step. Values that are not finite break the line."""


class Piece(NamedTuple):
    """A part of a drawn line: its text and which curve's style it has, or `AXIS`."""

    text: str
    style: int


def draw_curves(
    series: Sequence[Series], width: int, height: int, *, ascii_: bool = False
) -> list[list[Piece]]:
    """The plot in `height` lines of `width` cells: the axis of values left, the axis of steps below.

    The first `len(LETTERS)` series are drawn, later ones over earlier ones. Nothing finite to draw, or too little
    room, gives no lines.
    """
    drawn = list(series)[: len(LETTERS)]
    finite = [point for one in drawn for point in one.points if _finite(point)]
    if not finite or width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return []
    low_x, high_x = min(x for x, _ in finite), max(x for x, _ in finite)
    low_y, high_y = _padded(min(y for _, y in finite), max(y for _, y in finite))
    rows = height - 2
    labels = _value_labels(low_y, high_y, rows)
    gutter = max(len(text) for text in labels.values())
    columns = width - gutter - 2
    canvas = _Canvas(columns, rows, ascii_)
    for number, one in enumerate(drawn):
        for part in _parts(one.points):
            places = [
                (
                    _scaled(x, low_x, high_x, canvas.across - 1),
                    canvas.down - 1 - _scaled(y, low_y, high_y, canvas.down - 1),
                )
                for x, y in part
            ]
            canvas.line(places, number)
    if len(drawn) > 1:
        for number, one in enumerate(drawn):
            last = [point for point in one.points if _finite(point)][-1:]
            for x, y in last:
                column = _scaled(x, low_x, high_x, columns - 1)
                canvas.letter(column, rows - 1 - _scaled(y, low_y, high_y, rows - 1), number)
    side, corner, bottom, tick = ("|", "+", "-", "+") if ascii_ else ("│", "└", "─", "┤")
    lines: list[list[Piece]] = []
    for row in range(rows):
        text = labels.get(row, "")
        edge = tick if row in labels else side
        lines.append([Piece(f"{text:>{gutter}} {edge}", AXIS), *canvas.pieces(row)])
    lines.append([Piece(" " * (gutter + 1) + corner + bottom * columns, AXIS)])
    lines.append([Piece(" " * (gutter + 2) + _step_labels(low_x, high_x, columns), AXIS)])
    return lines


class Curves(Widget):
    """The plot of some series, with a legend below."""

    DEFAULT_CSS = "Curves { height: 1fr; padding: 0 1; }"

    def __init__(self, *, empty: Clean = Clean(""), id: str | None = None) -> None:
        super().__init__(id=id)
        self._empty = empty
        self._series: tuple[Series, ...] = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """What is drawn."""
        return self._series

    def show_series(self, series: Sequence[Series], empty: Clean | None = None) -> None:
        """Draw other curves; `empty` is said where there are none."""
        wanted = tuple(series)
        if wanted != self._series or (empty is not None and empty != self._empty):
            self._series = wanted
            self._empty = self._empty if empty is None else empty
            self.refresh()

    def render(self) -> Content:
        width, height = self.content_size
        legend = self._legend() if self._series else []
        room = height - len(legend)
        lines = draw_curves(self._series, width, room, ascii_=ascii_only()) if self._series else []
        if not lines:
            said = self._empty if not self._series else Clean("There is too little room to draw it; z zooms.")
            return Content.styled(said, "$quiet")
        pieces = [
            Content.assemble(*((piece.text, _style(piece.style)) for piece in line))
            for line in [*lines, *legend]
        ]
        return Content("\n").join(line.truncate(width, ellipsis=False) for line in pieces)

    def _legend(self) -> list[list[Piece]]:
        if len(self._series) < 2:
            return []
        found = []
        for number, one in enumerate(self._series[: len(LETTERS)]):
            values = [y for point in one.points for y in point[1:] if math.isfinite(y)]
            last = (
                f"  last {number_text(values[-1])}  from {number_text(min(values))} to {number_text(max(values))}"
                if values
                else "  no points"
            )
            found.append([Piece(f"{LETTERS[number]} ", number), Piece(one.label, number), Piece(last, AXIS)])
        left = len(self._series) - len(LETTERS)
        if left > 0:
            found.append([Piece(f"and {left} more that are not drawn", AXIS)])
        return found


def number_text(value: float) -> str:
    """A value in at most eight characters: four significant digits."""
    if value != 0 and (abs(value) >= 1e6 or abs(value) < 1e-4):
        return f"{value:.1e}"
    return f"{value:.4g}"


class _Canvas:
    """Dots on a field of cells; each cell knows which curve was drawn in it last."""

    def __init__(self, columns: int, rows: int, ascii_: bool) -> None:
        self._ascii = ascii_
        self.across, self.down = (columns, rows) if ascii_ else (columns * 2, rows * 4)
        self._bits = [[0] * columns for _ in range(rows)]
        self._owner = [[AXIS] * columns for _ in range(rows)]
        self._letters: dict[tuple[int, int], str] = {}

    def line(self, places: Sequence[tuple[int, int]], owner: int) -> None:
        """Join the places."""
        if len(places) == 1:
            self._dot(*places[0], owner)
        for (x1, y1), (x2, y2) in pairwise(places):
            far = max(abs(x2 - x1), abs(y2 - y1), 1)
            for part in range(far + 1):
                self._dot(round(x1 + (x2 - x1) * part / far), round(y1 + (y2 - y1) * part / far), owner)

    def letter(self, column: int, row: int, owner: int) -> None:
        """Write a curve's letter into a cell; beside it where another one stands there."""
        while (column, row) in self._letters and column > 0:
            column -= 1
        self._letters[(column, row)] = LETTERS[owner]
        self._owner[row][column] = owner

    def pieces(self, row: int) -> Iterator[Piece]:
        """A row of cells, joined where they have one style."""
        text, style = "", AXIS
        for column, owner in enumerate(self._owner[row]):
            if owner != style:
                if text:
                    yield Piece(text, style)
                text, style = "", owner
            text += self._cell(column, row)
        yield Piece(text, style)

    def _cell(self, column: int, row: int) -> str:
        if (column, row) in self._letters:
            return self._letters[(column, row)]
        bits = self._bits[row][column]
        if not bits:
            return " "
        return LETTERS[self._owner[row][column]] if self._ascii else chr(0x2800 + bits)

    def _dot(self, x: int, y: int, owner: int) -> None:
        column, row = (x, y) if self._ascii else (x // 2, y // 4)
        self._bits[row][column] |= 1 if self._ascii else _DOTS[y % 4][x % 2]
        self._owner[row][column] = owner


def _style(number: int) -> str:
    return STYLES[Tone.MUTED if number == AXIS else TONES[number]]


def _finite(point: tuple[float, float]) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])


def _parts(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The stretches without a value that is not finite."""
    part: list[tuple[float, float]] = []
    for point in points:
        if _finite(point):
            part.append(point)
        elif part:
            yield part
            part = []
    if part:
        yield part


def _padded(low: float, high: float) -> tuple[float, float]:
    """A range that is not empty: a constant curve runs in the middle."""
    if low < high:
        return low, high
    margin = abs(low) * 0.1 or 1.0
    return max(low - margin, -sys.float_info.max), min(high + margin, sys.float_info.max)


def _scaled(value: float, low: float, high: float, size: int) -> int:
    # Halves, because the distance of the two largest numbers is no number any more.
    return round((value / 2 - low / 2) / (high / 2 - low / 2) * size) if high / 2 > low / 2 else size // 2


def _value_labels(low: float, high: float, rows: int) -> dict[int, str]:
    """Labels by row: the ends, and evenly between where there is room."""
    count = max(2, min(5, (rows + 2) // 3))
    places = [round(part * (rows - 1) / (count - 1)) for part in range(count)]
    shares = {row: row / max(rows - 1, 1) for row in places}
    return {row: number_text(high * (1 - share) + low * share) for row, share in shares.items()}


def _step(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 and value == round(value, 1) else number_text(value)


def _step_labels(low: float, high: float, columns: int) -> str:
    """The first and the last step at the ends, the middle between where there is room."""
    if low == high:
        return f"step {_step(low)}".center(columns)
    first, last = f"step {_step(low)}", _step(high)
    line = (first + last.rjust(columns - len(first)))[:columns]
    middle = _step(low / 2 + high / 2)
    at = columns // 2 - len(middle) // 2
    if at > len(first) + 2 and at + len(middle) + 2 < columns - len(last):
        line = line[:at] + middle + line[at + len(middle) :]
    return line
