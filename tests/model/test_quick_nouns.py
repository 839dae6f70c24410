"""Nouns that are made and copied without a check are what pydantic makes of the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from stacktui.model import alert, artifact, component, execution, run, stack
from stacktui.model.base import Noun

_UNKNOWN = "no_such_field"


def _nouns() -> Iterator[type[Noun]]:
    for module in (alert, artifact, component, execution, run, stack):
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Noun) and item.__module__ == module.__name__:
                yield item


NOUNS = tuple(_nouns())


def _as_pydantic(cls: type[Noun], values: dict[str, Any]) -> Noun:
    made = BaseModel.model_construct.__func__(cls, None, **values)  # type: ignore[attr-defined]
    assert isinstance(made, cls)
    return made


def _same(one: Noun, other: Noun) -> None:
    assert one.__dict__ == other.__dict__
    assert list(one.__dict__) == list(other.__dict__), "in the same order"
    assert one.model_fields_set == other.model_fields_set
    assert one.__pydantic_extra__ == other.__pydantic_extra__
    assert one.__pydantic_private__ == other.__pydantic_private__
    assert one == other


@pytest.mark.parametrize("cls", NOUNS, ids=lambda cls: cls.__name__)
def test_made_without_a_check(cls: type[Noun]) -> None:
    required = {name: name.encode() for name, field in cls.model_fields.items() if field.is_required()}
    every = {name: name.encode() for name in reversed(cls.model_fields)}
    some = dict(list(every.items())[::2])
    for values in (required, every, required | some, some, {**every, _UNKNOWN: 1}, {}):
        _same(cls.model_construct(**values), _as_pydantic(cls, values))


@pytest.mark.parametrize("cls", NOUNS, ids=lambda cls: cls.__name__)
def test_copied(cls: type[Noun]) -> None:
    values = {name: [name] for name in cls.model_fields}
    noun = _as_pydantic(cls, values)
    for update in (None, {}, {next(iter(values)): 1}):
        _same(noun.model_copy(update=update), BaseModel.model_copy(noun, update=update))
    deep = noun.model_copy(deep=True)
    _same(deep, noun)
    assert not any(deep.__dict__[name] is values[name] for name in values)


def test_a_default_that_can_change_is_not_shared() -> None:
    made = [run.StepRun.model_construct(run_id="r", name="s", position=0) for _ in range(2)]
    assert made[0].params is not made[1].params
    copied = made[0].model_copy(update={"attempt": 2})
    assert (made[0].attempt, copied.attempt) == (1, 2)
    assert "attempt" not in made[0].model_fields_set
