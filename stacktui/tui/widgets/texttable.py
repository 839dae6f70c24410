"""A small table as lines of text: the head of a frame, features of an entity. Used by panes and their details."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from stacktui.model.text import Clean, clean
from stacktui.tui.marks import glyph

_WIDEST = 22
_GAP = "  "


def text_table(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> Clean:
    """The table in at most `width` terminal cells; columns that do not fit are counted at the end.

    Numbers stand at the right of their column. Texts are cleaned.
    """
    titles = [str(clean(name)) for name in columns]
    cells = [[_text(value) for value in row] for row in rows]
    numeric = [all(_is_number(row[place]) for row in cells) for place in range(len(titles))]
    widths = [
        min(_WIDEST, max([cell_len(title), *(cell_len(row[place]) for row in cells)]))
        for place, title in enumerate(titles)
    ]
    fitting, used = 0, 0
    for size in widths:
        used += size + (len(_GAP) if fitting else 0)
        if used > width and fitting:
            break
        fitting += 1
    lines = [
        _GAP.join(
            _padded(row[place], widths[place], right=numeric[place]) for place in range(fitting)
        ).rstrip()
        for row in [titles, *cells]
    ]
    left = len(titles) - fitting
    if left:
        lines.append(f"{glyph('…')} and {left} more column{'s' if left != 1 else ''}")
    return Clean("\n".join(lines))


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return clean(value)


def _is_number(text: str) -> bool:
    if text == "-":
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _padded(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + glyph("…")
    pad = " " * (width - cell_len(text))
    return pad + text if right else text + pad
