"""Values as text and back: what a form does not touch stays what it is."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from stacktui.categories.base import FlavorConfig
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.secretref import Secretable
from stacktui.model.stack import MemoryBytes
from stacktui.model.text import Clean
from stacktui.tui.dialogs.form_draft import Draft
from stacktui.tui.dialogs.form_fields import ABSENT, FieldSpec, Kind, config_specs, text_of, value_of


class View(BaseModel):
    name: str


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
    environment: dict[str, str] = Field(default_factory=dict, description="d")
    free: dict[str, Any] = Field(default_factory=dict, description="d")
    views: tuple[View, ...] = Field(default=(), description="d")
    password: Secretable[str | None] = Field(default=None, description="d")
    port: Secretable[int] = Field(default=1, description="d")


def test_each_type_has_its_field() -> None:
    kinds = {spec.name: spec.kind for spec in config_specs(Everything)}
    assert kinds == {
        "text": Kind.TEXT, "maybe": Kind.TEXT, "whole": Kind.SCALAR, "real": Kind.SCALAR, "memory": Kind.SCALAR,
        "flag": Kind.CHOICE, "maybe_flag": Kind.CHOICE, "word": Kind.CHOICE, "names": Kind.LINES, "ports": Kind.LINES,
        "environment": Kind.PAIRS, "free": Kind.YAML, "views": Kind.YAML, "password": Kind.TEXT, "port": Kind.SCALAR,
    }  # fmt: skip
    specs = {spec.name: spec for spec in config_specs(Everything)}
    assert specs["text"].required
    assert specs["text"].about() == "text · required"
    assert specs["whole"].about() == "whole number · optional, 3 by default"
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
@given(st.sampled_from(config_specs(Everything)), _VALUES)
def test_a_value_of_whatever_kind_comes_back_as_it_was(spec: FieldSpec, value: Any) -> None:
    shown, text = text_of(spec, value)
    back = value_of(shown, text)
    if value == "":
        assert back is ABSENT or back == ""
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
    assert "unknown" in built.problems["config"]


def test_an_emptied_field_leaves_the_file() -> None:
    draft = _draft({"text": "t", "whole": 4})
    draft.texts["config.whole"] = ""
    built = draft.build(())
    assert built.component is not None
    assert built.component.config == {"text": "t"}
    assert not built.problems


def test_what_is_wrong_stands_at_its_field_with_the_models_own_words() -> None:
    draft = _draft({"text": "t"})
    draft.texts |= {
        "config.whole": "0",
        "config.environment": "X",
        "config.ports": "a",
        "config.views": "- name: 1",
    }
    built = draft.build(())
    assert built.component is None
    assert set(built.problems) == {"config.environment"}
    draft.texts["config.environment"] = "X: 1"
    problems = draft.build(()).problems
    assert problems["config.whole"] == "must be greater than or equal to 1"
    assert set(problems) == {"config.whole", "config.ports", "config.views"}


def test_a_rebase_takes_in_their_values_and_keeps_mine() -> None:
    draft = _draft({"text": "t", "whole": 4})
    draft.texts["config.whole"] = "5"
    theirs = Component(
        category=Category.ALERTER, name="it", flavor="f", config={"text": "new", "whole": 9, "word": "b"}
    )
    draft.rebase(theirs, Everything)
    built = draft.build(())
    assert built.component is not None
    assert built.component.config == {"text": "new", "whole": 5, "word": "b"}
    assert draft.dirty
