"""What every dialog has: a frame with a title, its keys in the lower border, esc to leave with None.

    class RenameDialog(Dialog[str]):
        def content(self) -> ComposeResult: ...
        # self.dismiss(result) closes it

    screen.ask(RenameDialog(title=Clean("rename x")), then)   # then(result or None)

The component form, the diff and other dialogs derive from it.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import Reactive
from textual.screen import ModalScreen
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyphs

R = TypeVar("R")


class Dialog(ModalScreen[R]):
    """A small window over the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.leave", "escape", "leave", "back", rank=90, help="Close without doing anything."),
    ]
    AUTO_FOCUS = "Input, Grid, TextArea"
    # As on `WorkbenchScreen`: a change of the focus repaints only what looks different.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    def __init__(self, title: Clean | str, keys: str = "enter accept · esc back", wide: bool = False) -> None:
        """`keys` stands in the lower border; `wide` makes it as large as the screen allows."""
        super().__init__()
        self._title = title
        self._keys = keys
        self._wide = wide

    def content(self) -> ComposeResult:
        """The widgets inside the frame."""
        yield from ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide" if self._wide else "dialog") as frame:
            frame.border_title = Content(self._title)
            frame.border_subtitle = Content(glyphs(self._keys))
            yield from self.content()

    def set_title(self, title: Clean | str) -> None:
        """Another title."""
        self.query_one(".dialog").border_title = Content(title)

    def action_leave(self) -> None:
        if self.is_active:
            self.dismiss(None)

    def finish(self, result: R) -> None:
        """Close with a result; safe if another screen has come on top meanwhile."""
        if self.is_active:
            self.dismiss(result)
