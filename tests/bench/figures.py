"""One row of the benchmark: ours beside its reference, the ratio, the budget; and the table and document of all rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured row."""

    what: str
    ours: float
    unit: str
    budget: float
    """Of the ratio where `budget_is_ratio`, else of `ours`."""
    reference: float | None = None
    """The reference measured in the same run; None where the budget is absolute."""
    reference_name: str = ""
    budget_is_ratio: bool = False
    samples: int = 1
    """How many measurements `ours` stands for."""
    note: str = ""
    """What to know of it: how it was measured, or by which later work its budget is to be met."""

    @property
    def ratio(self) -> float | None:
        """Ours in units of the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def holds(self) -> bool:
        """Whether the budget is kept; a row that could not be measured keeps none."""
        measured = self.ratio if self.budget_is_ratio else self.ours
        return measured is not None and measured <= self.budget

    def document(self) -> dict[str, Any]:
        """The row for programs."""
        return {
            "what": self.what,
            "ours": self.ours,
            "unit": self.unit,
            "reference": self.reference,
            "reference_name": self.reference_name,
            "ratio": self.ratio,
            "budget": self.budget,
            "budget_is_ratio": self.budget_is_ratio,
            "holds": self.holds,
            "samples": self.samples,
            "note": self.note,
        }


def p95(values: Sequence[float]) -> float:
    """The 95th percentile, by the nearest rank: a measured value that no less than 95 % do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(0.95 * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> str:
    """The rows as a Markdown table, with their notes below it."""
    lines = ["| what | ours | reference | ratio | budget | holds |", "| --- | --- | --- | --- | --- | --- |"]
    notes: list[str] = []
    for figure in figures:
        what = figure.what
        if figure.note:
            if figure.note not in notes:
                notes.append(figure.note)
            what = f"{what} ({notes.index(figure.note) + 1})"
        reference = "–"
        if figure.reference is not None:
            reference = f"{_amount(figure.reference, figure.unit)} ({figure.reference_name})"
        ratio = "–" if figure.ratio is None else f"{figure.ratio:.2f}"
        budget = f"{figure.budget:g} ×" if figure.budget_is_ratio else _amount(figure.budget, figure.unit)
        holds = "yes" if figure.holds else "**no**"
        ours = _amount(figure.ours, figure.unit)
        lines.append(f"| {what} | {ours} | {reference} | {ratio} | {budget} | {holds} |")
    lines += [f"{'' if place else chr(10)}({place + 1}) {note}" for place, note in enumerate(notes)]
    return "\n".join(lines)


def _amount(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{shown} {unit}"
