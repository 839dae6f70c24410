"""The last lines of a terminal, drawn again in place while other lines scroll away above them. Used by the live tree.

Only lines that changed are written. Nothing is kept on the terminal's side, no mode is changed, the cursor stays
visible: whatever ends the program leaves a terminal that can be used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

from stacktui.cli.terminal import cell_width


class Drawn(NamedTuple):
    """A line as it goes to the terminal, with its colours, and the columns that it takes."""

    text: str
    width: int


class Region:
    """Lines at the end of what was written to `stream`, a terminal of `size()` columns and rows.

    The cursor stands behind the last of them. Lines must be cleaned and narrower than the terminal.
    """

    def __init__(self, stream: TextIO, size: Callable[[], tuple[int, int]]) -> None:
        self._stream = stream
        self._size = size
        self._shown: list[Drawn] = []
        self._columns = 0

    def draw(self, above: Sequence[str], lines: Sequence[Drawn]) -> None:
        """Write `above` over the region, for good, then the region as it is now."""
        columns, rows = self._size()
        said: list[str] = []
        if self._shown and columns != self._columns:
            said.append(self._back_to_top(columns))
            self._shown = []
        self._columns = columns
        if above:
            said.append(self._scrolled(above, columns, rows))
        said.append(self._changed(list(lines)))
        text = "".join(said)
        if text:
            self._stream.write(text)
            self._stream.flush()

    def clear(self) -> None:
        """Take the lines away; the next text stands where they began."""
        if self._shown:
            columns, _ = self._size()
            self._stream.write(self._back_to_top(columns))
            self._stream.flush()
            self._shown = []

    def leave(self) -> None:
        """Let the lines stand as they are, and go on below them."""
        if self._shown:
            self._stream.write("\n")
            self._stream.flush()
            self._shown = []

    def _back_to_top(self, columns: int) -> str:
        """To where the region began, and erase from there. A terminal that became narrower has wrapped its lines."""
        rows = (
            sum(max(-(-line.width // columns), 1) for line in self._shown) if columns < self._columns else 0
        )
        up = max(rows, len(self._shown)) - 1
        return "\r" + _up(up) + "\x1b[J"

    def _scrolled(self, above: Sequence[str], columns: int, rows: int) -> str:
        """Lines over the region. Where their height is certain they are inserted, and the region is not sent again."""
        height = _height(above, columns)
        shown = len(self._shown)
        if not shown or height is None or height + shown > rows:
            back = self._back_to_top(columns) if shown else ""
            self._shown = []
            return back + "".join(f"{line}\n" for line in above)
        # New rows at the end of the screen, then the region pushed down into them.
        return (
            "\r" + "\n" * height + _up(height + shown - 1) + f"\x1b[{height}L"
            + "".join(f"{line}\r\n" for line in above)
            + (f"\x1b[{shown - 1}B" if shown > 1 else "")
        )  # fmt: skip

    def _changed(self, lines: list[Drawn]) -> str:
        """The lines that are not on the screen yet; the cursor goes to the end of the last one."""
        before, self._shown = self._shown, lines
        if before == lines:
            return ""
        if not lines:
            return "\r" + _up(len(before) - 1) + "\x1b[J"
        at = max(len(before) - 1, 0)
        said: list[str] = []
        for place, line in enumerate(lines):
            if place < len(before) and before[place] == line:
                continue
            if place < len(before):
                said.append(_moved(at, place) + "\r" + line.text)
                if before[place].width > line.width:
                    said.append("\x1b[K")
            else:
                # A line more than there were: the terminal may have to scroll for it.
                said.append(_moved(at, place - 1) + "\r\n" + line.text if place else line.text)
            at = place
        if len(lines) < len(before):
            said.append(_moved(at, len(lines)) + "\r\x1b[J" + _up(1))
            at = len(lines) - 1
        said.append(_moved(at, len(lines) - 1) + "\r")
        return "".join(said)


def _moved(at: int, to: int) -> str:
    return _up(at - to) if at > to else f"\x1b[{to - at}B" if to > at else ""


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""


def _height(lines: Sequence[str], columns: int) -> int | None:
    """The rows that lines take; None where terminals differ in how wide a letter is."""
    from re import sub

    rows = 0
    for line in lines:
        text = sub(r"\x1b\[[0-9;]*m", "", line)
        if not text.translate(_OURS).isascii():
            return None
        rows += max(-(-cell_width(text) // columns), 1)
    return rows


_OURS = str.maketrans(dict.fromkeys("│✓✗●○◐·…→↳━╌", "x"))
