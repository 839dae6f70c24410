"""The one-line parts of every screen: the header above, a notice and the next keys below."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

from textual.content import Content
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.feed import Summary
from stacktui.tui.marks import count_text, glyph

Piece = tuple[str, str]
"""A text, which is `Clean` or ours, and the style of it."""

_READ_SECONDS = 1.5
"""How long a notice stays whatever is done; after that the next move takes it away."""


def _width(pieces: Iterable[Piece]) -> int:
    return sum(Content(text).cell_length for text, _ in pieces)


class HeaderLine(Widget):
    """Where you are, and what is in force: workspace and breadcrumbs left, stack and counts right."""

    def __init__(self) -> None:
        super().__init__(id="header")
        self._workspace = Clean("")
        self._crumbs: tuple[Clean, ...] = ()
        self._summary = Summary()

    def set_place(self, workspace: Clean, crumbs: tuple[Clean, ...]) -> None:
        """Which workspace, and the way to this screen."""
        if (workspace, crumbs) != (self._workspace, self._crumbs):
            self._workspace, self._crumbs = workspace, crumbs
            self.refresh()

    def set_summary(self, summary: Summary) -> None:
        """What the right-hand side shows."""
        if summary != self._summary:
            self._summary = summary
            self.refresh()

    def render(self) -> Content:
        width = self.size.width
        left = self._left()
        for reason in (True, False):
            right = self._right(reason)
            spare = width - _width(left) - _width(right)
            if spare >= 2:
                break
        if spare < 2:
            left = self._shortened(left, width - _width(right) - 2)
            spare = max(1, width - _width(left) - _width(right))
        return Content.assemble(*left, " " * spare, *right)

    def _left(self) -> list[Piece]:
        pieces: list[Piece] = [
            (" stacktui ", "bold $brand-text on $brand"),
            (" ", ""),
            (self._workspace, "$quiet"),
        ]
        for index, crumb in enumerate(self._crumbs):
            last = index == len(self._crumbs) - 1
            pieces.append((f" {glyph('›')} ", "$quiet"))
            pieces.append((crumb, "bold" if last else "$quiet"))
        return pieces

    def _right(self, with_reason: bool) -> list[Piece]:
        summary = self._summary
        pieces: list[Piece] = []
        if summary.readonly:
            pieces += [(" READ-ONLY ", "$tone-warn reverse"), ("  ", "")]
        if summary.questions:
            pieces += [(f"? {summary.questions}", "bold $tone-warn"), ("  ", "")]
        if summary.running:
            pieces += [(f"{glyph('●')} {count_text(summary.running)}", "$tone-running"), ("  ", "")]
        if summary.errors:
            pieces += [(f"{glyph('✗')} {count_text(summary.errors)}", "bold $tone-error"), ("  ", "")]
        if summary.warnings:
            pieces += [(f"! {count_text(summary.warnings)}", "$tone-warn"), ("  ", "")]
        if summary.stack is None:
            if summary.reason:
                pieces.append(("no active stack", "$tone-warn"))
        else:
            pieces += [("stack ", "$quiet"), (summary.stack, "bold $tone-accent")]
            if summary.protected:
                pieces.append((" protected", "$tone-warn"))
            if with_reason and summary.reason:
                pieces.append((f" {glyph('·')} {summary.reason}", "$quiet"))
        pieces.append((" ", ""))
        return pieces

    def _shortened(self, pieces: list[Piece], room: int) -> list[Piece]:
        """The workspace's name goes first, then the crumbs from the left; the last one is cut."""
        kept = [pieces[0], *pieces[3:]] if len(pieces) > 3 else list(pieces)
        while len(kept) > 3 and _width(kept) > room:
            del kept[1:3]
        if _width(kept) > room and kept:
            text, style = kept[-1]
            cut = max(1, Content(text).cell_length - (_width(kept) - room) - 1)
            kept[-1] = (text[:cut] + glyph("…"), style)
        return kept


class Notice(Widget):
    """A line above the keys, three if it must: an error or what was done, until the next thing."""

    def __init__(self) -> None:
        super().__init__(id="notice")
        self.display = False
        self._text = Clean("")
        self._error = False
        self._since = 0.0

    @property
    def text(self) -> Clean:
        """What it says; empty while hidden."""
        return self._text

    @property
    def read(self) -> bool:
        """Whether it stood there long enough to have been read: then it goes with the next move."""
        return bool(self._text) and monotonic() - self._since > _READ_SECONDS

    def say(self, text: Clean, *, error: bool) -> None:
        """Show a line, or hide with an empty text."""
        if (text, error) == (self._text, self._error):
            return
        self._text, self._error = text, error
        self._since = monotonic()
        self.display = bool(text)
        self.set_class(error, "-error")
        self.refresh(layout=True)

    def render(self) -> Content:
        mark = "✗" if self._error else "·"
        style = "$tone-error" if self._error else "$quiet"
        return Content.assemble((f"{glyph(mark)} ", style), (self._text, "" if self._error else "$quiet"))


class Key(NamedTuple):
    """One key of the footer."""

    key: str
    text: str
    enabled: bool = True


class KeyLine(Widget):
    """The next keys for what has the focus; what cannot apply is greyed, with its reason in `?`."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._keys: tuple[Key, ...] = ()
        self._tail: tuple[Key, ...] = ()

    def set_keys(self, keys: tuple[Key, ...], tail: tuple[Key, ...]) -> None:
        """The keys in their order, and those that always stand at the right end."""
        if (keys, tail) != (self._keys, self._tail):
            self._keys, self._tail = keys, tail
            self.refresh()

    def render(self) -> Content:
        width = self.size.width
        right = [piece for key in self._tail for piece in _pieces(key)]
        left: list[Piece] = []
        room = width - _width(right) - 1
        for key in self._keys:
            pieces = _pieces(key)
            if _width(left) + _width(pieces) > room:
                break
            left += pieces
        spare = max(1, width - _width(left) - _width(right))
        return Content.assemble(*left, " " * spare, *right)


def _pieces(key: Key) -> list[Piece]:
    if key.enabled:
        return [(" ", ""), (key.key, "bold $tone-accent"), (f" {key.text} ", "$quiet")]
    return [(" ", ""), (key.key, "$faint"), (f" {key.text} ", "$faint")]
