"""A searchable list over the screen: `?` and the palette. Enter does what is chosen, esc leaves.

It is a widget on the screen's popup layer, not a screen: opening it sends its own rectangle and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, count_text, glyph, glyphs
from stacktui.tui.widgets.filterline import QuietInput
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from stacktui.tui.app import WorkbenchApp
    from stacktui.tui.screens.base import WorkbenchScreen


class Entry(NamedTuple):
    """One thing that can be chosen."""

    key: str
    """The key that does it where you are; empty for none."""
    name: Clean
    help: Clean
    call: Callable[[], Any]
    refused: Clean = Clean("")
    """Why it cannot be done now."""


class Popup(Vertical):
    """A frame over the screen that takes the focus and gives it back. It stands where `place` says, and only its own
    rectangle is sent."""

    WIDTH = 100
    """The most that it is wide."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("popup.leave", "escape", "leave", "close", rank=90, help="Close."),
    ]

    def __init__(self, kind: str) -> None:
        """`kind` is its class in styles. Not an id: one that is closing and the next one may both be there."""
        super().__init__(classes=f"-popup-frame {kind}")
        self._before: Any = None
        self.closing = False
        """Whether it was closed and is about to go."""

    def on_mount(self) -> None:
        self._before = self.screen.focused
        self._stand()
        self.query_one(Input).focus()

    def place(self, width: int, height: int) -> tuple[int, int, int | None]:
        """Left, top and, if it is fixed, height on a screen of that size."""
        rows = min(30, height - 4)
        return (width - min(self.WIDTH, width)) // 2, 2, rows

    def _stand(self) -> None:
        width, height = self.app.size
        left, top, rows = self.place(width, height)
        self.styles.width = min(self.WIDTH, width)
        if rows is not None:
            self.styles.height = rows
        host = self.parent
        if isinstance(host, Widget):
            host.styles.offset = (left, top)

    def on_resize(self) -> None:
        self._stand()

    def action_leave(self) -> None:
        self.close()

    def close(self) -> None:
        """Take the popup away and give the focus back."""
        self.closing = True
        screen, before = self.screen, self._before
        # The focus first: Textual gives that of what it removes to whatever is next.
        if before is not None and before.is_attached:
            screen.set_focus(before)
        elif (grid := next(iter(screen.query(Grid).exclude(".-popup")), None)) is not None:
            screen.set_focus(grid)
        self.remove()


class Chooser(Popup):
    """The list with a line to search in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("chooser.down", "down,ctrl+n", "move(1)", "down", rank=150),
        bind("chooser.up", "up", "move(-1)", "up", rank=150),
        bind("chooser.page_down", "pagedown", "page(1)", "page down", rank=150),
        bind("chooser.page_up", "pageup", "page(-1)", "page up", rank=150),
    ]

    def __init__(self, title: Clean, entries: Sequence[Entry]) -> None:
        super().__init__("chooser")
        self._entries = list(entries)
        self.border_title = Content(title)

    def compose(self) -> ComposeResult:
        yield QuietInput(placeholder="type to search; enter does it")
        yield Grid(
            Column("key", "key", 10),
            Column("name", "does", 24),
            Column("help", "", 20, grow=True, drop=1),
            header=False, markable=False, classes="-popup", empty=Clean("Nothing matches."),
        )  # fmt: skip

    def on_mount(self) -> None:
        grid = self.query_one(Grid)
        grid.can_focus = False
        grid.set_rows(
            Row(
                str(place),
                (
                    Cell(Clean(entry.key), Tone.ACCENT),
                    Cell(entry.name),
                    # The reason first: the rest may be cut.
                    Cell(
                        Clean(f"{glyph('✗')} {entry.refused} {glyph('·')} {entry.help}")
                        if entry.refused
                        else entry.help,
                        Tone.MUTED,
                    ),
                ),
                dim=bool(entry.refused),
            )
            for place, entry in enumerate(self._entries)
        )
        self._count()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        grid = self.query_one(Grid)
        grid.set_filter(event.value)
        grid.action_cursor_to(0)
        self._count()

    def _count(self) -> None:
        grid = self.query_one(Grid)
        self.border_subtitle = Content(
            glyphs(f"{count_text(grid.match_count)} of {count_text(grid.total)} · enter does it · esc closes")
        )

    @on(Grid.Moved)
    @on(Grid.FilterChanged)
    def _quiet(self, event: Grid.Moved | Grid.FilterChanged) -> None:
        event.stop()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose()

    @on(Grid.Opened)
    def _opened(self, event: Grid.Opened) -> None:
        event.stop()
        self._choose()

    def _choose(self) -> None:
        key = self.query_one(Grid).cursor_key
        if key is None:
            return
        entry = self._entries[int(key)]
        screen: Any = self.screen
        self.close()
        if entry.refused:
            screen.notice(Clean(f"{entry.name}: {entry.refused}"), error=True)
            return
        # After the focus is back, so that an action finds the widget that it is for.
        screen.call_after_refresh(entry.call)

    def action_move(self, by: int) -> None:
        self.query_one(Grid).action_cursor(by)

    def action_page(self, by: int) -> None:
        self.query_one(Grid).action_page(by)


def key_entries(screen: WorkbenchScreen[Any]) -> list[Entry]:
    """Every key of a screen, the likeliest first."""
    return [
        Entry(item.key, clean(item.facts.description), clean(item.facts.help), item.call, clean(item.refused))
        for item in screen.all_keys()
    ]


def place_entries(app: WorkbenchApp) -> list[Entry]:
    """Every screen that needs nothing else."""
    from stacktui.tui.screens.registry import PLACES

    return [
        Entry("", clean(f":{name}"), clean(f"go to {place.title}"), partial(app.open_place, name))
        for name, place in PLACES.items()
        if not place.argument
    ]


def operation_entries(app: WorkbenchApp, screen: WorkbenchScreen[Any]) -> list[Entry]:
    """Every operation of the table; on the subject where it applies to one."""
    from stacktui.operations.table import all_operations

    subject = screen.subject()
    entries: list[Entry] = []
    call: Callable[[], Any]
    for operation in all_operations().values():
        if operation.hidden:
            continue
        refused = ""
        if operation.writes and app.feed.summary.readonly:
            refused = "the workbench is read-only"
        if subject is not None and subject.kind in operation.on:
            # As its key does it: a screen may have a way of its own.
            call = partial(screen.action_operation, operation.name)
            name = clean(f"{operation.name}  {subject.label}")
        else:
            call = partial(app.doing.typed, operation, {})
            name = clean(operation.name)
        entries.append(Entry("", name, clean(operation.summary), call, clean(refused)))
    return entries
