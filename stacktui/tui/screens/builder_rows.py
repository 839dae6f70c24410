"""The rows of the stack builder's three lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.model.category import Category
from stacktui.model.text import Clean, clean
from stacktui.tui.marks import Tone, glyph, symbol_of, tone_of
from stacktui.tui.screens.problems import file_of, finding_keys, place_of
from stacktui.tui.widgets.grid import Cell, Column, Row

if TYPE_CHECKING:
    from stacktui.model.diagnostic import Diagnostic
    from stacktui.tui.snapshots.builder import BuilderSlot, CandidateLine

SLOTS = (
    Column("key", "", 1),
    Column("category", "", 18),
    Column("names", "", 14, grow=True),
    Column("origin", "", 12, drop=1),
)
CANDIDATES = (
    Column("in", "", 1),
    Column("name", "", 12, grow=True),
    Column("flavor", "", 10, drop=2),
    Column("why", "", 18, grow=True, drop=1),
)
FINDINGS = (
    Column("severity", "", 1),
    Column("message", "", 40, grow=True),
    Column("place", "", 24, drop=1),
)


def slot_row(slot: BuilderSlot) -> Row:
    """A category: what fills it, and who says so."""
    facts = slot.category.facts
    origin = Clean("")
    if slot.own and slot.origin:
        origin = Clean(f"{'over' if slot.names else 'not'} {slot.origin}")
    elif slot.names and not slot.own:
        origin = Clean(f"{glyph('←')} {slot.origin}")
    if slot.names:
        shown, tone = clean(", ".join(slot.names)), Tone.STRONG if slot.own else Tone.PLAIN
    else:
        shown, tone = Clean("none, required" if slot.category.required else "none"), Tone.MUTED
    if slot.wrong:
        shown, tone = Clean(f"{glyph('✗')} {shown}"), Tone.ERROR
    return Row(
        slot.category.value,
        (
            Cell(Clean(facts.key), Tone.ACCENT),
            Cell(Clean(facts.title), Tone.MUTED),
            Cell(shown, tone),
            Cell(origin, Tone.MUTED),
        ),
    )


def candidate_rows(category: Category, lines: Iterable[CandidateLine]) -> Iterator[Row]:
    """Those that fit first; those that do not are dimmed, and say why."""
    for line in lines:
        if not line.place:
            mark = Clean("")
        elif category.many:
            mark = Clean(str(line.place) if line.place < 10 else "+")
        else:
            mark = Clean(glyph("●"))
        fits = line.fits or bool(line.place)
        why = (
            Cell(Clean(f"{glyph('✗')} {line.reason}"), Tone.ERROR)
            if line.reason
            else Cell(line.description, Tone.MUTED)
        )
        yield Row(
            f"{category.value}/{line.name}",
            (
                Cell(mark, Tone.ACCENT),
                Cell(clean(line.name), Tone.STRONG if line.place else Tone.PLAIN),
                Cell(line.flavor, Tone.MUTED),
                why,
            ),
            dim=not fits,
        )


def finding_rows(findings: tuple[Diagnostic, ...], root: Path) -> Iterator[Row]:
    """The findings, errors first, with their places."""
    for key, finding in finding_keys(findings):
        place, file = place_of(finding), file_of(finding, root)
        where = Clean(f"{file}:{place}" if place else file) if finding.file is not None else Clean("")
        yield Row(
            key,
            (
                Cell(symbol_of(finding.severity), tone_of(finding.severity)),
                Cell(clean(finding.message)),
                Cell(where, Tone.MUTED),
            ),
        )
