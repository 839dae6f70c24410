"""The two lines above a run: its state, whose it is and when; then its parameters, or why it failed."""

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
    RunHead.-advice { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__(id="run-head")
        self._facts: RunFacts | None = None

    def show(self, facts: RunFacts) -> None:
        """Draw a run."""
        self._facts = facts
        self.set_class(bool(facts.advice), "-advice")
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
            Content.styled(facts.error, "$tone-error")
            if facts.error
            else Content.styled(facts.params or Clean("no parameters"), "$quiet"),
        ]
        if facts.advice:
            lines.append(Content.styled(facts.advice, "$quiet"))
        return Content("\n").join(line.truncate(self.size.width, ellipsis=True) for line in lines)
