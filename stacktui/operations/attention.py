"""Whether the person who looks on wants something: asked by operations while they wait.

The command line puts its own into the session, which knows signals and keys; anybody else's only waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class LeaveRunning(BaseException):
    """Whoever looked on goes away, and what was looked at goes on. Like KeyboardInterrupt, no failure."""


class Attention:
    """What one session waits with. Interruptions come out of `pause` alone while one of the contexts is open."""

    def pause(self, seconds: float) -> None:
        """Wait. Raises KeyboardInterrupt where the person wants a stop, `LeaveRunning` where they go."""
        time.sleep(seconds)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """While something is being started that must not be lost sight of: a stop that is asked for waits."""
        yield

    @contextmanager
    def looking_on(self) -> Iterator[None]:
        """While something that goes on by itself is followed: the person may stop it, or leave it running."""
        yield


class Asking:
    """Whom an operation asks for a secret that it learns of only while it runs. Nobody: the command line puts its own
    into the session, which asks at the terminal."""

    def secret(self, what: str) -> str | None:
        """The value of what is asked for, typed without an echo; empty where the person leaves it for later, None where
        there is nobody. Raises KeyboardInterrupt where the person wants no more of it."""
        return None
