"""The SQLite store's questions cost the same however many runs there are: by query plan and by counted work."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.metadata_store import ArtifactQuery, RunQuery
from stacktui.flavors.sqlite import artifacts, run_filters
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore, SqliteMetadataStoreConfig
from stacktui.model.run import RunStatus
from tests.stores.generate import fill, group_of

FAILED, CANCELLED, LOST = RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST
SWEEP = group_of(100)
QUERIES = {
    "all": RunQuery(),
    "oldest first": RunQuery(oldest_first=True),
    "failed": RunQuery(status=(FAILED,)),
    "failed or cancelled": RunQuery(status=(FAILED, CANCELLED)),
    "lost": RunQuery(status=(LOST,)),
    "pipeline": RunQuery(pipeline="training"),
    "rare pipeline": RunQuery(pipeline="distill"),
    "no such pipeline": RunQuery(pipeline="none"),
    "stack": RunQuery(stack="prod"),
    "pipeline and stack": RunQuery(pipeline="distill", stack="prod"),
    "everything": RunQuery(pipeline="distill", stack="prod", status=(CANCELLED,)),
    "group": RunQuery(group=SWEEP),
    "group, nothing found": RunQuery(group=SWEEP, status=(LOST,)),
    "group and search": RunQuery(group=SWEEP, search="glacier"),
    "pinned": RunQuery(pinned=True),
    "pinned and more": RunQuery(pinned=True, status=(FAILED,), pipeline="distill", label="team=prod"),
    "pinned and search": RunQuery(pinned=True, search="glacier", label="team=prod"),
    "not pinned": RunQuery(pinned=False, status=(FAILED,)),
    "label": RunQuery(label="team=prod"),
    "rare label": RunQuery(label="release"),
    "no such label": RunQuery(label="team=nobody"),
    # These two go against each other: every run of one has the other value of the other.
    "labels apart": RunQuery(label="team=prod", search="dev"),
    "label and status": RunQuery(label="team=prod", status=(FAILED, CANCELLED)),
    "label and more": RunQuery(label="trigger", status=(CANCELLED,), pipeline="distill", stack="cluster"),
    "note": RunQuery(search="compare with the glac"),
    "search": RunQuery(search="glacier"),
    "search, nothing found": RunQuery(search="nosuchword"),
}


def opened(folder: Path, path: Path) -> SqliteMetadataStore:
    around = Surroundings(name="local", workspace=folder, state=folder, user_data=folder)
    return SqliteMetadataStore(SqliteMetadataStoreConfig(path=str(path)), around)


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], SqliteMetadataStore]]:
    """Stores by their number of runs, made once."""
    folder = tmp_path_factory.mktemp("stores")
    made: dict[int, SqliteMetadataStore] = {}

    def store(count: int) -> SqliteMetadataStore:
        if count not in made:
            path = folder / f"{count}.db"
            fill(path, count, whole=50)
            made[count] = opened(folder, path)
        return made[count]

    yield store
    for one in made.values():
        one.close()


def work(store: SqliteMetadataStore, ask: Callable[[SqliteMetadataStore], Any]) -> int:
    """Steps of SQLite's virtual machine that a question takes: the same on every machine, unlike time."""
    connection = store._db.reader()
    assert connection is not None
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    ask(store)  # What is read once, like the schema, is not counted.
    connection.set_progress_handler(step, 1)
    try:
        ask(store)
    finally:
        connection.set_progress_handler(None, 0)
    return steps


def page_work(store: SqliteMetadataStore, query: RunQuery) -> int:
    return work(store, lambda asked: asked.runs(query))


def plan(connection: sqlite3.Connection, sql: str, values: list[Any]) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("number", [None, 500])
def test_each_set_of_filters_reads_an_index_in_order(
    sized: Callable[[int], SqliteMetadataStore], number: int | None, ascending: bool
) -> None:
    connection = sized(1_000)._db.reader()
    assert connection is not None
    for status, pipeline, stack in itertools.product((None, FAILED), (None, "training"), (None, "prod")):
        query = RunQuery(pipeline=pipeline, stack=stack)
        sql, values = run_filters.range_sql(connection, query, status, number, ascending)
        (step,) = plan(connection, sql, [*values, 51])
        used = [
            name for name, value in (("status", status), ("pipeline", pipeline), ("stack", stack)) if value
        ]
        if used:
            assert f"USING INDEX runs_{'_'.join(used)} (" in step, step
            assert all(f"{name}=?" in step for name in used), step
            assert (number is None) or f"rowid{'>' if ascending else '<'}?" in step, step
        else:
            # The table itself is in the list's order: from one end, or from a number on.
            assert step == ("SCAN runs" if number is None else step)
            assert number is None or "USING INTEGER PRIMARY KEY" in step


def test_a_search_reads_the_index_of_words_in_order(sized: Callable[[int], SqliteMetadataStore]) -> None:
    connection = sized(1_000)._db.reader()
    assert connection is not None
    for number, ascending in ((None, False), (500, False), (500, True)):
        query = RunQuery(search="glacier", pipeline="training", stack="prod")
        sql, values = run_filters.range_sql(connection, query, FAILED, number, ascending)
        first, second = plan(connection, sql, [*values, 51])
        assert first.startswith("SCAN runs_search VIRTUAL TABLE INDEX")
        assert second.startswith("SEARCH runs USING INTEGER PRIMARY KEY")


FILTERS = {
    "pipeline": (None, "training"),
    "stack": (None, "prod"),
    "group": (None, SWEEP),
    "label": (None, "team=prod", "team"),
    "pinned": (None, True, False),
    "search": (None, "glacier"),
}


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("number", [None, 500])
def test_every_combination_of_filters_is_read_in_order(
    sized: Callable[[int], SqliteMetadataStore], number: int | None, ascending: bool
) -> None:
    connection = sized(1_000)._db.reader()
    assert connection is not None
    for status, others in itertools.product((None, FAILED), itertools.product(*FILTERS.values())):
        query = RunQuery.model_validate(dict(zip(FILTERS, others, strict=True)))
        asked = run_filters.range_sql(connection, query, status, number, ascending)
        counted = run_filters.count_sql(connection, query, status)
        for sql, values in (asked, counted):
            steps = plan(connection, sql, [*values, 51])
            # No sorting, and no table read from end to end but for the list of all, which is one.
            assert not any("TEMP B-TREE" in step for step in steps), (query, steps)
            scanned = {step.split()[1] for step in steps if step.startswith("SCAN")} & {
                "runs",
                "run_labels",
                "holds",
            }
            filtered = status or query.model_copy(update={"pinned": query.pinned or None}) != RunQuery()
            assert not (filtered and scanned), (query, steps)


def test_what_is_rare_leads(sized: Callable[[int], SqliteMetadataStore]) -> None:
    connection = sized(1_000)._db.reader()
    assert connection is not None
    for query, led_by in (
        (RunQuery(group=SWEEP, pipeline="training", label="team", pinned=True), "SEARCH runs USING INDEX runs_group ("),
        (RunQuery(pinned=True, stack="prod", label="team"), "SEARCH runs USING INDEX runs_pinned ("),
        (RunQuery(label="team=prod", pinned=False), "SEARCH run_labels USING COVERING INDEX run_labels_value ("),
        (RunQuery(label="team"), "SEARCH run_labels USING PRIMARY KEY ("),
        (RunQuery(label="team=prod", stack="prod"), "SCAN runs_search VIRTUAL TABLE"),
        (RunQuery(label="größe=xl", stack="prod"), "SEARCH run_labels USING COVERING INDEX run_labels_value ("),
    ):  # fmt: skip
        sql, values = run_filters.range_sql(connection, query, FAILED if query.pinned else None, 500, False)
        assert plan(connection, sql, [*values, 51])[0].startswith(led_by), query


def test_other_questions_use_indexes(sized: Callable[[int], SqliteMetadataStore]) -> None:
    connection = sized(1_000)._db.reader()
    assert connection is not None
    for sql, values in (
        artifacts.query_sql(ArtifactQuery(pipeline="training", step="fit", name="output")),
        artifacts.query_sql(ArtifactQuery(pipeline="training", step="fit", name="output", after="a")),
        artifacts.query_sql(ArtifactQuery(pipeline="training")),
        artifacts.query_sql(ArtifactQuery(pipeline="training", after="a")),
        artifacts.query_sql(ArtifactQuery(run_id="r")),
        ("SELECT max(id) FROM events", []),
        ("SELECT id FROM events WHERE id > ? AND run_id = ? ORDER BY id LIMIT 9", [1, "r"]),
        ("SELECT 1 FROM steps WHERE status = 'succeeded' AND cache_key = ? ORDER BY finished_at DESC", ["k"]),
        ("SELECT 1 FROM metrics WHERE run_id = ? AND source = ?", ["r", "s"]),
        ("SELECT step FROM step_progress WHERE run_id = ?", ["r"]),
        ("SELECT name FROM step_attempts WHERE run_id = ? ORDER BY name, attempt", ["r"]),
        ("SELECT id, uri, digest, size FROM artifacts WHERE id > ? ORDER BY id LIMIT 9", ["a"]),
        # Deleting a run.
        ("SELECT outputs FROM steps WHERE cached_from = ?", ["r"]),
        ("DELETE FROM artifact_links WHERE run_id = ?", ["r"]),
        ("DELETE FROM inbox WHERE run_id = ?", ["r"]),
        ("DELETE FROM events WHERE run_id = ? AND id < ?", ["r", 1]),
        ("DELETE FROM requests WHERE run_id = ?", ["r"]),
    ):
        steps = plan(connection, sql, values)
        assert not any("SCAN" in step or "TEMP" in step for step in steps), (sql, steps)


def test_a_page_costs_the_same_in_a_larger_store(sized: Callable[[int], SqliteMetadataStore]) -> None:
    for name, query in QUERIES.items():
        small, large = (page_work(sized(count), query) for count in (1_000, 10_000))
        # Full pages of 50; in the smaller store there may be fewer to find.
        assert large <= max(small, 4_000) * 1.5, (name, small, large)


def test_a_page_in_the_middle_costs_what_the_first_does(sized: Callable[[int], SqliteMetadataStore]) -> None:
    store = sized(10_000)
    for query in (RunQuery(), RunQuery(pipeline="training"), RunQuery(search="glacier")):
        first = page_work(store, query)
        for cursor in ("after", "before"):
            middle = store.runs(query.model_copy(update={"limit": 500})).next
            deep = query.model_copy(update={cursor: middle})
            assert page_work(store, deep) <= first * 1.5 + 500, (query, cursor)


def test_small_questions_stay_small(sized: Callable[[int], SqliteMetadataStore]) -> None:
    store = sized(10_000)
    newest = store.runs(RunQuery(limit=1)).runs[0].id
    artifact = store.artifacts(ArtifactQuery(limit=1))[0].id
    for name, ask in {
        "last event": lambda store: store.last_event(),
        "no new events": lambda store: store.events(store.last_event()),
        "cached": lambda store: store.cached(f"sha256:{10_000:060x}0001"),
        "run": lambda store: store.run(newest),
        "run by prefix": lambda store: store.run(newest[:-1]),
        "steps": lambda store: store.steps(newest),
        "last metrics": lambda store: store.last_metrics(newest),
        "artifact": lambda store: store.links(artifact),
        "pipelines": lambda store: store.pipelines(),
        "at most": lambda store: store.count_runs(RunQuery(), at_most=10),
        "inbox": lambda store: store.inbox(pending=True),
    }.items():
        assert work(store, ask) < 1_500, name


def test_deleting_a_run_costs_the_same_in_a_larger_store(
    sized: Callable[[int], SqliteMetadataStore],
) -> None:
    def delete_the_oldest(store: SqliteMetadataStore) -> None:
        store.delete_run(store.runs(RunQuery(oldest_first=True, limit=1)).runs[0].id)

    costs = []
    for count in (1_000, 10_000):
        store = sized(count)
        # From here on the one connection of this thread.
        store._db.writer()
        costs.append(work(store, delete_the_oldest))
    small, large = costs
    assert large <= small * 1.5 + 500, costs


def test_a_list_reads_no_details(sized: Callable[[int], SqliteMetadataStore]) -> None:
    store = sized(1_000)
    said: list[str] = []
    connection = store._db.reader()
    assert connection is not None
    connection.set_trace_callback(said.append)
    try:
        for query in QUERIES.values():
            store.runs(query)
    finally:
        connection.set_trace_callback(None)
    assert said
    assert not any("run_details" in statement for statement in said)


def test_generated_stores_are_whole(sized: Callable[[int], SqliteMetadataStore]) -> None:
    store = sized(1_000)
    assert store.store_facts(check=True).integrity == "ok"
    page = store.runs(RunQuery(limit=50))
    assert [run.id for run in page.runs] == sorted((run.id for run in page.runs), reverse=True)
    run = store.run(page.runs[0].id)
    assert len(store.steps(run.id)) == len(run.graph) == 4
    assert set(store.last_metrics(run.id)) == {"loss", "accuracy"}
    for artifact in store.artifacts(ArtifactQuery(run_id=run.id)):
        assert store.links(artifact.id)[0].run_id == run.id


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_million_runs_open_like_a_hundred(sized: Callable[[int], SqliteMetadataStore]) -> None:
    few, many = sized(100), sized(1_000_000)
    for name, query in QUERIES.items():
        small, large = (page_work(store, query) for store in (few, many))
        # Where two filters meet nowhere, the index of words goes through both lists; a scan takes a million steps.
        assert large <= max(20 * small, 20_000), (name, small, large)
    assert many.count_runs(RunQuery()) == 10_000
    assert many.count_runs(RunQuery(), at_most=2_000_000) == 1_000_000
    times = []
    for *asked, status in itertools.product(
        *list(FILTERS.values())[1:], ((), (FAILED,), (FAILED, CANCELLED))
    ):
        query = RunQuery.model_validate(
            {**dict(zip(list(FILTERS)[1:], asked, strict=True)), "status": status}
        )
        began = time.perf_counter()
        page = many.runs(query)
        many.count_runs(query)
        if page.next:
            for cursor in ("after", "before"):
                many.runs(query.model_copy(update={cursor: page.next}))
        times.append((time.perf_counter() - began, query.model_dump(exclude_defaults=True)))
    slowest, which = max(times, key=lambda one: one[0])
    middle = sorted(took for took, _ in times)[len(times) // 2]
    print(
        f"{len(times)} sets of filters, pages both ways and the count: {1000 * middle:.1f} ms in the middle,"
    )
    print(f"at most {1000 * slowest:.0f} ms, {which}")
    deletion = many.runs(RunQuery(limit=1)).runs[0]
    began = time.perf_counter()
    many.delete_run(deletion.id)
    print(f"a run deleted in {1000 * (time.perf_counter() - began):.1f} ms")
    assert many.count_runs(RunQuery(), at_most=2_000_000) == 999_999
