"""A sweep that is looked at on a terminal: a line a run at the end of the screen. Used by `invoke`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from stacktui.cli.live import LiveRun
from stacktui.cli.region import Drawn
from stacktui.cli.run_tree import fitted, whole_seconds
from stacktui.cli.terminal import Out, Span, Text, Tone, cell_width
from stacktui.cli.words import number, plural, state
from stacktui.model.base import short_id
from stacktui.operations.documents import Part
from stacktui.operations.sweep import SweepBegan, SweepEvent

_ABOVE = frozenset({"question", "message", "answer", "stop_requested"})
_ORDER = ("running", "failed", "lost", "queued", "succeeded", "cancelled")
"""Which runs get a line first where there is not room for all."""


class _Line:
    """What is known of one run."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = " ".join(f"{name}={value}" for name, value in values.items())
        self.status = "queued"
        self.step = ""
        self.metrics: dict[str, float] = {}
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.error = ""


class SweepPicture:
    """Draws the runs of a sweep, as far as their events tell of them."""

    def __init__(self, began: SweepBegan, out: Out, hint: str) -> None:
        self._group = began.group
        self._began = began.at
        self._runs = {each.run_id: _Line(each.values) for each in began.runs}
        self._out = out
        self._hint = hint

    def take(self, event: SweepEvent) -> None:
        """Take one event in."""
        run = self._runs.get(event.run_id)
        if run is None:
            return
        if event.event == "run_started":
            run.status, run.since = "running", event.at
        elif event.event == "run_finished":
            run.status, run.until = event.status or "?", event.at
            run.metrics = {**run.metrics, **(event.data.get("metrics") or {})}
            run.error = str(event.data.get("error") or "")
        elif event.event == "step_started":
            run.step = event.step or ""
        elif event.event == "metric":
            found: Any = event.data.get("metrics")
            run.metrics |= found if isinstance(found, dict) else {}

    def lines(self, now: datetime, columns: int, rows: int) -> list[Drawn]:
        """The sweep in at most `rows` lines, each narrower than `columns`."""
        order = sorted(self._runs.values(), key=lambda run: _place(run.status))
        chosen = set(map(id, order[: max(rows - 2, 0)]))
        shown = [run for run in self._runs.values() if id(run) in chosen]
        wide = max((cell_width(run.values) for run in shown), default=0)
        lines = [self._line(run, now, wide) for run in shown]
        head: list[Text] = [
            Span(f"sweep {short_id(self._group)}", Tone.STRONG),
            f" of {plural(len(self._runs), 'run')}",
        ]
        return [
            fitted(self._out, line, columns)
            for line in ([head, *lines, self._summary(now)] if rows > 2 else [self._summary(now)])
        ]

    def _line(self, run: _Line, now: datetime, wide: int) -> list[Text]:
        sign = state(run.status)
        mark, _, word = str(sign.text).partition(" ")
        line: list[Text] = [
            Span(f"  {mark}", sign.tone),
            f" {run.values}{' ' * (wide - cell_width(run.values))}",
            Span(f"  {word:<9}", sign.tone),
        ]
        if run.since is not None:
            line.append(f"  {whole_seconds(((run.until or now) - run.since).total_seconds()):>6}")
        line += [f"  {key}={number(value)}" for key, value in run.metrics.items()]
        if run.status == "running" and run.step:
            line.append(Span(f"  {run.step}", Tone.MUTED))
        if run.error:
            line.append(Span(f"  {run.error}", Tone.ERROR))
        return line

    def _summary(self, now: datetime) -> list[Text]:
        counts = Counter(run.status for run in self._runs.values())
        ended = sum(1 for run in self._runs.values() if run.until is not None)
        parts = [f"{ended} of {plural(len(self._runs), 'run')}"]
        parts += [
            f"{counts[status]} {status}" for status in _ORDER if counts[status] and status != "succeeded"
        ]
        parts.append(whole_seconds((now - self._began).total_seconds()))
        return [
            Span(" · ".join(parts), Tone.STRONG),
            Span(f" · {self._hint}" if self._hint else "", Tone.MUTED),
        ]


class LiveSweep(LiveRun):
    """The lines of one sweep, and what is said above them."""

    def show_sweep(self, part: Part) -> int:
        """Take one part of the stream in; returns the exit code that it asks for."""
        if isinstance(part, SweepBegan):
            self._tree = SweepPicture(part, self._out, self._hint)
        elif isinstance(part, SweepEvent) and isinstance(self._tree, SweepPicture):
            self._tree.take(part)
        self._changed = True
        if not isinstance(part, (SweepBegan, SweepEvent)) or part.event == "left_running":
            self.close()
            return self._write(self._face, part)
        if part.event in _ABOVE:
            self._write(self._above, part)
        self.turn()
        return 0


def _place(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)
