"""Names and values in sections, scrolled as one: what a detail panel says about one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stacktui.model.text import Clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone

STYLES = {
    Tone.PLAIN: "",
    Tone.MUTED: "$quiet",
    Tone.STRONG: "bold",
    Tone.ACCENT: "$tone-accent",
    Tone.OK: "$tone-ok",
    Tone.WARN: "$tone-warn",
    Tone.ERROR: "$tone-error",
    Tone.RUNNING: "$tone-running",
}
"""How each tone is written in a `Content`."""


class Fact(NamedTuple):
    """A line: its name, muted, and its value. Without a name the value takes the whole width."""

    name: Clean
    value: Clean
    tone: Tone = Tone.PLAIN
    link: str = ""
    """The id of a run that enter opens; empty for none."""


class Section(NamedTuple):
    """Facts under a heading; an empty heading leaves it out."""

    heading: Clean
    facts: tuple[Fact, ...]


def content_of(sections: Sequence[Section]) -> Content:
    """The sections as styled text. Values are never parsed as markup."""
    width = min(24, max((len(fact.name) for section in sections for fact in section.facts), default=0))
    pieces: list[tuple[str, str] | str] = []
    for number, section in enumerate(sections):
        if number:
            pieces.append("\n")
        if section.heading:
            pieces.append((section.heading, "bold $tone-accent"))
            pieces.append("\n")
        for fact in section.facts:
            if fact.name:
                pieces.append((fact.name.ljust(width) + "  ", "$quiet"))
            pieces.append((fact.value, STYLES[fact.tone]))
            pieces.append("\n")
    return Content.assemble(*pieces)


class Facts(VerticalScroll, can_focus=True):
    """A scrolled text of sections."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("facts.open", "enter", "open", "open run", rank=5, help="Open the run that it names."),
        bind("facts.down", "j,down", "scroll_down", "down", rank=150, help="Scroll down."),
        bind("facts.up", "k,up", "scroll_up", "up", rank=150, help="Scroll up."),
        bind("facts.top", "g,home", "scroll_home", "top", rank=150, help="To the top."),
        bind("facts.bottom", "G,end", "scroll_end", "bottom", rank=150, help="To the bottom."),
        bind("facts.half_down", "ctrl+d,pagedown", "page_down", "page down", rank=150, help="A page down."),
        bind("facts.half_up", "ctrl+u,pageup", "page_up", "page up", rank=150, help="A page up."),
    ]

    class Opened(Message):
        """Enter was pressed; `links` are the ids that can be opened, each with its fact's name."""

        def __init__(self, links: tuple[tuple[str, Clean], ...]) -> None:
            super().__init__()
            self.links = links

    def __init__(
        self, *, empty: Clean = Clean(""), id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._empty = empty
        self._sections: tuple[Section, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(Content.assemble((self._empty, "$quiet")), id="facts-text")

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Replace the text; the scroll stays where it is."""
        wanted = tuple(sections)
        if wanted == self._sections:
            return
        self._sections = wanted
        text = content_of(wanted) if wanted else Content.assemble((self._empty, "$quiet"))
        self.query_one("#facts-text", Static).update(text)

    @property
    def links(self) -> tuple[tuple[str, Clean], ...]:
        """What it names that can be opened, with what each is called."""
        facts = [fact for section in self._sections for fact in section.facts if fact.link]
        return tuple((fact.link, fact.name) for fact in facts)

    def action_open(self) -> None:
        if self.links:
            self.post_message(self.Opened(self.links))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open" and not self.links:
            return False
        return super().check_action(action, parameters)
