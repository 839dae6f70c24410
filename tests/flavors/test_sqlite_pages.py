"""Any pages of any runs, forward and back, against a plain list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.categories.base import Surroundings
from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.run import Run, RunStatus
from stacktui.testing.contracts.nouns import a_run

PIPELINES = ("training", "training-nightly", "inference")
STACKS = ("prod", "prod-eu")
WORDS = ("amber", "falcon", "amber falcon", "")
GROUPS = ("sweep-1", "sweep-10")
LABELS = ("words=amber", "words=amber falcon", "words=", "words", "amber", "words=Amber", "a=words")


class Drawn(NamedTuple):
    """What a run is made of; a status of `running` is lost, for nobody holds it."""

    status: RunStatus
    pipeline: str
    stack: str
    words: str
    group: str | None
    pinned: bool


runs = st.lists(
    st.builds(
        Drawn,
        st.sampled_from(list(RunStatus)),
        st.sampled_from(PIPELINES),
        st.sampled_from(STACKS),
        st.sampled_from(WORDS),
        st.sampled_from((None, None, *GROUPS)),
        st.booleans(),
    ),
    max_size=25,
)
queries = st.builds(
    RunQuery,
    status=st.lists(st.sampled_from(list(RunStatus)), unique=True, max_size=3).map(tuple),
    pipeline=st.none() | st.sampled_from(PIPELINES),
    stack=st.none() | st.sampled_from(STACKS),
    group=st.none() | st.sampled_from(GROUPS),
    label=st.none() | st.sampled_from(LABELS),
    pinned=st.none() | st.booleans(),
    search=st.none() | st.sampled_from(["amber", "amb", "amber falcon", "falcon amber"]),
    oldest_first=st.booleans(),
    limit=st.integers(1, 7),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteMetadataStore]:
    folder = tmp_path_factory.mktemp("store")
    around = Surroundings(name="local", workspace=folder, state=folder, user_data=folder)
    with SqliteMetadataStore(SqliteMetadataStoreConfig(), around) as made:
        yield made


def emptied(store: SqliteMetadataStore, drawn: list[Drawn]) -> list[Run]:
    """A store with just these runs; returns them as they are to be found, oldest first."""
    store.create_run(a_run(), [])
    with store._db.write() as connection:
        for table in ("runs", "run_details", "run_labels", "events"):
            connection.execute(f"DELETE FROM {table}")
    found = []
    for one in drawn:
        run = a_run(
            status=one.status, pipeline=one.pipeline, stack=one.stack, labels={"words": one.words},
            group=one.group, pinned=one.pinned,
        )  # fmt: skip
        store.create_run(run, [])
        if run.status is RunStatus.RUNNING:
            run = run.model_copy(update={"status": RunStatus.LOST})
        found.append(run)
    return found


def fits(run: Run, query: RunQuery) -> bool:
    words = run.labels["words"].split()
    asked = (query.search or "").split()
    return (
        (not query.status or run.status in query.status)
        and query.pipeline in (None, run.pipeline)
        and query.stack in (None, run.stack)
        and query.group in (None, run.group)
        and query.pinned in (None, run.pinned)
        and (query.label in (None, "words", f"words={run.labels['words']}"))
        and all(word in words for word in asked[:-1])
        and (not asked or any(word.startswith(asked[-1]) for word in words))
    )


def check(store: SqliteMetadataStore, drawn: list[Drawn], query: RunQuery) -> None:
    expected = [run for run in emptied(store, drawn) if fits(run, query)]
    if not query.oldest_first:
        expected.reverse()
    pages = [store.runs(query)]
    while pages[-1].next is not None:
        pages.append(store.runs(query.model_copy(update={"after": pages[-1].next})))
    forward = [run for page in pages for run in page.runs]
    assert forward == expected
    assert all(len(page.runs) == query.limit for page in pages[:-1])
    assert store.count_runs(query) == len(expected)
    back: list[Run] = []
    while (
        forward
        and (page := store.runs(query.model_copy(update={"before": (back or forward[-1:])[0].id}))).runs
    ):
        assert page.next == page.runs[-1].id
        back[:0] = page.runs
    assert back == expected[:-1]


@given(drawn=runs, query=queries)
@settings(max_examples=60, deadline=None)
def test_pages_are_what_a_list_would_give(
    shared: SqliteMetadataStore, drawn: list[Drawn], query: RunQuery
) -> None:
    check(shared, drawn, query)


@pytest.mark.long
@given(drawn=runs, query=queries)
@settings(max_examples=2_000, deadline=None)
def test_pages_are_what_a_list_would_give_at_length(
    shared: SqliteMetadataStore, drawn: list[Drawn], query: RunQuery
) -> None:
    check(shared, drawn, query)
