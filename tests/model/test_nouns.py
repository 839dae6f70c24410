"""Names, times, ids, references, and the small languages for memory and durations."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from stacktui.model.base import from_rfc3339, is_name, rfc3339, uuid7
from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.model.secretref import (
    Secretable,
    SecretRef,
    SecretValue,
    references,
    substitute,
    walk_references,
)
from stacktui.model.stack import Resources, StackFile, StepSettings


@pytest.mark.parametrize("name", ["a", "a100", "team-bucket", "0-x_y", "a" * 63])
def test_names_that_are_allowed(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "A", "-a", "_a", "a b", "a/b", "a\n", "..", "a" * 64, "ä"])
def test_names_that_are_not(name: str) -> None:
    assert not is_name(name)


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [uuid7() for _ in range(500)]
    assert len(set(ids)) == 500
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)
    assert all(uuid.UUID(i).version == 7 and uuid.UUID(i).variant == uuid.RFC_4122 for i in ids)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))
def test_times_come_back_and_sort_as_text(moment: datetime) -> None:
    assert from_rfc3339(rfc3339(moment)) == moment
    assert rfc3339(moment) < rfc3339(moment + timedelta(microseconds=1))


def test_each_category_has_its_own_digit() -> None:
    assert "".join(category.facts.key for category in Category) == "1234567890"
    assert [category for category in Category if category.required] == list(Category)[:3]


class _Config(BaseModel):
    token: Secretable[str] = "none"
    port: Secretable[int] = 1


def test_a_reference_may_stand_for_a_typed_value() -> None:
    kept: object = _Config.model_validate({"port": "{{db.port}}"}).port
    assert kept == "{{db.port}}"
    assert _Config.model_validate({"port": "12"}).port == 12
    with pytest.raises(ValidationError, match="valid integer"):
        _Config.model_validate({"port": "twelve"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{aws.key}}", [SecretRef("aws", "key")]),
        ("s3://{{ aws.key }}@host/{{db.name}}", [SecretRef("aws", "key"), SecretRef("db", "name")]),
        ("{{{{aws.key}}", []),
        ("{{aws}}", []),
        ("plain", []),
    ],
)
def test_references_are_found(text: str, found: list[SecretRef]) -> None:
    assert references(text) == found


def test_values_are_put_in_and_do_not_show_themselves() -> None:
    filled = substitute("user:{{db.password}}@host {{{{", lambda reference: f"<{reference}>")
    assert filled == "user:<db.password>@host {{"
    assert isinstance(filled, SecretValue)
    assert repr(filled) == "'******'"
    assert not isinstance(substitute("plain", str), SecretValue)


def test_references_are_found_in_nested_values() -> None:
    config = {"a": ["{{x.y}}", {"b": "{{z.w}}"}], "c": 1}
    assert list(walk_references(config)) == [
        (("a", 0), SecretRef("x", "y")),
        (("a", 1, "b"), SecretRef("z", "w")),
    ]


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("16GiB", 16 << 30), ("500MB", 500_000_000), ("2k", 2000), (7, 7), ("1.5 MiB", 1572864)],
)
def test_memory(written: object, bytes_: int) -> None:
    assert Resources.model_validate({"memory": written}).memory == bytes_


@pytest.mark.parametrize(
    ("written", "seconds"), [("10m", 600), ("1.5h", 5400), ("30s", 30), ("250ms", 0.25), (5, 5)]
)
def test_durations(written: object, seconds: float) -> None:
    assert Resources.model_validate({"time": written}).time == seconds


@pytest.mark.parametrize("wrong", [{"memory": "much"}, {"time": "soon"}, {"gpu": -1}, {"gpus": 1}])
def test_resources_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Resources.model_validate(wrong)


def test_step_settings_merge_by_key() -> None:
    lower = StepSettings(retries=1, resources=Resources(gpu=1, memory=5), environment={"A": "1", "B": "1"})
    upper = StepSettings(resources=Resources(memory=9), environment={"B": "2"})
    merged = upper.over(lower)
    assert merged.retries == 1
    assert merged.resources == Resources(gpu=1, memory=9)
    assert merged.environment == {"A": "1", "B": "2"}


def test_a_stack_takes_one_name_several_or_none() -> None:
    stack = StackFile.model_validate(
        {"components": {"alerter": "inbox", "step_operator": ["a", "b"], "feature_store": None}}
    )
    assert stack.components[Category.ALERTER] == ("inbox",)
    assert stack.components[Category.STEP_OPERATOR] == ("a", "b")
    assert stack.components[Category.FEATURE_STORE] == ()


def test_every_code_has_a_range_and_a_title() -> None:
    for code, facts in CODES.items():
        assert code[:3].isalpha()
        assert code[3:].isdigit()
        assert facts.title
