"""Views that show something which changes by itself: what to load, how to show it, when to do so again.

Mixed into screens and panes. One way round: an operation or another process changes a file or the store →
the feed publishes a `Topic` → each visible view with that topic loads a snapshot in a thread → `show` draws it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from textual.dom import DOMNode
from textual.message_pump import MessagePump

from stacktui.model.text import Clean, clean

if TYPE_CHECKING:
    from stacktui.operations.session import Session
    from stacktui.tui.app import WorkbenchApp

S = TypeVar("S")


class Topic(StrEnum):
    """What may have changed."""

    FILES = "files"
    """Files of the workspace: components, stacks, settings, flavors, pipelines."""
    RUNS = "runs"
    """Rows of the metadata store: runs, steps, artifacts, metrics; also a run that nobody holds any more."""
    INBOX = "inbox"
    """Messages and questions."""
    ACTIVE = "active"
    """Which stack is in force."""
    PROBES = "probes"
    """Results of probes."""
    FINDINGS = "findings"
    """`feed.findings`: what the rules say about the whole workspace."""


class LiveView(Generic[S]):
    """A mixin for a `Screen` or a `Widget` (name it last among the bases).

        class RunningPane(Vertical, LiveView[RunningSnapshot]):
            topics = frozenset({Topic.RUNS})

            def load(self, session: Session) -> RunningSnapshot: ...   # in a thread
            def show(self, snapshot: RunningSnapshot) -> None: ...     # on the event loop

    It loads by itself when it is first shown, and again on each of its topics while it is visible; a hidden one
    is only marked, and loads when it is shown again (for a widget in a tab or behind `display`: call
    `view_shown()` when you show it). A snapshot that equals the last one is not shown again, so make it a frozen
    dataclass or NamedTuple of `Clean` texts and tuples.
    """

    topics: ClassVar[frozenset[Topic]] = frozenset()
    """What it depends on."""

    snapshot: S | None = None
    """What is on screen; None before the first load."""

    _epoch = 0
    _in_flight = 0
    _stale = True
    _ticking = False
    _anew = False

    def load(self, session: Session) -> S:
        """Read everything that the view shows. Runs in a thread and may block; touches no widget.

        Parameters of the query (a filter, a page) are attributes that the event loop sets before `reload_now`.
        An exception keeps what is on screen and says why in one line (see `load_failed`).
        """
        raise NotImplementedError

    def show(self, snapshot: S) -> None:
        """Draw a snapshot. Runs on the event loop, in the view's own message queue; never a stale one."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called once a second while visible, if `keep_ticking(True)`: redraw elapsed times of running rows."""

    def load_failed(self, error: BaseException) -> None:
        """A load raised. The default shows one line above the keys; what is on screen stays."""
        notice = getattr(cast(DOMNode, self).screen, "notice", None)
        if notice is not None:
            notice(_one_line(error), error=True)

    # What views call.

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, typed."""
        return cast("WorkbenchApp", cast(MessagePump, self).app)

    @property
    def session(self) -> Session:
        """The workspace that is open."""
        return self.workbench.session

    @property
    def loading_now(self) -> bool:
        """Whether a load is on its way."""
        return self._in_flight > 0

    @property
    def awaited(self) -> bool:
        """Whether its first snapshot is still to come."""
        return self.snapshot is None and (self._stale or self.loading_now)

    def reload(self, *, wait: bool = False) -> None:
        """Ask for a fresh load. Several requests during one load become one load after it.

        With `wait` it begins when the feed says so: after the screen that it is on.
        """
        self._stale = True
        if not wait and not self._in_flight and self.view_visible:
            self._start()

    def reload_now(self) -> None:
        """What `load` depends on was changed (a filter, a page): drop what is on its way and load at once."""
        self._epoch += 1
        self._start()

    def show_again(self) -> None:
        """Load and show anew, though nothing that it depends on changed: words that everything is shown in did."""
        self._anew = True
        self.reload()

    def keep_ticking(self, wanted: bool) -> None:
        """Say whether a running row is on screen, so that `tick` is called each second."""
        self._ticking = wanted
        self.workbench.feed.ticks_changed()

    def view_shown(self) -> None:
        """The view became visible: load if anything changed meanwhile. Screens do this by themselves."""
        if self._stale and not self._in_flight:
            self._start()
        self.workbench.feed.ticks_changed()

    @property
    def view_visible(self) -> bool:
        """Whether a person could see it now: its screen is on top and nothing around it is hidden."""
        node = cast(DOMNode, self)
        if not node.is_attached or node.screen is not self.workbench.screen:
            return False
        return all(ancestor.display for ancestor in node.ancestors_with_self if hasattr(ancestor, "display"))

    # The machinery.

    def on_mount(self) -> None:
        # Textual calls the handler of every class of the view: a view's own `on_mount` does not replace this one.
        self.workbench.feed.attach(self)
        # After the compose of the children, so that `show` finds them.
        cast(MessagePump, self).call_later(self._first)

    def on_unmount(self) -> None:
        self.workbench.feed.detach(self)
        self._epoch += 1

    def _first(self) -> None:
        if self._stale and not self._in_flight and self.view_visible:
            self._start()

    def _start(self) -> None:
        self._stale = False
        self._in_flight += 1
        epoch, session = self._epoch, self.session

        def arrived(result: Any, error: BaseException | None) -> None:
            # In the view's own queue: an error of `show` is then handled like any other of the app.
            cast(MessagePump, self).call_next(self._arrived, epoch, result, error)

        def work() -> S:
            with session.one_look():
                return self.load(session)

        self.workbench.background.submit(work, arrived)

    def _arrived(self, epoch: int, result: Any, error: BaseException | None) -> None:
        self._in_flight -= 1
        node = cast(DOMNode, self)
        if not node.is_attached:
            return
        if epoch == self._epoch:
            if error is not None:
                self.load_failed(error)
            elif result != self.snapshot or self._anew:
                self._anew = False
                self.snapshot = result
                self.show(result)
        if self._stale and not self._in_flight and self.view_visible:
            self._start()
        self.workbench.feed.view_loaded()


def _one_line(error: BaseException) -> Clean:
    text = str(error).strip() or type(error).__name__
    return clean(text.splitlines()[0])
