"""The one cleaner of foreign text: what may reach a terminal has the type `Clean`.

Names, log lines, errors and file contents come from other people's files and processes. A control
byte in them could retitle the terminal, write its clipboard or hide a line; a bidirectional override
could show text in another order than it is read. Used by the feed and by the CLI's human output.
"""

from __future__ import annotations

import re

_CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
_INVISIBLE = [
    173,
    847,
    1564,
    4447,
    4448,
    6068,
    6069,
    12644,
    65440,
    65279,
    *list(range(8203, 8208)),
    *list(range(8234, 8239)),
    *list(range(8288, 8304)),
    *list(range(65520, 65532)),
    *list(range(917504, 917632)),
]
# ZERO WIDTH JOINER keeps emoji families in one piece and moves nothing.
_KEPT_INVISIBLE = {0x200D}
_SUBSTITUTE = "\ufffd"

_LINE_TABLE: dict[int, str] = {
    **_CONTROL_PICTURES,
    **dict.fromkeys(range(128, 160), _SUBSTITUTE),
    **{code: _SUBSTITUTE for code in _INVISIBLE if code not in _KEPT_INVISIBLE},
    **dict.fromkeys((8232, 8233), _SUBSTITUTE),
    0x09: "    ",
}
_BLOCK_TABLE: dict[int, str] = {**_LINE_TABLE, 0x0A: "\n"}
_STYLING = re.compile("\x1b\\[[0-9;:]*m")
_SUSPICIOUS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufeff"
    "\u200b-\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufff0-\ufffb\U000e0000-\U000e007f]"
)


class Clean(str):
    """Text without control, invisible or direction-changing characters. Made by `clean` and `clean_block` only."""

    __slots__ = ()


def clean(text: object) -> Clean:
    """`text` as one line that is safe to show: newlines and every other control byte become visible marks.

    The result is never longer than four times the input. Markup is not touched: who shows it must not parse it.
    """
    if isinstance(text, Clean) and "\n" not in text:
        return text
    return Clean(_translated(str(text), _LINE_TABLE))


def clean_block(text: object) -> Clean:
    """`text` as lines that are safe to show: newlines are kept (a carriage return before one is dropped)."""
    if isinstance(text, Clean):
        return text
    return Clean(_translated(str(text).replace("\r\n", "\n"), _BLOCK_TABLE))


def unstyled(text: str) -> str:
    """A line of a log without the sequences that only colour it. All else stays: `clean` comes after."""
    return _STYLING.sub("", text) if "\x1b[" in text else text


def _translated(text: str, table: dict[int, str]) -> str:
    if _SUSPICIOUS.search(text) is None:
        return text
    return "".join(
        _SUBSTITUTE if "\ud800" <= letter <= "\udfff" else letter for letter in text.translate(table)
    )
