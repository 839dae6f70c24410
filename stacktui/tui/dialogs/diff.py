"""The diff that is shown before anything is written: enter writes, esc does not."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import bind


class DiffDialog(Dialog[bool]):
    """A unified diff to accept or to leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("diff.accept", "enter", "accept", "write", rank=1, help="Write these changes."),
        bind("diff.down", "j,down", "scroll(1)", "down", rank=150),
        bind("diff.up", "k,up", "scroll(-1)", "up", rank=150),
    ]
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, title: Clean | str, diff: Clean) -> None:
        super().__init__(title, "enter write · j k scroll · esc leave", wide=True)
        self._diff = diff

    def content(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(coloured(self._diff))

    def action_accept(self) -> None:
        self.finish(True)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def coloured(diff: Clean) -> Content:
    """A unified diff with its additions and removals in the theme's colours; `+` and `-` say it without."""
    lines = []
    for line in diff.splitlines():
        style = ""
        if line.startswith(("+++", "---")):
            style = "bold"
        elif line.startswith("+"):
            style = "$tone-ok"
        elif line.startswith("-"):
            style = "$tone-error"
        elif line.startswith("@@"):
            style = "$tone-accent"
        lines.append(Content.styled(line, style) if style else Content(line))
    return Content("\n").join(lines)
