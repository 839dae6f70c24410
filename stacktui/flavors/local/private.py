"""Files and folders that only their owner may read, written whole or not at all. Used by the local flavors.

Modes are given when a file is made, never by a later chmod: there is no moment in which others can read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from stacktui.categories.errors import ComponentError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder and those above it that are missing, each 0700. One that exists is left as it is."""
    try:
        os.mkdir(path, FOLDER_MODE)  # noqa: PTH102 - os.mkdir is what takes a mode at creation
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(os.path.dirname(os.fspath(path)))  # noqa: PTH120 - as strings: on the hot path of `put`
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, FOLDER_MODE)  # noqa: PTH102


def create_file(path: str | os.PathLike[str]) -> int:
    """A descriptor of a new file, 0600. Raises FileExistsError where there is one, a symbolic link included."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE)


def append_file(path: str | os.PathLike[str]) -> int:
    """A descriptor that appends to a file, made 0600 where there is none."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE)


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` at `path` by a temporary file and a rename: a reader sees the old bytes or the new ones.

    `durable` also waits for the disk, so that the new bytes survive a power loss.
    """
    make_folder(path.parent)
    temporary = path.parent / f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = create_file(temporary)
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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, FILE_MODE)
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
