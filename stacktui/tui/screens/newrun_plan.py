"""The plan under the form of a new run: for every step where it will run, whether it is cached and why; what stands
in the way. It is made in the background, and again when a value or a file changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.doing import one_line
from stacktui.tui.keys import bind
from stacktui.tui.live import LiveView, Topic
from stacktui.tui.marks import Tone, glyph, symbol_of, tone_of
from stacktui.tui.screens.run_details import short_ids
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.lanes import lanes
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.operations.plan import PlanDocument
    from stacktui.operations.session import Session

_MOST_SAID = 4


class Asked(NamedTuple):
    """What the plan is for."""

    target: str = ""
    values: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    stack: str | None = None
    """The stack if it was chosen here; None for the active one."""
    broken: Clean = Clean("")
    """Why the pipeline's file cannot be read, if that is what is chosen."""
    retry_of: str = ""
    """The run that is retried; empty for a run of its own."""
    begin: str | None = None
    """The step that the retry begins with; None for the whole run."""

    @property
    def params(self) -> tuple[str, ...]:
        """The values as the operations take them."""
        return tuple(f"{name}={value}" for name, value in self.values)


@dataclass(frozen=True)
class PlanLine:
    """One step."""

    name: Clean
    lane: Clean
    cached: bool | None
    where: Clean
    reason: Clean
    secrets: Clean = Clean("")
    """The names of the secrets that it needs."""
    kept: bool = False
    """Whether the result of the run that is retried stands in for it, whatever changed."""


@dataclass(frozen=True)
class Said:
    """A line about what stands in the way."""

    severity: str
    text: Clean


@dataclass(frozen=True)
class PlanSnapshot:
    """A plan, or why there is none."""

    asked: Asked
    stack: Clean = Clean("")
    why: Clean = Clean("")
    """Why that stack."""
    protected: bool = False
    steps: tuple[PlanLine, ...] = ()
    said: tuple[Said, ...] = ()
    problem: Clean = Clean("")
    """The error of the typed values or of the pipeline; empty if it can be drawn."""


class PlanPanel(Panel, LiveView[PlanSnapshot]):
    """The stack in force, findings, and the steps with what will happen to each."""

    topics: ClassVar[frozenset[Topic]] = frozenset({Topic.FILES, Topic.ACTIVE})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("plan.zoom", "z", "zoom", "zoom", rank=12, help="Give the whole screen to the plan, and back."),
    ]

    class Shown(Message):
        """A plan, or why there is none, is on screen."""

        def __init__(self, plan: PlanSnapshot) -> None:
            super().__init__()
            self.plan = plan

    def __init__(self) -> None:
        super().__init__(
            Static(id="plan-stack"),
            Static(id="plan-said"),
            Grid(
                Column("lane", "", 3),
                Column("name", "step", 14),
                Column("cached", "will", 9),
                Column("where", "where", 12, drop=2),
                Column("reason", "why", 34, grow=True),
                markable=False, id="plan", empty=Clean(""),
            ),
            title="plan", id="newrun-plan",
        )  # fmt: skip
        self.asked = Asked()

    def ask(self, asked: Asked) -> None:
        """Plan that; an answer to an earlier question is dropped."""
        self.asked = asked
        self.thinking()
        self.reload_now()

    def thinking(self) -> None:
        """Say that what is shown is not the plan for what is typed."""
        self.set_note("planning…" if glyph("…") == "…" else "planning ...")

    # In a thread.

    def load(self, session: Session) -> PlanSnapshot:
        asked = self.asked
        try:
            stack, why, protected = _stack_of(session, asked)
        except Exception as error:
            return PlanSnapshot(asked, problem=one_line(error))
        plan = PlanSnapshot(asked, clean(stack), clean(why), protected)
        if asked.broken:
            return _with(plan, problem=asked.broken)
        if not asked.target:
            return plan
        if asked.missing:
            names = ", ".join(asked.missing)
            return _with(plan, said=(Said("hint", clean(f"fill in {names}: no default is given")),))
        from stacktui.operations.errors import UserCodeError
        from stacktui.operations.session import run_operation
        from stacktui.operations.table import operations_of

        try:
            arguments: dict[str, Any] = (
                {"retry": asked.retry_of, "from_step": asked.begin}
                if asked.retry_of
                else {"target": asked.target, "param": asked.params, "stack": asked.stack}
            )
            found: PlanDocument = run_operation(session, operations_of("plan")["plan"], **arguments)
        except UserCodeError as error:
            frames = tuple(Said("frame", clean(line)) for line in error.frames.rstrip().splitlines())
            return _with(plan, problem=_plainly(one_line(error)), said=frames)
        except Exception as error:
            return _with(plan, problem=one_line(error))
        steps = _lines(found)
        return _with(plan, steps=steps, said=(*_findings(found), *_secrets(steps)))

    # On the loop.

    def load_failed(self, error: BaseException) -> None:
        self.show(PlanSnapshot(self.asked, problem=one_line(error)))

    def show(self, snapshot: PlanSnapshot) -> None:
        self.query_one("#plan-stack", Static).update(_stack_line(snapshot))
        said = self.query_one("#plan-said", Static)
        lines = _said_lines(snapshot)
        said.display = bool(lines)
        said.update(Content("\n").join(lines))
        grid = self.query_one("#plan", Grid)
        lane = min(12, max((len(step.lane) for step in snapshot.steps), default=1))
        name = min(28, max((max(4, len(step.name)) for step in snapshot.steps), default=14))
        where = min(16, max((len(step.where) for step in snapshot.steps), default=8))
        widths = {"lane": lane, "name": name, "where": max(5, where)}
        columns = tuple(
            column._replace(width=widths.get(column.key, column.width)) for column in grid.columns
        )
        if columns != grid.columns:
            grid.set_columns(*columns)
        grid.display = bool(snapshot.steps)
        grid.set_rows(_row(step) for step in snapshot.steps)
        self.set_title(_title(snapshot.steps))
        self.post_message(self.Shown(snapshot))

    def action_zoom(self) -> None:
        """The plan over the whole screen, and back."""
        self.screen.toggle_class("-plan")

    @on(Grid.Opened, "#plan")
    def _opened(self, event: Grid.Opened) -> None:
        """A reason that is cut in its column, whole."""
        event.stop()
        from stacktui.tui.dialogs.simple import TextDialog

        steps = self.snapshot.steps if self.snapshot else ()
        line = next((step for step in steps if step.name == event.key), None)
        if line is not None:
            secrets = f"\n\nsecrets: {line.secrets}" if line.secrets else ""
            self.workbench.push_screen(TextDialog(line.name, Clean(f"{line.reason}{secrets}")))

    def answered(self) -> None:
        """What is shown is the plan for what is typed."""
        self.set_note("")

    def _arrived(self, epoch: int, result: object, error: BaseException | None) -> None:
        super()._arrived(epoch, result, error)
        if epoch == self._epoch and self.is_attached:
            self.answered()


def _with(plan: PlanSnapshot, **changes: object) -> PlanSnapshot:
    return replace(plan, **changes)  # type: ignore[arg-type]


def _stack_of(session: Session, asked: Asked) -> tuple[str, str, bool]:
    snapshot = session.snapshot()
    chosen = "the run's" if asked.retry_of else "chosen here"
    name, why = (asked.stack, chosen) if asked.stack else session.active(snapshot)
    resolved = session.resolved(name, snapshot)
    return resolved.name, why, resolved.protected


def _lines(plan: PlanDocument) -> tuple[PlanLine, ...]:
    drawn = lanes([step.name for step in plan.steps], {step.name: step.after for step in plan.steps})
    return tuple(
        PlanLine(
            clean(step.name), lane, step.cached, clean(step.where.partition("/")[2] or step.where),
            clean(_short_reason(step.reason, step.name)), clean(", ".join(step.secrets)), step.kept,
        )
        for step, lane in zip(plan.steps, drawn, strict=True)
    )  # fmt: skip


def _title(steps: tuple[PlanLine, ...]) -> Clean:
    """`plan: 2 kept, 1 cached of 5`."""
    kept = sum(step.kept for step in steps)
    cached = sum(step.cached is True and not step.kept for step in steps)
    counts = [f"{kept} kept"] if kept else []
    counts += [f"{cached} cached"] if cached else []
    if not counts:
        return Clean(f"plan {len(steps)}" if steps else "plan")
    return Clean(f"plan: {', '.join(counts)} of {len(steps)}")


def _secrets(steps: tuple[PlanLine, ...]) -> tuple[Said, ...]:
    """The secrets that steps need, in one line."""
    needed = [f"{step.secrets} ({step.name})" for step in steps if step.secrets and not step.kept]
    return (Said("info", clean(f"secrets: {', '.join(needed)}")),) if needed else ()


def _short_reason(reason: str, step: str) -> str:
    """The usual reason in a form that fits into its column."""
    text = short_ids(reason)
    same = f" did the same in step `{step}`"
    return f"same as {text.removesuffix(same)}" if text.endswith(same) else text


def _findings(plan: PlanDocument) -> tuple[Said, ...]:
    shown = [each for each in plan.diagnostics if each.severity in ("error", "warning")]
    shown.sort(key=lambda each: each.severity != "error")
    return tuple(Said(str(each.severity), clean(f"{each.code} {each.message}")) for each in shown)


def _plainly(text: Clean) -> Clean:
    """The advice of the command line's error, as it is followed here."""
    return Clean(re.sub(r": give it as -p \w+=…$", "; fill it in", text))


def _stack_line(plan: PlanSnapshot) -> Content:
    if not plan.stack:
        return Content("")
    pieces = [("stack ", "$quiet"), (plan.stack, "bold $tone-accent")]
    if plan.protected:
        pieces.append((" protected", "$tone-warn"))
    if plan.why:
        pieces.append((f" {glyph('·')} {plan.why}", "$quiet"))
    return Content.assemble(*pieces)


def _said_lines(plan: PlanSnapshot) -> list[Content]:
    lines = []
    if plan.problem:
        lines.append(Content.assemble((f"{glyph('✗')} ", "$tone-error"), (plan.problem, "$tone-error")))
    shown = plan.said if plan.problem else plan.said[:_MOST_SAID]
    for said in shown:
        if said.severity == "frame":
            lines.append(Content.styled(said.text, "$quiet"))
        else:
            tone = tone_of(said.severity)
            style = f"$tone-{tone}" if tone in (Tone.ERROR, Tone.WARN) else "$quiet"
            lines.append(Content.assemble((f"{symbol_of(said.severity)} ", style), said.text))
    if len(plan.said) > len(shown):
        lines.append(Content.styled(f"and {len(plan.said) - len(shown)} more: p lists all", "$quiet"))
    return lines


_WILL: Mapping[bool | None, tuple[str, str, Tone]] = {
    True: ("◐", "cached", Tone.OK),
    False: ("●", "runs", Tone.RUNNING),
    None: ("?", "depends", Tone.WARN),
}


def _row(step: PlanLine) -> Row:
    symbol, word, tone = ("◐", "kept", Tone.OK) if step.kept else _WILL[step.cached]
    return Row(
        step.name,
        (
            Cell(step.lane, Tone.MUTED),
            Cell(step.name),
            Cell(Clean(f"{glyph(symbol)} {word}"), tone),
            Cell(step.where, Tone.MUTED),
            Cell(step.reason, Tone.MUTED),
        ),
    )
