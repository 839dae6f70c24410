"""Two versions of what is edited, side by side, field by field, and a choice for each. Nothing is written here: the diff
against what is on disk comes next.

    app.ask(MergeDialog(title, conflicts(base, mine, theirs), note), then)   # then({key: "mine" | "theirs"} or None)

A field that only one side changed is merged by itself, and shown as such; the choice can still be another. Used by the
component form and the stack builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.fields import MASK
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.dialogs.form_entries import scalar_text, yaml_text
from stacktui.tui.dialogs.form_fields import ABSENT
from stacktui.tui.dialogs.merging import FieldConflict, Side, Unreadable
from stacktui.tui.keys import bind
from stacktui.tui.marks import glyph
from stacktui.tui.widgets.gridrows import fit, wrapped

_SIDE_BY_SIDE = 70
"""Cells from which on the two values stand side by side; below it one above the other."""
_MOST_LINES = 12
"""Of one value."""
_NOTE = "Someone else saved this file while it was open here; nothing was written."


class MergeDialog(Dialog[dict[str, Side]]):
    """Both versions. The result is the side of each field by its key; None decides later."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("merge.accept", "enter", "accept", "go on", rank=1, help="Take it so; the diff comes next."),
        bind("merge.mine", "h,left", "choose('mine')", "mine", rank=2, help="Keep mine of this field."),
        bind("merge.theirs", "l,right", "choose('theirs')", "theirs", rank=3, help="Take theirs of this field."),
        bind("merge.all_mine", "m", "all('mine')", "all mine", rank=4, help="Keep mine of every field."),
        bind("merge.all_theirs", "t", "all('theirs')", "all theirs", rank=5, help="Take theirs of every field."),
        bind("merge.down", "j,down", "move(1)", "down", rank=150),
        bind("merge.up", "k,up", "move(-1)", "up", rank=150),
        bind("merge.next_open", "tab", "next_open", "next open", rank=150, help="The next field without a choice."),
        bind("merge.top", "g,home", "to(0)", "top", rank=150),
        bind("merge.bottom", "G,end", "to(-1)", "bottom", rank=150),
    ]  # fmt: skip
    AUTO_FOCUS = "VerticalScroll"

    def __init__(
        self, title: Clean | str, conflicts: Sequence[FieldConflict], note: Clean | str = _NOTE
    ) -> None:
        super().__init__(
            title, "h mine · l theirs · m t all · enter to the diff · esc decide later", wide=True
        )
        self._conflicts = tuple(conflicts)
        self._note = clean_block(note)
        self._chosen: dict[str, Side | None] = {one.key: one.only for one in self._conflicts}
        self._place = next((n for n, one in enumerate(self._conflicts) if one.only is None), 0)
        self._asking = False

    def content(self) -> ComposeResult:
        if self._note:
            yield Static(Content(self._note), classes="dialog--text")
        with VerticalScroll(id="merge-fields"):
            for one in self._conflicts:
                yield _Field(one, self._chosen[one.key])
        yield Static(id="merge-status")

    def on_mount(self) -> None:
        self._show()

    def on_resize(self, _: events.Resize) -> None:
        self._show()

    @property
    def open(self) -> list[FieldConflict]:
        """The fields that nothing is chosen for."""
        return [one for one in self._conflicts if self._chosen[one.key] is None]

    def _show(self) -> None:
        note = self._note.count("\n") + 2 if self._note else 0
        self.query_one("#merge-fields").styles.max_height = max(4, self.app.size.height - note - 6)
        for place, field in enumerate(self.query(_Field)):
            field.show(self._chosen[field.conflict.key], place == self._place)
        fields = list(self.query(_Field))
        if fields:
            self.call_after_refresh(fields[self._place].scroll_visible, animate=False)
        status = self.query_one("#merge-status", Static)
        left = len(self.open)
        if not left:
            text = f"{glyph('✓')} every field has its side; enter shows the diff against what is on disk"
            status.update(Content.styled(text, "$tone-ok"))
        else:
            word = "field needs" if left == 1 else "fields need"
            mark, style = (glyph("✗"), "$tone-error") if self._asking else ("!", "$tone-warn")
            status.update(Content.styled(f"{mark} {left} {word} a choice: both sides changed it", style))

    def action_move(self, by: int) -> None:
        self._place = min(max(0, self._place + by), max(0, len(self._conflicts) - 1))
        self._show()

    def action_to(self, place: int) -> None:
        self._place = place if place >= 0 else max(0, len(self._conflicts) - 1)
        self._show()

    def action_next_open(self) -> None:
        order = [*range(self._place + 1, len(self._conflicts)), *range(self._place + 1)]
        open_keys = {one.key for one in self.open}
        found = next(
            (n for n in order if n < len(self._conflicts) and self._conflicts[n].key in open_keys), None
        )
        if found is not None:
            self._place = found
            self._show()

    def action_choose(self, side: Side) -> None:
        if self._conflicts:
            self._chosen[self._conflicts[self._place].key] = side
            self._show()

    def action_all(self, side: Side) -> None:
        self._chosen = dict.fromkeys(self._chosen, side)
        self._show()

    def action_accept(self) -> None:
        if self.open:
            self._asking = True
            if self._chosen[self._conflicts[self._place].key] is not None:
                self.action_next_open()
            self._show()
            return
        self.finish({key: side for key, side in self._chosen.items() if side is not None})


class _Field(Widget):
    """One field: its name and how it came about, then both values, the chosen one marked."""

    def __init__(self, conflict: FieldConflict, chosen: Side | None) -> None:
        super().__init__(classes="merge-field")
        self.conflict = conflict
        self._mine, self._theirs, self._base = (
            [MASK] if conflict.masked and value is not ABSENT else value_lines(value)
            for value in (conflict.mine, conflict.theirs, conflict.base)
        )
        self._chosen = chosen
        self._here = False

    def show(self, chosen: Side | None, here: bool) -> None:
        """The side that is chosen, and whether the cursor is here."""
        if (chosen, here) != (self._chosen, self._here):
            self._chosen, self._here = chosen, here
            self.set_class(here, "-here")
            self.refresh(layout=True)

    def get_content_height(self, container: Any, viewport: Any, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.content_size.width or 80))

    def _lines(self, width: int) -> list[Content]:
        one = self.conflict
        how = {"mine": "only you changed it", "theirs": "only they changed it", None: "both changed it"}[
            one.only
        ]
        was = f", it was {self._base[0]}" if one.only is None and len(self._base) == 1 else ""
        mark = glyph("▌") if self._here else " "
        side = {"mine": f"{glyph('✓')} mine", "theirs": f"{glyph('✓')} theirs", None: "! choose"}[
            self._chosen
        ]
        tone = "$tone-warn" if self._chosen is None else "$tone-ok"
        lines = [
            Content.assemble(
                (mark, "$tone-accent"), (one.label, "bold"), ("  ", ""), (side, tone),
                (f"  {clean(how + was)}", "$quiet"),
            )
        ]  # fmt: skip
        if width >= _SIDE_BY_SIDE:
            return lines + self._beside(width)
        return lines + self._stacked(width)

    def _beside(self, width: int) -> list[Content]:
        room = (width - 7) // 2
        left, right = _within(self._mine, room - 7), _within(self._theirs, room - 9)
        lines = []
        for place in range(max(len(left), len(right))):
            pieces: list[tuple[str, str] | str] = ["  "]
            pieces += self._piece("mine", left, place, room)
            pieces += [(f" {glyph('│')} ", "$rule")]
            pieces += self._piece("theirs", right, place, room)
            lines.append(Content.assemble(*pieces))
        return lines

    def _stacked(self, width: int) -> list[Content]:
        lines = []
        for side, texts in (("mine", self._mine), ("theirs", self._theirs)):
            for place in range(len(kept := _within(texts, width - 11))):
                lines.append(Content.assemble("  ", *self._piece(side, kept, place, width - 2)))
        return lines

    def _piece(self, side: str, lines: list[str], place: int, room: int) -> list[tuple[str, str] | str]:
        name = side if place == 0 else ""
        chosen = self._chosen == side
        width = len(side) + 2
        mark = glyph("●") if chosen and place == 0 else glyph("○") if place == 0 else " "
        text = lines[place] if place < len(lines) else ""
        strong = "bold" if chosen else "$quiet" if self._chosen is not None else ""
        return [
            (f"{mark} ", "$tone-ok" if chosen else "$quiet"), (fit(name, width, "left"), "$quiet"),
            (fit(text, max(4, room - width - 2), "left"), strong),
        ]  # fmt: skip


def value_lines(value: Any) -> list[str]:
    """A value as it would stand in a file, for people: a plain one on one line."""
    if value is ABSENT:
        return ["not there"]
    if isinstance(value, Unreadable):
        text = value.text
    elif isinstance(value, str):
        text = value or "empty"
    elif isinstance(value, (list, tuple)) and not any(
        isinstance(item, (dict, list, tuple)) for item in value
    ):
        text = ", ".join(map(str, value)) or "an empty list"
    elif value is None or isinstance(value, (bool, int, float)):
        text = scalar_text(value) or "null"
    else:
        text = yaml_text(value)
    return clean_block(text).split("\n")


def _within(lines: list[str], width: int) -> list[str]:
    """Lines of at most that width; words are not broken where indentation tells something."""
    found: list[str] = []
    for line in lines:
        if cell_len(line) <= width or line.startswith(" "):
            found.append(line)
        else:
            found += wrapped(line, max(8, width))
    if len(found) > _MOST_LINES:
        found = [*found[: _MOST_LINES - 1], f"{glyph('…')} and {len(found) - _MOST_LINES + 1} more lines"]
    return found or [""]
