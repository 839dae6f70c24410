"""Dialogs that ask one thing: yes or no, the name of what is protected, one of several, a line of text; and one
that shows a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import ScrollableContainer
from textual.content import Content
from textual.widgets import Input, Static

from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import bind
from stacktui.tui.widgets.filterline import QuietInput
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.secretinput import SecretInput


class ConfirmDialog(Dialog[bool]):
    """A question that enter or `y` answers with yes; esc and `n` with no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("confirm.yes", "enter,y", "yes", "yes", rank=1),
        bind("confirm.no", "n", "leave", "no", rank=2),
    ]

    def __init__(self, title: Clean | str, text: Clean | str, yes: str = "yes") -> None:
        super().__init__(title, f"enter {yes} · esc back")
        self._text = clean_block(text)

    def content(self) -> ComposeResult:
        yield Static(Content(self._text), classes="dialog--text")

    def action_yes(self) -> None:
        self.finish(True)


class PromptDialog(Dialog[str]):
    """A line of text, checked as it is typed."""

    def __init__(
        self,
        title: Clean | str,
        label: Clean | str,
        *,
        value: str = "",
        check: Callable[[str], str | None] | None = None,
        secret: bool = False,
    ) -> None:
        """`check` says what is wrong with a text, or None; `secret` shows dots, and keeps the text as it was pasted."""
        super().__init__(title)
        self._label = clean_block(label)
        self._value = value
        self._check = check
        self._secret = secret

    def content(self) -> ComposeResult:
        yield Static(Content(self._label), classes="dialog--text")
        yield SecretInput() if self._secret else QuietInput(value=self._value)
        yield Static(id="prompt-problem", classes="dialog--problem")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        problem = self._check(event.value) if self._check and event.value else None
        self.query_one("#prompt-problem", Static).update(Content(clean(problem or "")))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._check and (problem := self._check(event.value)):
            self.query_one("#prompt-problem", Static).update(Content(clean(problem)))
            return
        self.finish(event.value)


class NameDialog(PromptDialog):
    """The name of something protected, or of something that others refer to, typed once more before it is changed."""

    def __init__(
        self, name: str, what: Clean | str, *, title: Clean | str = "protected", text: Clean | str = ""
    ) -> None:
        """`text` says why its name is asked for; without it, that it is protected."""
        super().__init__(
            title,
            text or f"{what} is protected. Type its name, {name}, to go on.",
            check=lambda text: None if text == name else f"that is not {name}",
        )


class ChoiceDialog(Dialog[str]):
    """One of several; the result is the choice's key. A digit takes one of the first nine at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind(f"choice.{digit}", str(digit), f"take({digit})", "take", rank=150) for digit in range(1, 10)
    ]

    def __init__(
        self,
        title: Clean | str,
        choices: Sequence[tuple[str, Clean, Clean]],
        *,
        text: Clean | str = "",
        current: str | None = None,
    ) -> None:
        """`choices` are (key, label, what it means)."""
        super().__init__(title, "enter choose · esc back")
        self._choices = list(choices)
        self._text = clean_block(text)
        self._current = current

    def content(self) -> ComposeResult:
        if self._text:
            yield Static(Content(self._text), classes="dialog--text")
        width = max((len(label) for _, label, _ in self._choices), default=8)
        yield Grid(
            Column("digit", "", 1), Column("label", "", min(width, 40)), Column("help", "", 20, grow=True),
            header=False, markable=False, id="choices",
        )  # fmt: skip

    def on_mount(self) -> None:
        grid = self.query_one(Grid)
        grid.styles.height = min(len(self._choices), 14)
        grid.set_rows(
            Row(key, (Cell(Clean(str(place) if place < 10 else "")), Cell(label), Cell(help_)))
            for place, (key, label, help_) in enumerate(self._choices, 1)
        )
        if self._current is not None:
            grid.move_to(self._current)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        self.finish(event.key)

    def action_take(self, digit: int) -> None:
        if digit <= len(self._choices):
            self.finish(self._choices[digit - 1][0])


class TextDialog(Dialog[None]):
    """A text to read: a result, a report."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text.leave", "enter,q", "leave", "close", rank=1),
        bind("text.down", "j", "scroll(0, 1)", "down", rank=150),
        bind("text.up", "k", "scroll(0, -1)", "up", rank=150),
        bind("text.right", "l", "scroll(8, 0)", "right", rank=150),
        bind("text.left", "h", "scroll(-8, 0)", "left", rank=150),
        bind("text.top", "g", "scroll(0, -100000)", "top", rank=150),
        bind("text.bottom", "G", "scroll(0, 100000)", "bottom", rank=150),
    ]
    AUTO_FOCUS = "ScrollableContainer"

    def __init__(self, title: Clean | str, text: Clean | Content, *, wrap: bool = True) -> None:
        """`wrap` breaks long lines; without it they are scrolled sideways, for tables."""
        super().__init__(title, "j k h l scroll · esc close", wide=True)
        self._text = text if isinstance(text, Content) else Content(text)
        self._wrap = wrap

    def content(self) -> ComposeResult:
        with ScrollableContainer():
            yield Static(self._text, classes="" if self._wrap else "-unwrapped")

    def action_scroll(self, x: int, y: int) -> None:
        self.query_one(ScrollableContainer).scroll_relative(x=x, y=y, animate=False, force=True)
