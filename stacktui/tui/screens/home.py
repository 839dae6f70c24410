"""Home: the active stack, what is wrong, what runs now, what ran last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from stacktui.model.base import short_id
from stacktui.model.text import Clean, clean
from stacktui.tui.keys import bind
from stacktui.tui.live import Topic
from stacktui.tui.marks import Tone, ago, elapsed, glyph, running_for, state_text, symbol_of, tone_of
from stacktui.tui.screens.base import Subject, WorkbenchScreen
from stacktui.tui.screens.problems import file_of, finding_keys, place_of
from stacktui.tui.screens.run_actions import Chosen, RunActions
from stacktui.tui.snapshots.home import HomeSnapshot, RunLine, Slot, load_home, probe_stack
from stacktui.tui.widgets.bars import progress_bar
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session

_FINDINGS = 30
_BAR = 10


class HomeScreen(RunActions, WorkbenchScreen[HomeSnapshot]):
    """The first screen."""

    topics = frozenset({Topic.FILES, Topic.ACTIVE, Topic.RUNS, Topic.PROBES, Topic.FINDINGS})
    BINDINGS: ClassVar[list[BindingType]] = [
        bind(
            "home.probe",
            "b",
            "probe",
            "probe",
            rank=5,
            help="Ask every component of the stack whether it answers.",
        ),
        bind("home.editor", "E", "edit_chosen_file", "editor", writes=True, rank=41,
             help="Open the component's file, or the finding's place, in $EDITOR."),
        # The keys of the table of operations; without the table, which the first frame has no use for.
        bind("home.runs.stop", "x", "operation('runs stop')", "stop", writes=True, rank=40, help="Stop the run."),
        bind(
            "home.runs.resume", "T", "operation('runs resume')", "resume", writes=True, rank=40,
            help="Take up a run that failed, was stopped or was lost.",
        ),
        bind(
            "home.runs.retry", "t", "operation('runs retry')", "retry", writes=True, rank=40,
            help="Start the run anew with today's code.",
        ),
        bind("home.next", "tab", "focus_next", "next panel", rank=30, help="To the next panel."),
        bind("home.previous", "shift+tab", "focus_previous", "previous panel", rank=150),
    ]  # fmt: skip
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]

    def body(self) -> ComposeResult:
        with Horizontal(id="home"):
            with Vertical(id="home-left"):
                with Panel(title="stack", id="home-stack"):
                    yield Grid(
                        Column("key", "", 1),
                        Column("category", "", 18),
                        Column("component", "", 10, grow=True),
                        Column("flavor", "", 10, drop=1),
                        Column("state", "", 1, drop=2),
                        header=False, markable=False, marker_without_focus=False, id="slots",
                        empty=Clean("No stack is active. s lists the stacks; enter on one makes it active."),
                    )  # fmt: skip
                with Panel(title="problems", id="home-problems"):
                    yield Grid(
                        Column("severity", "", 1),
                        Column("message", "", 44, grow=True),
                        Column("place", "", 24, drop=1),
                        header=False, markable=False, marker_without_focus=False, id="home-findings",
                        empty=Clean("Not checked yet."),
                    )  # fmt: skip
            with Vertical(id="home-right"):
                with Panel(title="running now", id="home-running"):
                    yield Grid(
                        Column("name", "", 12, grow=True),
                        Column("doing", "", 14, grow=True, drop=1),
                        Column("bar", "", _BAR, drop=2),
                        Column("elapsed", "", 6, align="right"),
                        header=False, markable=False, marker_without_focus=False, id="running",
                        empty=Clean("Nothing runs. n starts a run."),
                    )  # fmt: skip
                with Panel(title="last runs", id="home-runs"):
                    yield Grid(
                        Column("name", "", 22, grow=True),
                        Column("status", "", 11),
                        Column("stack", "", 10, drop=3),
                        Column("took", "", 6, align="right", drop=2),
                        Column("age", "", 4, align="right", drop=1),
                        header=False, markable=False, marker_without_focus=False, id="last",
                        empty=Clean("No runs yet. n starts the first one."),
                    )  # fmt: skip

    def on_mount(self) -> None:
        first = self.workbench.first
        if self.snapshot is None and first is not None:
            self.workbench.feed.summary = first.summary
            self.snapshot = first.home
            self.show(first.home)

    def load(self, session: Session) -> HomeSnapshot:
        return load_home(session, self.workbench.feed.findings)

    def show(self, snapshot: HomeSnapshot) -> None:
        stack_panel = self.query_one("#home-stack", Panel)
        slots = self.query_one("#slots", Grid)
        stack_panel.set_title(f"stack {snapshot.stack}" if snapshot.stack else "stack")
        if snapshot.why:
            slots.empty = snapshot.why
        slots.set_rows(_slot_row(slot) for slot in snapshot.slots)
        running = self.query_one("#running", Grid)
        running.set_rows(_running_row(run) for run in snapshot.running)
        queued = sum(run.status == "queued" for run in snapshot.running)
        panel = self.query_one("#home-running", Panel)
        panel.set_title("running now", len(snapshot.running) - queued or None)
        panel.set_note(f"{queued} queued" if queued else "")
        last = self.query_one("#last", Grid)
        if snapshot.store_problem:
            last.empty = snapshot.store_problem
        last.set_rows(_last_row(run) for run in snapshot.last)
        lost = sum(run.status == "lost" for run in snapshot.last)
        self.query_one("#home-runs", Panel).set_note(f"{lost} lost: T resumes the one chosen" if lost else "")
        self._show_findings(snapshot)
        self.keep_ticking(bool(snapshot.running))

    def _show_findings(self, snapshot: HomeSnapshot) -> None:
        grid, found = self.query_one("#home-findings", Grid), snapshot.findings
        if found is not None:
            grid.empty = Clean("None: every rule passes.")
        grid.set_rows(
            _finding_row(key, item, snapshot.root) for key, item in finding_keys((found or ())[:_FINDINGS])
        )
        panel = self.query_one("#home-problems", Panel)
        panel.set_title("problems", len(found) if found else None)
        panel.set_note("p shows all" if found else "")

    def tick(self) -> None:
        if self.snapshot is not None:
            running = self.query_one("#running", Grid)
            for run in self.snapshot.running:
                running.update_row(_running_row(run))

    def subject(self) -> Subject | None:
        grid = self.focused
        if not isinstance(grid, Grid) or grid.cursor_key is None or self.snapshot is None:
            return None
        if grid.id == "slots":
            slot = next((s for s in self.snapshot.slots if _slot_key(s) == grid.cursor_key), None)
            if slot is not None and slot.name:
                label = Clean(f"{slot.category.facts.title} {slot.name}")
                return Subject("component", {"category": slot.category, "name": str(slot.name)}, label)
        if grid.id in ("running", "last"):
            arguments = {"run_id": grid.cursor_key, "run_ids": (grid.cursor_key,)}
            return Subject("run", arguments, Clean(f"run {short_id(grid.cursor_key)}"))
        return None

    def chosen_runs(self) -> tuple[Chosen, ...]:
        grid = self.focused
        if not isinstance(grid, Grid) or grid.id not in ("running", "last") or self.snapshot is None:
            return ()
        runs = (*self.snapshot.running, *self.snapshot.last)
        return tuple(
            Chosen(run.id, run.name, run.status, run.pinned, run.note)
            for run in runs
            if run.id == grid.cursor_key
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "operation" and not self.chosen_runs():
            # Home has other things beside runs: there these keys are not even greyed.
            return False
        return super().check_action(action, parameters)

    def refusal(self, action: str) -> str | None:
        if action == "probe" and (self.snapshot is None or not self.snapshot.slots):
            return "no stack is active"
        if action == "edit_chosen_file" and self._chosen_file() is None:
            return "no file is chosen"
        return super().refusal(action)

    def _chosen_file(self) -> tuple[Path, Diagnostic | None] | None:
        """The file of what is chosen: a component's, or a finding's with the finding."""
        grid, snapshot = self.focused, self.snapshot
        if not isinstance(grid, Grid) or snapshot is None or not self.is_mounted:
            return None
        if grid.id == "slots":
            slot = next((s for s in snapshot.slots if _slot_key(s) == grid.cursor_key), None)
            if slot is None or not slot.name or slot.state == "missing":
                return None
            return self.session.workspace.component_file(slot.category, str(slot.name)), None
        if grid.id == "home-findings":
            found = finding_keys((snapshot.findings or ())[:_FINDINGS])
            finding = next((each for key, each in found if key == grid.cursor_key), None)
            if finding is not None and finding.file is not None:
                return finding.file, finding
        return None

    def action_edit_chosen_file(self) -> None:
        from stacktui.tui.editor import open_in_editor, worst_in

        chosen = self._chosen_file()
        if chosen is None or self.snapshot is None:
            return
        file, finding = chosen
        place = (finding.line, finding.column) if finding else worst_in(file, self.snapshot.findings or ())
        open_in_editor(self.workbench, file, *place)

    def action_probe(self) -> None:
        """Probe the stack's components side by side; each answer is shown as it comes."""
        session, feed = self.session, self.workbench.feed

        def work() -> tuple[int, int]:
            good = bad = 0
            for _, result in probe_stack(session):
                good, bad = good + result.ok, bad + (not result.ok)
                feed.publish_from_thread(Topic.PROBES)
            return good, bad

        def done(counts: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if error is not None:
                self.notice(one_line(error), error=True)
            else:
                good, bad = counts
                says = f"{good} of {good + bad} answer" + ("; enter on one shows why" if bad else "")
                self.notice(says, error=bool(bad))

        self.notice("Probing…")
        self.workbench.background.submit(work, done)

    @on(Grid.Opened)
    def _opened(self, event: Grid.Opened) -> None:
        if event.grid.id == "slots":
            category, _, name = event.key.partition("/")
            self.workbench.open_place(category, name)
        elif event.grid.id in ("running", "last"):
            self.workbench.open_place("run", event.key)
        else:
            self.workbench.open_place("problems", event.key)


def _finding_row(key: str, finding: Diagnostic, root: Path) -> Row:
    place = place_of(finding)
    where = Clean(f"{file_of(finding, root)}:{place}" if place else file_of(finding, root))
    tone = tone_of(finding.severity)
    return Row(
        key,
        (Cell(symbol_of(finding.severity), tone), Cell(clean(finding.message)), Cell(where, Tone.MUTED)),
    )


def _slot_key(slot: Slot) -> str:
    return f"{slot.category.value}/{slot.name}"


def _slot_row(slot: Slot) -> Row:
    facts = slot.category.facts
    name = slot.name or Clean("none" if slot.state != "missing" else "required, none chosen")
    gone = bool(slot.name) and slot.state == "missing"
    flavor = Cell(Clean("missing"), Tone.ERROR) if gone else Cell(slot.flavor, Tone.MUTED)
    if gone:
        state = Cell(Clean(glyph("✗")), Tone.ERROR)
    elif slot.name and slot.state != "unknown":
        state = Cell(Clean(symbol_of(slot.state)), tone_of(slot.state))
    else:
        state = Cell(Clean(""))
    name_tone = Tone.PLAIN if slot.name else (Tone.ERROR if slot.state == "missing" else Tone.MUTED)
    return Row(
        _slot_key(slot),
        (
            Cell(Clean(facts.key), Tone.ACCENT),
            Cell(Clean(facts.title), Tone.MUTED),
            Cell(name, name_tone),
            flavor,
            state,
        ),
    )


def _running_row(run: RunLine) -> Row:
    status = (
        Clean(f"{glyph('●')} {run.name}") if run.status == "running" else Clean(f"{glyph('○')} {run.name}")
    )
    return Row(
        run.id,
        (
            Cell(status, Tone.RUNNING if run.status == "running" else Tone.MUTED),
            Cell(run.doing, Tone.MUTED if run.status == "running" else Tone.WARN),
            Cell(progress_bar(run.part, "", _BAR) if run.part is not None else Clean(""), Tone.RUNNING),
            Cell(running_for(run.started_at) if run.started_at else Clean("queued"), Tone.MUTED),
        ),
    )


def _last_row(run: RunLine) -> Row:
    return Row(
        run.id,
        (
            Cell(run.name),
            Cell(state_text(run.status), tone_of(run.status)),
            Cell(run.stack, Tone.MUTED),
            Cell(elapsed(run.duration_s), Tone.MUTED),
            Cell(ago(run.created_at), Tone.MUTED),
        ),
    )
