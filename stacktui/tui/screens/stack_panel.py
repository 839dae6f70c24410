"""One stack, resolved: its ten categories with where each is said and how its last probe ended, and its findings.
And how two stacks differ. Used by the stacks screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from stacktui.model.text import Clean, clean
from stacktui.tui.live import LiveView, Topic
from stacktui.tui.marks import Tone, glyph, state_text, symbol_of, tone_of
from stacktui.tui.screens.base import WorkbenchScreen
from stacktui.tui.screens.problems import file_of, finding_keys, place_of
from stacktui.tui.snapshots.stacks import SlotLine, StackDetail, load_detail
from stacktui.tui.widgets.grid import Cell, Column, Grid, Row
from stacktui.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.operations.session import Session


class StackPanel(Panel, LiveView[StackDetail | None]):
    """One stack, resolved."""

    topics = frozenset({Topic.FILES, Topic.PROBES})

    def __init__(self, id: str) -> None:
        super().__init__(title="stack", id=id)
        self.name_shown: str | None = None
        self.probing = False
        """Whether its components are being asked."""

    def compose(self) -> ComposeResult:
        yield Static(id="stack-about")
        yield Grid(
            Column("key", "", 1),
            Column("category", "", 18),
            Column("names", "", 14, grow=True),
            Column("origin", "", 14, drop=1),
            Column("flavors", "", 12, drop=2),
            Column("state", "", 9, drop=3),
            header=False, markable=False, id="stack-slots", empty=Clean(""),
        )  # fmt: skip
        yield Grid(
            Column("state", "", 1), Column("message", "", 48, grow=True), Column("place", "", 24, drop=1),
            header=False, markable=False, id="stack-findings", empty=Clean(""),
        )  # fmt: skip

    def choose(self, name: str | None) -> None:
        """Show another stack."""
        if name != self.name_shown:
            self.name_shown = name
            self.reload_now()

    def load(self, session: Session) -> StackDetail | None:
        return load_detail(session, self.name_shown) if self.name_shown is not None else None

    def show(self, snapshot: StackDetail | None) -> None:
        slots, findings = self.query_one("#stack-slots", Grid), self.query_one("#stack-findings", Grid)
        about = self.query_one("#stack-about", Static)
        if snapshot is None:
            self.set_title("stack")
            slots.empty = Clean("")
            slots.set_rows(())
            findings.empty = Clean("")
            findings.set_rows(())
            about.update(Content(""))
            self._say_count()
            return
        self.set_title(Clean(f"stack {clean(snapshot.name)}"))
        about.display = bool(snapshot.about)
        about.update(Content(snapshot.about))
        slots.empty = snapshot.problem
        slots.set_rows(slot_row(slot) for slot in snapshot.slots)
        findings.empty = Clean(f"{glyph('✓')} Every rule passes.")
        findings.set_rows(
            Row(
                key,
                (
                    Cell(symbol_of(finding.severity), tone_of(finding.severity)),
                    Cell(clean(finding.message)),
                    Cell(_where(finding, snapshot.root), Tone.MUTED),
                ),
            )
            for key, finding in finding_keys(snapshot.findings)
        )
        self._say_count()

    def _say_count(self) -> None:
        found = self.snapshot.findings if self.snapshot else ()
        said = f"{len(found)} finding{'s' if len(found) > 1 else ''}" if found else ""
        self.set_note("asking every component…" if self.probing else said)

    def slot(self, key: str) -> SlotLine | None:
        """The line of a category."""
        return next(
            (slot for slot in (self.snapshot.slots if self.snapshot else ()) if slot.category == key), None
        )

    def place(self) -> tuple[Path, int | None, int | None] | None:
        """Where that stands which is chosen here: a finding, or what fills a category, maybe in a parent's file; with
        the cursor elsewhere, the worst finding about the stack's own file."""
        if self.snapshot is None:
            return None
        slots, findings = self.query_one("#stack-slots", Grid), self.query_one("#stack-findings", Grid)
        finding = self.finding() if findings.has_focus else None
        if slots.has_focus and (slot := self.slot(slots.cursor_key or "")) is not None:
            return (slot.file, slot.line, 1) if slot.file is not None else None
        if finding is not None and finding.file is not None:
            return finding.file, finding.line, finding.column
        if self.snapshot.file is None:
            return None
        from stacktui.tui.editor import worst_in

        return self.snapshot.file, *worst_in(self.snapshot.file, self.snapshot.findings)

    def finding(self) -> Any:
        """The finding under the cursor."""
        key = self.query_one("#stack-findings", Grid).cursor_key
        found = self.snapshot.findings if self.snapshot else ()
        return next((finding for each, finding in finding_keys(found) if each == key), None)

    def probe(self, names: tuple[str, ...]) -> None:
        """Ask all components of these stacks, each once; each answer is shown as it arrives."""
        session, feed = self.session, self.workbench.feed
        if not names or self.probing:
            return
        self.probing = True
        self._say_count()
        failed: list[str] = []

        def ask() -> int:
            from stacktui.operations.probing import probe_components
            from stacktui.operations.session import component_values

            snapshot = session.snapshot()
            components = {
                component.id: component
                for name in names
                for component in component_values(snapshot, session.resolved(name, snapshot))
            }
            for id_, result in probe_components(session, components.values(), fresh=True):
                if not result.ok:
                    failed.append(f"{id_}: {result.message}")
                feed.publish_from_thread(Topic.PROBES)
            return len(components)

        def answered(count: Any, error: BaseException | None) -> None:
            from stacktui.tui.doing import one_line

            self.probing = False
            if not self.is_attached:
                return
            self._say_count()
            screen = self.screen
            if not isinstance(screen, WorkbenchScreen):
                return
            if error is not None:
                screen.notice(one_line(error), error=True)
            elif failed:
                screen.notice(clean(f"{len(failed)} of {count} do not answer: {failed[0]}"), error=True)
            else:
                of = names[0] if len(names) == 1 else f"{len(names)} stacks"
                screen.notice(clean(f"All {count} components of {of} answer."))
            screen.keys_changed()

        self.workbench.background.submit(ask, answered)


def _where(finding: Diagnostic, root: Path) -> Clean:
    place = place_of(finding)
    return Clean(f"{file_of(finding, root)}:{place}" if place else file_of(finding, root))


def slot_row(slot: SlotLine) -> Row:
    """A category of a stack as a row."""
    facts = slot.category.facts
    tone = {"missing": Tone.ERROR, "empty": Tone.MUTED}.get(slot.state, Tone.PLAIN)
    state = Cell(Clean(""))
    if slot.state in ("ok", "error"):
        state = Cell(state_text(slot.state), tone_of(slot.state))
    elif slot.state == "missing" and slot.names:
        state = Cell(Clean(f"{glyph('✗')} missing"), Tone.ERROR)
    origin = Clean(f"{glyph('←')} {slot.origin}") if slot.origin else Clean("")
    return Row(
        slot.category.value,
        (
            Cell(Clean(facts.key), Tone.ACCENT),
            Cell(Clean(facts.title), Tone.MUTED),
            Cell(slot.shown, tone),
            Cell(origin, Tone.MUTED),
            Cell(slot.flavors, Tone.MUTED),
            state,
        ),
    )


def difference_text(found: Any) -> Content:
    """How two stacks differ, side by side."""
    if found.equal:
        return Content("They are the same after inheritance.")
    rows = [(clean(each.what), _side(each.a), _side(each.b)) for each in found.differences]
    heads = ("", clean(found.a), clean(found.b))
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(3)]
    pieces: list[tuple[str, str]] = []
    for number, row in enumerate((heads, *rows)):
        styles = ("", "bold", "bold") if number == 0 else ("$quiet", "$tone-error", "$tone-ok")
        for text, width, style in zip(row, widths, styles, strict=True):
            pieces.append((text.ljust(width + 3), style))
        pieces.append(("\n", ""))
    return Content.assemble(*pieces)


def _side(value: Any) -> Clean:
    if value is None:
        return Clean("-")
    if isinstance(value, bool):
        return Clean("yes" if value else "no")
    return clean(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)
