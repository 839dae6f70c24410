"""The benchmark's own arithmetic."""

from __future__ import annotations

import json

import pytest

from tests.bench.figures import Figure, median, p95, table


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([3.0, 1.0, 2.0], 3.0),
        ([float(n) for n in range(1, 21)], 19.0),
        ([float(n) for n in range(100, 0, -1)], 95.0),
    ],
)
def test_p95_is_a_measured_value_that_all_but_five_in_a_hundred_keep(
    values: list[float], expected: float
) -> None:
    assert p95(values) == expected
    assert sum(value <= expected for value in values) >= 0.95 * len(values)


def test_median() -> None:
    assert median([5.0, 1.0, 2.0]) == 2.0


def test_a_ratio_is_judged_by_the_reference() -> None:
    figure = Figure("start", 0.6, "s", 1.5, reference=0.3, reference_name="bare", budget_is_ratio=True)
    assert figure.ratio == pytest.approx(2.0)
    assert not figure.holds
    assert Figure("start", 0.45, "s", 1.5, reference=0.3, budget_is_ratio=True).holds


def test_a_ratio_that_could_not_be_measured_does_not_hold() -> None:
    assert not Figure("start", 0.1, "s", 1.5, budget_is_ratio=True).holds


def test_an_absolute_budget_is_judged_alone() -> None:
    figure = Figure("bytes", 0, "B", 0)
    assert figure.ratio is None
    assert figure.holds
    assert not Figure("bytes", 1, "B", 0, reference=500, reference_name="stock").holds


def test_the_table_says_each_note_once() -> None:
    rows = [
        Figure("still", 1110, "B", 350, note="by the driver"),
        Figure("start", 0.3, "s", 1.5, reference=0.25, reference_name="bare", budget_is_ratio=True),
        Figure("page", 900, "B", 1500, note="by the driver"),
    ]
    lines = table(rows).splitlines()
    assert lines[2] == "| still (1) | 1,110 B | – | – | 350 B | **no** |"
    assert lines[3] == "| start | 0.3 s | 0.25 s (bare) | 1.20 | 1.5 × | yes |"
    assert lines[4].startswith("| page (1) ")
    assert [line for line in lines if line.startswith("(1)")] == ["(1) by the driver"]
    assert len({line.count("|") for line in lines[:5]}) == 1


def test_the_document_is_json() -> None:
    document = Figure("start", 0.6, "s", 1.5, reference=0.3, budget_is_ratio=True).document()
    assert json.loads(json.dumps(document))["ratio"] == pytest.approx(2.0)
