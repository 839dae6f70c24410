"""A framed part of a screen with its title, and a count, in the border."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.marks import count_text


class Panel(Vertical):
    """A border with a title around other widgets; the one that was last in focus is lit.

    By a class and not by `:focus-within`, so that a popup which takes the focus does not repaint the panels.
    """

    def __init__(
        self, *children: Widget, title: Clean | str = "", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(*children, id=id, classes=classes)
        self._title = ""
        self._note = ""
        self.set_title(title)

    def set_title(self, title: Clean | str, count: int | None = None, of: int | None = None) -> None:
        """The title, with a count behind it: `runs 50 of 1,204`. Never parsed as markup."""
        text = str(title)
        if count is not None:
            text += f" {count_text(count)}"
        if of is not None and of != count:
            text += f" of {count_text(of)}"
        if text == self._title:
            return
        self._title = text
        # Content, because Textual parses a plain string as markup.
        self.border_title = Content(text) if text else None

    def set_note(self, note: Clean | str) -> None:
        """A word at the lower right of the border: what filters, what is stale."""
        if note == self._note:
            return
        self._note = str(note)
        self.border_subtitle = Content(note) if note else None
