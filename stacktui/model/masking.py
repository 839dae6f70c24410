"""Takes secret values out of text before it leaves a worker or reaches a log.

Used by the worker, by who starts workers (for what one leaves behind as it dies), and by the runner.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "******"
_SHORTEST = 6
"""Shorter values are not masked: they would tear ordinary text apart."""


class Masker:
    """Replaces the values that it was given, whole, line by line, and as JSON, `repr` and URLs write them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.longest = 0
        """The length of the longest text that it looks for."""
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """Mask these values too, from now on."""
        before = len(self._values)
        for value in values:
            self._values.update(form for form in _forms(str(value)) if len(form) >= _SHORTEST)
        if len(self._values) == before:
            return
        ordered = sorted(self._values, key=len, reverse=True)
        # Looked for at every place, so that values that overlap are found both.
        self._pattern = re.compile("(?=(" + "|".join(map(re.escape, ordered)) + "))")
        self.longest = len(ordered[0])

    def __bool__(self) -> bool:
        return self._pattern is not None

    def __call__(self, text: str) -> str:
        """`text` without the values."""
        spans = self.spans(text)
        if not spans:
            return text
        parts: list[str] = []
        at = 0
        for start, end in spans:
            parts += (text[at:start], MASK)
            at = end
        parts.append(text[at:])
        return "".join(parts)

    def lines(self, text: str) -> str:
        """Each line of `text` without the values, whatever stands in the lines beside it."""
        if not self._stand_in(text):
            return text
        return "\n".join(map(self, text.split("\n"))) if "\n" in text else self(text)

    def settled(self, text: str) -> int:
        """How many characters of `text` stand before what may be the beginning of a value."""
        longest = 0
        for value in self._values:
            for length in range(min(len(value) - 1, len(text)), longest, -1):
                if text.endswith(value[:length]):
                    longest = length
                    break
        return len(text) - longest

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where values stand, in order; those that touch or overlap as one."""
        if self._pattern is None or not self._stand_in(text):
            return []
        spans: list[tuple[int, int]] = []
        for match in self._pattern.finditer(text):
            start, end = match.span(1)
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans

    def _stand_in(self, text: str) -> bool:
        # Many times as fast as the pattern, and nearly always the answer is no.
        return any(value in text for value in self._values)


def _forms(value: str) -> set[str]:
    whole = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    written = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    if type(value) is not str:
        written.add(repr(str(value))[1:-1])
    return whole | written | {quote(value, safe=""), quote(value)}
