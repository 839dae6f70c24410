"""The live tree of a run as lines that fit a terminal: header, steps, a line that sums up. Used by `live`.

A state has a sign, a word and a colour. What does not fit is folded: steps that are done into a count first, then
those that have not begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from stacktui.cli.region import Drawn
from stacktui.cli.run_state import RunState, StepState
from stacktui.cli.terminal import Out, Span, Text, Tone, cell_width, shortened
from stacktui.cli.words import plural, state
from stacktui.model.base import short_id
from stacktui.model.run import StepStatus
from stacktui.model.text import clean, unstyled

_NAME = 28
_BAR = 12
_LEVELS = 5
_DONE = (StepStatus.SUCCEEDED, StepStatus.CACHED, StepStatus.SKIPPED, StepStatus.CANCELLED)
_OPEN = (StepStatus.RUNNING, StepStatus.RETRYING, StepStatus.FAILED, StepStatus.LOST, StepStatus.PENDING)


class RunTree:
    """Draws one run. `hint` says at the end what the person can do."""

    def __init__(self, run: RunState, out: Out, hint: str) -> None:
        self._run = run
        self._out = out
        self._hint = hint

    def lines(self, now: datetime, columns: int, rows: int) -> list[Drawn]:
        """The tree in at most `rows` lines, each narrower than `columns`."""
        if rows < 3:
            return [fitted(self._out, self._summary(now), columns)]
        body = self._body(now, rows - 2)
        return [fitted(self._out, line, columns) for line in (self._header(), *body, self._summary(now))]

    # The parts.

    def _header(self) -> list[Text]:
        run = self._run
        status = "stopping" if run.stopping and not run.status.finished else run.status.value
        line: list[Text] = [
            state(status),
            Span(f"  {run.run.name}", Tone.STRONG),
            f"  {short_id(run.run.id)}",
            Span(f"  on stack {run.run.stack}", Tone.MUTED),
        ]
        if run.waits_for:
            line.append(Span(f"  {run.waits_for}", Tone.WARN))
        return line

    def _summary(self, now: datetime) -> list[Text]:
        run = self._run
        counts = run.counts
        parts = [f"{run.finished} of {plural(run.total, 'step')}"]
        parts += [
            f"{counts[status]} {status.value}"
            for status in (StepStatus.CACHED, StepStatus.FAILED)
            if counts[status]
        ]
        if run.started_at is not None:
            parts.append(whole_seconds((now - run.started_at).total_seconds()))
        return [
            Span(" · ".join(parts), Tone.STRONG),
            Span(f" · {self._hint}" if self._hint else "", Tone.MUTED),
        ]

    def _body(self, now: datetime, room: int) -> list[list[Text]]:
        run = self._run
        if run.total > room and room < 3:
            line = self._fold([], (*_DONE, *_OPEN))
            return [line] if line and room > 0 else []
        said = sum(1 for step in run.active.values() if step.said)
        folded = run.total > room
        shown = self._chosen(room - 2, said) if folded else list(run.steps.values())
        # The last lines of what runs, where there is room for all of them.
        details = len(shown) + 2 * folded + said <= room
        widest = max((cell_width(clean(step.name)) + self._indent(step) for step in shown), default=0)
        lines: list[list[Text]] = []
        if folded and (line := self._fold(shown, _DONE)):
            lines.append(line)
        for step in shown:
            lines.append(self._step(step, now, min(widest, _NAME)))
            if details and step.active and step.said:
                lines.append(
                    [
                        Span(
                            f"{' ' * (self._indent(step) + 4)}{clean(unstyled(step.said)).strip()}",
                            Tone.MUTED,
                        )
                    ]
                )
        if folded and (line := self._fold(shown, _OPEN)):
            lines.append(line)
        return lines

    def _chosen(self, room: int, said: int) -> list[StepState]:
        """The steps that get a line of their own where not all can: what is broken, what runs, what is next to it."""
        run = self._run
        chosen: dict[str, StepState] = {}

        def take(steps: Iterable[StepState], most: int) -> None:
            for step in steps:
                if len(chosen) >= room or most <= 0:
                    return
                if step.name not in chosen:
                    chosen[step.name] = step
                    most -= 1

        take(run.broken.values(), max(room // 2, 1))
        take(run.active.values(), room)
        # A glance at what was and what comes, and lines for what the running ones say.
        spare = room - len(chosen) - said
        take(run.pending(), min(3, spare))
        take(reversed(run.ended), spare - 3)
        places = {name: place for place, name in enumerate(run.steps)} if len(chosen) > 1 else {}
        return sorted(chosen.values(), key=lambda step: places.get(step.name, 0))

    def _fold(self, shown: list[StepState], statuses: Iterable[StepStatus]) -> list[Text]:
        """The steps without a line of their own, counted by state."""
        line: list[Text] = []
        for status in statuses:
            count = self._run.counts[status] - sum(1 for step in shown if step.status is status)
            if count > 0:
                sign = state(status.value)
                mark = str(sign.text).split(" ")[0]
                line.append(
                    Span(
                        f"{'  ' if line else ''}{mark} {count} {'more ' if shown else ''}{status.value}",
                        sign.tone,
                    )
                )
        return ["  ", *line] if line else []

    def _step(self, step: StepState, now: datetime, name_width: int) -> list[Text]:
        sign = state(step.status.value)
        mark, _, word = str(sign.text).partition(" ")
        indent = self._indent(step)
        name = shortened(clean(step.name), max(name_width - indent, 6))
        pad = " " * max(name_width - indent - cell_width(name), 0)
        line: list[Text] = [
            "  " + " " * indent,
            Span(mark, sign.tone),
            Span(f" {name}{pad}", Tone.STRONG if step.active else Tone.PLAIN),
            Span(f"  {word:<9}", sign.tone),
        ]
        tail = self._tail(step, now)
        return [*line, *tail]

    def _tail(self, step: StepState, now: datetime) -> list[Text]:
        """What else is known of a step: the most wanted first, for the end is cut where the terminal is narrow."""
        said: list[Text] = []
        if step.status is StepStatus.PENDING:
            return said
        if step.status is StepStatus.CACHED:
            return [Span(f"  from run {short_id(step.cached_from)}", Tone.MUTED)] if step.cached_from else []
        if step.started_at is not None:
            until = now if step.status is StepStatus.RUNNING else step.finished_at or now
            said.append(f"  {whole_seconds((until - step.started_at).total_seconds()):>6}")
        allowed = self._run.attempts_allowed(step) if step.active or step.attempt > 1 else 1
        if step.status is StepStatus.RETRYING:
            due = self._run.next_attempt(step)
            when = ""
            if due is not None:
                left = max((due[0] - now).total_seconds(), 0.0)
                when = f", next in {'' if due[1] else 'about '}{whole_seconds(left)}"
            said.append(
                Span(f"  attempt {step.attempt} of {max(allowed, step.attempt)} failed{when}", Tone.WARN)
            )
        elif allowed > 1 or step.attempt > 1:
            of = f" of {allowed}" if allowed >= step.attempt else ""
            said.append(Span(f"  attempt {step.attempt}{of}", Tone.WARN if step.attempt > 1 else Tone.MUTED))
        if (
            step.status is StepStatus.RUNNING
            and step.done is not None
            and (step.done or step.total is not None)
        ):
            said.append(f"  {_progress(step.done, step.total)}")
        if step.error and step.status is not StepStatus.RUNNING:
            said.append(Span(f"  {step.error}", Tone.ERROR))
        if step.where and step.active:
            said.append(Span(f"  {step.where}", Tone.MUTED))
        return said

    def _indent(self, step: StepState) -> int:
        return 2 * min(step.level, _LEVELS)


def fitted(out: Out, line: Iterable[Text], columns: int) -> Drawn:
    """A line cut to less than the terminal's width, as it is written to `out`."""
    room = max(columns - 1, 1)
    said: list[str] = []
    width = 0
    for span in line:
        text, tone = (span.text, span.tone) if isinstance(span, Span) else (span, Tone.PLAIN)
        shown = out.shown(clean(text))
        cut = shortened(shown, room - width)
        said.append(out.styled(cut, tone))
        width += cell_width(cut)
        if cut != shown or width >= room:
            break
    return Drawn("".join(said), width)


def whole_seconds(seconds: float) -> str:
    """A time that runs: `7 s`, `3 m 04 s`, `2 h 10 m`. It changes once a second at most."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def _progress(done: float, total: float | None) -> str:
    """`━━━━━╌╌╌╌╌  50 %`, or what is done where nobody knows how much there is."""
    if total is None or not total > 0 or done != done:  # noqa: PLR0124 - only NaN differs from itself
        return f"{done:.6g} done"
    part = min(max(done / total, 0.0), 1.0)
    full = int(part * _BAR)
    return f"{'━' * full}{'╌' * (_BAR - full)} {part * 100:.0f} %"
