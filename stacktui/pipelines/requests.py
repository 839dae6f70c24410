"""What others ask of a run while it waits and goes on. Used by the runner, which looks four times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from stacktui.categories.metadata_store import MetadataStore

LOOK_EVERY_S = 0.25


class Requests:
    """Reads the requests to one run."""

    def __init__(
        self, store: MetadataStore, run_id: str, after: int = 0, *, folder: Path | None = None
    ) -> None:
        """Those after an event's number: a run that was resumed is not stopped by what was asked of it before.

        `folder` is the run's. Where that is gone, as when its workspace was removed or moved, nobody can see the run
        or ask anything of it any more: that is a request to stop.
        """
        self._store = store
        self._run_id = run_id
        self._folder = folder
        self._next_look = 0.0
        self._newest_event = 0
        self._newest_request = after

    @property
    def due_in_s(self) -> float:
        """Seconds until the next look."""
        return max(self._next_look - time.monotonic(), 0.0)

    def stop_wanted(self) -> bool:
        """Whether somebody has asked the run to stop since the last look; looks only when that is due."""
        if self.due_in_s > 0:
            return False
        self._next_look = time.monotonic() + LOOK_EVERY_S
        if self._folder is not None and is_gone(self._folder):
            return True
        newest = self._store.last_event()
        if newest == self._newest_event:
            return False
        self._newest_event = newest
        requests = self._store.requests(self._run_id, self._newest_request)
        for request in requests:
            self._newest_request = request.id
        return any(request.data.get("what") == "stop" for request in requests)


def is_gone(folder: Path) -> bool:
    """Whether a run's folder was removed or moved: then nothing can be written of the run, nor read."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        # A disk that does not answer is not one that says no.
        return False
    return False


class Stop:
    """Whether the run is to stop: by a request, or because the runner was told by a signal."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._asked = False
        self._heard: list[Callable[[], None]] = []

    @property
    def due_in_s(self) -> float:
        """Seconds until the next look at the requests; once it is asked nobody has to look any more."""
        return LOOK_EVERY_S if self._asked else self._requests.due_in_s

    def wanted(self) -> bool:
        """Whether the run is to stop, as far as is known by now."""
        if not self._asked and self._requests.stop_wanted():
            self._asked = True
        return self._asked

    def ask(self) -> None:
        """Have it stop. From any thread or signal handler."""
        self._asked = True
        for hear in self._heard:
            hear()

    def on_ask(self, hear: Callable[[], None]) -> None:
        """Call `hear` when it is asked by a signal, so that nobody has to wait for the next look."""
        self._heard.append(hear)
