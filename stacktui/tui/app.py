"""The workbench's application: wiring only. Screens are found in `screens/registry`, what changes comes by `feed`,
what is done goes through `doing`. `run_workbench` is what the command line calls."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual import events
from textual.app import App, ScreenStackError
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen
from textual.widget import Widget

from stacktui.model.text import Clean, clean
from stacktui.tui.background import Background
from stacktui.tui.doing import Doing
from stacktui.tui.endings import Endings
from stacktui.tui.feed import Feed, Summary
from stacktui.tui.live import Topic
from stacktui.tui.looks import Looks
from stacktui.tui.popups import Popups
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.registry import PLACES, screen_class
from stacktui.tui.start import First, Prefetch, run_workbench
from stacktui.tui.stopping import Stopping
from stacktui.tui.terminal import notification
from stacktui.tui.typeahead import TypeAhead

if TYPE_CHECKING:
    from stacktui.model.alert import InboxItem
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session

__all__ = ["Topic", "WorkbenchApp", "run_workbench"]

R = TypeVar("R")

_NO_COLOR = NoColor()

_FIRST_SECONDS = 0.1
"""How long the first frame waits for its content: sending an empty one first would take longer."""


class WorkbenchApp(App[int]):
    """The workbench over one session."""

    TITLE = "stacktui"
    CSS_PATH = [f"styles/{name}.tcss" for name in ("base", "screens")]
    LATER_CSS: ClassVar[tuple[str, ...]] = ("popups", "panes", "runs", "builder")
    """Styles that nothing of the first frame needs; their parsing would take a tenth of the start."""
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 4
    BINDINGS: ClassVar[list[Any]] = []

    def __init__(self, session: Session, prefetch: Prefetch | None = None) -> None:
        self.session = session
        """The open workspace: views hand it to `load`, operations run with it."""
        self.looks = Looks(self)
        """Themes and keymap: loaded, checked, reloaded."""
        super().__init__()
        self.animation_level = "none"
        self.background = Background(lambda: self.is_running)
        """Threads for what may block."""
        self.feed = Feed(self)
        """What changed, and the header's summary."""
        self.doing = Doing(self)
        """Runs operations and shows how they ended."""
        self.stopping = Stopping(self)
        """Runs that were asked to stop."""
        self.endings = Endings(self)
        """Tells when a run has ended."""
        self._type_ahead = TypeAhead(self, super().on_event)
        self.popups = Popups(self)
        """`:`, `?`, the palette, questions."""
        self.workspace_name = clean(session.workspace.root.name)
        self._roots: dict[str, WorkbenchScreen[Any]] = {}
        self.looks.start()
        # The styles are parsed once, with the colours of the theme that has just come into force.
        self.stylesheet.set_variables(self.get_css_variables())
        self._prefetch = prefetch
        self._crash = ""
        self.elsewhere: Path | None = None
        """The workspace that is to be opened next, when it has ended for that."""
        self._drawn = False
        self.styled = 0
        """Counts what may change the styles of every screen: another theme, other colours of it, symbols."""

    # Life.

    def get_default_screen(self) -> Screen[Any]:
        return self._root("home")

    @property
    def first(self) -> First | None:
        """What `start` loaded before Textual was imported."""
        return self._prefetch.take(_FIRST_SECONDS) if self._prefetch else None

    def on_ready(self) -> None:
        self._drawn = True
        for name in self.LATER_CSS:
            self.stylesheet.read(Path(__file__).with_name("styles") / f"{name}.tcss")
        self.stylesheet.parse()
        # What is there now stays: no later look for garbage goes through it. And the look at everything else, for which
        # a key would wait, comes ten times less often: what views load and drop has no cycles.
        gc.freeze()
        gc.enable()
        gc.set_threshold(*gc.get_threshold()[:2], 100)
        # After the first frame: nothing of it is needed to draw home.
        asyncio.get_running_loop().set_exception_handler(self._callback_failed)
        self.feed.start()
        self.looks.apply_keymap()
        if self.has_class("-ascii"):
            # Home got its styles before it hung under the app, whose class they depend on.
            self.refresh_css(animate=False)
        # So that the first popup opens as quickly as the next.
        self.set_timer(1.0, self._import_popups)

    def _import_popups(self) -> None:
        def work() -> None:
            from stacktui.operations.table import all_operations
            from stacktui.tui.widgets import chooser, commandline, filterline

            all_operations()
            del chooser, commandline, filterline

        self.background.submit(work, lambda _, __: None)

    def on_unmount(self) -> None:
        self.feed.stop()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    # Dialogs.

    def ask(self, dialog: Screen[R], then: Callable[[R | None], Any] | None = None) -> None:
        """Open a dialog; `then` gets its result, None if it was left.

        From the app's own message queue: Textual delivers a result to whoever was active when the dialog was opened,
        and a popup or an earlier dialog is gone by then.
        """
        self.call_next(self.push_screen, dialog, then)

    # Places.

    @property
    def place(self) -> WorkbenchScreen[Any] | None:
        """The full screen that is shown, under any dialog."""
        return next((s for s in reversed(self.screen_stack) if isinstance(s, WorkbenchScreen)), None)

    def open_place(self, name: str, argument: str = "", **params: Any) -> None:
        """Go to a screen by its name in the registry.

        A root screen replaces everything above it; another one is put on top. `argument` is what `:` takes after
        the name; `params` are keyword arguments of the screen's class.
        """
        place = PLACES[name]
        if place.writes and self.feed.summary.readonly:
            self.say(clean(f"{place.title}: the workbench is read-only"), error=True)
            return
        try:
            if not place.root:
                if argument and place.argument:
                    params[place.argument] = argument
                self.push_screen(self._made(name, **params))
                return
            root = self._root(name)
        except ImportError as error:
            self.say(clean(f"{place.title} cannot be opened: {error}"), error=True)
            return
        again = partial(self.open_place, name, argument, **params)
        if not all(
            s.may_leave(again) for s in self.screen_stack if s is not root and isinstance(s, WorkbenchScreen)
        ):
            return
        # Home lies at the bottom for good; one other root screen may stand on it.
        while len(self.screen_stack) > 2 or (len(self.screen_stack) == 2 and name == "home"):
            self.pop_screen()
        if len(self.screen_stack) == 1 and name != "home":
            self.push_screen(root)
        elif self.screen is not root:
            self.switch_screen(root)
        if argument:
            root.call_after_refresh(root.focus_on, argument)

    def back(self) -> None:
        """One screen back; from a root screen to home."""
        if len(self.screen_stack) > 1 and (self.place is None or self.place.may_leave(self.back)):
            self.pop_screen()

    def leave(self, elsewhere: Path | None = None) -> None:
        """End the workbench, or end it to be opened on another workspace; what is not saved is asked about first."""
        again = partial(self.leave, elsewhere)
        if not all(s.may_leave(again) for s in self.screen_stack if isinstance(s, WorkbenchScreen)):
            return
        self.elsewhere = elsewhere
        # First, because the watcher needs a moment to notice.
        self.feed.stop()
        self.exit(0)

    def crumbs(self, screen: WorkbenchScreen[Any]) -> tuple[Clean, ...]:
        """The way to a screen, by what each one on it is called."""
        try:
            stack = [s for s in self.screen_stack if isinstance(s, WorkbenchScreen)]
        except ScreenStackError:
            stack = []
        if screen not in stack:
            return (screen.crumb,)
        way = stack[: stack.index(screen) + 1]
        return tuple(s.crumb for s in way[1:] or way)

    def _made(self, name: str, **params: Any) -> WorkbenchScreen[Any]:
        screen = screen_class(name)(**{**PLACES[name].params, **params})
        screen.place = name
        screen.crumb = screen.crumb or Clean(PLACES[name].title)
        # What Textual would do at the first `Resize`: after the first frame, whose styles it would work out anew.
        breakpoints = sorted(screen.HORIZONTAL_BREAKPOINTS or (), reverse=True)
        if width := next((name for least, name in breakpoints if self.size.width >= least), ""):
            screen.set_class(True, width, update=False)
        return screen

    def _root(self, name: str) -> WorkbenchScreen[Any]:
        if name not in self._roots:
            screen = self._made(name)
            self._roots[name] = screen
            # Installed screens are kept by Textual when another one takes their place.
            self.install_screen(screen, name)
        return self._roots[name]

    # What the feed says.

    def summary_changed(self, summary: Summary) -> None:
        """The header's facts changed."""
        place = self.place
        if place is not None:
            place.summary_changed(summary)

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Files of the workspace changed: themes and the keymap are read again here, the rest by the views."""
        self.looks.files_changed(paths)

    def keymap_changed(self) -> None:
        """Other keys are in force, or other findings of a keymap: called by `looks`."""
        place = self.place
        if place is not None and place.is_mounted:
            place.keys_changed()
        self.feed.publish(Topic.FILES)

    def show_anew(self) -> None:
        """Symbols or the zone of times changed: everything is drawn again. Called by `looks`."""
        self.refresh_css(animate=False)
        for screen in {*self.screen_stack, *self._roots.values()}:
            for widget in screen.walk_children(Widget):
                widget.refresh()
        self.feed.show_again()

    def find_problems(self) -> tuple[Diagnostic, ...]:
        """Every finding of the workspace, looked for anew; blocks, so call it in a thread."""
        from stacktui.validation.validate import validate_workspace

        found = validate_workspace(self.session.snapshot(), self.session.registry())
        return (*found, *self.looks.problems)

    def inbox_item(self, item: InboxItem) -> None:
        """A new message or question: the bell, the terminal's notification and a toast."""
        kind = "question" if item.kind == "question" else str(item.level)
        self.alert(clean(f"{kind} from {item.alerter}: {item.text}"))
        severity = {"warning": "warning", "error": "error"}.get(item.level, "information")
        tail = "  (! answers)" if item.pending else ""
        self.notify(
            clean(item.text) + tail,
            title=clean(f"{kind} from {item.alerter}"),
            severity=severity,  # type: ignore[arg-type]
            timeout=15 if item.pending else 6,
            markup=False,
        )

    def alert(self, text: Clean) -> None:
        """Ring the terminal's bell and ask it for a notification, for people who look at another window."""
        if self.looks.settings.bell and self._driver is not None and not self.is_headless:
            self.bell()
            self._driver.write(notification(text))

    def say(self, text: Clean, *, error: bool = False) -> None:
        """One line above the keys of the screen that is shown."""
        place = self.place
        if place is not None and place.is_mounted:
            place.notice(text, error=error)

    def toast(self, text: Clean, *, title: str = "", error: bool = False) -> None:
        """A short message in the corner."""
        self.notify(text, title=clean(title), severity="error" if error else "information", markup=False)

    def action_help_quit(self) -> None:
        """ctrl+c, by habit."""
        self.say(Clean("q leaves; runs go on."))

    # Looks.

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return self.looks.variables()

    def refresh_css(self, animate: bool = True) -> None:
        # Before the first frame the styles have just been parsed, with the theme that is in force.
        if self._drawn:
            self.styled += 1
            super().refresh_css(animate)

    def get_line_filters(self) -> Sequence[LineFilter]:
        # Textual settles for greys where its first theme was not the terminal's own.
        filters = super().get_line_filters()
        return (
            [*(f for f in filters if not isinstance(f, Monochrome)), _NO_COLOR] if self.no_color else filters
        )

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """A picture is kept: what is revealed for a few seconds is not in it."""
        from stacktui.tui.dialogs.revealed import RevealedDialog
        from stacktui.tui.panes.base import Pane

        for shows in (*self.screen.query(Pane), self.screen):
            if isinstance(shows, (Pane, RevealedDialog)):
                shows.left()
        return super().export_screenshot(title=title, simplify=simplify)

    # Ends.

    def _callback_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """asyncio would print it over the screen; it is an error like any other."""
        error = context.get("exception")
        if isinstance(error, Exception) and not self._exit:
            self._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual would print a traceback with local variables, which may hold secrets."""
        from stacktui.tui.crash import report_crash

        self.bell()
        if not self._crash:
            self._crash = report_crash(self.session, self._exception)
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Called by Textual when the terminal is restored."""
        if self._crash:
            sys.stderr.write(self._crash)
        self._exit_renderables.clear()
