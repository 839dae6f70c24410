"""A lock that says that this process lives: the kernel lets go of it when the process dies, however it dies.

Used where a process takes a place: in the queue of runs, and at the GPUs of a host. `flock`, not a record lock, which
vanishes when the process closes any descriptor of the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

_held: set[int] = set()


class HeldLock:
    """A file's descriptor and the exclusive lock on it. A child that is forked does not keep it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _held.add(descriptor)

    @property
    def descriptor(self) -> int:
        """For who hands the lock on to a child. Raises ValueError after `close`."""
        if self._descriptor is None:
            raise ValueError("the lock was let go")
        return self._descriptor

    def take(self) -> bool:
        """Lock the file if nobody else has it locked; whether it is locked now."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let go. A child that the descriptor was handed to keeps the lock. May be called more than once."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _held.discard(descriptor)
            os.close(descriptor)


def _forget_in_child() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
