"""The live pane of an alerter: its inbox, questions that wait first; answering one, and a test message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean, clean_block
from stacktui.operations.moments import full_stamp
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, elapsed, glyph, symbol_of, tone_of
from stacktui.tui.panes.base import Pane, Source
from stacktui.tui.screens.base import Subject
from stacktui.tui.widgets.facts import Fact, Facts, Section
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from datetime import datetime

    from stacktui.model.alert import InboxItem

_AT_MOST = 500


@dataclass(frozen=True)
class Letter:
    """One message or question."""

    id: str
    text: Clean
    whole: Clean
    level: str
    question: bool
    pending: bool
    choices: tuple[Clean, ...]
    default: Clean
    answer: Clean
    answered_by: Clean
    run_id: str
    step: Clean
    created_at: datetime
    expires_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True)
class Inbox:
    """What this alerter said and asked, questions that wait first."""

    letters: tuple[Letter, ...]
    capabilities: frozenset[str]


class AlerterPane(Pane[Inbox]):
    """An alerter's inbox."""

    topics = frozenset({Topic.INBOX, Topic.RUNS, Topic.FILES, Topic.ACTIVE})
    WORD = "messages"
    EMPTY = Clean("Nobody has said anything yet. P posts a test message.")
    STACK_ONLY = frozenset({"post_test"})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pane_inbox.answer", "A", "answer_question", "answer", writes=True, rank=2, help="Answer the question that waits."),
        bind("pane_inbox.post", "P", "post_test", "test post", writes=True, rank=3, help="Post a test message through this alerter."),
        bind("pane_inbox.run", "w", "open_alert_run", "its run", rank=4, help="Open the run that it came from."),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        yield self.main_panel(
            Grid(
                Column("state", "", 1),
                Column("text", "message", 24, grow=True),
                Column("answer", "answer", 11, drop=2),
                Column("from", "from", 8, drop=3),
                Column("age", "age", 5, align="right"),
                markable=False,
                marker_without_focus=False,
                id="inbox",
                empty=self.EMPTY,
            )
        )
        yield self.detail_panel(Facts(id="letter"), title="message")

    def read(self, source: Source) -> Inbox:
        store = source.session.store()
        name = source.component.name
        items = {item.id: item for item in (*store.inbox(pending=True), *store.inbox(limit=_AT_MOST))}
        mine = [_letter(item) for item in items.values() if item.alerter == name]
        mine.sort(key=lambda letter: (not letter.pending, -letter.created_at.timestamp()))
        return Inbox(tuple(mine), frozenset(source.live.facts.capabilities))

    def draw(self, data: Inbox) -> None:
        waiting = sum(letter.pending for letter in data.letters)
        self.main_grid.set_rows(_row(letter) for letter in data.letters)
        self.entitle(len(data.letters), f"{waiting} to answer" if waiting else "")
        self.keep_ticking(any(letter.pending and letter.expires_at for letter in data.letters))
        self._draw_letter()

    def blank(self, why: Clean) -> None:
        super().blank(why)
        self.keep_ticking(False)

    def tick(self) -> None:
        for letter in self.data.letters if self.data is not None else ():
            if letter.pending and letter.expires_at is not None:
                self.main_grid.update_row(_row(letter))

    def on_grid_moved(self, event: Grid.Moved) -> None:
        self._draw_letter()

    def _draw_letter(self) -> None:
        letter = self._letter()
        if letter is None:
            self.show_detail(())
            return
        facts = [Fact(Clean(""), letter.whole)]
        if letter.question:
            facts.append(Fact(Clean("choices"), Clean("  ".join(letter.choices)), Tone.ACCENT))
        if letter.default:
            facts.append(Fact(Clean("default"), letter.default))
        if letter.answer:
            who = f"  by {letter.answered_by}" if letter.answered_by else ""
            facts.append(Fact(Clean("answer"), clean(f"{letter.answer}{who}"), Tone.OK))
        elif letter.question and not letter.pending:
            facts.append(Fact(Clean("answer"), Clean("none: the time was up"), Tone.WARN))
        elif letter.pending:
            facts.append(Fact(Clean(""), Clean("enter answers it"), Tone.WARN))
        facts.append(Fact(Clean("at"), clean(full_stamp(letter.created_at)), Tone.MUTED))
        if letter.run_id:
            where = (
                f"step {letter.step} of run {short_id(letter.run_id)}"
                if letter.step
                else f"run {short_id(letter.run_id)}"
            )
            facts.append(Fact(Clean("from"), clean(where), Tone.MUTED))
        self.show_detail((Section(Clean(""), tuple(facts)),))
        self.detail_title("question" if letter.question else letter.level)

    def _letter(self) -> Letter | None:
        key = self.main_grid.cursor_key
        return next((x for x in self.data.letters if x.id == key), None) if self.data else None

    def opened(self, key: str) -> None:
        letter = self._letter()
        if letter is not None and letter.pending and self.refusal("answer_question") is None:
            self.action_answer_question()
        else:
            self.open_detail()

    def subject(self) -> Subject | None:
        letter = self._letter()
        return (
            Subject("alert", {"id": letter.id}, clean(f"message {short_id(letter.id)}")) if letter else None
        )

    def refusal(self, action: str) -> str | None:
        letter = self._letter()
        if action == "answer_question" and (letter is None or not letter.pending):
            return "no question that waits is chosen"
        if action == "open_alert_run" and (letter is None or not letter.run_id):
            return "no run sent it"
        if action == "post_test" and self.data is not None and "post" not in self.data.capabilities:
            return "this alerter does not post"
        return super().refusal(action)

    def action_answer_question(self) -> None:
        letter, app = self._letter(), self.workbench
        if letter is None:
            return
        session = self.session

        def arrived(item: Any, error: BaseException | None) -> None:
            from stacktui.tui.dialogs.questions import ask_question
            from stacktui.tui.doing import one_line

            if error is not None:
                self.host.notice(one_line(error), error=True)
            else:
                ask_question(app, item)

        app.background.submit(lambda: session.store().inbox_item(letter.id), arrived)

    def action_post_test(self) -> None:
        from stacktui.tui.dialogs.simple import PromptDialog

        name = self.component_name
        self.host.ask(
            PromptDialog(
                clean(f"post through {name}"), "The message that people get:", value="a test from stacktui"
            ),
            lambda text: self.host.do("alert post", text=text, alerter=name) if text else None,
        )

    def action_open_alert_run(self) -> None:
        letter = self._letter()
        if letter is not None and letter.run_id:
            self.workbench.open_place("run", letter.run_id)


def _letter(item: InboxItem) -> Letter:
    return Letter(
        item.id, clean(item.text), clean_block(item.text), item.level.value, item.kind == "question", item.pending,
        tuple(map(clean, item.choices)), clean(item.default or ""), clean(item.answer or ""),
        clean(item.answered_by or ""), item.run_id or "", clean(item.step or ""),
        item.created_at, item.expires_at, item.closed_at,
    )  # fmt: skip


def _row(letter: Letter) -> Row:
    if letter.pending:
        state, answer = Cell(Clean("?"), Tone.WARN), Cell(_until(letter), Tone.WARN)
    elif letter.question:
        text = letter.answer or Clean("none")
        state, answer = (
            Cell(Clean(glyph("✓") if letter.answer else glyph("■")), Tone.MUTED),
            Cell(text, Tone.MUTED),
        )
    else:
        state, answer = Cell(symbol_of(letter.level), tone_of(letter.level)), Cell(Clean(""))
    return Row(
        letter.id,
        (
            state,
            Cell(letter.text, Tone.STRONG if letter.pending else Tone.PLAIN),
            answer,
            Cell(letter.step or Clean(letter.run_id[:8]), Tone.MUTED),
            Cell(ago(letter.created_at), Tone.MUTED),
        ),
    )


def _until(letter: Letter) -> Clean:
    """How long it still waits, in whole seconds."""
    if letter.expires_at is None:
        return Clean("waits")
    from stacktui.model.base import now

    left = int((letter.expires_at - now()).total_seconds())
    return Clean(f"waits {left}s") if 0 <= left < 60 else clean(f"waits {elapsed(float(left))}")
