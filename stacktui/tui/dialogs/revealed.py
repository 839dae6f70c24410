"""The value of a secret that was asked for by name, on the screen for a few seconds: `:secret reveal aws region`."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import clean, clean_block
from stacktui.operations.secret import SecretValueDocument
from stacktui.tui.dialogs.simple import TextDialog

REVEAL_SECONDS = 5.0


class RevealedDialog(TextDialog):
    """Closes by itself, and shows nothing any more once something else has come over it."""

    def __init__(self, document: SecretValueDocument) -> None:
        super().__init__(clean(f"{document.name}.{document.key}"), clean_block(document.value))
        self._keys = f"gone in {REVEAL_SECONDS:.0f} s · esc close"

    def on_mount(self) -> None:
        self.set_timer(REVEAL_SECONDS, self.left)

    def left(self) -> None:
        """Take the value away, and close."""
        self._text = Content("")
        for text in self.query(Static):
            text.update(self._text)
        self.finish(None)

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        self.left()

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        if not self._text:
            self.finish(None)
