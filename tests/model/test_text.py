"""The cleaner: nothing that it lets through can act on a terminal or reorder what is read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacktui.model.text import Clean, clean, clean_block, unstyled

ANY_TEXT = st.text(st.characters(), max_size=200)  # surrogates too


@given(ANY_TEXT)
def test_a_clean_line_holds_no_control_and_no_direction_change(raw: str) -> None:
    for letter in clean(raw):
        assert unicodedata.category(letter) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(letter) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(ANY_TEXT)
def test_a_clean_block_differs_from_a_line_by_newlines_only(raw: str) -> None:
    block = clean_block(raw)
    assert "\x1b" not in block
    assert all(letter == "\n" or unicodedata.category(letter) != "Cc" for letter in block)


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert clean(str(clean(raw))) == clean(raw)
    assert clean_block(str(clean_block(raw))) == clean_block(raw)


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=200))
def test_ordinary_text_passes_unchanged(raw: str) -> None:
    # Hangul fillers are letters that show nothing: they are replaced.
    kept = "".join(letter for letter in raw if letter not in "\u115f\u1160\u3164\uffa0")
    assert clean(kept) == kept


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
        ("\x9b2J", "\ufffd2J"),
        ("a\nb", "a␊b"),
        ("a\tb", "a    b"),
        ("evil\u202egnp.exe", "evil\ufffdgnp.exe"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
        ("\ud800", "\ufffd"),
    ],
)
def test_known_attacks_become_visible(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_clean_text_says_so_by_its_type() -> None:
    assert isinstance(clean("x"), Clean)
    assert isinstance(clean(7), Clean)
    assert clean(clean_block("a\nb")) == "a␊b"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[32mINFO\x1b[0m ready", "INFO ready"),
        ("\x1b[1;38;5;9mred\x1b[m", "red"),
        ("\x1b[38:2::1:2:3mred\x1b[0m", "red"),
        ("moves \x1b[2J and \x1b]0;owned\x07", "moves ␛[2J and ␛]0;owned␇"),
        ("cut \x1b[3", "cut ␛[3"),
        ("[1m is text", "[1m is text"),
    ],
)
def test_colours_go_and_nothing_else(raw: str, shown: str) -> None:
    assert clean(unstyled(raw)) == shown
