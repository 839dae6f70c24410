"""One writer of a workspace's files at a time, and readers that wait for it. Used by `changes` and `recovery`.

The lock is `locks/write` in the state: exclusive for whoever replaces files, shared for whoever reads while an edit
was just made. It falls with the process that holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stacktui.categories.private import lock_file

PATIENCE_S = 10.0
"""How long another writer, who needs milliseconds, is waited for."""
_STEP_S = 0.002


class StillLocked(Exception):
    """Another process holds the lock and does not give it up."""


class NoLock(Exception):
    """There is no place for the lock, or the file system knows none. Says why, in a few words."""


@contextlib.contextmanager
def write_lock(folder: Callable[[], Path], patience_s: float | None = None) -> Iterator[None]:
    """Hold the lock alone; `folder` makes the folder that it lies in. Raises `NoLock`, `StillLocked`."""
    try:
        descriptor = lock_file(folder() / "write")
    except (OSError, LookupError) as error:
        raise NoLock(_reason(error)) from None
    try:
        _wait_for(descriptor, fcntl.LOCK_EX, PATIENCE_S if patience_s is None else patience_s)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


@contextlib.contextmanager
def read_lock(folder: Path, patience_s: float) -> Iterator[None]:
    """Hold the lock with other readers; nothing is made on disk. Raises `NoLock`, `StillLocked`."""
    try:
        descriptor = os.open(folder / "write", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NoLock(_reason(error)) from None
    try:
        _wait_for(descriptor, fcntl.LOCK_SH, patience_s)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _wait_for(descriptor: int, kind: int, patience_s: float) -> None:
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise StillLocked from None
            time.sleep(_STEP_S)
        except OSError as error:
            raise NoLock(_reason(error)) from None
        else:
            return


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
