"""What a program sends to its terminal, taken apart: text, the control sequences that the workbench has use for, the rest.

Used by the tests of safety: whatever is neither text nor a known sequence is a finding.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Cursor, erasing, colours; private modes and questions about them; keyboard protocol; the pointer's shape.
_KNOWN = re.compile(
    r"\x1b\[[0-9;]*[mHJKABCDGdLMSTXPr@]"
    r"|\x1b\[\?[0-9;]+[hl]"
    r"|\x1b\[\?[0-9]+\$p"
    r"|\x1b\[[<>=][0-9;]*u"
    r"|\x1b\[c"
    r"|\x1b\]22;[a-z-]*(?:\x07|\x1b\\)"
    # The terminal's own notification: a bounded line that begins with our name.
    r"|\x1b\]9;stacktui: [^\x00-\x1f\x7f-\x9f]{1,160}\x07"
)
_COLOURS = re.compile(r"\x1b\[([0-9;]*)m")
_PLAIN_CONTROLS = frozenset("\r\n\b\x07")
_UNSEEN = re.compile("[\x80-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


class Output(NamedTuple):
    """The parts of a program's output."""

    text: str
    """What is left to be read, without sequences."""
    strangers: tuple[str, ...]
    """Control bytes that begin no known sequence, each with what stands around it; invisible letters too."""


def taken_apart(raw: bytes) -> Output:
    """Take output apart. What is not UTF-8 is a stranger."""
    whole = raw.decode("utf-8", errors="surrogateescape")
    text: list[str] = []
    strangers: list[str] = []
    place = 0
    while place < len(whole):
        letter = whole[place]
        if letter == "\x1b" and (found := _KNOWN.match(whole, place)):
            place = found.end()
            continue
        control = letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" or _UNSEEN.match(letter)
        if control and letter not in _PLAIN_CONTROLS:
            strangers.append(f"{letter!r} in {whole[max(0, place - 20) : place + 30]!r}")
        text.append(letter)
        place += 1
    return Output("".join(text), tuple(strangers))


def colours(raw: bytes) -> set[str]:
    """The parameters of colour codes that choose a colour: `31`, `48;5;7`, `38;2;1;2;3`."""
    found = set()
    for parameters in _COLOURS.findall(raw.decode("utf-8", errors="replace")):
        for match in re.finditer(
            r"(?<![0-9])(?:[34]8;(?:5;\d+|2;\d+;\d+;\d+)|(?:[34]|9|10)[0-7])(?![0-9])", parameters
        ):
            found.add(match[0])
    return found
