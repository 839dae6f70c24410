"""Which step is next: the order of a run, without any of its doing. Used by the runner."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from stacktui.pipelines.graph import StepNode


class Schedule:
    """Steps become ready when all that they come after are done; of those, the earliest in the pipeline is next."""

    def __init__(self, steps: Sequence[StepNode], done: Collection[str] = ()) -> None:
        """`done` are steps that are not run: their results are there."""
        place = {node.name: index for index, node in enumerate(steps)}
        self._followers: list[list[int]] = [[] for _ in steps]
        self._waiting: list[int] = []
        for index, node in enumerate(steps):
            before = {place[name] for name in node.after if name not in done}
            self._waiting.append(len(before))
            for earlier in before:
                self._followers[earlier].append(index)
        self._open = {index for index, node in enumerate(steps) if node.name not in done}
        self._ready = [
            index for index, count in enumerate(self._waiting) if count == 0 and index in self._open
        ]

    @property
    def ready(self) -> bool:
        """Whether a step could begin."""
        return bool(self._ready)

    @property
    def finished(self) -> bool:
        """Whether every step is done or given up."""
        return not self._open

    def take(self) -> int:
        """The position of the step that is next. Raises IndexError where none is ready."""
        return heapq.heappop(self._ready)

    def done(self, position: int) -> None:
        """A step succeeded, or an earlier result stands in for it."""
        self._open.discard(position)
        for follower in self._followers[position]:
            self._waiting[follower] -= 1
            if self._waiting[follower] == 0 and follower in self._open:
                heapq.heappush(self._ready, follower)

    def failed(self, position: int) -> list[int]:
        """A step failed for good. The positions that can therefore not begin any more, in order."""
        self._open.discard(position)
        lost: set[int] = set()
        ahead = [position]
        while ahead:
            for follower in self._followers[ahead.pop()]:
                if follower in self._open and follower not in lost:
                    lost.add(follower)
                    ahead.append(follower)
        self._open -= lost
        return sorted(lost)

    def give_up(self, begun: set[int]) -> list[int]:
        """Begin nothing more. The positions of all steps that have not begun, in order."""
        rest = sorted(self._open - begun)
        self._open &= begun
        self._ready.clear()
        return rest
