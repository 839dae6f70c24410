"""Changes of steps on their way to the metadata store, several in a transaction. Used by the runner's loop.

In a chain the end of a step is written with the beginning of the next one: two changes cost hardly more than one.
"""

from __future__ import annotations

import time

from stacktui.categories.metadata_store import MetadataStore, StepChange

_TOGETHER = 16
_WITHIN_S = 0.05


class Unwritten:
    """What has happened and is not in the store yet. Whoever is about to wait, or to begin anything, writes it before."""

    def __init__(self, store: MetadataStore) -> None:
        self._store = store
        self._changes: list[StepChange] = []
        self._since = 0.0

    def add(self, change: StepChange) -> None:
        """Have a change written soon: with what follows, but with no more than a few, and within a moment."""
        if not self._changes:
            self._since = time.monotonic()
        self._changes.append(change)
        if len(self._changes) >= _TOGETHER or time.monotonic() - self._since > _WITHIN_S:
            self.write()

    def write(self, *changes: StepChange) -> None:
        """Write all, in the order in which it happened; `changes` are the last. Raises `ComponentError`."""
        if changes or self._changes:
            self._store.record_changes([*self._changes, *changes])
            self._changes.clear()

    def may_answer(self, cache_key: str | None) -> bool:
        """Whether the store will find one of them under a cache key, once it is written."""
        return cache_key is not None and any(change.step.cache_key == cache_key for change in self._changes)
