"""Asks for a key by having it pressed, and says at once whether it can be used. Used by the list of keys."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import shown


class _Catcher(Static, can_focus=True):
    """Takes every key before any binding does."""

    def __init__(self, take: Callable[[str], None], text: Content) -> None:
        super().__init__(text, classes="dialog--text")
        self._take = take

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self._take(event.key)


class PressKeyDialog(Dialog[str]):
    """Which key something is to have, in Textual's spelling; None if it was left with esc."""

    AUTO_FOCUS = "_Catcher"

    def __init__(self, name: str, help_: Clean, now: Clean, clash: Callable[[str], str]) -> None:
        """`clash` says why a key cannot be used; empty if it can."""
        super().__init__(clean(f"a key for {name}"), "press the key · esc back")
        self._help = help_
        self._now = now
        self._clash = clash

    def content(self) -> ComposeResult:
        yield _Catcher(
            self._pressed,
            Content.assemble(
                self._help,
                "\n\n",
                ("now ", "$quiet"),
                (self._now, "bold $tone-accent"),
                "\n\nPress the new key.",
            ),
        )
        yield Static(id="key-problem", classes="dialog--problem")

    def _pressed(self, key: str) -> None:
        from stacktui.workspace.keymaps import normal_key, why_not

        if key == "escape":
            self.action_leave()
            return
        normal = normal_key(key)
        problem = why_not(key) if normal is None else self._clash(normal)
        if problem or normal is None:
            self.query_one("#key-problem", Static).update(Content(clean(f"{shown(key)}: {problem}")))
        else:
            self.finish(normal)
