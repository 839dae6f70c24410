"""`@step`, `Artifact`, `Env`: options, outputs, and that a step stays a function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from stacktui import Artifact, Env, Resources, pipeline, step
from stacktui.model.secretref import SecretRef
from stacktui.pipelines.hints import outputs_of, type_hints, type_name

if TYPE_CHECKING:
    import pandas as pd


@step
def double(x: int) -> int:
    """Doubles.

    More.
    """
    return 2 * x


@step(
    retries=2,
    retry_delay="5s",
    timeout="10m",
    step_operator="a100",
    resources=Resources(gpu=1, memory="16GiB"),
)
def fit(train: pd.DataFrame, lr: float = 0.1) -> object:
    return (train, lr)


@step
def merge(*frames: int, scale: int = 1, **more: int) -> int:
    return sum(frames) * scale + sum(more.values())


@step
def joined(parts: list[int], pair: tuple[int, int] = (1, 2), /, end: int = 0) -> Any:
    return parts, pair, end


def test_a_step_is_called_as_a_function_outside_pipelines() -> None:
    assert double(4) == 8
    assert fit("x", lr=0.5) == ("x", 0.5)
    assert double.__name__ == "double"
    assert double.__doc__ is not None
    assert double.__doc__.startswith("Doubles.")


def test_a_pipeline_is_called_as_a_function_too() -> None:
    results = []

    @pipeline
    def small(x: int = 3) -> None:
        results.append(double(x))

    small()
    small(5)
    assert results == [6, 10]


def test_settings_are_read_with_their_units() -> None:
    assert fit.settings.retries == 2
    assert fit.settings.retry_delay == 5.0
    assert fit.settings.timeout == 600.0
    assert fit.settings.step_operator == "a100"
    assert fit.settings.resources == Resources(gpu=1, memory=16 * 1024**3)


def test_options_beside_settings() -> None:
    other = double.with_options(
        cache_for="1d",
        cache_key="v2",
        depends_on=[Path("data/x.csv"), "data/y.csv", Env("REGION")],
        secrets=["aws.key", "{{aws.id}}", SecretRef("aws", "key")],
        materializer={"output": "json"},
        environment={"A": "1"},
        experiment_tracker="local",
    )
    assert other.options.cache_for_s == 86400.0
    assert other.options.depends_on == (Path("data/x.csv"), Path("data/y.csv"), Env("REGION"))
    assert other.options.secrets == (SecretRef("aws", "key"), SecretRef("aws", "id"))
    assert other.settings.environment == {"A": "1"}
    again = other.with_options(retries=1)
    assert again.options == other.options
    assert again.settings.experiment_tracker == "local"
    assert double.options.cache_key is None
    assert other(3) == 6


def test_another_name() -> None:
    assert double.named("twice").name == "twice"
    assert double.name == "double"
    for name in ("a/b", "n" * 101, "", "-n"):
        with pytest.raises(ValueError, match="cannot name a step; use up to 100 letters") as refusal:
            double.named(name)
        assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retires": 1}, "did you mean `retries`"),
        ({"timeout": "10x"}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"resources": {"memory": "much"}}, "memory"),
        ({"cache_for": "soon"}, "cache_for"),
        ({"secrets": ["aws"]}, "name.key"),
        ({"depends_on": [3]}, "depends_on"),
        ({"name": "a/b"}, "cannot name"),
        ({"name": "../x"}, "cannot name"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError)) as refusal:
        step(**options)(lambda_like)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def lambda_like(x: int) -> int:
    return x


def test_only_plain_functions_are_steps() -> None:
    async def later() -> None: ...

    def yields() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="async"):
        step(later)
    with pytest.raises(TypeError, match="`yields` is a generator; collect"):
        step(yields)
    with pytest.raises(TypeError, match="decorates a function"):
        step(3)  # type: ignore[call-overload]


def test_arguments_by_their_nodes_names() -> None:
    assert double.call({"x": 2}) == 4
    assert merge.call({"frames[1]": 2, "frames[0]": 1, "scale": 10, "other": 5}) == 35
    assert merge.call({}) == 0
    assert joined.call({"parts[0]": 1, "parts[1]": 2, "pair[0]": 3, "pair[1]": 4, "end": 5}) == (
        [1, 2],
        (3, 4),
        5,
    )
    eleven = {f"frames[{index}]": index for index in range(11)}
    assert merge.call(eleven) == 55


def test_constants_come_back_as_annotated() -> None:
    assert joined.constant("pair", [1, 2]) == (1, 2)
    assert merge.constant("frames[0]", 3) == 3
    assert fit.constant("lr", 1) == 1.0


def returns_pair() -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]: ...  # type: ignore[empty-body]
def returns_plain_pair() -> tuple[int, str]: ...  # type: ignore[empty-body]
def returns_one() -> Annotated[int, "count"]: ...  # type: ignore[empty-body]
def returns_many_of_one() -> tuple[int, ...]: ...  # type: ignore[empty-body]
def returns_tuple_of_one() -> tuple[int]: ...  # type: ignore[empty-body]
def returns_named_tuple() -> Annotated[tuple[int, int], "both"]: ...  # type: ignore[empty-body]
def returns_none() -> None: ...
def returns_unknown() -> Missing: ...  # type: ignore[name-defined]  # noqa: F821
def returns_optional() -> int | None: ...
def unannotated():
    return 1


def unannotated_nothing():
    def inner():
        return 1

    inner()  # type: ignore[no-untyped-call]


def unannotated_bare():
    return None


def doubled() -> tuple[Annotated[int, "a"], Annotated[int, "a"]]: ...  # type: ignore[empty-body]
def badly_named() -> Annotated[int, "../x"]: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("function", "outputs"),
    [
        (returns_pair, [("train", "pd.DataFrame"), ("test", "pd.DataFrame")]),
        (returns_plain_pair, [("output_0", "int"), ("output_1", "str")]),
        (returns_one, [("count", "int")]),
        (returns_many_of_one, [("output", "tuple[int, ...]")]),
        (returns_tuple_of_one, [("output", "tuple[int]")]),
        (returns_named_tuple, [("both", "tuple[int, int]")]),
        (returns_none, []),
        (returns_unknown, [("output", "Missing")]),
        (returns_optional, [("output", "int | None")]),
        (unannotated, [("output", "")]),
        (unannotated_nothing, []),
        (unannotated_bare, []),
    ],
)
def test_outputs_are_read_from_the_annotation(function: Any, outputs: list[tuple[str, str]]) -> None:
    found = outputs_of(function, type_hints(function))
    assert [(item.name, type_name(item.annotation)) for item in found] == outputs


@pytest.mark.parametrize("function", [doubled, badly_named])
def test_bad_names_of_outputs_are_refused(function: Any) -> None:
    with pytest.raises(ValueError):
        outputs_of(function, type_hints(function))


def test_queries_of_artifacts() -> None:
    assert Artifact("training/fit").query == {"pipeline": "training", "step": "fit", "version": "latest"}
    assert Artifact("training/load/train", tag="gold").query == {
        "pipeline": "training",
        "step": "load",
        "name": "train",
        "tag": "gold",
    }
    assert Artifact("training/fit", version=3).query["version"] == 3
    assert Artifact(id="0193").query == {"id": "0193"}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fit", {}),
        ("a/b/c/d", {}),
        ("a//b", {}),
        (None, {}),
        ("a/b", {"version": 0}),
        ("a/b", {"version": "newest"}),
        ("a/b", {"version": 1, "tag": "x"}),
        ("a/b", {"id": "1"}),
    ],
)
def test_wrong_queries_are_refused(name: str | None, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Artifact(name, **options)
