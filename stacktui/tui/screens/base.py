"""What every screen has: the header, a body, a notice, the next keys, the global keys, filter, `:`, `?`, back.

    class RunsScreen(WorkbenchScreen[RunsSnapshot]):
        topics = frozenset({Topic.RUNS})
        BINDINGS = [*operation_bindings("run"), bind("runs.compare", "equals_sign", "compare", "compare")]

        def body(self) -> ComposeResult:
            yield Grid(Column(…), …, id="runs")

        def load(self, session: Session) -> RunsSnapshot: ...     # in a thread
        def show(self, snapshot: RunsSnapshot) -> None: ...       # set_rows, set titles
        def subject(self) -> Subject | None: ...                  # what the cursor is on

It is registered by one line in `screens/registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from stacktui.model.text import Clean, clean
from stacktui.tui.keys import GLOBAL, KeyFacts, facts_of, facts_of_action, shown
from stacktui.tui.live import LiveView, S, Topic
from stacktui.tui.widgets.grid import Grid
from stacktui.tui.widgets.lines import HeaderLine, Key, KeyLine, Notice

if TYPE_CHECKING:
    from stacktui.tui.feed import Summary
    from stacktui.tui.widgets.filterline import FilterLine

__all__ = ["S", "Subject", "Topic", "WorkbenchScreen"]

R = TypeVar("R")


class Subject(NamedTuple):
    """The object under the cursor: what operations on its kind are run with."""

    kind: str
    """`component`, `stack`, `run`, `step`, `artifact`, `model`, `secret` …, as in `operation(on=…)`."""
    arguments: Mapping[str, Any]
    """Values for the operation's parameters of these names: `{"category": …, "name": …}`, `{"run_id": …}`."""
    label: Clean
    """What dialogs call it: `artifact store team-bucket`."""
    protected: str = ""
    """The name to type before anything is written to it; empty for none."""


class KeyHelp(NamedTuple):
    """A key of where you are, for `?` and the palette."""

    facts: KeyFacts
    key: str
    refused: str
    """Why it cannot be used now; empty if it can."""
    call: Callable[[], Any]


class WorkbenchScreen(Screen[None], LiveView[S]):
    """Base of all full screens. Subclasses give `body`, and `load`/`show` with `topics` where something is live."""

    BINDINGS: ClassVar[list[BindingType]] = list(GLOBAL)
    AUTO_FOCUS = "Grid, Input, TextArea"

    # Textual repaints the whole screen on each change of the focus; what looks different repaints itself.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    place: str = ""
    """The name in the registry; set by the app."""
    crumb: Clean = Clean("")
    """What breadcrumbs call it; set by the app to the registry's title, changed by `set_crumb`."""

    # What subclasses give.

    def body(self) -> ComposeResult:
        """The widgets between header and keys."""
        yield from ()

    def subject(self) -> Subject | None:
        """The object that the cursor is on, if any."""
        return None

    def refusal(self, action: str) -> str | None:
        """Why an action cannot be used now, in a few words; None if it can. `action` is as in the binding.

        Subclasses ask theirs first and then `super().refusal(action)`, which refuses what writes when read-only
        and an operation without a subject.
        """
        facts = facts_of_action(action)
        if facts is not None and facts.writes and self.workbench.feed.summary.readonly:
            return "the workbench is read-only"
        if action in ("undo", "redo"):
            if self.focused is not None and self.focused.check_consume_key("a", "a"):
                return "esc leaves the text first"
            following = getattr(self.workbench.feed.summary, action)
            return f"there is nothing to {action}" if following == "" else None
        if action.startswith("operation(") and self.subject() is None:
            return "nothing is chosen"
        return None

    def focus_on(self, argument: str) -> None:
        """`:place argument` was asked for while the screen is there: move the cursor to it. Default: first grid."""
        grid = self.filter_target()
        if grid is not None:
            grid.set_filter("")
            grid.move_to(argument)

    def filter_target(self) -> Grid | None:
        """The grid that `/` filters: the focused one, else the first that is visible."""
        if isinstance(self.focused, Grid):
            return self.focused
        return next(
            (grid for grid in self.query(Grid) if grid.display and not grid.has_class("-popup")), None
        )

    def may_leave(self, go: Callable[[], Any]) -> bool:
        """Whether it can be left now. One with unsaved edits says no, asks, and calls `go` if they may be lost."""
        return True

    def load(self, session: Any) -> S:
        raise NotImplementedError

    def show(self, snapshot: S) -> None:
        raise NotImplementedError

    # What subclasses call.

    def notice(self, text: Clean | str, *, error: bool = False) -> None:
        """Say something in one line above the keys; an empty text clears it. Text that is not `Clean` is cleaned."""
        self.query_one(Notice).say(clean(text), error=error)

    def set_crumb(self, text: Clean) -> None:
        """Rename this screen in the breadcrumbs: a run's name once it is known."""
        self.crumb = text
        if self.is_mounted:
            self._draw_place()

    def do(self, operation: str, then: Callable[[Any], None] | None = None, **arguments: Any) -> None:
        """Run an operation of the table by name in a thread, with its Python arguments.

        The result goes to `then` on the event loop; without `then` it is shown (a toast or a dialog). Errors are
        one line. It is the only way in which screens change anything.
        """
        self.workbench.doing.run(operation, arguments, then)

    def ask(self, dialog: Screen[R], then: Callable[[R | None], Any]) -> None:
        """Open a dialog; `then` gets its result, None if it was left with esc."""
        self.workbench.ask(dialog, then)

    def keys_changed(self) -> None:
        """What can be used now changed (the cursor moved to another kind of object): draw the footer again."""
        if not self._keys_dirty:
            self._keys_dirty = True
            self.call_after_refresh(self._draw_keys)

    def all_keys(self) -> list[KeyHelp]:
        """Every key of where you are with its state, the likeliest first: what `?` lists and runs."""
        found: dict[str, KeyHelp] = {}
        for key, active in self.active_bindings.items():
            facts = facts_of(active.binding)
            if not facts.id:
                continue
            if facts.id in found:
                # The letter before the arrow: `k ↑`.
                known = found[facts.id]
                both = sorted((known.key, shown(key)), key=lambda text: (len(text) > 1, text.isascii()))
                found[facts.id] = known._replace(key=" ".join(both))
                continue
            action, node = active.binding.action, active.node
            if isinstance(node, Grid) and facts.id == "grid.open":
                facts = facts._replace(description=node.opens)
            refused = (self.refusal(action) or "") if node is self or facts.writes else ""
            if not refused and not active.enabled:
                refused = "not now"
            call = partial(self.app.run_action, action, node)
            found[facts.id] = KeyHelp(facts, shown(key), refused, call)
        return sorted(found.values(), key=lambda item: item.facts.rank)

    # The frame.

    _keys_dirty = False
    _styled = -1
    """The app's `styled` of when its styles were worked out last."""

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        with Vertical(id="body"):
            yield from self.body()
        # Always there: mounting a filter or a popup beside the others would repaint all of them.
        yield Container(classes="filter-host")
        yield Notice()
        yield KeyLine()
        yield Container(classes="overlay")

    def on_mount(self) -> None:
        # Each widget gets its styles as it is mounted.
        self._styled = self.workbench.styled
        self._draw_place()
        self.summary_changed(self.workbench.feed.summary)
        self.keys_changed()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        # Working out the styles of a whole screen anew takes as long as drawing it, and draws all of it again. They are
        # as they were unless the theme changed meanwhile.
        event.refresh_styles = event.refresh_styles and self._styled != self.workbench.styled
        self._styled = self.workbench.styled
        self._draw_place()
        self.summary_changed(self.workbench.feed.summary)
        self.workbench.feed.screen_resumed()
        self.keys_changed()

    def on_screen_suspend(self, _: events.ScreenSuspend) -> None:
        self.workbench.feed.ticks_changed()
        self._notice_was_read()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        from stacktui.tui.widgets.panel import Panel

        lit = next((node for node in event.widget.ancestors if isinstance(node, Panel)), None)
        if lit is not None:
            for panel in self.query(Panel):
                panel.set_class(panel is lit, "-lit")
        self._notice_was_read()
        self.keys_changed()

    def on_grid_moved(self, _: Grid.Moved) -> None:
        self._notice_was_read()
        self.keys_changed()

    def on_key(self, event: events.Key) -> None:
        """A greyed key does nothing; it says why."""
        active = self.active_bindings.get(event.key)
        if active is None or active.enabled:
            return
        name = facts_of(active.binding).id
        key = next((item for item in self.all_keys() if item.facts.id == name), None)
        if key is not None and key.refused:
            self.notice(f"{shown(event.key)} {key.facts.description}: {key.refused}")

    def _notice_was_read(self) -> None:
        """What was said about the last thing does not stand beside the next."""
        for notice in self.query(Notice):
            if notice.read:
                self.notice("")

    def on_grid_filter_changed(self, event: Grid.FilterChanged) -> None:
        from stacktui.tui.widgets.filterline import FilterLine

        for line in self.query(FilterLine):
            line.grid_changed(event.grid)

    def summary_changed(self, summary: Summary) -> None:
        """The header's facts changed; called by the app for the screen on top."""
        for header in self.query(HeaderLine):
            header.set_summary(summary)
        self.keys_changed()

    def _draw_place(self) -> None:
        for header in self.query(HeaderLine):
            header.set_place(self.workbench.workspace_name, self.workbench.crumbs(self))

    def _draw_keys(self) -> None:
        self._keys_dirty = False
        if not self.is_mounted or not self.is_current:
            return
        helps = [item for item in self.all_keys() if item.facts.rank < 100 and item.key]
        if self.focused is not None and self.focused.check_consume_key("a", "a"):
            # There a letter is text.
            helps = [item for item in helps if len(item.key) > 1]
        tail = tuple(
            Key(item.key.split()[0], item.facts.description)
            for item in helps
            if item.facts.id in ("global.command", "global.help")
        )
        keys = tuple(
            Key(item.key.split()[0], item.facts.description, not item.refused)
            for item in helps
            if item.facts.id not in ("global.command", "global.help", "global.quit", "global.back")
        )
        for line in self.query(KeyLine):
            line.set_keys(keys, tail)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        written = f"{action}({', '.join(repr(item) for item in parameters)})" if parameters else action
        if facts_of_action(written) is None:
            return super().check_action(action, parameters)
        # None greys: the key does nothing, and `?` says why.
        return None if self.refusal(written) else True

    # The global actions.

    def action_go(self, place: str) -> None:
        self.workbench.open_place(place)

    def action_operation(self, name: str) -> None:
        """Run an operation on the subject, asking for what is missing."""
        subject = self.subject()
        if subject is not None:
            self.workbench.doing.on_subject(name, subject)

    def action_focus_next(self) -> None:
        self.focus_next()

    def action_focus_previous(self) -> None:
        self.focus_previous()

    async def action_filter(self) -> None:
        grid = self.filter_target()
        if grid is not None:
            (await self._filter_line()).open(grid)

    def action_back(self) -> None:
        """Clear the notice and the filter first, then go back."""
        from stacktui.tui.widgets.filterline import FilterLine

        self.notice("")
        for line in self.query(FilterLine):
            if line.close():
                return
        grid = self.filter_target()
        if grid is not None and grid.filter_text:
            grid.set_filter("")
            return
        self.workbench.back()

    async def action_command_line(self) -> None:
        await self.workbench.popups.command_line(self)

    async def action_keys_help(self) -> None:
        await self.workbench.popups.keys(self)

    async def action_palette(self) -> None:
        await self.workbench.popups.palette(self)

    def action_questions(self) -> None:
        self.workbench.popups.questions()

    def action_undo(self) -> None:
        """Take back the last saved edit, after its diff."""
        self.workbench.doing.edit("undo", {})

    def action_redo(self) -> None:
        """Do again what was undone last, after its diff."""
        self.workbench.doing.edit("redo", {})

    def action_quit_workbench(self) -> None:
        self.workbench.leave()

    def action_workspaces(self) -> None:
        self.workbench.popups.workspaces(self)

    async def _filter_line(self) -> FilterLine:
        from stacktui.tui.widgets.filterline import FilterLine

        for line in self.query(FilterLine):
            return line
        line = FilterLine()
        await self.query_one(".filter-host", Container).mount(line)
        return line

    async def mount_popup(self, popup: Widget) -> None:
        """Put a popup (`:`, `?`, the palette) over this screen; there is one at a time, and its key again closes it.

        It is there, and takes the next key, when this returns.
        """
        from stacktui.tui.widgets.chooser import Popup

        for old in self.query(Popup):
            if not old.closing:
                old.close()
                return
        await self.query_one(".overlay", Container).mount(popup)
