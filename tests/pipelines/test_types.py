"""Which outputs fit which inputs, and which constants can be kept."""

# ruff: noqa: UP007, UP045 - the older ways to write a union must work too

from __future__ import annotations

import collections.abc
import datetime
import enum
import inspect
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Protocol, TypeVar, Union

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stacktui.pipelines.hints import Unknown, type_name
from stacktui.pipelines.types import NotPlain, checked, fits, from_plain, from_text, is_plain, plain


class Base: ...


class Derived(Base): ...


class Other: ...


class ScoresMixin: ...


class Sized(Protocol):
    size: int


class Colour(enum.Enum):
    RED = "red"


class Config(BaseModel):
    lr: float = 0.1


@dataclass
class Point:
    x: int
    y: int


UserId = NewType("UserId", int)
T = TypeVar("T")

FITS = [
    (int, int),
    (Any, int),
    (int, Any),
    (int, inspect.Parameter.empty),
    (int, object),
    (bool, int),
    (int, float),
    (float, complex),
    (Derived, Base),
    (Base, Derived),
    (Optional[int], int),
    (int, Optional[int]),
    (None, Optional[int]),
    (type(None), int | None),
    (int | str, str),
    (int, Union[str, int]),
    (list[int], list[int]),
    (list[int], list),
    (list, list[int]),
    (list[int], collections.abc.Sequence[int]),
    (list[int], collections.abc.Iterable[str]),
    (list[Any], list[int]),
    (dict[str, int], collections.abc.Mapping[str, int]),
    (dict[str, int], dict[str, float]),
    (tuple[int, ...], tuple[int, ...]),
    (tuple[int, int], tuple[int, ...]),
    (tuple[int, str], tuple[int, str]),
    (Annotated[int, "n"], int),
    (int, Annotated[int, "n"]),
    (UserId, int),
    (T, int),
    (Literal["a"], str),
    (Literal["a"], Literal["a", "b"]),
    (str, Literal["a"]),
    (Unknown("X"), int),
    (int, Unknown("X")),
    (Other, Sized),
    (ScoresMixin, Base),
    (pd.DataFrame, pd.DataFrame),
    (np.ndarray, np.ndarray),
    (np.ndarray, collections.abc.Sequence),
    (np.float64, float),
    ("str", int),
    (collections.abc.Callable[[int], int], collections.abc.Callable[..., Any]),
    (type[int], type),
]
DOES_NOT_FIT = [
    (int, str),
    (str, int),
    (str, float),
    (Base, Other),
    (Derived, Other),
    (pd.DataFrame, np.ndarray),
    (pd.DataFrame, pd.Series),
    (pd.DataFrame, int),
    (np.ndarray, pd.DataFrame),
    (list[int], list[str]),
    (list[int], dict),
    (list[int], set[int]),
    (dict[str, int], dict[int, int]),
    (tuple[int, str], tuple[int, int]),
    (tuple[int, int], tuple[int]),
    (Optional[int], str),
    (int | float, str | bytes),
    (int, Optional[str]),
    (Annotated[int, "n"], str),
    (UserId, str),
    (Literal["a"], int),
    (Literal["a"], Literal["b"]),
    (None, int),
    (Path, str),
    (Colour, str),
    (list[Base], list[Other]),
    (list[list[int]], list[list[str]]),
]


@pytest.mark.parametrize(("output", "wanted"), FITS, ids=lambda item: type_name(item) or "Any")
def test_fits(output: Any, wanted: Any) -> None:
    assert fits(output, wanted)


@pytest.mark.parametrize(("output", "wanted"), DOES_NOT_FIT, ids=lambda item: type_name(item) or "Any")
def test_does_not_fit(output: Any, wanted: Any) -> None:
    assert not fits(output, wanted)


NAMES = [
    (int, "int"),
    (Any, ""),
    (None.__class__, "None"),
    (pd.DataFrame, "pandas.core.frame.DataFrame"),
    (np.ndarray, "numpy.ndarray"),
    (list[int], "list[int]"),
    (dict[str, list[Any]], "dict[str, list[Any]]"),
    (tuple[int, ...], "tuple[int, ...]"),
    (int | None, "int | None"),
    (typing.Optional[int], "int | None"),
    (Annotated[int, "n"], "int"),
    (Unknown("pd.DataFrame"), "pd.DataFrame"),
    (Literal["a"], "Literal['a']"),
]


@pytest.mark.parametrize(("annotation", "name"), NAMES, ids=[name or "Any" for _, name in NAMES])
def test_type_names(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name


CONSTANTS = [
    (1, int, 1),
    (1, float, 1.0),
    ("x", Any, "x"),
    ((1, 2), tuple[int, ...], [1, 2]),
    ({3, 1}, set[int], None),
    (Path("a/b"), Path, "a/b"),
    (Colour.RED, Colour, "red"),
    (Config(lr=0.5), Config, {"lr": 0.5}),
    (Point(1, 2), Point, {"x": 1, "y": 2}),
    (datetime.date(2024, 1, 2), datetime.date, "2024-01-02"),
    ({1: "a"}, dict[int, str], {"1": "a"}),
    ([1, None, {"a": [True]}], Any, [1, None, {"a": [True]}]),
    (b"abc", bytes, "abc"),
]


@pytest.mark.parametrize(
    ("value", "annotation", "kept"), CONSTANTS, ids=[repr(item[0]) for item in CONSTANTS]
)
def test_constants_are_kept_as_json_and_made_again(value: Any, annotation: Any, kept: Any) -> None:
    made = plain(value, annotation)
    assert is_plain(made)
    if kept is not None:
        assert made == kept
        assert type(made) is type(kept)
    again = from_plain(made, annotation)
    assert again == value


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (np.zeros(3), Any),
        (object(), Any),
        ((1, 2), Any),
        ({1: 2}, Any),
        (Path("x"), Any),
        ("abc", float),
        (pd.DataFrame(), pd.DataFrame),
        (b"\xff\xfe", bytes),
        (lambda: 1, Any),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(value: Any, annotation: Any) -> None:
    with pytest.raises(NotPlain) as refusal:
        plain(value, annotation)
    assert "\n" not in str(refusal.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_values_stay_as_they_are(value: Any) -> None:
    assert is_plain(value)
    assert plain(value, Any) is value
    assert from_plain(value, Any) is value


TEXTS: list[tuple[str, Any, Any, Any]] = [
    ("0.2", float, inspect.Parameter.empty, 0.2),
    ("3", int, inspect.Parameter.empty, 3),
    ("true", bool, inspect.Parameter.empty, True),
    ("3", str, inspect.Parameter.empty, "3"),
    ("[1, 2]", list[int], inspect.Parameter.empty, [1, 2]),
    ('{"lr": 0.5}', Config, inspect.Parameter.empty, Config(lr=0.5)),
    ("red", Colour, inspect.Parameter.empty, Colour.RED),
    ("a/b", Path, inspect.Parameter.empty, Path("a/b")),
    ("7", int | None, inspect.Parameter.empty, 7),
    ("null", int | None, inspect.Parameter.empty, None),
    ("0.2", Any, 0.1, 0.2),
    ("2", Any, 1, 2),
    ("2.5", Any, 1, 2.5),
    ("no", Any, True, False),
    ("5", Any, "x", "5"),
    ("5", Any, inspect.Parameter.empty, 5),
    ("five", Any, inspect.Parameter.empty, "five"),
    ("a", Literal["a", "b"], inspect.Parameter.empty, "a"),
]


@pytest.mark.parametrize(("text", "annotation", "default", "value"), TEXTS)
def test_parameters_are_read_from_text(text: str, annotation: Any, default: Any, value: Any) -> None:
    read = from_text(text, annotation, default)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation"),
    [("abc", float), ("1.5", int), ("[1", list[int]), ("c", Literal["a"]), ("{}", Point)],
)
def test_text_that_does_not_fit_says_so(text: str, annotation: Any) -> None:
    with pytest.raises(NotPlain, match="is not"):
        from_text(text, annotation)


@pytest.mark.parametrize("annotation", [list[int], dict[str, int], tuple[int, ...], set[str]])
def test_what_is_no_single_value_is_asked_for_as_json(annotation: Any) -> None:
    with pytest.raises(NotPlain, match="write it as JSON"):
        from_text("1,2", annotation)
    with pytest.raises(NotPlain) as refusal:
        from_text('{"x": []}', annotation)
    assert "write it as JSON" not in str(refusal.value)
    with pytest.raises(NotPlain) as refusal:
        from_text("many", int)
    assert "write it as JSON" not in str(refusal.value)


def test_values_are_checked_by_their_annotation() -> None:
    assert checked({"lr": 1}, Config) == Config(lr=1.0)
    with pytest.raises(NotPlain, match="is not int"):
        checked("x", int)
