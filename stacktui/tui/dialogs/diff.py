"""The diff that is shown before anything is written: enter writes, esc does not. And the two versions of a file that
was changed on both sides."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean_block
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import bind

R = TypeVar("R")


class _Diff(Dialog[R]):
    """A diff that scrolls, as high as it needs to be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("diff.down", "j,down", "scroll(1)", "down", rank=150),
        bind("diff.up", "k,up", "scroll(-1)", "up", rank=150),
        bind("diff.half_down", "ctrl+d,pagedown", "turn(0.5)", "half down", rank=150),
        bind("diff.half_up", "ctrl+u,pageup", "turn(-0.5)", "half up", rank=150),
        bind("diff.top", "g,home", "to(0)", "top", rank=150),
        bind("diff.bottom", "G,end", "to(1)", "bottom", rank=150),
    ]
    AUTO_FOCUS = "VerticalScroll"
    _LINES_AROUND = 6
    """The frame, the note and the room around the dialog."""

    def __init__(self, title: Clean | str, diff: Clean, keys: str, note: Clean | str = "") -> None:
        super().__init__(title, keys, wide=True)
        self._diff = diff
        self._note = clean_block(note)

    def content(self) -> ComposeResult:
        if self._note:
            yield Static(Content(self._note), classes="dialog--text")
        with VerticalScroll():
            yield Static(coloured(self._diff), classes="diff--text")

    def on_mount(self) -> None:
        added, removed = counts(self._diff)
        self.query_one(".dialog").border_title = Content.assemble(
            self._title, "  ", (f"+{added}", "$tone-ok"), " ", (f"-{removed}", "$tone-error")
        )
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


class DiffDialog(_Diff[bool]):
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


Verdict = Literal["both", "theirs"]


class ConflictDialog(_Diff[Verdict]):
    """What is on disk against what is being typed, after someone else saved the same file.

    The result is `both` (take theirs in, keep what was typed here), `theirs`, or None to decide later.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("conflict.both", "enter,m", "choose('both')", "keep both", rank=1, help="Take theirs in, keep mine."),
        bind("conflict.theirs", "t", "choose('theirs')", "take theirs", rank=2, help="Throw mine away."),
    ]  # fmt: skip

    def __init__(self, file: Clean, diff: Clean) -> None:
        super().__init__(
            Clean(f"{file} changed on disk"),
            diff,
            "enter take theirs in, keep mine · t theirs only · esc decide later",
            "Someone else saved this file while it was open here. Nothing was written. "
            "From what is on disk (-) to what would stand there with yours (+):",
        )

    def action_choose(self, verdict: Verdict) -> None:
        self.finish(verdict)


def counts(diff: Clean) -> tuple[int, int]:
    """How many lines a unified diff adds and removes."""
    kinds = [kind for kind, _ in _lines(diff)]
    return kinds.count("+"), kinds.count("-")


def coloured(diff: Clean) -> Content:
    """A unified diff with its additions and removals in the theme's colours; `+` and `-` say it without."""
    styles = {"head": "bold", "+": "$tone-ok", "-": "$tone-error", "@": "$tone-accent", " ": "$quiet"}
    return Content("\n").join(Content.styled(line, styles[kind]) for kind, line in _lines(diff))


def _lines(diff: Clean) -> list[tuple[str, str]]:
    """Each line with its kind. Only before the first `@@` of a file do `---` and `+++` name it."""
    found, in_head = [], True
    lines = diff.split("\n")
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            in_head = True
        if in_head and line.startswith(("--- ", "+++ ")):
            kind = "head"
        else:
            kind = line[:1] if line[:1] in ("+", "-", "@") else " "
            in_head = in_head and kind != "@"
        found.append((kind, line))
    return found[:-1] if found and not found[-1][1] else found
