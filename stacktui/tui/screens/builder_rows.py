"""The cards and rows of the stack builder: slots, components, step settings, findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.marks import Tone, glyph, symbol_of, tone_of
from stacktui.tui.screens.problems import file_of, finding_keys, place_of
from stacktui.tui.widgets.grid import Cell, Column, Row
from stacktui.tui.widgets.slotboard import SlotCard

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.tui.snapshots.builder import BuilderSlot, CandidateLine
    from stacktui.tui.snapshots.builder_steps import StepLine

CANDIDATES = (
    Column("in", "", 1),
    Column("name", "", 12, grow=True, most=22),
    Column("flavor", "", 10, drop=2),
    Column("why", "", 18, grow=True, drop=1),
)
STEPS = (
    Column("wrong", "", 1),
    Column("step", "", 10, grow=True, most=16),
    Column("settings", "", 20, grow=True),
    Column("origin", "", 12, drop=1),
)
FINDINGS = (
    Column("severity", "", 1),
    Column("message", "", 56, grow=True),
    Column("fix", "", 22, drop=2, grow=True, most=40),
    Column("place", "", 20, drop=1),
)


def slot_card(slot: BuilderSlot) -> SlotCard:
    """A slot: what fills it, and who says so."""
    facts = slot.category.facts
    origin, mark = origin_of(slot)
    if slot.names:
        shown, tone = clean(", ".join(slot.names)), Tone.STRONG if slot.own else Tone.PLAIN
    else:
        shown, tone = Clean("none, required" if slot.category.required else "none"), Tone.MUTED
    if slot.wrong:
        shown, tone = Clean(f"{glyph('✗')} {shown}"), Tone.ERROR
    return SlotCard(slot.category.value, Clean(facts.key), Clean(facts.title), shown, tone, origin, mark)


def origin_of(slot: BuilderSlot) -> tuple[Clean, Clean]:
    """Where what fills a slot comes from, in a few words and as a mark; both empty for one's own."""
    if not slot.parent:
        return Clean(""), Clean("")
    if not slot.own:
        if not slot.names:
            return Clean(f"removed in {slot.parent}"), Clean("")
        return Clean(f"{glyph('←')} {slot.parent}"), Clean(glyph("←"))
    if not slot.names:
        return Clean(f"removed, was {slot.parent}'s") if slot.parents_names else Clean(""), Clean("removed")
    return (Clean(f"over {slot.parent}"), Clean("")) if slot.parents_names else (Clean(""), Clean(""))


def slot_about(slot: BuilderSlot) -> Clean:
    """Where a slot's content comes from, whole: also through which stacks."""
    if not slot.parent:
        return Clean("its own" if slot.own and slot.names else "")
    through = Clean(f" through {', '.join(slot.through)}") if slot.through else Clean("")
    held = clean(", ".join(slot.parents_names))
    if not slot.own:
        said = f"from {slot.parent}" if slot.names else f"removed in {slot.parent}"
        return Clean(f"{said}{through}")
    if not held:
        return Clean("its own")
    return Clean(f"{'over' if slot.names else 'removed:'} {held} from {slot.parent}{through}")


def candidate_rows(category: Category, lines: Iterable[CandidateLine]) -> Iterator[Row]:
    """What is in and what fits first; under a heading what does not, dimmed, each with its reason."""
    lines = tuple(lines)
    unfit = sum(1 for line in lines if not line.fits and not line.place)
    headed = False
    for line in lines:
        if not line.fits and not line.place and not headed:
            headed = True
            if unfit < len(lines):
                verb = "does not fit" if unfit == 1 else "do not fit"
                yield Row(f"{category.value}/", (Cell(Clean(f"{unfit} {verb}")),), heading=True)
        yield _candidate(category, line)


def _candidate(category: Category, line: CandidateLine) -> Row:
    if not line.place:
        mark = Clean("")
    elif category.many:
        mark = Clean(str(line.place) if line.place < 10 else "+")
    else:
        mark = Clean(glyph("●"))
    if line.reason:
        why = Cell(Clean(f"{glyph('✗')} {line.reason}"), Tone.ERROR)
    elif category.many and line.place == 1:
        rest = f" {glyph('·')} {line.description}" if line.description else ""
        why = Cell(Clean(f"the default{rest}"), Tone.ACCENT)
    else:
        why = Cell(line.description, Tone.MUTED)
    return Row(
        f"{category.value}/{line.name}",
        (
            Cell(mark, Tone.ACCENT),
            Cell(clean(line.name), Tone.STRONG if line.place else Tone.PLAIN),
            Cell(line.flavor, Tone.MUTED),
            why,
        ),
        dim=not line.fits and not line.place,
    )


def step_rows(lines: Iterable[StepLine]) -> Iterator[Row]:
    """Each step with its settings; what a parent says stands with the parent."""
    for line in lines:
        said = []
        for setting in line.settings:
            inherited = f" {glyph('←')} {setting.origin}" if setting.origin and line.own else ""
            said.append(f"{setting.text}{inherited}")
        origins = ", ".join(line.origins)
        if line.own:
            origin = Clean(f"over {origins}" if origins else "")
        else:
            origin = Clean(f"{glyph('←')} {origins}" if origins else "")
        yield Row(
            line.step,
            (
                Cell(Clean(glyph("✗") if line.wrong else ""), Tone.ERROR),
                Cell(clean(line.step), Tone.STRONG if line.own else Tone.PLAIN),
                Cell(Clean(f" {glyph('·')} ".join(said) or "nothing"), Tone.PLAIN if said else Tone.MUTED),
                Cell(origin, Tone.MUTED),
            ),
        )


def step_about(line: StepLine) -> Clean:
    """All settings of a step, each with the parent that says it."""
    return Clean(
        ", ".join(f"{each.text}{f' from {each.origin}' if each.origin else ''}" for each in line.settings)
    )


def finding_rows(findings: tuple[Diagnostic, ...], root: Path) -> Iterator[Row]:
    """The findings, errors first, with what mends them and their places."""
    for key, finding in finding_keys(findings):
        place, file = place_of(finding), file_of(finding, root)
        where = Clean(f"{file}:{place}" if place else file) if finding.file is not None else Clean("")
        yield Row(
            key,
            (
                Cell(symbol_of(finding.severity), tone_of(finding.severity)),
                Cell(clean(finding.message)),
                Cell(clean(f"f {finding.fix.title}") if finding.fix is not None else Clean(""), Tone.ACCENT),
                Cell(where, Tone.MUTED),
            ),
        )
