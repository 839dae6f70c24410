"""The reader of terminal output finds what it is there to find."""

from __future__ import annotations

import pytest

from tests.terminal.sequences import colours, taken_apart


@pytest.mark.parametrize(
    "foreign",
    [
        b"\x1b]0;title\x07", b"\x1b]52;c;eA==\x07", b"\x1b]52;c;eA==\x1b\\", b"\x1b", b"\x1bc", b"\x1bP1$r\x1b\\",
        b"\x1b[6n", b"\x1b]8;;http://x\x07", "\x9b31m".encode(), b"\x9b31m", "\u202e".encode(), "\u200b".encode(),
        b"\x00", b"\x7f", b"\x0e", b"\x1b]9;4;1;50\x07", b"\x1b]9;stacktui: " + b"x" * 200 + b"\x07",
    ],
)  # fmt: skip
def test_what_the_workbench_has_no_use_for_is_a_stranger(foreign: bytes) -> None:
    assert taken_apart(b"\x1b[1mabc" + foreign + b"def\x1b[0m").strangers


def test_what_the_workbench_sends_is_none() -> None:
    sent = b"\x1b[?1049h\x1b[?2026$p\x1b[>1u\x1b[c\x1b[1;1H\x1b[38;2;1;2;3mname \xe2\x9c\x93\x1b[0m\r\n\x1b]22;default\x07\x07"
    assert taken_apart(sent) == ("name ✓\r\n\x07", ())
    assert taken_apart("a\x1b]9;stacktui: nightly ✓ succeeded\x07b".encode()) == ("ab", ())


def test_colours_are_told_from_weights() -> None:
    assert colours(b"\x1b[1;38;2;1;2;3;48;5;7mx\x1b[0;2;7m\x1b[31m\x1b[97m\x1b[39;49m") == {
        "38;2;1;2;3", "48;5;7", "31", "97",
    }  # fmt: skip
