"""Asking components whether they can be reached, on a category's screen: each answer stands in its row as it arrives.

Held by the category screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from stacktui.model.text import Clean, clean
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, elapsed, glyph, state_text, tone_of
from stacktui.tui.snapshots.category import ComponentLine, ProbeLine
from stacktui.tui.widgets.facts import Fact, Section
from stacktui.tui.widgets.grid import Cell

if TYPE_CHECKING:
    from stacktui.operations.component import ProbeDocument
    from stacktui.tui.screens.category import CategoryScreen


class Probes:
    """The last answer of each component, unless it is configured otherwise since."""

    def __init__(self, screen: CategoryScreen) -> None:
        self._screen = screen
        self._found: dict[str, tuple[Any, ProbeLine]] = {}
        self._asked: set[str] = set()
        self._of_this_round: dict[str, ProbeLine] = {}
        """Answers since a key asked several."""

    def keep(self, lines: Iterable[ComponentLine]) -> None:
        """Take in the answers that came from elsewhere: from a stack's probe."""
        for line in lines:
            if line.probe is not None:
                self._found[line.name] = (line.component, line.probe)

    def of(self, line: ComponentLine) -> ProbeLine | None:
        """The last answer, unless the component is configured otherwise since."""
        component, found = self._found.get(line.name, (None, None))
        return found if component == line.component else None

    def cell(self, line: ComponentLine) -> Cell:
        """How it stands in a row."""
        if line.name in self._asked:
            return Cell(Clean(f"{glyph('◐')} asks"), Tone.RUNNING)
        found = self.of(line)
        if found is None:
            return Cell(Clean(""))
        text = f"{glyph('✓')} {_latency(found.latency_s)}" if found.ok else f"{glyph('✗')} fails"
        return Cell(Clean(text), tone_of("ok" if found.ok else "error"))

    def with_answer(self, line: ComponentLine | None, sections: tuple[Section, ...]) -> tuple[Section, ...]:
        """What is said about a component, with its last answer behind the head."""
        found = self.of(line) if line is not None else None
        if found is None:
            return sections
        state = "ok" if found.ok else "error"
        facts = (
            Fact(Clean(""), Clean(f"{state_text(state)}  {_latency(found.latency_s)}"), tone_of(state)),
            Fact(Clean(""), found.message),
        )
        return (*sections[:1], Section(Clean("probe"), facts), *sections[1:])

    def ask(self, lines: Iterable[ComponentLine]) -> None:
        """Ask components that are not being asked; several at once."""
        if not self._asked:
            self._of_this_round = {}
        wanted = [line for line in lines if line.name not in self._asked]
        self._asked |= {line.name for line in wanted}
        for line in wanted:
            self._screen.redraw_row(line.name)
            self._screen.workbench.background.submit(
                partial(self._answer, line.name), partial(self._arrived, line)
            )

    def _answer(self, name: str) -> ProbeDocument:
        from stacktui.operations.component import probe

        return cast("ProbeDocument", probe(self._screen.session, self._screen.category, name))

    def _arrived(self, line: ComponentLine, result: Any, error: BaseException | None) -> None:
        self._asked.discard(line.name)
        screen = self._screen
        if not screen.is_attached:
            return
        if error is not None:
            from stacktui.tui.doing import one_line

            screen.notice(one_line(error), error=True)
        else:
            found = ProbeLine(result.ok, clean(result.message), result.latency_s)
            self._found[line.name] = (line.component, found)
            self._of_this_round[line.name] = found
            self._say(line.name, found)
            screen.workbench.feed.publish(Topic.PROBES)
            screen.about_again()
        screen.redraw_row(line.name)

    def _say(self, name: str, found: ProbeLine) -> None:
        answers = self._of_this_round
        if len(answers) == 1:
            self._screen.notice(clean(f"{name}: {found.message}"), error=not found.ok)
            return
        failed = [f"{each}: {answer.message}" for each, answer in answers.items() if not answer.ok]
        said = f"{len(failed)} of {len(answers)} do not answer: {failed[0]}" if failed else ""
        self._screen.notice(clean(said or f"All {len(answers)} answer."), error=bool(failed))


def _latency(seconds: float) -> Clean:
    return Clean(f"{seconds * 1000:.0f}ms") if seconds < 1 else elapsed(seconds)
