"""Puts what a process writes to one of its streams together into lines, masked, with the last state of what was
drawn over. Used by whoever reads a step's output.

Progress bars go back to the start of their line, or up over several lines, and write again. What stood there in
the end is the line; until then its present state can be told as a `partial` one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from stacktui.model.masking import Masker

LONGEST_LINE = 1 << 18
"""Characters, about: a longer line is cut into several."""
_OPEN_ROWS = 64
"""Rows that may still be drawn over, at most."""
_CALM_ROWS = 100
"""Lines without going back after which nothing is drawn over any more."""
_QUIET_S = 0.25
_AGAIN_S = 0.5

_RETURNS = re.compile("[\r\b]|\x1b\\[[0-9;?]*[A-HJKST]|\x1b\\[\\?25[lh]")
_BEGUN = re.compile("(?:\r|\x1b(?:\\[[0-9;?]*)?)\\Z")
_TOKEN = re.compile("\n|\r|\b+|\x1b\\[[0-9;?]*[A-Za-z]|[^\n\r\b\x1b]+|\x1b")


class TakeText(Protocol):
    """Takes what was written: lines joined by newlines, without the last one's."""

    def __call__(self, at: float, text: str, *, partial: bool) -> None:
        """`partial`: the present state of what is not ended; the stream's next text stands in its place."""


class LineMaker:
    """One stream's. Not safe to use from several threads at once."""

    def __init__(self, take: TakeText, masker: Masker, rewrite: Callable[[str], str] | None = None) -> None:
        """`rewrite` changes whole lines before they are masked."""
        self._take = take
        self._masker = masker
        self._rewrite = rewrite
        self._rest = ""
        """What was written since the last newline."""
        self._rest_at = 0.0
        self._begun = ""
        """The beginning of an escape sequence or of the end of a line."""
        self._screen: _Screen | None = None
        self._told = ""
        self._told_at = 0.0

    def write(self, text: str, at: float) -> None:
        """Add text that was written at `at`, in seconds. Lines are passed on as soon as they are whole."""
        if self._begun:
            text, self._begun = self._begun + text, ""
        if self._screen is not None or "\r" in text or "\x1b" in text or "\b" in text:
            if (begun := _BEGUN.search(text)) is not None:
                # What it means is told by what comes next.
                self._begun = begun.group()
                text = text[: begun.start()]
            text = text.replace("\r\n", "\n")
            if self._screen is not None or _RETURNS.search(text) is not None:
                self._draw(text, at)
                return
        end = text.rfind("\n")
        if end < 0:
            if not text:
                return
            self._rest_at = at
            self._rest += text
            if len(self._rest) > LONGEST_LINE:
                self._cut(at)
            return
        whole = self._rest + text[:end]
        self._rest = text[end + 1 :]
        self._rest_at = at
        self._pass(whole, at)

    def finish(self, at: float) -> None:
        """Pass on what was never ended: no more comes."""
        self._begun = ""
        if self._screen is not None:
            self._rest_at = at
            rows = self._screen.rest()
            self._screen = None
            if rows:
                self._pass("\n".join(rows), at)
        elif self._rest:
            rest, self._rest = self._rest, ""
            self._pass(rest, at)
        if self._told:
            self._told = ""
            self._take(at, "", partial=True)

    def due(self) -> float | None:
        """When `tell` has something to say, in seconds; None while there is nothing that is not ended."""
        if self._screen is None and not self._rest:
            return None
        if self._state() == self._told:
            return None
        if self._screen is None and not self._told:
            return max(self._rest_at + _QUIET_S, self._told_at + _AGAIN_S)
        return self._told_at + _AGAIN_S

    def tell(self, at: float) -> None:
        """Pass on the present state of what is not ended, if it is time for that."""
        due = self.due()
        if due is not None and at >= due:
            self._told = self._state()
            self._told_at = at
            text = self._cleaned(self._told)
            self._take(at, text[: self._masker.settled(text)], partial=True)

    def _state(self) -> str:
        return self._rest if self._screen is None else "\n".join(self._screen.rest())

    def _draw(self, text: str, at: float) -> None:
        if self._screen is None:
            self._screen = _Screen(self._rest)
            self._rest = ""
        done = self._screen.write(text)
        self._rest_at = at
        if done:
            self._pass("\n".join(done), at)
        if self._screen.is_calm:
            self._rest = self._screen.row
            self._screen = None

    def _pass(self, text: str, at: float) -> None:
        self._told = ""
        self._take(at, self._cleaned(text), partial=False)

    def _cleaned(self, text: str) -> str:
        if self._rewrite is not None:
            text = self._rewrite(text)
        return self._masker.lines(text) if self._masker else text

    def _cut(self, at: float) -> None:
        """Pass on the beginning of a line that does not end, but for a value that has only begun to be written."""
        line = self._rest
        cut = len(line) - max(self._masker.longest - 1, 0)
        for start, end in self._masker.spans(line):
            if start < cut < end:
                cut = start
        if cut > 0:
            self._rest = line[cut:]
            self._pass(line[:cut], at)


class _Screen:
    """As much of a terminal as progress bars use: the last rows, which may be drawn over."""

    def __init__(self, row: str) -> None:
        self._rows = [row]
        self._drawn = [False]
        self._y = 0
        self._column: int | None = None
        """Where the next text is written over what stands there; None for at the end."""
        self._reach = 0
        """How far up was ever gone."""
        self._live = False
        """Whether the cursor is hidden: what was written is going to be drawn over."""
        self._calm = 0

    @property
    def is_calm(self) -> bool:
        """Whether there is only one row, to which text is added as to any other."""
        return len(self._rows) == 1 and self._column is None and not self._drawn[0] and not self._live

    @property
    def row(self) -> str:
        """The row that is written to."""
        return self._rows[self._y]

    def rest(self) -> list[str]:
        """All rows that may still be drawn over, without empty ones at the end."""
        rows = [row.rstrip() if drawn else row for row, drawn in zip(self._rows, self._drawn, strict=True)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def write(self, text: str) -> list[str]:
        """Draw; the rows that cannot be drawn over any more."""
        done: list[str] = []
        for token in _TOKEN.findall(text):
            if token == "\n":
                self._newline(done)
            elif token == "\r":
                self._column = 0
                self._again()
            elif token[0] == "\b":
                self._column = max(0, len(self.row) - len(token)) if self._column is None else 0
                self._again()
            elif token[0] == "\x1b" and len(token) > 2 and token[-1] != "m":
                self._control(token)
            else:
                self._put(token)
        return done

    def _again(self) -> None:
        self._drawn[self._y] = True
        self._calm = 0

    def _put(self, text: str) -> None:
        row = self._rows[self._y]
        if self._column is not None:
            row, self._column = row[: self._column], None
        if len(row) < LONGEST_LINE:
            self._rows[self._y] = row + text

    def _newline(self, done: list[str]) -> None:
        self._calm += 1
        if self._calm > _CALM_ROWS:
            self._reach = 0
        if self._y + 1 < len(self._rows):
            self._y += 1
            self._column = 0
            return
        plain = not self._drawn[self._y] and (bool(self.row) or not any(self._drawn))
        self._column = None
        self._rows.append("")
        self._drawn.append(False)
        self._y += 1
        if self._live:
            self._release(len(self._rows) - _OPEN_ROWS, done)
        elif self._reach:
            self._release(self._y - 1 - self._reach, done)
        elif plain:
            self._release(self._y, done)
        else:
            empty = next((n for n, row in enumerate(reversed(self._rows)) if row), len(self._rows))
            self._release(max(self._y - empty, len(self._rows) - _OPEN_ROWS), done)

    def _release(self, count: int, done: list[str]) -> None:
        for _ in range(max(0, count)):
            row, drawn = self._rows.pop(0), self._drawn.pop(0)
            done.append(row.rstrip() if drawn else row)
            self._y -= 1

    def _control(self, token: str) -> None:
        arguments, letter = token[2:-1], token[-1]
        number = int(arguments) if arguments.isdigit() else None
        if letter in "AF":
            self._up(number or 1)
        elif letter in "BE":
            self._y = min(len(self._rows) - 1, self._y + (number or 1))
            self._column = 0
        elif letter == "G":
            self._column = max(0, (number or 1) - 1)
            self._again()
        elif letter == "K":
            if number in (1, 2) or self._column == 0:
                self._rows[self._y] = ""
                self._again()
        elif letter == "J":
            if arguments not in ("", "0"):
                # The whole screen, or what is above: that is no progress bar, and a log keeps what was said.
                return
            del self._rows[self._y + 1 :], self._drawn[self._y + 1 :]
            if self._column == 0:
                self._rows[self._y] = ""
            self._again()
        elif token == "\x1b[?25l":
            self._live = True
        elif token == "\x1b[?25h":
            self._live = False

    def _up(self, rows: int) -> None:
        self._y = max(0, self._y - rows)
        self._reach = min(max(self._reach, len(self._rows) - 1 - self._y), _OPEN_ROWS)
        self._column = 0
        self._again()
