"""The lines above a run: its state, whose it is and when; its parameters, what it waits for or why it failed; what
people made of it; what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from stacktui.model.text import Clean
from stacktui.tui.marks import Tone, elapsed, running_for, state_text, tone_of

if TYPE_CHECKING:
    from stacktui.tui.screens.run_facts import RunFacts


class RunHead(Widget):
    """Redraws itself when it is given facts; while the run runs, once a second."""

    DEFAULT_CSS = """
    RunHead { height: 2; padding: 0 1; }
    RunHead.-three { height: 3; }
    RunHead.-four { height: 4; }
    """

    def __init__(self) -> None:
        super().__init__(id="run-head")
        self._facts: RunFacts | None = None

    def show(self, facts: RunFacts) -> None:
        """Draw a run."""
        self._facts = facts
        lines = 2 + bool(facts.about) + bool(facts.advice)
        self.set_class(lines == 3, "-three")
        self.set_class(lines == 4, "-four")
        self.refresh()

    def render(self) -> Content:
        facts = self._facts
        if facts is None:
            return Content("")
        took = running_for(facts.started_at) if facts.status == "running" else elapsed(facts.duration_s)
        tone = tone_of(facts.status)
        shown = tone if tone in (Tone.OK, Tone.WARN, Tone.ERROR, Tone.RUNNING) else Tone.ACCENT
        lines = [
            Content.assemble(
                (state_text(facts.status), f"bold $tone-{shown}"),
                (f"  {took}" if took else "", "bold"),
                (f"  {facts.head}", "$quiet"),
            ),
            _second(facts),
        ]
        if facts.about:
            lines.append(Content.styled(facts.about, "$tone-accent"))
        if facts.advice:
            lines.append(Content.styled(facts.advice, "$quiet"))
        return Content("\n").join(line.truncate(self.size.width, ellipsis=True) for line in lines)


def _second(facts: RunFacts) -> Content:
    if facts.error:
        return Content.styled(facts.error, "$tone-error")
    if facts.waits_for:
        return Content.styled(facts.waits_for, "$tone-warn")
    return Content.styled(facts.params or Clean("no parameters"), "$quiet")
