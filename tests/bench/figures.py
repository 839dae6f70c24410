"""One row of the benchmark: ours beside its reference, the ratio, the budget."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured row."""

    what: str
    ours: float
    unit: str
    reference: float | None
    """The reference measured in the same run; None where the budget is absolute."""
    reference_name: str
    budget: float
    """Of the ratio where `budget_is_ratio`, else of `ours`."""
    budget_is_ratio: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.reference if self.reference else None

    @property
    def holds(self) -> bool:
        measured = self.ratio if self.budget_is_ratio else self.ours
        return measured is not None and measured <= self.budget


def p95(values: Sequence[float]) -> float:
    """The 95th percentile, by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, round(0.95 * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | reference | ratio | budget | holds |", "| --- | --- | --- | --- | --- | --- |"]
    for figure in figures:
        reference = (
            f"{figure.reference:.3g} {figure.unit} ({figure.reference_name})" if figure.reference else "–"
        )
        ratio = f"{figure.ratio:.2f}" if figure.ratio else "–"
        budget = f"{figure.budget:g} ×" if figure.budget_is_ratio else f"{figure.budget:g} {figure.unit}"
        holds = "yes" if figure.holds else "**no**"
        lines.append(
            f"| {figure.what} | {figure.ours:.3g} {figure.unit} | {reference} | {ratio} | {budget} | {holds} |"
        )
    return "\n".join(lines)
