"""Private files that are written whole or not at all, and locks on them. Used by the local flavors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from stacktui.categories.errors import ComponentError
from stacktui.categories.private import create_file, lock_file, make_folder


def write_whole(path: Path, data: bytes, *, durable: bool = False, secret: bool = False) -> None:
    """Put `data` at `path` by a temporary file and a rename: a reader sees the old bytes or the new ones.

    `durable` also waits for the disk, so that the new bytes survive a power loss; `secret` keeps it from a group that
    shares the folder.
    """
    make_folder(path.parent)
    temporary = path.parent / f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = create_file(temporary, secret=secret)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, what: str, timeout_s: float = 10.0) -> Iterator[None]:
    """Hold the lock file `path`, so that one process at a time works on `what`; the kernel frees it on any death.

    Raises `ComponentError` if another process holds it for longer than `timeout_s`.
    """
    make_folder(path.parent)
    descriptor = lock_file(path)
    try:
        deadline = time.monotonic() + timeout_s
        pause = 0.001
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise ComponentError(
                        f"another process works on {what} and has done so for {timeout_s:g} s: try again, "
                        f"or look for what holds {path}"
                    ) from None
                time.sleep(pause)
                pause = min(pause * 2, 0.05)
        yield
    finally:
        os.close(descriptor)
