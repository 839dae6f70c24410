"""Threads for what may block: disk, SQLite, network. Used by the feed and by views that load.

The threads are daemons: a probe that hangs on a dead host never keeps the workbench from quitting.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

Done = Callable[[Any, BaseException | None], None]
"""Called on the event loop with the result, or with None and the exception."""

_IDLE_SECONDS = 20.0


class _Job(NamedTuple):
    work: Callable[[], Any]
    done: Done
    loop: asyncio.AbstractEventLoop
    context: contextvars.Context


class Background:
    """A pool that starts a thread when none is free, up to `limit`, and lets it go after a while of idleness.

    What arrives when `wanted` says no is dropped: a workbench that ends takes its widgets away one by one.
    """

    def __init__(self, wanted: Callable[[], bool], limit: int = 8) -> None:
        self._wanted = wanted
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._pending = 0

    def submit(self, work: Callable[[], T], done: Done) -> None:
        """Run `work` in a thread, then `done` on the calling event loop. Call it on the event loop only."""
        # Textual finds its app by a context variable, which a thread does not have.
        self._jobs.put(_Job(work, done, asyncio.get_running_loop(), contextvars.copy_context()))
        with self._lock:
            self._pending += 1
            grow = self._pending > self._threads and self._threads < self._limit
            self._threads += grow
        if grow:
            threading.Thread(target=self._work, name="stacktui-background", daemon=True).start()

    async def run(self, work: Callable[[], T]) -> T:
        """`work`'s result, awaited; its exception is raised here."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.submit(work, done)
        return await future

    def _deliver(self, done: Done, result: Any, error: BaseException | None) -> None:
        if self._wanted():
            done(result, error)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._pending < self._threads:
                        self._threads -= 1
                        return
                continue
            result, error = None, None
            try:
                result = job.work()
            except BaseException as raised:
                error = raised
            with self._lock:
                self._pending -= 1
            try:
                job.loop.call_soon_threadsafe(self._deliver, job.done, result, error, context=job.context)
            except RuntimeError:
                return  # The loop is closed: the workbench has ended.
