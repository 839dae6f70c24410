"""How the stack that is being built differs from another one, beside it and live. Used by the stack builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.screens.stack_panel import difference_text
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.stack import StackDifference


class _Scrolled(ScrollableContainer, can_focus=True):
    """A text that scrolls both ways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("beside.down", "j,down", "scroll_down", "down", rank=150, help="Scroll down."),
        bind("beside.up", "k,up", "scroll_up", "up", rank=150, help="Scroll up."),
        bind("beside.right", "l,right", "scroll_right", "right", rank=150, help="Scroll right."),
        bind("beside.left", "left", "scroll_left", "left", rank=150, help="Scroll left."),
        bind("beside.top", "g,home", "scroll_home", "top", rank=150, help="To the top."),
        bind("beside.bottom", "G,end", "scroll_end", "bottom", rank=150, help="To the bottom."),
    ]


class BesidePanel(Panel):
    """The differences, one a line."""

    def compose(self) -> ComposeResult:
        with _Scrolled(id="builder-difference"):
            yield Static(id="builder-difference-text")

    def show_difference(self, found: StackDifference | None, beside: str) -> None:
        """The draft against the stack that was chosen; None where that one cannot be resolved."""
        name = clean(beside if found is None else found.a)
        count = len(found.differences) if found is not None else None
        self.set_title(Clean(f"beside {name}"), count)
        self.set_note("d closes")
        text = self.query_one("#builder-difference-text", Static)
        if found is None:
            text.update(Content.styled(f"There is no stack {name} that can be resolved.", "$quiet"))
        else:
            text.update(difference_text(found))
