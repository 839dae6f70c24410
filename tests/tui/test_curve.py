"""Curves in a terminal: what is drawn where, and that nothing odd in the numbers breaks the plot."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from stacktui.model.text import Clean
from stacktui.tui.widgets.curve import AXIS, LETTERS, Series, draw_curves, number_text


def series(*values: float, name: str = "run") -> Series:
    return Series(name, Clean(name), tuple((float(step), value) for step, value in enumerate(values)))


def text(lines: list[list[tuple[str, int]]] | object) -> list[str]:
    assert isinstance(lines, list)
    return ["".join(piece[0] for piece in line) for line in lines]


def ink(lines: list[str]) -> list[str]:
    """The plot without its labels and axes."""
    return [line.partition("┤")[2] or line.partition("│")[2] for line in lines[:-2]]


def test_a_rising_curve_goes_from_the_lower_left_to_the_upper_right() -> None:
    rows = ink(text(draw_curves([series(0, 1, 2, 3)], 60, 12)))
    assert rows[-1].strip()
    places = [len(row) - len(row.lstrip()) for row in rows if row.strip()]
    assert places == sorted(places, reverse=True)
    assert rows[0].strip()
    assert len(rows[0].rstrip()) > len(rows[-1].rstrip())


def test_axes_say_the_range_of_values_and_steps() -> None:
    lines = text(draw_curves([series(0.25, 0.5, 1.0)], 60, 14))
    assert lines[0].lstrip().startswith("1 ┤")
    assert lines[-3].lstrip().startswith("0.25 ┤")
    assert lines[-1].split() == ["step", "0", "1", "2"]


def test_a_constant_curve_runs_in_the_middle() -> None:
    rows = ink(text(draw_curves([series(5, 5, 5)], 40, 11)))
    assert [bool(row.strip()) for row in rows].index(True) == len(rows) // 2


def test_a_single_point_is_a_dot() -> None:
    lines = text(draw_curves([series(0.9)], 40, 10))
    assert sum(len(row.replace(" ", "")) for row in ink(lines)) == 1
    assert "step 0" in lines[-1]


def test_values_that_are_not_finite_break_the_line() -> None:
    rows = ink(text(draw_curves([series(1, 1, math.nan, 1, 1)], 60, 10)))
    row = next(row for row in rows if row.strip())
    assert " " in row.strip()


def test_nothing_to_draw_gives_no_lines() -> None:
    assert draw_curves([], 60, 10) == []
    assert draw_curves([series(math.nan, math.inf)], 60, 10) == []
    assert draw_curves([series(1, 2)], 10, 10) == []
    assert draw_curves([series(1, 2)], 60, 3) == []


def test_several_curves_are_told_apart_by_letter_and_style() -> None:
    lines = draw_curves([series(1, 2, 3), series(3, 2, 1), series(2, 2, 2)], 60, 16)
    styles = {piece.style for line in lines for piece in line}
    assert styles == {AXIS, 0, 1, 2}
    drawn = "".join(ink(text(lines)))
    assert all(drawn.count(letter) == 1 for letter in "abc")


def test_ascii_draws_with_letters_only() -> None:
    lines = text(draw_curves([series(1, 2, 3), series(3, 2, 1)], 60, 16, ascii_=True))
    assert all(line.isascii() for line in lines)
    assert any("a" in line for line in lines)
    assert any("b" in line for line in lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.123456, "0.1235"), (1234.5678, "1235"), (1.5e9, "1.5e+09"), (-2e-7, "-2.0e-07")],
)
def test_numbers_stay_short(value: float, shown: str) -> None:
    assert number_text(value) == shown


@settings(max_examples=80, deadline=None)
@given(
    curves=st.lists(
        st.lists(
            st.tuples(
                st.floats(-1e12, 1e12),
                st.floats(allow_nan=True, allow_infinity=True, width=64),
            ),
            max_size=30,
        ),
        max_size=len(LETTERS) + 2,
    ),
    width=st.integers(1, 130),
    height=st.integers(1, 40),
    ascii_=st.booleans(),
)
def test_every_line_has_the_width_that_was_asked_for(
    curves: list[list[tuple[float, float]]], width: int, height: int, ascii_: bool
) -> None:
    given_series = [
        Series(str(number), Clean(str(number)), tuple(sorted(points, key=lambda point: point[0])))
        for number, points in enumerate(curves)
    ]
    lines = text(draw_curves(given_series, width, height, ascii_=ascii_))
    assert len(lines) in (0, height)
    assert all(cell_len(line) == width for line in lines)
