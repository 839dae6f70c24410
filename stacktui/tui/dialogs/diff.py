"""The diff that is shown before anything is written: enter writes, esc does not. One of several files has a heading for
each, and can be folded to the list of files."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean_block
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.dialogs.diff_text import coloured, counts, files_of
from stacktui.tui.keys import bind

__all__ = ["DiffDialog", "ShownDiff", "UndoRefusedDialog", "coloured", "counts"]

R = TypeVar("R")


class AnyDiff(Dialog[R]):
    """A diff that scrolls, as high as it needs to be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("diff.down", "j,down", "scroll(1)", "down", rank=150),
        bind("diff.up", "k,up", "scroll(-1)", "up", rank=150),
        bind("diff.half_down", "ctrl+d,pagedown", "turn(0.5)", "half down", rank=150),
        bind("diff.half_up", "ctrl+u,pageup", "turn(-0.5)", "half up", rank=150),
        bind("diff.top", "g,home", "to(0)", "top", rank=150),
        bind("diff.bottom", "G,end", "to(1)", "bottom", rank=150),
        bind("diff.next_file", "right_square_bracket", "file(1)", "next file", rank=150, help="The next file."),
        bind("diff.previous_file", "left_square_bracket", "file(-1)", "file before", rank=150, help="The file before."),
        bind("diff.fold", "f", "fold", "fold", rank=150, help="Only the list of files, or everything."),
    ]  # fmt: skip
    AUTO_FOCUS = "VerticalScroll"
    _LINES_AROUND = 6
    """The frame, the note and the room around the dialog."""

    def __init__(self, title: Clean | str, diff: Clean, keys: str, note: Clean | str = "") -> None:
        self._files = files_of(diff)
        self._several = len(self._files) > 1
        super().__init__(title, f"] [ file · f fold · {keys}" if self._several else keys, wide=True)
        self._diff = diff
        self._note = clean_block(note)

    def content(self) -> ComposeResult:
        if self._note:
            yield Static(Content(self._note), classes="dialog--text")
        with VerticalScroll():
            if not self._several:
                yield Static(coloured(self._diff), classes="diff--text")
                return
            yield Static(Content(f"{len(self._files)} files"), classes="diff--count")
            for found in self._files:
                yield Static(found.heading(), classes="diff--file")
                yield Static(found.body(), classes="diff--text diff--body")

    def on_mount(self) -> None:
        added, removed = counts(self._diff)
        changed = (
            ("  ", (f"+{added}", "$tone-ok"), " ", (f"-{removed}", "$tone-error")) if added or removed else ()
        )
        self.query_one(".dialog").border_title = Content.assemble(self._title, *changed)
        self._fit()

    def on_resize(self, _: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        for scroll in self.query(VerticalScroll):
            lines = self._LINES_AROUND
            if self._note:
                width = max(20, min(130, self.app.size.width * 94 // 100) - 6)
                lines += 1 + sum(1 + len(line) // width for line in self._note.split("\n"))
            scroll.styles.max_height = max(3, self.app.size.height - lines)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_turn(self, pages: float) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=int(scroll.size.height * pages), animate=False)

    def action_to(self, end: int) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_to(y=scroll.max_scroll_y if end else 0, animate=False)

    def action_file(self, by: int) -> None:
        """The heading of the file after the one at the top of the view, or of the one before."""
        scroll = self.query_one(VerticalScroll)
        places = [heading.virtual_region.y for heading in self.query(".diff--file")]
        at = scroll.scroll_offset.y
        found = [y for y in places if y > at] if by > 0 else [y for y in reversed(places) if y < at]
        if found:
            scroll.scroll_to(y=found[0], animate=False)
        elif by < 0:
            scroll.scroll_home(animate=False)

    def action_fold(self) -> None:
        self.query_one(VerticalScroll).toggle_class("-folded")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("file", "fold") and not self._several:
            return False
        return super().check_action(action, parameters)


class DiffDialog(AnyDiff[bool]):
    """A unified diff to accept or to leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("diff.accept", "enter,y", "accept", "write", rank=1, help="Write these changes."),
        bind("diff.refuse", "n", "leave", "leave", rank=2, help="Write nothing."),
    ]

    def __init__(self, title: Clean | str, diff: Clean, note: Clean | str = "") -> None:
        """`note` stands above the diff: what should be known before it is accepted."""
        super().__init__(title, diff, "enter write it · j k scroll · esc write nothing", note)

    def action_accept(self) -> None:
        self.finish(True)


class UndoRefusedDialog(AnyDiff[bool]):
    """Why an edit is not undone: what was written to its files since. The result is True to see it among the edits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("undo_refused.edits", "enter", "edits", "all edits", rank=1, help="See it among your saved edits."),
    ]  # fmt: skip

    def __init__(self, verb: str, why: Clean, diff: Clean) -> None:
        left = "what the edit left" if verb == "undo" else "what was there before the edit"
        super().__init__(
            Clean(f"not {'undone' if verb == 'undo' else 'redone'}"),
            diff,
            "enter the edit, where E opens your editor · j k scroll · esc leave it",
            f"{why}.\nWritten since, from {left} (-) to now (+). To {verb} it after all, take these lines back first.",
        )

    def action_edits(self) -> None:
        self.finish(True)


class ShownDiff(AnyDiff[None]):
    """A diff to look at."""

    def __init__(self, title: Clean, diff: Clean, note: Clean | str = "") -> None:
        super().__init__(title, diff, "j k scroll · esc back", note)
