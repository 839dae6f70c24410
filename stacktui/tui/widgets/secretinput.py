"""A field for the value of a secret: dots on the screen, the value as it was typed or pasted, and no way to copy it.

What terminals are sent is the dots alone: not the value, and not by the clipboard's escape sequence. Used by prompts
that ask for a secret.
"""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from stacktui.model.secretref import SecretValue


class SecretInput(Input):
    """One value, which may have several lines when it is pasted."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, password=True, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """Kept as it is, but so that no repr of the field, of a message or of a frame shows it."""
        return SecretValue(value)

    def _on_paste(self, event: events.Paste) -> None:
        # Textual's own takes the first line: half of a key or of a certificate.
        event.stop()
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
        if text:
            self.replace(text, *sorted(self.selection))

    def action_copy(self) -> None:
        """Nothing: the clipboard would get it."""

    def action_cut(self) -> None:
        """What is selected goes, and the clipboard does not get it."""
        self.delete_selection()
