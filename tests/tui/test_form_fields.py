"""Values as text and back: what a form does not touch stays what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from stacktui.categories.base import FlavorConfig
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.secretref import Secretable
from stacktui.model.stack import MemoryBytes
from stacktui.model.text import Clean
from stacktui.tui.dialogs.form_draft import Draft, content_of
from stacktui.tui.dialogs.form_entries import entry_of, value_of
from stacktui.tui.dialogs.form_fields import ABSENT, FieldSpec, Kind, specs_of
from stacktui.tui.dialogs.form_state import ModelFields
from stacktui.tui.dialogs.merging import conflicts, merged


class View(BaseModel):
    name: str


class Other(BaseModel):
    other: int


class Everything(FlavorConfig):
    text: str = Field(description="d")
    maybe: str | None = Field(default=None, description="d")
    whole: int = Field(default=3, ge=1, description="d")
    real: float | None = Field(default=None, description="d")
    memory: MemoryBytes = Field(default=None, description="d")
    flag: bool = Field(default=True, description="d")
    maybe_flag: bool | None = Field(default=None, description="d")
    word: Literal["a", "b"] = Field(default="a", description="d")
    names: tuple[str, ...] = Field(default=(), description="d")
    ports: list[int] = Field(default=[], description="d")
    words: list[Literal["x", "y"]] = Field(default=[], description="d")
    environment: dict[str, str] = Field(default_factory=dict, description="d")
    counts: dict[str, int] = Field(default_factory=dict, description="d")
    lists: dict[str, list[str]] = Field(default_factory=dict, description="d")
    by_name: dict[str, View] = Field(default_factory=dict, description="d")
    view: View | None = Field(default=None, description="d")
    either: View | Other | None = Field(default=None, description="d")
    pair: tuple[int, str] | None = Field(default=None, description="d")
    folder: Path | None = Field(default=None, description="d", json_schema_extra={"format": "directory-path"})
    file: str = Field(default="", description="d", json_schema_extra={"format": "file-path"})
    free: dict[str, Any] = Field(default_factory=dict, description="d")
    views: tuple[View, ...] = Field(default=(), description="d")
    password: Secretable[str | None] = Field(default=None, description="d")
    port: Secretable[int] = Field(default=1, description="d")


def test_each_type_has_its_field() -> None:
    kinds = {spec.name: spec.kind for spec in specs_of(Everything)}
    assert kinds == {
        "text": Kind.TEXT, "maybe": Kind.TEXT, "whole": Kind.NUMBER, "real": Kind.NUMBER, "memory": Kind.SCALAR,
        "flag": Kind.CHOICE, "maybe_flag": Kind.CHOICE, "word": Kind.CHOICE, "names": Kind.LINES, "ports": Kind.LINES,
        "words": Kind.LINES, "environment": Kind.PAIRS, "counts": Kind.PAIRS, "free": Kind.MAPPING,
        "lists": Kind.MAPPING, "by_name": Kind.MAPPING, "view": Kind.MODEL, "views": Kind.MODELS, "either": Kind.YAML,
        "pair": Kind.YAML, "password": Kind.TEXT, "port": Kind.SCALAR, "folder": Kind.TEXT, "file": Kind.TEXT,
    }  # fmt: skip
    specs = {spec.name: spec for spec in specs_of(Everything)}
    assert specs["text"].required
    assert specs["text"].about() == "text · required"
    assert specs["whole"].about() == "whole number · at least 1 · optional, 3 by default"
    assert (specs["folder"].path, specs["file"].path, specs["text"].path) == ("folder", "file", "")
    assert specs["views"].model is specs["view"].model is specs["by_name"].model is View
    assert specs["password"].secretable
    assert specs["port"].secretable
    assert not specs["text"].secretable
    assert [choice.label for choice in specs["flag"].choices] == ["yes (default)", "yes", "no"]


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
_SCALARS = _TEXTS | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = (
    _SCALARS
    | st.lists(_SCALARS, min_size=1, max_size=3)
    | st.dictionaries(_TEXTS, _SCALARS, min_size=1, max_size=3)
    | st.lists(st.dictionaries(_TEXTS, _SCALARS, min_size=1, max_size=2), min_size=1, max_size=2)
)


@settings(max_examples=150, deadline=None)
@example(next(spec for spec in specs_of(Everything) if spec.name == "port"), "\xa0")
@given(st.sampled_from(specs_of(Everything)), _VALUES)
def test_a_value_of_whatever_kind_comes_back_as_it_was(spec: FieldSpec, value: Any) -> None:
    shown, entry = entry_of(spec, value)
    back = value_of(shown, entry)
    if value == "":
        assert back is ABSENT or back == ""
    elif shown.kind is Kind.LINES and isinstance(value, str):
        # One alone, where several may stand: it is a list once it was touched.
        assert back == [value]
    else:
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"), [(Kind.PAIRS, "no colon"), (Kind.YAML, "a: [1"), (Kind.YAML, "a: 1\n b: 2")]
)
def test_a_text_that_cannot_be_read_says_why(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        value_of(FieldSpec("config.x", Clean("x"), kind), text)


def _draft(config: dict[str, Any]) -> Draft:
    source = Component(category=Category.ALERTER, name="it", flavor="f", config=config)
    draft = Draft(Category.ALERTER, source, False, ())
    draft.start("it", "f", Everything)
    return draft


def test_a_draft_that_was_not_touched_is_the_component_that_it_was_made_from() -> None:
    config = {
        "views": [{"name": "v"}],
        "text": "1.10",
        "whole": 4,
        "unknown": {"a": 1},
        "names": ["x: y", "z"],
    }
    draft = _draft(config)
    built = draft.build(())
    assert built.component is not None
    assert list(built.component.config.items()) == list(config.items())
    assert not draft.dirty
    # Its own key that the flavor does not know stands in a field of its own, with the reason.
    assert "unknown" in built.problems["config"].text


def test_an_emptied_field_leaves_the_file() -> None:
    draft = _draft({"text": "t", "whole": 4})
    draft.put("config.whole", "")
    built = draft.build(())
    assert built.component is not None
    assert built.component.config == {"text": "t"}
    assert not built.problems


def test_what_is_wrong_stands_at_its_field_with_the_models_own_words() -> None:
    draft = _draft({"text": "t"})
    for key, entry in {
        "config.whole": "0",
        "config.environment": "X",
        "config.ports": "a",
        "config.views": [{"name": "v"}, {"name": 1}],
    }.items():
        draft.put(key, entry)
    built = draft.build(())
    assert built.component is None
    assert set(built.problems) == {"config.environment"}
    draft.put("config.environment", "X: 1")
    problems = draft.build(()).problems
    assert problems["config.whole"].text == "must be greater than or equal to 1"
    assert problems["config.views"].rows == {1}
    assert set(problems) == {"config.whole", "config.ports", "config.views"}


def test_their_values_are_taken_in_and_mine_kept() -> None:
    draft = _draft({"text": "t", "whole": 4, "names": ["a"], "environment": {"A": "1", "B": "2"}})
    for key, entry in {
        "config.whole": "5",
        "config.word": "b",
        "config.environment": "A: 9\nB: 2",
        "config.ports": "eighty",
    }.items():
        draft.put(key, entry)
    theirs = Component(
        category=Category.ALERTER,
        name="it",
        flavor="f",
        config={"text": "new", "whole": 9, "names": ["a", "b"], "environment": {"A": "1", "B": "3"}},
    )
    assert draft.source is not None
    found = conflicts(content_of(draft.source), draft.content(), content_of(theirs))
    assert {one.key: one.only for one in found} == {
        "config.text": "theirs",
        "config.whole": None,
        "config.names": "theirs",
        "config.word": "mine",
        "config.environment.A": "mine",
        "config.environment.B": "theirs",
        "config.ports": "mine",
    }
    data = merged(found, content_of(theirs), {"config.whole": "mine"})
    mine = {one.key for one in found if one.only == "mine" or one.key == "config.whole"}
    draft.take_in(theirs, Everything, data, mine)
    # What cannot be read is kept as it was typed.
    assert draft.entry("config.ports") == "eighty"
    assert draft.dirty
    draft.put("config.ports", "")
    built = draft.build(())
    assert not built.problems
    assert built.component is not None
    assert built.component.config == {
        "text": "new",
        "whole": 5,
        "names": ["a", "b"],
        "environment": {"A": "9", "B": "3"},
        "word": "b",
    }


class Node(BaseModel):
    name: str
    children: tuple[Node, ...] = ()
    parent: Node | None = None


def test_a_model_that_holds_itself_has_fields_too() -> None:
    specs = {spec.name: spec for spec in specs_of(Node)}
    assert specs["name"].required
    assert (specs["children"].kind, specs["children"].model) == (Kind.MODELS, Node)
    assert (specs["parent"].kind, specs["parent"].model) == (Kind.MODEL, Node)


def test_what_is_wrong_in_a_row_names_the_row() -> None:
    fields = ModelFields(
        Everything,
        {"text": "t", "views": [{"name": "v"}, {}], "by_name": {"k": {"name": 3}}, "ports": [1, "x"]},
    )
    wrong = {key: (each.text, set(each.rows)) for key, each in fields.check(fields.read().data).items()}
    assert wrong == {
        "views": ("row 2: name is missing", {1}),
        "by_name": ("k: name must be text", {"k"}),
        "ports": ("row 2 must be a whole number", {1}),
    }


def test_an_empty_value_of_a_key_that_is_there_stays() -> None:
    fields = ModelFields(Everything, {"text": "t", "maybe": None, "names": [], "free": {}})
    assert not fields.dirty
    assert fields.read().data == {"text": "t", "maybe": None, "names": [], "free": {}}


class Counted(FlavorConfig):
    one: list[str] = Field(min_length=1, description="d")
    two: list[str] = Field(min_length=2, description="d")
    few: list[str] = Field(default=[], max_length=1, description="d")


def test_one_item_is_one() -> None:
    said = {spec.name: spec.about().split(" · ")[1] for spec in specs_of(Counted)}
    assert said == {"one": "at least 1 item", "two": "at least 2 items", "few": "at most 1 item"}
