"""Materializers: what goes in comes out equal, in bytes that are the same each time, and nothing is trusted."""

from __future__ import annotations

import math
import os
import struct
import tarfile
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import BaseModel, Field, field_validator

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import DigestMismatch
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.model.artifact import ArtifactRef
from stacktui.pipelines.materializers import MaterializerError, load, preview, save

ROUNDS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifactStore:
    around = Surroundings("artifacts", tmp_path, tmp_path / "state", tmp_path / "user-data")
    return LocalArtifactStore(LocalArtifactStoreConfig(), around)


def again(value: Any, store: LocalArtifactStore, expect: str | None = None) -> Any:
    """The value through the store; twice, to see that the bytes are the same."""
    ref = save(value, store, name="output")
    if expect is not None:
        assert ref.materializer == expect
    if ref.materializer != "pickle":
        assert save(value, store, name="output").digest == ref.digest
    return load(ref, store)


def same(one: Any, other: Any) -> bool:
    """Equality that knows NaN and looks at types: 1, 1.0 and True are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, datetime):
        return bool(one == other) and one.utcoffset() == other.utcoffset() and one.fold == other.fold
    if isinstance(one, BaseModel):
        return same(one.__dict__, other.__dict__)
    return bool(one == other)


HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=20)
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones())
)
PLAIN = st.recursive(
    HASHABLE | st.floats() | st.complex_numbers() | st.decimals(allow_nan=False) | st.times(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | HASHABLE | st.just("$tuple"), inner, max_size=5)
        | st.sets(HASHABLE, max_size=4)
        | st.frozensets(HASHABLE, max_size=4)
    ),
    max_leaves=25,
)


@ROUNDS
@given(value=PLAIN)
def test_plain_values_come_back_equal(store: LocalArtifactStore, value: Any) -> None:
    if isinstance(value, bytes):
        return
    assert same(again(value, store, "json"), value)


@pytest.mark.long
@settings(ROUNDS, max_examples=5000)
@given(value=PLAIN)
def test_plain_values_come_back_equal_at_length(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store), value)


class Inner(BaseModel):
    at: datetime
    names: tuple[str, ...] = ()


class Config(BaseModel):
    rate: float = Field(alias="learningRate")
    inner: Inner | None = None
    tags: set[str] = set()


class Doubling(BaseModel):
    value: int

    @field_validator("value")
    @classmethod
    def _double(cls, value: int) -> int:
        return value * 2


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        -0.0,
        float("inf"),
        "\ud800",
        10**4000,
        {"$tuple": [1]},
        {"$dict": 1, "x": 2},
        {1: "a", "1": "b", (1, 2): "c"},
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"), fold=1),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        time(12, 30, fold=1),
        date.max,
        Decimal("1.10"),
        UUID(int=1),
        Config(
            learningRate=0.1, inner=Inner(at=datetime(2024, 1, 1, tzinfo=UTC), names=("a",)), tags={"b", "a"}
        ),
        [Inner(at=datetime(2024, 1, 1))],
    ],
    ids=lambda value: repr(value)[:30].encode("ascii", "replace").decode(),
)
def test_values_that_json_has_no_word_for(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store, "json"), value)


@pytest.mark.parametrize("value", [Doubling(value=1), type, print])
def test_what_json_would_change_is_pickled(store: LocalArtifactStore, value: Any) -> None:
    assert again(value, store, "pickle") == value


def test_an_integer_with_more_digits_than_python_writes_is_pickled(store: LocalArtifactStore) -> None:
    value = 10**5000
    # Not in an assertion: pytest would try to show it.
    if again(value, store, "pickle") != value:
        pytest.fail("it came back as another number")


def test_a_cycle_is_pickled(store: LocalArtifactStore) -> None:
    value: list[Any] = []
    value.append(value)
    found = again(value, store, "pickle")
    assert found[0] is found


def test_the_bytes_of_a_set_do_not_depend_on_its_order(store: LocalArtifactStore) -> None:
    one, other = {f"k{n}" for n in range(50)}, {f"k{n}" for n in reversed(range(50))}
    assert save(one, store, name="o").digest == save(other, store, name="o").digest


@pytest.mark.parametrize("value", [b"", b"\x00\xff" * 100, bytearray(b"x")])
def test_bytes(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store, "bytes"), value)


ARRAYS = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(),
        hnp.floating_dtypes(),
        hnp.complex_number_dtypes(),
        hnp.datetime64_dtypes(),
        hnp.unicode_string_dtypes(max_len=5),
    ),
    hnp.array_shapes(min_dims=0, max_side=5),
)


@ROUNDS
@given(array=ARRAYS)
def test_arrays_come_back_equal(store: LocalArtifactStore, array: Any) -> None:
    found = again(array, store, "npy")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("value", [np.float32(1.5), np.int64(3), np.bool_(True), np.datetime64("2024-01-01")])
def test_numpys_scalars(store: LocalArtifactStore, value: Any) -> None:
    assert same(again(value, store, "npy"), value)


def test_arrays_of_objects_and_subclasses_are_pickled(store: LocalArtifactStore) -> None:
    assert again(np.array([{"a": 1}, None], dtype=object), store, "pickle").tolist() == [{"a": 1}, None]
    masked = again(np.ma.masked_equal([1, 2], 2), store, "pickle")
    assert masked.mask.tolist() == [False, True]


@ROUNDS
@given(arrays=st.dictionaries(st.text(max_size=8), ARRAYS, min_size=1, max_size=4))
def test_mappings_of_arrays_come_back_equal(store: LocalArtifactStore, arrays: dict[str, Any]) -> None:
    found = again(arrays, store)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        # NumPy's own pickles forget the byte order of times.
        assert found[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name], array)


def test_mappings_of_arrays_are_safetensors(store: LocalArtifactStore) -> None:
    found = again({"b": np.ones((2, 2)), "a": np.array(1)}, store, "safetensors")
    assert list(found) == ["b", "a"]
    assert found["a"].shape == ()


CELLS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(),
    "bool": st.booleans(),
    "object": st.none() | st.text(max_size=5),
    "datetime64[ns]": st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    "Int64": st.none() | st.integers(-1000, 1000),
    "category": st.sampled_from(["red", "green"]),
}


@st.composite
def frames(draw: Any) -> Any:
    rows = draw(st.integers(0, 6))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    columns = {
        f"c{place}": pd.Series(draw(st.lists(CELLS[kind], min_size=rows, max_size=rows)), dtype=kind)
        for place, kind in enumerate(kinds)
    }
    frame = pd.DataFrame(columns)
    if draw(st.booleans()):
        frame.index = pd.Index([f"r{row}" for row in range(rows)], name="row")
    return frame


@ROUNDS
@given(frame=frames())
def test_frames_come_back_equal(store: LocalArtifactStore, frame: Any) -> None:
    pd.testing.assert_frame_equal(again(frame, store, "parquet"), frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({0: [1, 2], 1: ["a", float("nan")]}),
        pd.DataFrame({"x": [1.0]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", "n"])),
        pd.DataFrame({"x": [1, 2]}, index=pd.date_range("2024-01-01", periods=2, freq="D", tz="UTC")),
        pd.DataFrame({"p": pd.period_range("2024", periods=2, freq="M")}),
        pd.DataFrame(),
        pd.DataFrame(index=[3, 1]),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1, 2, 3]], columns=[("a", 1), 2, None]),
        pd.DataFrame({"x": pd.Categorical([2, 1], categories=[3, 2, 1], ordered=True)}),
        pd.DataFrame({"x": pd.Categorical([], categories=["a", "b"])}),
        pd.DataFrame({"x": pd.to_datetime(["2024-01-01"]).as_unit("s").tz_localize("+02:00")}),
        pd.DataFrame({"x": pd.to_datetime(["2024-03-31 02:30"]).tz_localize("Asia/Tokyo")}),
        pd.DataFrame({"x": pd.array(["a", None], dtype="string[pyarrow]")}),
        pd.DataFrame({"i": pd.array([1, None], "Int8"), "b": pd.array([True, None], "boolean")}),
        pd.DataFrame({"x": pd.interval_range(0, 2), "d": pd.to_timedelta([1, 2], unit="s")}),
        pd.DataFrame([[1, "a"]], columns=["a", "a"], index=pd.Index(["r"], name="a")),
    ],
)
def test_frames_with_something_special(store: LocalArtifactStore, frame: Any) -> None:
    pd.testing.assert_frame_equal(again(frame, store, "parquet"), frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1, "a", None]}),
        pd.DataFrame({"x": [[1], [2, 3]]}),
        pd.DataFrame({"x": ["a", None, float("nan")]}),
        pd.DataFrame({"x": pd.arrays.SparseArray([0, 0, 1])}),
        pd.DataFrame({"x": [1j]}),
    ],
)
def test_frames_that_parquet_would_change_are_pickled(store: LocalArtifactStore, frame: Any) -> None:
    pd.testing.assert_frame_equal(again(frame, store, "pickle"), frame)


@pytest.mark.parametrize("name", [None, "price", 3])
def test_series(store: LocalArtifactStore, name: Any) -> None:
    series = pd.Series([1.5, None], name=name, index=["a", "b"])
    pd.testing.assert_series_equal(again(series, store, "parquet"), series)


def test_arrow_tables(store: LocalArtifactStore) -> None:
    table = pa.table({"x": [1, None], "y": [["a"], []], "z": pa.array(["p", "q"]).dictionary_encode()})
    for each in (table, table.replace_schema_metadata({"unit": "m"}), table.slice(2), pa.table({})):
        assert again(each, store, "parquet").equals(each, check_metadata=True)


def test_what_arrow_has_and_parquet_has_not_is_pickled(store: LocalArtifactStore) -> None:
    table = pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    assert again(table, store, "pickle").equals(table)


def test_notes_on_a_frame_are_kept_or_the_frame_is_pickled(store: LocalArtifactStore) -> None:
    for notes, expect in (
        ({"source": "web", "n": [1, None]}, "parquet"),
        ({"when": date(2024, 1, 1)}, "pickle"),
        ({1: (2, 3)}, "pickle"),
    ):
        frame = pd.DataFrame({"x": [1]})
        frame.attrs = dict[Any, Any](notes)
        assert again(frame, store, expect).attrs == notes


def test_a_file_comes_back_under_its_name(store: LocalArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "report.html"
    source.write_bytes(b"<h1>" * 1000)
    found = again(source, store, "file")
    assert found != source
    assert found.name == "report.html"
    assert found.read_bytes() == source.read_bytes()


def _folder(root: Path) -> Path:
    root.mkdir()
    (root / "b").mkdir()
    (root / "b" / "deep.txt").write_text("deep")
    (root / "empty").mkdir()
    (root / "a.sh").write_text("#!/bin/sh")
    (root / "a.sh").chmod(0o755)
    (root / "link").symlink_to("a.sh")
    return root


def test_a_folder_comes_back_and_packs_the_same(store: LocalArtifactStore, tmp_path: Path) -> None:
    one = _folder(tmp_path / "model")
    (tmp_path / "other").mkdir()
    other = _folder(tmp_path / "other" / "model")
    os.utime(other / "a.sh", (1, 1))
    first, second = (save(folder, store, name="o") for folder in (one, other))
    assert first.materializer == "folder"
    assert first.digest == second.digest
    found = load(first, store)
    assert found.name == "model"
    assert (found / "b" / "deep.txt").read_text() == "deep"
    assert (found / "empty").is_dir()
    assert os.access(found / "a.sh", os.X_OK)
    assert (found / "link").read_text() == "#!/bin/sh"


def test_a_link_out_of_the_folder_is_refused(store: LocalArtifactStore, tmp_path: Path) -> None:
    folder = _folder(tmp_path / "model")
    (folder / "out").symlink_to("/etc/passwd")
    with pytest.raises(MaterializerError, match="outside"):
        save(folder, store, name="o")


def test_an_archive_that_leads_outside_is_not_unpacked(store: LocalArtifactStore, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as archive:
        member = tarfile.TarInfo("../escaped")
        archive.addfile(member)
    stored = store.put_file(bad)
    ref = ArtifactRef(
        id="a", uri=stored.path, digest=stored.digest, size=stored.size, type="pathlib.PosixPath",
        materializer="folder", metadata={"filename": "../../up"},
    )  # fmt: skip
    with pytest.raises(MaterializerError, match="not safe"):
        load(ref, store, scratch=tmp_path / "scratch")
    assert not list(tmp_path.rglob("escaped"))


def test_a_path_that_is_not_there_is_said(store: LocalArtifactStore) -> None:
    with pytest.raises(MaterializerError, match="no file"):
        save(Path("/nowhere/at/all"), store, name="o")


_loaded: list[str] = []


class Trap:
    """Says that it was unpickled."""

    def __reduce__(self) -> Any:
        return (_note, ("unpickled",))


def _note(what: str) -> None:
    _loaded.append(what)


@pytest.mark.parametrize("value", [{"a": 1}, np.ones(3), pd.DataFrame({"x": [1]}), Trap(), {"t": np.ones(2)}])
def test_nothing_is_read_of_content_with_another_digest(store: LocalArtifactStore, value: Any) -> None:
    ref = save(value, store, name="o")
    path = store.local_path(ref.uri)
    assert path is not None
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    _loaded.clear()
    with pytest.raises(DigestMismatch):
        load(ref, store)
    assert _loaded == []


def test_a_pickle_is_never_opened_for_a_preview(store: LocalArtifactStore) -> None:
    ref = save(Trap(), store, name="o")
    assert ref.materializer == "pickle"
    _loaded.clear()
    shown = preview(ref, store)
    assert shown.kind == "none"
    assert "pickled" in shown.note
    assert _loaded == []
    load(ref, store)
    assert _loaded == ["unpickled"]


def test_previews(store: LocalArtifactStore, tmp_path: Path) -> None:
    table = preview(save(pd.DataFrame({"x": range(100), "y": "a"}), store, name="o"), store, 3)
    assert (table.kind, table.columns, table.rows) == (
        "table",
        ("x", "y"),
        (("0", "a"), ("1", "a"), ("2", "a")),
    )
    assert table.truncated
    assert "100 rows" in table.note
    assert preview(save({"a": [1]}, store, name="o"), store).text == '{\n  "a": [\n    1\n  ]\n}'
    assert preview(save(np.zeros((2, 2)), store, name="o"), store).rows == (("0.0", "0.0"),) * 2
    assert "3" in preview(save(np.full(5, 3), store, name="o"), store).text
    assert preview(save(b"caf\xc3\xa9\nline", store, name="o"), store).text == "café\nline"
    assert preview(save(b"\x00\x01", store, name="o"), store).text == "00000000  00 01"
    listing = preview(save(_folder(tmp_path / "model"), store, name="o"), store)
    assert [row[0] for row in listing.rows] == ["a.sh", "b/deep.txt", "link"]
    tensors = preview(save({"w": np.ones((2, 3))}, store, name="o"), store)
    assert tensors.rows == (("w", "F64", "2×3"),)


def test_estimators_are_pickled_with_a_fixed_protocol(store: LocalArtifactStore) -> None:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    ref = save(model, store, name="o")
    assert (ref.materializer, ref.type) == ("pickle", "sklearn.linear_model._base.LinearRegression")
    assert store.read_bytes(ref.uri)[:2] == b"\x80\x05"
    assert load(ref, store).predict([[2.0]]).tolist() == pytest.approx([4.0])


class Upper:
    """A team's own materializer."""

    name = "tests.pipelines.test_materializers:Upper"

    def pack(self, value: Any, scratch: Path) -> Any:
        from stacktui.pipelines.materializers.base import Packed

        return Packed(value.upper().encode(), {"own": True})

    def unpack(self, source: Any) -> Any:
        return source.data().decode()


def test_a_materializer_can_be_chosen(store: LocalArtifactStore) -> None:
    ref = save("abc", store, name="o", materializer=Upper.name)
    assert (ref.materializer, ref.metadata) == (Upper.name, {"own": True})
    assert load(ref, store) == "ABC"
    assert save([1], store, name="o", materializer="pickle").materializer == "pickle"
    with pytest.raises(MaterializerError, match="does not fit"):
        save({1, print}, store, name="o", materializer="json")
    with pytest.raises(MaterializerError, match="no materializer 'jsn'"):
        save([1], store, name="o", materializer="jsn")


def test_what_cannot_be_kept_is_said_in_one_line(store: LocalArtifactStore) -> None:
    with pytest.raises(MaterializerError) as found:
        save(lambda: 1, store, name="model")
    assert "output 'model'" in str(found.value)
    assert "\n" not in str(found.value)


def test_facts_for_people(store: LocalArtifactStore) -> None:
    assert save(0.93, store, name="o").metadata == {"value": 0.93}
    assert save([1, 2], store, name="o").metadata == {"length": 2}
    assert save(np.ones((2, 3), dtype="f4"), store, name="o").metadata == {
        "dtype": "float32",
        "shape": [2, 3],
    }
    frame = save(pd.DataFrame({"x": [1]}), store, name="o")
    assert frame.metadata == {"rows": 1, "columns": ["x"]}
    assert frame.type == "pandas.core.frame.DataFrame"
    assert save(None, store, name="o", declared_type="int").type == "int"
