"""The report of an import before it is written: what becomes of each thing in the file, and a choice for each that is
in conflict. Opened by `importing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.operations.exchange.report import SIGNS, Outcome, ReportRow
from stacktui.operations.exchange.settle import Conflict
from stacktui.tui.dialogs.base import Dialog
from stacktui.tui.keys import bind
from stacktui.tui.marks import Tone, glyph, glyphs
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row

if TYPE_CHECKING:
    from stacktui.operations.stack_import import ImportPlan

_LINES_AROUND = 14
"""The frame, the head, what is said of the row under the cursor, and the room around the dialog."""
_CHOICES = {1: Conflict.RENAME, 2: Conflict.KEEP, 3: Conflict.REPLACE}

Plan = Callable[[Mapping[str, Conflict]], "ImportPlan"]


class ImportDialog(Dialog["ImportPlan"]):
    """The report of an import that is not written yet; its result is the plan to write."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("import.rename", "1", "choose(1)", "rename", rank=2, help="Take it in under another name."),
        bind("import.keep", "2", "choose(2)", "keep ours", rank=3, help="Use the workspace's own in its place."),
        bind("import.replace", "3", "choose(3)", "replace", rank=4, help="Let it replace the workspace's."),
        bind("import.all", "A", "choose_all", "all alike", rank=5, help="The same choice for all conflicts."),
    ]  # fmt: skip

    def __init__(self, plan: ImportPlan, again: Plan, source: Clean, chosen: Mapping[str, Conflict]) -> None:
        """`again` makes the plan with other choices; it blocks. `source` is the file's name."""
        super().__init__(Clean(f"import stack {clean(plan.stack)}"), wide=True)
        self._plan = plan
        self._again = again
        self._source = source
        self._chosen: dict[str, Conflict] = dict(chosen)
        self._subjects = dict.fromkeys(plan.conflicts)
        """What was ever in conflict, in the order of the report: its choice can be changed again."""
        self._rows: dict[str, ReportRow] = {}

    def content(self) -> ComposeResult:
        yield Static(id="import-head", classes="dialog--text")
        yield Grid(
            Column("sign", "", 1),
            Column("outcome", "", 11),
            Column("subject", "what", 36, grow=True),
            Column("origin", "in the file", 24, grow=True, drop=1),
            markable=False, id="import-rows",
        )  # fmt: skip
        yield Static(id="import-detail", classes="dialog--text")
        yield Static(id="import-problem", classes="dialog--problem")

    def on_mount(self) -> None:
        # As high as its rows need.
        self.query_one(".dialog").styles.height = "auto"
        self.query_one("#import-detail", Static).styles.height = 3
        self._show()

    def on_resize(self, _: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        grid = self.query_one(Grid)
        grid.styles.height = max(4, min(len(self._rows) + 1, self.app.size.height - _LINES_AROUND))

    def _show(self) -> None:
        plan, grid = self._plan, self.query_one(Grid)
        self._rows = {f"{place}": row for place, row in enumerate(plan.report)}
        grid.set_rows(_row(key, row) for key, row in self._rows.items())
        self._fit()
        self.set_title(Clean(f"import stack {clean(plan.stack)}"))
        self.query_one("#import-head", Static).update(Content(_head(plan, self._source)))
        keys = "enter go on to the diff · j k look · esc back"
        if self._subjects:
            keys = "1 rename · 2 keep ours · 3 replace · A all · enter go on · esc back"
        self.query_one(".dialog").border_subtitle = Content(glyphs(keys))
        if plan.conflicts:
            first = next(key for key, row in self._rows.items() if row.outcome is Outcome.CONFLICT)
            grid.move_to(first)
        self._detail(grid.cursor_key)

    @on(Grid.Moved)
    def _moved(self, event: Grid.Moved) -> None:
        self._detail(event.key)

    def _detail(self, key: str | None) -> None:
        row = self._rows.get(key or "")
        text = Clean("") if row is None else clean(f"{row.subject}: {row.message}")
        self.query_one("#import-detail", Static).update(Content(text))

    @on(Grid.Opened)
    def _opened(self) -> None:
        if self._plan.conflicts:
            self._problem(Clean("First choose for what is in conflict: 1, 2 or 3."))
        else:
            self.finish(self._plan)

    def action_choose(self, digit: int) -> None:
        subject = self._subject()
        if subject is None:
            self._problem(Clean("This is in no conflict." if self._subjects else "Nothing is in conflict."))
        else:
            self._choose({subject: _CHOICES[digit]})

    def action_choose_all(self) -> None:
        subject = self._subject()
        choice = self._chosen.get(subject or "")
        if choice is None:
            self._problem(Clean("Choose for one of them first; A then does the same with the others."))
        else:
            self._choose(dict.fromkeys(self._subjects, choice))

    def _subject(self) -> str | None:
        """The subject in conflict under the cursor, or the one that it was before it got another name."""
        row = self._rows.get(self.query_one(Grid).cursor_key or "")
        if row is None:
            return None
        kind = row.subject.rpartition("/")[0]
        return next((each for each in (row.subject, f"{kind}/{row.origin}") if each in self._subjects), None)

    def _choose(self, choices: Mapping[str, Conflict]) -> None:
        self._chosen.update(choices)
        chosen = dict(self._chosen)
        app: Any = self.app

        def arrived(plan: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            if not self.is_attached or chosen != self._chosen:
                return
            if error is not None:
                self._problem(one_line(error))
                return
            self._plan = plan
            self._subjects |= dict.fromkeys(plan.conflicts)
            self._problem(Clean(""))
            self._show()

        app.background.submit(lambda: self._again(chosen), arrived)

    def _problem(self, text: Clean) -> None:
        self.query_one("#import-problem", Static).update(Content(text))


def _row(key: str, row: ReportRow) -> Row:
    sign, tone = SIGNS[row.outcome][0], Tone[SIGNS[row.outcome][1]]
    return Row(
        key,
        (
            Cell(Clean(glyph(sign)), tone),
            Cell(clean(row.outcome.replace("_", " ")), tone),
            Cell(clean(row.subject)),
            Cell(clean(row.origin), Tone.MUTED),
        ),
    )


def _head(plan: ImportPlan, source: Clean) -> Clean:
    """Where it is from and what it comes to, in one line."""
    program = {"zenml": "ZenML", "bundle": "stacktui"}[plan.source]
    files = sum(edit.before != edit.after for edit in plan.change.edits)
    errors = sum(each.severity == "error" for each in plan.diagnostics)
    missing = sum(each.state == "missing" for each in plan.secrets)
    parts = [
        f"{source}, from {program} {clean(plan.source_version)}".rstrip(),
        f"{len(plan.conflicts)} in conflict" if plan.conflicts else "",
        f"{files} files to write" if files != 1 else "1 file to write",
        f"{missing} secrets missing" if missing > 1 else "1 secret missing" if missing else "",
        f"{errors} errors" if errors > 1 else "1 error" if errors else "valid",
    ]
    return Clean(" · ".join(part for part in parts if part))
