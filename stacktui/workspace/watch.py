"""Watching a workspace: which of its files changed, within milliseconds of the save, however an editor saves.

Used by the workbench's feed. The system's notifications only wake a look at the files, so that nothing depends
on which events a way of saving makes. Where there are none (a network file system, a used-up limit, or
`STACKTUI_POLL=1`) the files are looked at several times a second.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol

from stacktui.workspace.watched import Watched
from stacktui.workspace.workspace import Workspace

POLL_VARIABLE = "STACKTUI_POLL"
STEP_MS = 10
"""How long it must be quiet before changes are told."""
DEBOUNCE_MS = 100
"""How long changes are gathered while it is not."""
_HEARTBEAT_MS = 2_000
_POLL_S = 0.25
_AGAIN_S = 0.05
_NETWORKS = (
    "nfs", "cifs", "smb", "9p", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "glusterfs", "fuse.glusterfs",
    "lustre", "gpfs", "beegfs", "pvfs", "orangefs", "drvfs", "virtiofs", "vboxsf", "fuse.gcsfuse",
)  # fmt: skip


class Stop(Protocol):
    """Anything that says when to end: an event of asyncio, anyio or threading."""

    def is_set(self) -> bool: ...


async def watch_workspace(
    workspace: Workspace, stop: Stop, environ: Mapping[str, str] | None = None
) -> AsyncIterator[frozenset[Path]]:
    """Yield the files that were made, changed or deleted, after each of them, until `stop` is set.

    Told are `stacktui.yaml`, `keymap.yaml`, components, stacks, flavors, themes, pipelines, the checkout's
    choice of a stack, and the user's own settings, keymap and themes. The first set comes at once and is mostly
    empty: from then on no change is missed, so whoever reads after it sees everything. Folders may vanish, come
    back or be new. A file that was written just before a look may be told twice.
    """
    ended = _Ended(stop)
    watched = Watched(workspace)
    try:
        source = _changes(watched, ended, workspace, os.environ if environ is None else environ)
        async with aclosing(source) as changes:
            async for changed in changes:
                yield frozenset(map(Path, changed))
    finally:
        ended.closed = True


async def _changes(
    watched: Watched, ended: _Ended, workspace: Workspace, environ: Mapping[str, str]
) -> AsyncGenerator[set[str], None]:
    await asyncio.to_thread(watched.look)
    told = False
    if environ.get(POLL_VARIABLE, "") in ("", "0") and not on_network(workspace.root):
        while not ended.is_set():
            folders = dict(watched.folders)
            try:
                notifier = await asyncio.to_thread(_notifier, list(folders))
            except FileNotFoundError:
                notifier = None  # a folder went away just now
            except (OSError, RuntimeError):
                break  # the system has no more watches to give
            # Whatever happened until the notifier was there shows in a look after it.
            changed = await asyncio.to_thread(watched.look)
            if notifier is not None and watched.folders != folders:
                notifier.close()
                notifier = None
            elif changed or not told:
                told = True
                yield changed
                changed = set()
            if notifier is not None:
                async with aclosing(_notified(watched, notifier, ended)) as notified:
                    async for found in notified:
                        yield found
                continue
            if changed:
                yield changed
            await _pause(_AGAIN_S, ended)
    if not told and not ended.is_set():
        yield set()
    while not ended.is_set():
        started = time.monotonic()
        changed = await asyncio.to_thread(watched.look)
        if changed:
            yield changed
        # A large workspace on a slow disk is looked at less often.
        await _pause(max(_POLL_S, 10 * (time.monotonic() - started)), ended)


async def _notified(watched: Watched, notifier: Any, ended: _Ended) -> AsyncGenerator[set[str], None]:
    """Changes for as long as the notifier's folders stay what they are."""
    folders = dict(watched.folders)
    with notifier:
        while True:
            events = await asyncio.to_thread(notifier.watch, DEBOUNCE_MS, STEP_MS, _HEARTBEAT_MS, ended)
            if events in ("stop", "signal") or ended.is_set():
                return
            if events == "timeout":
                if not await asyncio.to_thread(watched.folders_moved):
                    continue
                changed: set[str] | None = None
            else:
                changed = await asyncio.to_thread(watched.look_at, [path for _, path in events])
            if changed is None:
                changed = await asyncio.to_thread(watched.look)
            if changed:
                yield changed
            if watched.folders != folders:
                return


def _notifier(folders: list[str]) -> Any:
    from watchfiles._rust_notify import RustNotify

    if not folders:
        raise FileNotFoundError
    # Each folder by itself: watched recursively, a folder of data beside the code would use up the system's limit.
    return RustNotify(folders, False, False, 0, False, True)


async def _pause(seconds: float, ended: _Ended) -> None:
    until = time.monotonic() + seconds
    while not ended.is_set() and (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.05))


class _Ended:
    """Set when the caller's event is, or when the caller no longer listens: the waiting thread asks it."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.closed = False

    def is_set(self) -> bool:
        return self.closed or self._stop.is_set()


def on_network(path: Path, mounts: Callable[[], str] | None = None) -> bool:
    """Whether a path lies on a network file system, as far as Linux's table of mounts tells; elsewhere False."""
    try:
        table = mounts() if mounts else Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    best, kind = "", ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = fields[4].encode().decode("unicode_escape") if "\\" in fields[4] else fields[4]
        # Of two mounts at one place the later one is seen.
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, after.split(" ", 1)[0]
    return kind.startswith(_NETWORKS)
