"""The queue of runs: at most `max_runs` of a state folder go on at once, the others wait in the order of their ids.

Used by the runner. Whoever shares the state shares the queue: other checkouts, other users of the group. There is no
server: each runner holds a lock on a file of its own in `<state>/queue/`, `<run id>.waits` and then `<run id>.runs`,
so that the kernel frees the place of one that died. One process at a time counts the files and makes its own, under
the lock `<state>/queue/.turn`.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from stacktui.categories.errors import ComponentError
from stacktui.categories.held_lock import HeldLock
from stacktui.categories.private import lock_file, make_folder
from stacktui.model.base import short_id

_LOOK_EVERY_S = 0.2
_COUNT_EVERY_S = 2.0
"""One that is not the next looks only at the one before it, and counts them all this often, for its words."""
_GLANCE_S = 1.0
"""Longer than another process's glance at a lock."""
_TURN_TAKES_S = 10.0
_NAMED = 3
_WAITS, _RUNS = ".waits", ".runs"


def reserve(state: Path, run_id: str) -> HeldLock | None:
    """A place for a run whose runner is about to be started, which is to inherit the lock: so that its turn is that of
    its id, however long it takes to start. None where that cannot be done now: it then comes when it is there."""
    queue = Admission(state, run_id, None)
    deadline = time.monotonic() + _GLANCE_S
    with contextlib.suppress(ComponentError):
        while time.monotonic() < deadline:
            turn = queue.open(".turn")
            try:
                if turn.take():
                    lock = queue.open(run_id + _WAITS)
                    if lock.take():
                        return lock
                    lock.close()
                    return None
            finally:
                turn.close()
            time.sleep(0.001)
    return None


class Admission:
    """One run's place in the queue, held from `wait` to `release` or to the death of the process."""

    def __init__(
        self, state: Path, run_id: str, max_runs: int | None, *, workspace: Path | None = None
    ) -> None:
        """`max_runs` None lets it in at once; it counts for the others all the same. With `workspace`, a change of
        `max_runs` in its `stacktui.yaml` counts for a run that waits already."""
        self._folder = state / "queue"
        self._run_id = run_id
        self._limit = _Limit(max_runs, workspace)
        self._place: HeldLock | None = None
        self._reserved = False
        """Whether who started this process took a place for it, which it inherited."""
        self._before: Path | None = None
        """The file of the run just before it, while that waits."""

    def wait(self, is_stopped: Callable[[], bool], tell: Callable[[str], None]) -> bool:
        """Wait until the run may go on: True. False as soon as `is_stopped` says so: its place is given back then.

        `tell` hears what it waits for, in words, when that changes; nothing where it is let in at once.
        Raises `ComponentError` where the queue's files cannot be used.
        """
        said = ""
        next_count, counted_at = 0.0, time.monotonic()
        while not is_stopped():
            if time.monotonic() >= next_count or self._before is None or not _alive(self._before):
                words = self._count()
                if words == "":
                    return True
                if words is not None:
                    counted_at = time.monotonic()
                    next_count = counted_at + _COUNT_EVERY_S * random.uniform(1, 1.5)
                elif time.monotonic() > counted_at + _TURN_TAKES_S:
                    words = f"waits for the process that holds {self._folder / '.turn'}"
                if words and words != said:
                    said = words
                    tell(words)
            # Not all of them at the same moment.
            known = self._place is not None or self._reserved
            time.sleep(_LOOK_EVERY_S * random.uniform(0.7, 1.3) if known else 0.01)
        self.release()
        return False

    def release(self) -> None:
        """Give the place to the next one. May be called more than once."""
        # Before the lock goes: what is removed is this run's for certain.
        if self._place is not None:
            place, self._place = self._place, None
            self._forget(_RUNS, _WAITS)
            place.close()
        elif self._reserved:
            self._forget(_WAITS)
        self._reserved = False

    def _count(self) -> str | None:
        """What the run waits for; "" where it was let in just now; None where another process counts."""
        turn = self.open(".turn")
        try:
            if not turn.take():
                return None
            running, waiting = self._others()
            before = [run_id for run_id in waiting if run_id < self._run_id]
            limit = self._limit.now()
            if limit is None or len(running) + len(before) < limit:
                self._move_to(_RUNS)
                return ""
            if self._place is None and not self._reserved:
                self._move_to(_WAITS)
            self._before = self._folder / (before[-1] + _WAITS) if before else None
            return _words(running, len(before), limit)
        finally:
            turn.close()

    def _others(self) -> tuple[list[str], list[str]]:
        """Who else runs and who waits, by id. The files of the dead are removed: nobody makes one meanwhile."""
        found: dict[str, list[str]] = {_RUNS: [], _WAITS: []}
        for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - names are all that is needed
            run_id, dot, kind = name.rpartition(".")
            if dot + kind not in found:
                continue
            if _alive(self._folder / name):
                if run_id != self._run_id:
                    found[dot + kind].append(run_id)
                elif self._place is None and dot + kind == _WAITS:
                    # Nobody else has it: its runner holds the run.
                    self._reserved = True
            else:
                with contextlib.suppress(OSError):
                    (self._folder / name).unlink()
        return found[_RUNS], found[_WAITS]

    def _move_to(self, kind: str) -> None:
        lock = self.open(self._run_id + kind)
        deadline = time.monotonic() + _GLANCE_S
        while not lock.take():
            if time.monotonic() > deadline:
                lock.close()
                raise ComponentError(f"another process has the place of run {self._run_id} in the queue")
            time.sleep(0.001)
        waited, self._place = self._place, lock
        if kind == _RUNS:
            self._forget(_WAITS)
        if waited is not None:
            waited.close()

    def _forget(self, *kinds: str) -> None:
        for kind in kinds:
            with contextlib.suppress(OSError):
                (self._folder / (self._run_id + kind)).unlink()

    def open(self, name: str) -> HeldLock:
        """A file of the queue, not locked yet. Raises `ComponentError`."""
        path = self._folder / name
        try:
            make_folder(self._folder)
            return HeldLock(lock_file(path))
        except OSError as error:
            raise ComponentError(
                f"the queue of runs cannot be used: {path}: {error.strerror or error}"
            ) from error


def _alive(path: Path) -> bool:
    """Whether a living process has the place that a file stands for."""
    try:
        lock = HeldLock(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
    except OSError:
        return False
    try:
        return not lock.take()
    finally:
        lock.close()


class _Limit:
    """`max_runs`: as it was when the run was made, and as the workspace's file says once that changes."""

    def __init__(self, given: int | None, workspace: Path | None) -> None:
        self._given = given
        self._file = None if workspace is None else workspace / "stacktui.yaml"
        self._seen = self._signature()

    def now(self) -> int | None:
        """The limit in force. A file that cannot be read changes nothing."""
        seen = self._signature()
        if seen != self._seen and self._file is not None:
            from stacktui.workspace.documents import read_settings

            with contextlib.suppress(OSError):
                read = read_settings(self._file, self._file.read_bytes())
                if read.readable and read.value is not None:
                    self._given, self._seen = read.value.max_runs, seen
        return self._given

    def _signature(self) -> tuple[int, int, int] | None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                found = self._file.stat()
                return found.st_mtime_ns, found.st_size, found.st_ino
        return None


def _words(running: list[str], before: int, limit: int) -> str:
    waits = f"waits for {_runs(before)} before it; " if before else "waits for a place; "
    named = [short_id(run_id) for run_id in running[:_NAMED]]
    more = len(running) - len(named)
    who = f"run{'s' if len(running) > 1 else ''} {', '.join(named)}" + (f" and {more} more" if more else "")
    if not running:
        return f"{waits}max_runs is {limit}"
    if len(running) > limit:
        # It was lowered meanwhile, or they did not ask for it.
        return f"{waits}{_runs(len(running))} go on and max_runs is {limit}: {who}"
    return f"{waits}{len(running)} of {limit} places {'is' if len(running) == 1 else 'are'} taken by {who}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
