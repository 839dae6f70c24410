"""Configurations against config models: where references may stand, and what is said about faults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from stacktui.categories.base import FlavorConfig
from stacktui.model.secretref import Secretable, SecretRef, SecretValue
from stacktui.runtime.config import build_config, check_config, may_hold_reference, secrets_of


class View(BaseModel):
    source: str
    token: Secretable[str] | None = None


class Config(FlavorConfig):
    path: str = Field(default="p", description="Where it is.")
    key: Secretable[str] | None = None
    port: Secretable[int] = Field(default=1, ge=1)
    mode: Literal["fast", "careful"] = "fast"
    headers: dict[str, Secretable[str]] = Field(default_factory=dict)
    views: list[View] = Field(default_factory=list)
    either: int | View | None = None
    tagged: Annotated[Secretable[str], Field(description="Twice annotated.")] = ""
    anything: Any = None

    @field_validator("tagged")
    @classmethod
    def _faulty(cls, tagged: str) -> str:
        return {"": "", "{{a.t}}": ""}[tagged]

    @field_validator("key")
    @classmethod
    def _no_spaces(cls, key: str | None) -> str | None:
        if key and " " in key:
            raise ValueError(f"the key {key!s} has a space")
        return key


class Strict(FlavorConfig):
    url: str = Field(description="The address of the server.")


@pytest.mark.parametrize(
    ("path", "may"),
    [
        (("key",), True),
        (("port",), True),
        (("headers", "x"), True),
        (("views", 0, "token"), True),
        (("either", "token"), True),
        (("tagged",), True),
        (("path",), False),
        (("views", 0, "source"), False),
        (("headers",), False),
        (("anything", "deep"), False),
        (("nowhere",), False),
    ],
)
def test_where_a_reference_may_stand(path: tuple[str | int, ...], *, may: bool) -> None:
    assert may_hold_reference(Config, path) is may


def test_values_are_put_in_whole_or_in_part_and_stay_marked() -> None:
    values = {SecretRef("a", "k"): SecretValue("sesame"), SecretRef("a", "p"): SecretValue("8080")}
    config = build_config(
        Config,
        {"key": "x-{{a.k}}-{{ a.k }}", "port": "{{a.p}}", "headers": {"h": "{{{{a.k}}"}, "path": "{{{{x"},
        values.__getitem__,
    )
    assert isinstance(config, Config)
    assert config.key == "x-sesame-sesame"
    assert config.port == 8080
    assert config.headers == {"h": "{{a.k}}"}
    assert config.path == "{{x"
    assert "sesame" not in repr(config)
    assert "sesame" not in str(config)


def test_a_value_that_looks_like_a_reference_is_not_looked_up() -> None:
    config = build_config(Config, {"key": "{{a.k}}"}, lambda _: SecretValue("{{b.c}}"))
    assert isinstance(config, Config)
    assert config.key == "{{b.c}}"


def test_the_type_of_a_secret_is_checked_when_it_is_there_and_the_value_is_not_told() -> None:
    with pytest.raises(ValueError, match="port must be a whole number") as caught:
        build_config(Config, {"port": "{{a.p}}"}, lambda _: SecretValue("hunter22"))
    assert "stacktui secret set a p" in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_validator_of_the_flavor_cannot_tell_the_value_either() -> None:
    with pytest.raises(ValueError, match="has a space") as caught:
        build_config(Config, {"key": "{{a.k}}"}, lambda _: SecretValue("hunter 22"))
    assert "hunter" not in str(caught.value)


def test_a_validator_that_is_faulty_itself_is_a_fault_and_tells_nothing() -> None:
    [fault] = check_config(Config, {"tagged": "x"})
    assert "the flavor's own check of the configuration failed: KeyError" in fault.message
    with pytest.raises(ValueError, match="check of the configuration failed") as caught:
        build_config(Config, {"tagged": "{{a.t}}"}, lambda _: SecretValue("hunter22"))
    assert "hunter22" not in str(caught.value)


def test_a_reference_in_another_field_is_not_put_in() -> None:
    with pytest.raises(ValueError, match="path may not refer to a secret"):
        build_config(Config, {"path": "{{a.k}}"}, lambda _: SecretValue("v"))


def test_an_unquoted_reference_is_told_as_such() -> None:
    with pytest.raises(ValueError, match=r'key needs quotes: "\{\{a\.k\}\}"'):
        build_config(Config, {"key": {"{a.k}": None}}, lambda _: SecretValue("v"))


def test_the_secrets_of_a_configuration() -> None:
    config = {"key": "{{a.k}} {{a.l}}", "path": "{{no.no}}", "views": [{"source": "s", "token": "{{b.t}}"}]}
    assert secrets_of(Config, config) == {
        ("key",): [SecretRef("a", "k"), SecretRef("a", "l")],
        ("views", 0, "token"): [SecretRef("b", "t")],
    }


@pytest.mark.parametrize(
    ("config", "kind", "path", "says"),
    [
        ({"pth": 1}, "unknown", ("pth",), "did you mean path?"),
        ({"views": [{"sourec": "s", "source": "s"}]}, None, (), ""),
        ({"views": [{}]}, "missing", ("views", 0, "source"), "views[0].source is missing"),
        ({"port": "many"}, "value", ("port",), "port must be a whole number"),
        ({"port": 0}, "value", ("port",), "port must be greater than or equal to 1"),
        ({"mode": "fasd"}, "value", ("mode",), "must be 'fast' or 'careful'; did you mean fast?"),
        ({"views": {}}, "value", ("views",), "views must be a list"),
        ({"path": 3}, "value", ("path",), "path must be text"),
        ({"key": "a b"}, "value", ("key",), "key does not fit: the key a b has a space"),
    ],
)
def test_faults_are_told_in_words(
    config: dict[str, Any], kind: str | None, path: tuple[str | int, ...], says: str
) -> None:
    faults = check_config(Config, config)
    if kind is None:
        assert faults == ()
        return
    [fault] = faults
    assert (fault.kind, fault.path) == (kind, path)
    assert says in fault.message
    assert "Input should" not in fault.message


def test_a_missing_field_is_described() -> None:
    [fault] = check_config(Strict, {})
    assert fault.message == "url is missing: The address of the server"


def test_all_faults_at_once_and_one_for_all_arms_of_a_union() -> None:
    faults = check_config(Config, {"x": 1, "y": 2, "port": "q", "either": "text"})
    assert [fault.path for fault in faults if fault.kind == "unknown"] == [("x",), ("y",)]
    [either] = [fault for fault in faults if fault.path == ("either",)]
    assert " or " in either.message


def test_unresolved_references_fit_any_type() -> None:
    assert check_config(Config, {"port": "{{a.p}}", "key": "{{a.k}}", "path": "{{{{a.k}}"}) == ()
