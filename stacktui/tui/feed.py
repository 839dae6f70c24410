"""The one bridge from the workspace and the store to the screen: what changed, and who wants to know.

One task watches the files, one thread polls the metadata store's newest event number; both end in `publish`,
which the operations' `on_changed` calls too. Views (`live.LiveView`) attach themselves.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from stacktui.model.text import clean
from stacktui.tui.live import LiveView, Topic
from stacktui.tui.snapshots.summary import (
    Summary,
    running_runs,
    with_edits,
    with_findings,
    with_runs,
    with_stack,
)

if TYPE_CHECKING:
    from stacktui.model.alert import InboxItem
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Changed
    from stacktui.tui.app import WorkbenchApp

__all__ = ["Feed", "LiveView", "Summary", "Topic"]

POLL_SECONDS = 0.08
"""How often the newest event number is asked for: two microseconds in a million rows."""
_LOST_SECONDS = 1.0
_BACK_OFF_SECONDS = 1.0
_VIEWS_FIRST_SECONDS = 0.3
"""How long the header and the findings wait for the views, which people look at, to be loaded."""
_EVENTS_READ = 200
"""How many events are looked at one by one; after more than that everything is taken to have changed."""
_MOST_TOUCHED = 1_000
_TOUCHING = frozenset({"run_changed", "run_deleted", "run_finished", "run_started"})


class Feed:
    """Publishes topics to visible views, and keeps the summary that the header shows."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._views: list[LiveView[Any]] = []
        self._wake = asyncio.Event()
        self._topics: set[Topic] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = threading.Event()
        self._store_asked = threading.Event()
        self._stop_watching = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None
        self._summary_waits: asyncio.Task[None] | None = None
        self.summary = Summary()
        """What the header shows."""
        self.findings: tuple[Diagnostic, ...] | None = None
        """Every finding of the workspace; None until it has been checked."""
        self._touched: dict[str, None] = {}
        self._touching = threading.Lock()
        self._inbox_seen: str | None = None
        self._summary_topics: set[Topic] = set()
        self._waits_since: float | None = None
        self._summary_loads = False

    # Views.

    def attach(self, view: LiveView[Any]) -> None:
        """Called by a view when it is mounted."""
        self._views.append(view)

    def detach(self, view: LiveView[Any]) -> None:
        """Called by a view when it goes."""
        if view in self._views:
            self._views.remove(view)
        view._ticking = False
        self.ticks_changed()

    def screen_resumed(self) -> None:
        """The screen on top changed: its views load what they missed."""
        for view in tuple(self._views):
            if view.view_visible:
                view.view_shown()

    def show_again(self) -> None:
        """Every view, a hidden one when it is shown next, loads and draws anew."""
        for view in tuple(self._views):
            view.show_again()

    # Life.

    def start(self) -> None:
        """Start the watcher and the poller. Called after the first frame."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            asyncio.create_task(self._pump(), name="feed-pump"),
            asyncio.create_task(self._watch_files(), name="feed-files"),
        ]
        threading.Thread(target=self._poll_store, name="stacktui-poller", daemon=True).start()
        self._app.session.on_changed(self._operation_changed)
        self.publish(Topic.ACTIVE, Topic.FILES)

    def stop(self) -> None:
        """End everything; nothing is published afterwards."""
        self._stop.set()
        self._stop_watching.set()
        for task in (*self._tasks, self._ticker, self._summary_waits):
            if task is not None:
                task.cancel()
        self._tasks = []
        self._ticker = None

    # Publishing.

    def publish(self, *topics: Topic) -> None:
        """Something changed. On the event loop; from a thread use `publish_from_thread`."""
        self._topics.update(topics)
        self._wake.set()

    def publish_from_thread(self, *topics: Topic) -> None:
        """Something changed, said by another thread."""
        self._from_thread(self.publish, *topics)

    def _from_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._loop is None or self._stop.is_set():
            return
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return  # The loop is closed.

    def _operation_changed(self, changed: Changed) -> None:
        """An operation of this process changed something: the same road as a watcher's event."""
        if changed.paths:
            self._from_thread(self._app.files_changed, changed.paths)
            self.publish_from_thread(Topic.FILES, Topic.ACTIVE)
        if changed.runs:
            self._touch(changed.runs)
            self.publish_from_thread(Topic.RUNS)

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            topics, self._topics = frozenset(self._topics), set()
            if topics & {Topic.FILES, Topic.ACTIVE}:
                self._store_asked.set()
            asking = sorted(
                (view for view in self._views if view.topics & topics),
                key=lambda view: not isinstance(view, Screen),
            )
            # A list that people look at goes before the panes beside it, which take the same processor.
            for view in asking:
                view.reload(wait=not isinstance(view, Screen) and self._screen_loads())
            self._summary_topics |= topics
            if self._summary_waits is None:
                self._summary_waits = asyncio.create_task(self._summary_after_views())

    def _screen_loads(self) -> bool:
        return any(
            isinstance(view, Screen) and view.loading_now and view.view_visible for view in self._views
        )

    def _panes_after_screen(self) -> None:
        if not self._stop.is_set() and not self._screen_loads():
            for view in tuple(self._views):
                if not isinstance(view, Screen) and view.view_visible:
                    view.view_shown()

    async def _summary_after_views(self) -> None:
        until = time.monotonic() + _VIEWS_FIRST_SECONDS
        while any(view.loading_now for view in self._views) and time.monotonic() < until:
            await asyncio.sleep(0.01)
        self._summary_waits = None
        self._refresh_summary(frozenset())

    # Files.

    async def _watch_files(self) -> None:
        from stacktui.workspace.watch import watch_workspace

        while not self._stop.is_set():
            try:
                async for paths in watch_workspace(self._app.session.workspace, self._stop_watching):
                    self._app.files_changed(paths)
                    self.publish(Topic.FILES, Topic.ACTIVE)
            except Exception as error:
                self._app.say(clean(f"watching the workspace's files failed: {error}"), error=True)
                await asyncio.sleep(_BACK_OFF_SECONDS)
            else:
                return

    # The store.

    def _poll_store(self) -> None:
        """In its own thread: the newest event number often, whether runs are still held once a second."""
        last: int | None = None
        store: Any = None
        running: frozenset[tuple[str, str]] = frozenset()
        next_check = 0.0
        while not self._stop.wait(POLL_SECONDS):
            try:
                # Asking the session reads the workspace's files again: only when they may name another store.
                if store is None or self._store_asked.is_set():
                    self._store_asked.clear()
                    found = self._app.session.store()
                    if found is not store:
                        store, last = found, None
                newest = store.last_event()
                if newest != last:
                    topics, touched = _changed_since(store, last, newest)
                    self._touch(touched)
                    last = newest
                    next_check = 0.0
                    self.publish_from_thread(*topics)
                if time.monotonic() >= next_check:
                    before, running = running, running_runs(store)
                    self._from_thread(self._app.endings.seen, [run_id for run_id, _ in running])
                    next_check = time.monotonic() + _LOST_SECONDS if running else float("inf")
                    if before != running:
                        self.publish_from_thread(Topic.RUNS)
                self._store_said("")
            except Exception as error:
                store, last = None, None
                self._store_said(str(error).strip().splitlines()[0] if str(error).strip() else repr(error))
                self._stop.wait(_BACK_OFF_SECONDS)

    @property
    def touched_runs(self) -> frozenset[str]:
        """Runs that changed in the last while though they may have ended long ago: labelled, pinned, deleted."""
        return frozenset(self._touched)

    def _touch(self, run_ids: Iterable[str]) -> None:
        with self._touching:
            touched = {**self._touched, **dict.fromkeys(run_ids)}
            # Replaced, not changed: another thread may be reading it.
            self._touched = dict.fromkeys(list(touched)[-_MOST_TOUCHED:])

    def _store_said(self, problem: str) -> None:
        shown = clean(problem)
        if shown != self.summary.store_problem:
            self.summary = replace(self.summary, store_problem=shown)
            self.publish_from_thread(Topic.RUNS)

    # The header.

    def _refresh_summary(self, topics: frozenset[Topic]) -> None:
        """Load what of the summary depends on the topics; one load at a time, so that none overwrites a later one."""
        self._summary_topics |= topics
        if self._summary_loads or not self._summary_topics:
            return
        if self._views_first():
            return
        old, wanted = self.summary, frozenset(self._summary_topics)
        self._summary_topics = set()
        self._summary_loads = True

        def arrived(result: Any, error: BaseException | None) -> None:
            self._summary_loads = False
            if self._stop.is_set():
                return
            if error is not None:
                self._app.say(clean(f"the header could not be read: {error}"), error=True)
            else:
                if old.errors is None and result[0].errors is not None:
                    # All of the workspace has been read and checked. It stays: a later look for garbage that went
                    # through it would make a key wait, with thousands of components for a quarter of a second.
                    gc.freeze()
                summary, fresh = result
                summary = replace(summary, store_problem=self.summary.store_problem)
                if summary != self.summary:
                    self.summary = summary
                    self._app.summary_changed(summary)
                for item in fresh:
                    self._app.inbox_item(item)
            self._refresh_summary(frozenset())

        def work() -> tuple[Summary, tuple[InboxItem, ...]]:
            with self._app.session.one_look():
                return self._load_summary(old, wanted)

        self._app.background.submit(work, arrived)

    def _views_first(self) -> bool:
        """Whether a visible view loads right now: what people look at goes before the header and the findings.

        Not for ever: a view may wait for a network.
        """
        if not any(view.loading_now and view.view_visible for view in self._views):
            self._waits_since = None
            return False
        now = time.monotonic()
        if self._waits_since is None:
            self._waits_since = now
            asyncio.get_running_loop().call_later(_VIEWS_FIRST_SECONDS, self.view_loaded)
        return now - self._waits_since < _VIEWS_FIRST_SECONDS

    def view_loaded(self) -> None:
        """Called by a view when its load has arrived."""
        if not self._stop.is_set():
            if not self._screen_loads():
                self._app.call_after_refresh(self._panes_after_screen)
            self._refresh_summary(frozenset())

    def _load_summary(self, old: Summary, topics: frozenset[Topic]) -> tuple[Summary, tuple[InboxItem, ...]]:
        session = self._app.session
        new = old
        fresh: tuple[InboxItem, ...] = ()
        if topics & {Topic.FILES, Topic.ACTIVE}:
            new = with_edits(with_stack(new, session), session)
        if topics & {Topic.RUNS, Topic.INBOX, Topic.ACTIVE}:
            new = with_runs(new, session)
            if Topic.INBOX in topics and not self.summary.store_problem:
                fresh = self._fresh_inbox(session.store())
        if topics & {Topic.FILES, Topic.ACTIVE}:
            # Last, because it takes longest.
            found = self._app.find_problems()
            if found != self.findings:
                self.findings = found
                self.publish_from_thread(Topic.FINDINGS)
            new = with_findings(new, found)
        return new, fresh

    def _fresh_inbox(self, store: Any) -> tuple[InboxItem, ...]:
        items: tuple[InboxItem, ...] = store.inbox(limit=20)
        seen, self._inbox_seen = self._inbox_seen, items[0].id if items else ""
        if seen is None:
            return ()
        fresh = []
        for item in items:
            if item.id == seen:
                break
            fresh.append(item)
        return tuple(reversed(fresh[:5]))

    # Elapsed times.

    def ticks_changed(self) -> None:
        """A view began or stopped to tick, was shown or hidden: run the timer only while one needs it."""
        wanted = any(view._ticking and view.view_visible for view in self._views)
        if wanted and self._ticker is None:
            self._ticker = asyncio.create_task(self._tick(), name="feed-ticker")
        elif not wanted and self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0 - time.time() % 1.0)
            for view in tuple(self._views):
                if view._ticking and view.view_visible:
                    view.tick()


def _changed_since(store: Any, last: int | None, newest: int) -> tuple[set[Topic], list[str]]:
    """What the events after a number are about, and the runs that they touched."""
    if last is None or newest - last > _EVENTS_READ:
        return {Topic.RUNS, Topic.INBOX}, []
    events = store.events(last, limit=_EVENTS_READ)
    kinds = {event.kind for event in events}
    inbox = kinds & {"message", "question", "answer"}
    topics = {Topic.INBOX} if inbox else set()
    if kinds - inbox or not kinds:
        topics.add(Topic.RUNS)
    return topics, [event.run_id for event in events if event.kind in _TOUCHING]
