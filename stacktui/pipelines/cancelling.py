"""A step that is told to end, because nobody wants it any more or its time is up. Used by the worker.

It gets an exception, as by Ctrl+C, so that it can clean up; some seconds later its process is killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class StepCancelled(KeyboardInterrupt):
    """The step is to end now: it was cancelled, or its time is up."""


_interruptible = False


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While the user's code runs, `interrupt` raises; at other times the process is simply ended."""
    global _interruptible  # noqa: PLW0603 - one step at a time runs in a worker process
    _interruptible = True
    try:
        yield
    finally:
        _interruptible = False


def interrupt() -> None:
    """Raise `StepCancelled` if a step's own code runs, and once only. Called in the main thread, by a signal."""
    global _interruptible  # noqa: PLW0603
    if _interruptible:
        _interruptible = False
        raise StepCancelled("the step was told to end")
