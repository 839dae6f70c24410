"""Steps that failed and wait to be tried again: how often, and how long. Used by the runner's loop."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Mapping

from stacktui.model.run import StepRun
from stacktui.model.stack import StepSettings

LONGEST_WAIT_S = 24 * 3600.0


def wait_s(settings: StepSettings, number: int, chance: float) -> float:
    """Seconds before the retry `number` (from 1): delay · backoff^(number - 1), and `chance` (-1 to 1) of the jitter.

    At most a day.
    """
    delay = settings.retry_delay or 0.0
    try:
        delay *= (settings.retry_backoff or 1.0) ** (number - 1)
    except OverflowError:
        delay = LONGEST_WAIT_S
    return min(delay * (1.0 + (settings.retry_jitter or 0.0) * chance), LONGEST_WAIT_S)


class Retries:
    """The waiting steps of one run. `first` has the number of a step's first attempt in this life of the run."""

    def __init__(self, first: Mapping[str, int]) -> None:
        self._first = first
        self._due: list[tuple[float, int]] = []
        self._records: dict[int, StepRun] = {}

    def number_of(self, step: str, attempt: int) -> int:
        """How often the step was tried again before `attempt`, in this life of the run."""
        return attempt - self._first.get(step, 1)

    def is_last(self, step: str, attempt: int, settings: StepSettings) -> bool:
        """Whether the step has failed for good if this attempt fails."""
        return self.number_of(step, attempt) >= (settings.retries or 0)

    def add(self, failed: StepRun, settings: StepSettings) -> float:
        """Let a step wait whose attempt has failed; the seconds that it waits."""
        number = self.number_of(failed.name, failed.attempt) + 1
        pause = wait_s(settings, number, random.uniform(-1.0, 1.0))
        heapq.heappush(self._due, (time.monotonic() + pause, failed.position))
        self._records[failed.position] = failed
        return pause

    def take_due(self) -> StepRun | None:
        """The record of a failed attempt whose wait is over; None if there is none."""
        if not self._due or self._due[0][0] > time.monotonic():
            return None
        return self._records.pop(heapq.heappop(self._due)[1])

    def next_in_s(self) -> float | None:
        """Seconds until one is due; None if none waits."""
        return max(self._due[0][0] - time.monotonic(), 0.0) if self._due else None

    def give_up(self) -> dict[int, StepRun]:
        """Try none again: the records of their failed attempts, by position."""
        records, self._records = self._records, {}
        self._due.clear()
        return records
