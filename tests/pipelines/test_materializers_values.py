"""Values of the user's own classes, and NumPy's among others: kept as JSON where they come back equal, else pickled."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import math
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.pipelines.materializers import MaterializerError, load, preview, save

ROUNDS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifactStore:
    around = Surroundings("artifacts", tmp_path, tmp_path / "state", tmp_path / "user-data")
    return LocalArtifactStore(LocalArtifactStoreConfig(), around)


def again(value: Any, store: LocalArtifactStore, expect: str) -> Any:
    ref = save(value, store, name="output")
    assert ref.materializer == expect
    if expect != "pickle":
        assert save(value, store, name="output").digest == ref.digest
    return load(ref, store)


class Colour(enum.Enum):
    RED = "r"
    GREEN = ("g", 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    YES = "yes"


class Rights(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Trial:
    """A plain one, with others inside."""

    name: str
    colour: Colour = Colour.RED
    scores: list[float] = dataclasses.field(default_factory=list)
    inner: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    at: Point
    rights: Rights = Rights.READ


@dataclasses.dataclass
class Counting:
    """Its constructor must not be called again: what it works out is kept as it is."""

    given: int
    worked_out: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        self.worked_out = self.given * 2


SIMPLE = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False)
RECORDS = st.recursive(
    SIMPLE
    | st.sampled_from([*Colour, *Level, *Word])
    | st.builds(Rights, st.integers(0, 3))
    | st.builds(Point, st.floats(allow_nan=False), st.floats(allow_nan=False))
    | st.fractions()
    | st.binary(max_size=8).map(bytearray)
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.sampled_from([1, -2, 3]))
    | st.sampled_from([Path("a/b"), PurePosixPath("/x"), PureWindowsPath("c:/y")]),
    lambda inner: (
        st.builds(Trial, st.text(max_size=5), st.sampled_from(Colour), st.just([1.0]), inner)
        | st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        | st.builds(Frozen, st.builds(Point, st.just(1.0)), st.builds(Rights, st.integers(0, 3))).map(
            lambda one: [one]
        )
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if dataclasses.is_dataclass(one):
        return all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    return bool(one == other)


@ROUNDS
@given(value=RECORDS.map(lambda value: [value]))
def test_records_come_back_equal(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store, "json"), value)


@pytest.mark.parametrize(
    "value",
    [
        Colour.GREEN, Level.HIGH, Word.YES, Rights.READ | Rights.WRITE, Rights(0), Point(1.0), Fraction(1, 3),
        Trial("a", Colour.GREEN, [float("inf")], Frozen(Point(1.0, 2.0))), Counting(3), range(0, 9, 2),
        [bytearray(b"x")], {"file": Path("data/x.csv")},
    ],
)  # fmt: skip
def test_they_are_kept_by_themselves_too(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store, "json"), value)


def test_what_a_constructor_worked_out_is_not_worked_out_again(store: LocalArtifactStore) -> None:
    value = Counting(3)
    value.worked_out = 99
    assert again(value, store, "json") == value


class Owner(BaseModel):
    name: str
    note: str = "none"
    colour: Colour = Colour.RED


def test_which_fields_of_a_model_were_given_is_kept(store: LocalArtifactStore) -> None:
    found = again(Owner(name="a"), store, "json")
    assert found.model_dump(exclude_unset=True) == {"name": "a"}
    assert again([Owner(name="a", colour=Colour.GREEN)], store, "json")[0].colour is Colour.GREEN


class Heavy(dict[str, int]):
    """More than a mapping."""


@dataclasses.dataclass
class Cached:
    """Holds more than its fields once it was asked."""

    value: int

    @functools.cached_property
    def twice(self) -> int:
        return self.value * 2


@dataclasses.dataclass
class OwnWay:
    value: int

    def __getstate__(self) -> dict[str, int]:
        return {"value": self.value + 1}


class Labelled(NamedTuple("Labelled", [("x", int)])):
    """A named tuple that is more."""


def test_what_is_more_than_its_fields_is_pickled(store: LocalArtifactStore) -> None:
    asked = Cached(2)
    assert asked.twice == 4
    for value in (asked, OwnWay(1), Heavy(a=1), OrderedDict(a=1), defaultdict(int, a=1), Labelled(3)):
        assert type(again(value, store, "pickle")) is type(value)
    assert again(Cached(2), store, "json") == Cached(2)


def test_a_class_that_cannot_be_found_again_is_no_json(store: LocalArtifactStore) -> None:
    @dataclasses.dataclass
    class Local:
        value: int

    with pytest.raises(MaterializerError, match="cannot be kept"):
        save(Local(1), store, name="output")


def test_a_class_that_has_changed_is_said(store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = save([Colour.RED], store, name="output")

    class Other(enum.Enum):
        BLUE = 1

    monkeypatch.setattr(sys.modules[__name__], "Colour", Other)
    with pytest.raises(
        MaterializerError, match=r"Colour cannot be made again.*run the step that made it again"
    ):
        load(ref, store)
    monkeypatch.delattr(sys.modules[__name__], "Colour")
    with pytest.raises(MaterializerError, match="not there any more"):
        load(ref, store)


def test_text_that_names_a_class_makes_nothing_of_another_kind(store: LocalArtifactStore) -> None:
    from stacktui.pipelines.materializers.plain import loads

    for text in (
        b'{"$class":"subprocess:Popen","value":["true"]}',
        b'{"$class":"subprocess:Popen","fields":{}}',
        b'{"$class":"os:system","items":["true"]}',
    ):
        with pytest.raises(MaterializerError, match=r"another kind of class|no class any more"):
            loads(text)


def test_a_mapping_of_the_users_is_never_taken_for_a_tag(store: LocalArtifactStore) -> None:
    for value in (
        {"$class": "tests:x", "fields": {}},
        {"$npy": "x"},
        '{"$class":"x:y"}',
        {"a": '{"$class":1'},
    ):
        assert again(value, store, "json") == value


def test_the_classes_are_named_for_the_cache(store: LocalArtifactStore) -> None:
    ref = save({"trials": [Trial("a")]}, store, name="output")
    here = f"{__name__}."
    assert ref.metadata["classes"] == [f"{here}Colour", f"{here}Trial"]
    assert "classes" not in save({"a": '{"$class":'}, store, name="output").metadata


@pytest.mark.parametrize(
    "value",
    [
        {"accuracy": np.float64(0.97), "n": np.int64(3), "ok": np.bool_(True)},
        [np.float32(0.1), np.float16("nan"), np.datetime64("2024-01-01"), np.complex64(1 + 2j)],
        {"weights": np.arange(6.0).reshape(2, 3), "name": "a"},
        [np.array(5), np.array([], dtype="U3")],
    ],
)
def test_numbers_of_numpy_among_others(store: LocalArtifactStore, value: Any) -> None:
    found = again(value, store, "json")
    pairs = zip(value.values(), found.values()) if isinstance(value, dict) else zip(value, found)  # noqa: B905
    for before, after in pairs:
        assert type(after) is type(before)
        assert getattr(after, "dtype", None) == getattr(before, "dtype", None)
        np.testing.assert_array_equal(after, before)


def test_large_and_odd_arrays_among_others_are_pickled(store: LocalArtifactStore) -> None:
    large = again([np.zeros(1 << 18)], store, "pickle")
    assert large[0].shape == (1 << 18,)
    assert again([np.array([None], dtype=object)], store, "pickle")[0].tolist() == [None]


def test_a_preview_imports_nothing(store: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = save(Trial("a"), store, name="output")
    monkeypatch.delattr(sys.modules[__name__], "Trial")
    assert '"a"' in preview(ref, store).text


_SAVES = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy as np, pandas as pd
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.pipelines.materializers import save
from tests.pipelines.test_materializers_values import Rights, Trial, values
folder = Path(sys.argv[1])
store = LocalArtifactStore(LocalArtifactStoreConfig(), Surroundings("s", folder, folder / "state", folder))
for value in values(folder):
    ref = save(value, store, name="output")
    assert ref.materializer != "pickle", value
    print(ref.materializer, ref.digest)
"""


def values(folder: Path) -> list[Any]:
    """One of each kind that is kept without pickle."""
    words = {f"word {number}" for number in range(20)}
    return [
        words, {"set": frozenset(words), 1: "a"}, Trial("a", inner=[Rights.READ]), b"bytes", np.arange(9),
        {name: np.ones(2) for name in sorted(words)},
        pd.DataFrame({"x": [1, 2], "c": pd.Categorical(["a", "b"])}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.Series([1.0], name="s"), folder / "kept",
    ]  # fmt: skip


def test_the_same_value_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "b").mkdir(parents=True)
    for name in ("z", "a", "b/c"):
        (kept / name).write_text(name)
    here = str(Path(__file__).parents[2])
    said = [
        subprocess.run(
            [sys.executable, "-c", _SAVES, str(tmp_path), here],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == len(values(tmp_path))


def test_json_is_read_by_others(store: LocalArtifactStore) -> None:
    ref = save(Trial("a", scores=[0.5]), store, name="output")
    found = json.loads(store.read_bytes(ref.uri))
    assert found["fields"]["scores"] == [0.5]
