"""Any operation's document as text for people: fields as lines, lists of records as a table. Used by result dialogs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import BaseModel
from rich.cells import cell_len, set_cell_size
from textual.content import Content

from stacktui.model.text import clean, clean_block
from stacktui.operations.moments import full_stamp
from stacktui.tui.marks import state_text, tone_of

_LINES = 4000
_CELL = 48
_HIDDEN = frozenset({"version"})


def readable(result: Any) -> Content:
    """A document, or a list of them, as text. Values are cleaned; nothing is parsed as markup."""
    lines: list[Content] = []
    if isinstance(result, (list, tuple)):
        lines += _table(result) if result else [Content("Nothing.").stylize("$quiet")]
    else:
        _fields(result, 0, lines)
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], Content(f"… {len(lines) - _LINES} more lines").stylize("$quiet")]
    return Content("\n").join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields if name not in _HIDDEN}
    return value


def _fields(value: Any, depth: int, lines: list[Content]) -> None:
    items = _plain(value)
    if not isinstance(items, Mapping):
        lines.append(Content(_text(items)))
        return
    indent = "  " * depth
    width = max((cell_len(str(key)) for key in items), default=0)
    for key, raw in items.items():
        inner = _plain(raw)
        label = Content.styled(f"{indent}{set_cell_size(clean(key), width)}  ", "$quiet")
        if isinstance(inner, Mapping) and inner:
            lines.append(Content.styled(f"{indent}{clean(key)}", "bold"))
            _fields(inner, depth + 1, lines)
        elif _is_records(inner):
            lines.append(Content.styled(f"{indent}{clean(key)}", "bold"))
            lines += [Content("  " * (depth + 1)) + line for line in _table(inner)]
        elif isinstance(inner, str) and "\n" in inner:
            lines.append(Content.styled(f"{indent}{clean(key)}", "bold"))
            lines += [Content(f"{indent}  {line}") for line in clean_block(inner).splitlines()]
        else:
            lines.append(label + _value(key, inner))


def _is_records(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(_plain(value[0]), Mapping)


def _table(records: Sequence[Any]) -> list[Content]:
    rows = [_plain(record) for record in records]
    if not all(isinstance(row, Mapping) for row in rows):
        return [Content(_text(row)) for row in rows]
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if any(row.get(name) not in (None, "", (), [], {}) for row in rows)
    ]
    texts = [
        [set_cell_size(_text(row.get(n)), min(_CELL, cell_len(_text(row.get(n))))) for n in names]
        for row in rows
    ]
    widths = [max(cell_len(n), *(cell_len(line[i]) for line in texts)) for i, n in enumerate(names)]
    header = "  ".join(set_cell_size(clean(n), w) for n, w in zip(names, widths, strict=True))
    lines = [Content.styled(header.rstrip(), "$quiet bold")]
    for row, line in zip(rows, texts, strict=True):
        pieces: list[Content] = []
        for name, text, width in zip(names, line, widths, strict=True):
            padded = Content(set_cell_size(text, width) + "  ")
            tone = tone_of(str(row.get(name))) if name in ("status", "severity") else None
            pieces.append(
                padded.stylize(f"$tone-{tone}") if tone in ("ok", "warn", "error", "running") else padded
            )
        lines.append(Content("").join(pieces).rstrip())
    return lines


def _value(key: object, value: Any) -> Content:
    if key in ("status", "severity") and isinstance(value, str):
        tone = tone_of(value)
        text = Content(state_text(clean(value)))
        return text.stylize(f"$tone-{tone}") if tone in ("ok", "warn", "error", "running") else text
    return Content(_text(value))


def _text(value: Any) -> str:
    if value is None or value in ((), [], {}, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return clean(value.value)
    if isinstance(value, datetime):
        return full_stamp(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    value = _plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(key)}={_text(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_text(item) for item in value)
    return clean(value)
