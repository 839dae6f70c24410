"""Pieces of what was written become lines: whatever their borders, with secrets masked, bars as they ended."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacktui.model.loglines import LONGEST_LINE, LineMaker
from stacktui.model.masking import MASK, Masker


class Written:
    """What a maker passes on."""

    def __init__(self, *secrets: str) -> None:
        self.lines: list[str] = []
        self.states: list[str] = []
        self.times: list[float] = []
        self.maker = LineMaker(self.take, Masker(secrets))

    def take(self, at: float, text: str, *, partial: bool) -> None:
        if partial:
            self.states.append(text)
        else:
            self.lines += text.split("\n")
            self.times.append(at)

    def write(self, *pieces: str) -> list[str]:
        for at, piece in enumerate(pieces):
            self.maker.write(piece, float(at))
        self.maker.finish(float(len(pieces)))
        return self.lines


def test_pieces_become_lines() -> None:
    written = Written("secret")
    for at, piece in enumerate(["a", "b\nc", "\n\nsec", "ret\n", "tail"]):
        written.maker.write(piece, float(at))
    assert written.lines == ["ab", "c", "", MASK]
    assert written.times == [1, 2, 3]
    written.maker.finish(9.0)
    assert written.lines[-1] == "tail"


def cut(text: str, places: list[int]) -> list[str]:
    borders = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in itertools.pairwise(borders)]


@given(
    parts=st.lists(
        st.sampled_from(
            ["hunter2-x", "hunter", "hunter2-", "xx", "\n", "abcabc", "abc", "é ", "\r\n", "\x1b[31m"]
        )
    ),
    places=st.lists(st.integers(0, 1000)),
    looks=st.booleans(),
)
def test_where_it_is_cut_changes_nothing(parts: list[str], places: list[int], looks: bool) -> None:
    text = "".join(parts)
    secrets = ("hunter2-x", "abcabc")
    whole = Written(*secrets).write(text)
    written = Written(*secrets)
    for at, piece in enumerate(cut(text, places)):
        written.maker.write(piece, float(at))
        if looks:
            written.maker.tell(float(at) + 100)
    written.maker.finish(0.0)
    assert written.lines == whole
    everything = "\n".join([*written.lines, *written.states])
    assert not any(secret in everything for secret in secrets)


@given(length=st.integers(1, 40), where=st.integers(-30, 30), step=st.sampled_from([1, 7, 4096, 1 << 17]))
def test_a_value_in_a_line_that_is_cut_stays_whole(length: int, where: int, step: int) -> None:
    secret = "s3cr3t" + "z" * length
    text = "x" * (LONGEST_LINE + where) + secret + "y" * 100
    head = LONGEST_LINE - 200
    pieces = [text[:head], *(text[at : at + step] for at in range(head, len(text), step))]
    lines = Written(secret).write(*pieces)
    assert "".join(lines) == text.replace(secret, MASK)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1%\r50%\r100%\n", ["100%"]),
        ("1%\r50%\r100%", ["100%"]),
        ("windows\r\nlines\r\n", ["windows", "lines"]),
        ("bar 9\rbar 10\nplain\nmore\n", ["bar 10", "plain", "more"]),
        ("long bar\rdone    \r\n", ["done"]),
        ("a\r\x1b[Kb\n", ["b"]),
        ("bar\r\x1b[K", []),
        ("10/100\b\b\b\b\b\b11/100\n", ["11/100"]),
        ("\x1b[31mred\x1b[0m\n", ["\x1b[31mred\x1b[0m"]),
        ("\r\n\r\nx\n", ["", "", "x"]),
    ],
)
def test_what_is_drawn_over_leaves_its_last_state(text: str, lines: list[str]) -> None:
    assert Written().write(text) == lines
    assert Written().write(*text) == lines


def bars(rows: int, steps: int) -> list[str]:
    """What nested bars write that each go to their row and back."""
    written = []
    for number in range(steps):
        for row in range(rows):
            written += ["\n" * row, f"\rbar {row}: {number + 1}/{steps}", "\x1b[A" * row]
    return written


@pytest.mark.parametrize("rows", [1, 2, 3, 6])
def test_nested_bars_leave_a_line_each(rows: int) -> None:
    lines = Written().write(*bars(rows, 20), "\n" * rows, "after\n")
    assert [line for line in lines if line] == [*(f"bar {row}: 20/20" for row in range(rows)), "after"]


def test_a_message_above_bars_stands_once() -> None:
    clear, message = "\r" + " " * 12 + "\r", "a message\n"
    lines = Written().write(*bars(2, 3), clear, message, *bars(2, 5), "\n\n", "end\n")
    assert [line for line in lines if line] == ["a message", "bar 0: 5/5", "bar 1: 5/5", "end"]


def test_a_table_that_is_drawn_again_and_again() -> None:
    """As a library draws that hides the cursor and goes up to erase what it drew."""
    text = "\x1b[?25l"
    for number in range(30):
        if number:
            text += "\r\x1b[2K" + "\x1b[1A\x1b[2K" * 2
        text += f"head\nrow {number}\nfoot {number}"
    text += "\n\x1b[?25hdone\n"
    for written in (Written().write(text), Written().write(*text)):
        assert written == ["head", "row 29", "foot 29", "done"]


def test_after_bars_lines_come_at_once_again() -> None:
    written = Written()
    for piece in bars(2, 3):
        written.maker.write(piece, 0.0)
    written.maker.write("\n\n", 0.0)
    for number in range(300):
        written.maker.write(f"line {number}\n", 1.0)
    assert written.lines[-1] == "line 299"


def test_the_present_state_is_told_now_and_then() -> None:
    written = Written("secret-value")
    for number in range(100):
        written.maker.write(f"\r{number}% secret-v", number / 10)
        written.maker.tell(number / 10)
    assert 15 <= len(written.states) <= 21
    assert written.states[-1].endswith("% ")
    written.maker.write("\rall done\n", 11.0)
    written.maker.finish(12.0)
    assert (written.lines, written.maker.due()) == (["all done"], None)


def test_a_line_that_waits_for_its_end_is_told_and_taken_back() -> None:
    written = Written()
    written.maker.write("loading …", 1.0)
    written.maker.tell(1.1)
    assert written.states == []
    written.maker.tell(2.0)
    written.maker.tell(3.0)
    assert written.states == ["loading …"]
    written.maker.write("\r\x1b[K", 3.1)
    written.maker.finish(4.0)
    assert written.states == ["loading …", ""]


@pytest.mark.parametrize("erase", ["\x1b[2J", "\x1b[3J", "\x1b[1J", "\x1b[H\x1b[2J\x1b[3J"])
def test_who_clears_the_screen_erases_nothing_that_was_said(erase: str) -> None:
    said = Written().write("before\n", f"said{erase} more", "\nafter\n")
    assert said == ["before", "said more", "after"]
