"""What others ask of a run while it goes on. Used by the runner, which looks four times a second."""

from __future__ import annotations

import time

from stacktui.categories.metadata_store import MetadataStore

_LOOK_EVERY_S = 0.25


class Requests:
    """Reads the requests to one run."""

    def __init__(self, store: MetadataStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._next_look = 0.0
        self._newest_event = 0
        self._newest_request = 0

    @property
    def due_in_s(self) -> float:
        """Seconds until the next look."""
        return max(self._next_look - time.monotonic(), 0.0)

    def stop_wanted(self) -> bool:
        """Whether somebody has asked the run to stop since the last look; looks only when that is due."""
        if self.due_in_s > 0:
            return False
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        newest = self._store.last_event()
        if newest == self._newest_event:
            return False
        self._newest_event = newest
        requests = self._store.requests(self._run_id, self._newest_request)
        for request in requests:
            self._newest_request = request.id
        return any(request.data.get("what") == "stop" for request in requests)
