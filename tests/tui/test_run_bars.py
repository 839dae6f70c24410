"""When steps ran, and how metrics went, in a row of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stacktui.tui.marks import ascii_only
from stacktui.tui.widgets.bars import curve, timeline

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_steps_that_ran_one_after_the_other_do_not_overlap() -> None:
    first = timeline(at(0), at(5), at(0), at(10), 10)
    second = timeline(at(5), at(10), at(0), at(10), 10)
    assert (first, second) == ("━━━━━     ", "     ━━━━━")


def test_one_that_runs_reaches_to_the_end_and_a_short_one_is_seen() -> None:
    assert timeline(at(8), None, at(0), at(10), 10) == "        ━━"
    assert timeline(at(4), at(4), at(0), at(10), 10).count("━") == 1
    assert timeline(None, None, at(0), at(10), 10) == ""


def test_a_curve_goes_from_its_least_to_its_most() -> None:
    assert curve([0, 1, 2, 3], 10) == "▁▃▆█"
    assert curve([3.0, 2.0, 1.0], 10) == "█▅▁"
    assert curve([1.0, 1.0], 10) == ""
    assert curve([1.0], 10) == ""


def test_without_unicode_both_are_ascii() -> None:
    ascii_only(True)
    try:
        assert (timeline(at(0), at(5), at(0), at(10), 4) + curve([0, 1, 2], 4)).isascii()
    finally:
        ascii_only(False)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60), st.integers(0, 30))
def test_any_curve_fits(values: list[float], width: int) -> None:
    assert len(curve(values, width)) <= width


@given(*[st.floats(-1e6, 1e6)] * 4, st.integers(1, 60))
def test_any_bar_fits(began: float, ended: float, first: float, last: float, width: int) -> None:
    drawn = timeline(at(began), at(ended), at(first), at(last), width)
    assert len(drawn) == width
    assert drawn.count("━") >= 1
    assert " " not in drawn.strip()
