"""What goes into the SQLite store comes out of it, whatever it is; and it searches as a simple model does."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import rows, search
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.run import Metric, RunStatus
from stacktui.testing.contracts.nouns import a_run

scalars = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text()
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
any_text = st.text(st.characters(), max_size=30)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteMetadataStore]:
    folder = tmp_path_factory.mktemp("store")
    around = Surroundings(name="local", workspace=folder, state=folder, user_data=folder)
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), around) as made:
        yield made


@given(value=values)
@settings(max_examples=150, deadline=None)
def test_json_comes_back(value: Any) -> None:
    assert rows.unpacked(rows.packed(value)) == value


@given(
    moment=st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)),
    hours=st.integers(-23, 23),
)
def test_times_come_back_and_sort(moment: datetime, hours: int) -> None:
    here = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    text = rows.stamp(here)
    assert text is not None
    assert len(text) == 27
    assert datetime.fromisoformat(text) == here
    earlier = rows.stamp(here - timedelta(microseconds=1))
    assert earlier is not None
    assert earlier < text


@given(
    params=st.dictionaries(any_text, values, max_size=4),
    labels=st.dictionaries(any_text, any_text, max_size=3),
    error=st.none() | any_text,
)
@settings(max_examples=60, deadline=None)
def test_runs_come_back(
    store: SqliteMetadataStore, params: dict[str, Any], labels: dict[str, str], error: str | None
) -> None:
    run = a_run(params=params, labels=labels, error=error)
    store.create_run(run, [])
    found = store.run(run.id)
    assert found.params == run.params
    assert found.labels == run.labels
    # Half a surrogate pair, which no terminal shows either, comes back as its escape.
    assert found.error == (None if error is None else error.encode("utf-8", "backslashreplace").decode())
    store.update_run(run.id, error=error, labels=labels)
    assert store.run(run.id) == found


@given(numbers=st.lists(st.floats(), max_size=10))
@settings(max_examples=40, deadline=None)
def test_numbers_come_back(store: SqliteMetadataStore, numbers: list[float]) -> None:
    run = a_run()
    store.create_run(run, [])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    store.log_metrics(run.id, [Metric(key="m", value=v, step=s, at=at) for s, v in enumerate(numbers)])
    found = [point.value for point in store.metrics(run.id, "m")]
    assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, numbers, strict=True))


@given(text=st.text(max_size=40) | st.text(string.printable, max_size=40) | any_text)
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_a_search(store: SqliteMetadataStore, text: str) -> None:
    for status in ((), (RunStatus.FAILED,)):
        pipeline = text[:3].encode("utf-8", "ignore").decode() or None
        query = RunQuery(search=text, status=status, pipeline=pipeline, limit=5)
        assert len(store.runs(query).runs) <= 5
        store.count_runs(query)


words = st.sampled_from(["amber", "ambers", "falcon", "adamw", "vision", "0.25", "Übung"])


@given(
    names=st.lists(st.lists(words, min_size=1, max_size=3), min_size=1, max_size=6),
    asked=words,
    cut=st.integers(2, 6),
)
@settings(max_examples=60, deadline=None)
def test_finds_what_begins_so(
    store: SqliteMetadataStore, names: list[list[str]], asked: str, cut: int
) -> None:
    stack = a_run().id  # One's own corner of the store.
    made = [a_run(name=" ".join(name), stack=stack) for name in names]
    for run in made:
        store.create_run(run, [])
    begun = asked[:cut].rstrip(".")
    expected = {
        run.id for run, name in zip(made, names, strict=True)
        if any(word.lower().startswith(begun.lower()) for word in name)
    }  # fmt: skip
    found = store.runs(RunQuery(search=begun.upper(), stack=stack)).runs
    assert {run.id for run in found} == expected


def test_asks_for_whole_words_and_the_last_one_begun() -> None:
    assert search.words("Amber fal") == '{name pipeline params error labels note} : ("Amber" AND "fal" *)'
    assert search.words(" -- ") is None
    assert search.phrase("stack", 'a "b"') == 'stack : "a ""b"""'


def test_says_that_something_is_no_text(store: SqliteMetadataStore) -> None:
    for ask in (lambda: store.run("\ud800"), lambda: store.runs(RunQuery(pipeline="\ud800"))):
        with pytest.raises(ComponentError, match="not text"):
            ask()
