"""The text fields of a form: one line, several lines; references to secrets and paths are completed as they are typed.

Used by a form's rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, TextArea
from textual.widgets.text_area import Edit, EditResult

from stacktui.categories.homes import from_home
from stacktui.model.secretref import references
from stacktui.model.text import Clean, clean, clean_block
from stacktui.tui.keys import bind
from stacktui.tui.widgets.filterline import QuietInput

_MOST_LINES = 8
_MOST_ENTRIES = 2000
"""Of a folder no more is looked at: a field is typed in, and a person waits."""


class Done(Message):
    """Enter was pressed in a field: go to the next one."""


class Completion(Suggester):
    """Completes what is typed: a reference to a secret after `{{`, else one of the values on offer, else a path."""

    def __init__(
        self,
        secrets: Sequence[str] = (),
        values: Sequence[str] = (),
        paths: Callable[[str], Any] | None = None,
    ) -> None:
        """`paths` gives, awaited, the paths that begin with a text."""
        super().__init__(use_cache=False, case_sensitive=True)
        self.secrets = tuple(secrets)
        self._values = tuple(values)
        self._paths = paths

    async def get_suggestion(self, value: str) -> str | None:
        start = value.rfind("{{")
        if start >= 0 and "}}" not in value[start:]:
            begun = value[start:]
            found = next((one for one in self.secrets if one.startswith(begun)), None)
            return None if found is None else value[:start] + found
        if offered := next((one for one in self._values if one.startswith(value) and one != value), None):
            return offered
        if self._paths is not None and value and "{" not in value:
            found = next(iter(await self._paths(value)), None)
            return found if found != value else None
        return None


def paths_like(root: Path, begun: str, folders_only: bool = False) -> list[str]:
    """The files and folders that a begun path may become, folders with a slash, hidden ones only if a dot was typed.

    Relative paths are relative to `root`; what was typed stays as it was typed. Blocks: reads a folder.
    """
    head, _, tail = begun.rpartition("/")
    typed = f"{head}/" if "/" in begun else ""
    try:
        folder = root / from_home(typed or ".")
    except RuntimeError:
        return []
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False):
                if not entry.name.startswith(tail) or (
                    entry.name.startswith(".") and not tail.startswith(".")
                ):
                    continue
                if clean(entry.name) != entry.name:
                    continue
                is_folder = entry.is_dir()
                if is_folder or not folders_only:
                    found.append(f"{typed}{entry.name}{'/' if is_folder else ''}")
    except OSError:
        return []
    return sorted(found)


class LineField(QuietInput):
    """One line. It hides a secret value that was written where a reference belongs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("linefield.complete", "tab", "complete", "complete", rank=150, help="Take the completion that is shown."),
    ]  # fmt: skip

    def __init__(
        self,
        value: str,
        placeholder: Clean = Clean(""),
        *,
        secretable: bool = False,
        masked: bool = False,
        completion: Completion | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(value=value, placeholder=placeholder)
        self.disabled = disabled
        self._secretable = secretable
        self._masked_always = masked
        self.suggester = completion
        self._mask()

    def _mask(self) -> None:
        value = self.value
        self.password = self._masked_always or (
            self._secretable and bool(value) and not references(value) and not value.startswith("{")
        )

    @on(Input.Changed)
    def _masked(self) -> None:
        if self._secretable:
            self._mask()

    def replace(self, text: str, start: int, end: int) -> None:
        # What is pasted may hold anything.
        super().replace(clean(text), start, end)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "complete":
            # Without a completion the key goes on to the form, which leaves the field.
            return self.cursor_at_end and len(self._suggestion) > len(self.value)
        return super().check_action(action, parameters)

    def action_complete(self) -> None:
        self.action_cursor_right()

    def take(self, text: str) -> None:
        """Put a whole text in."""
        self.value = text
        self.cursor_position = len(self.value)

    def put_in(self, text: str) -> None:
        """Put a text in at the cursor."""
        self.insert_text_at_cursor(text)


class NumberField(LineField):
    """One line with a number: `+` and `-` step it."""

    def __init__(self, value: str, placeholder: Clean, *, whole: bool, **others: Any) -> None:
        super().__init__(value, placeholder, **others)
        self._whole = whole

    async def _on_key(self, event: events.Key) -> None:
        if event.character in ("+", "-") and self._step(1 if event.character == "+" else -1):
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)

    def _step(self, by: int) -> bool:
        """Step a whole number; False where the sign is to be typed."""
        text = self.value.strip()
        if not self._whole or not self.cursor_at_end or not text.removeprefix("-").isdecimal():
            return False
        self.take(str(int(text) + by))
        return True


class LinesField(TextArea):
    """Several lines, as high as its text. Enter on an empty last line goes on to the next field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("linesfield.up", "ctrl+up", "move_line(-1)", "line up", rank=150, help="Move the line up."),
        bind(
            "linesfield.down", "ctrl+down", "move_line(1)", "line down", rank=150, help="Move the line down."
        ),
    ]

    def __init__(self, text: str, placeholder: Clean = Clean(""), *, disabled: bool = False) -> None:
        super().__init__(
            text,
            compact=True,
            highlight_cursor_line=False,
            disabled=disabled,
            placeholder=Content(placeholder),
        )
        self.cursor_blink = False
        self._fit()

    def edit(self, edit: Edit) -> EditResult:
        edit.text = clean_block(edit.text)
        return super().edit(edit)

    def _fit(self) -> None:
        self.styles.height = min(_MOST_LINES, max(1, self.document.line_count))

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._fit()

    def action_move_line(self, by: int) -> None:
        row, column = self.cursor_location
        lines = list(self.document.lines)
        if 0 <= row + by < len(lines):
            lines[row], lines[row + by] = lines[row + by], lines[row]
            self.replace("\n".join(lines), (0, 0), self.document.end)
            self.cursor_location = (row + by, column)

    def put_in(self, text: str) -> None:
        """Put a text in at the cursor."""
        self.insert(text)

    async def _on_key(self, event: events.Key) -> None:
        lines = self.document.lines
        at_end = self.cursor_location[0] == len(lines) - 1
        if event.key == "enter" and at_end and not lines[-1].strip():
            event.stop()
            event.prevent_default()
            if len(lines) > 1:
                self.delete((len(lines) - 2, len(lines[-2])), self.document.end)
            self.post_message(Done())
            return
        await super()._on_key(event)
