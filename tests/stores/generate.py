"""Fill a metadata store with many plausible runs, fast: for benchmarks and for tests of big stores.

    python -m tests.stores.generate PATH --runs 100000

All runs are in the lists, with parameters, labels, groups, notes, pins, errors and search; the newest `whole` ones have steps,
artifacts, metrics and events too, as the screen shows them. The same seed gives the same store, but for its ids' times.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from stacktui.flavors.sqlite import artifacts, events, metrics, rows, runs
from stacktui.flavors.sqlite import labels as run_labels
from stacktui.flavors.sqlite.connection import Connections

PIPELINES = (
    "training", "inference", "churn-weekly", "ranking-eval", "vision-finetune", "etl-orders", "fraud-features",
    "forecast", "embeddings", "ab-report", "data-quality", "distill",
)  # fmt: skip
STACKS = ("default", "prod", "staging", "gpu-box", "cluster")
USERS = ("dev", "ci", "platform")
STEPS = ("load", "clean", "fit", "evaluate")
_ADJECTIVES = ("amber", "bold", "calm", "deep", "eager", "fresh", "grand", "hazel", "ivory", "jolly")
_THINGS = ("anchor", "beacon", "canyon", "delta", "ember", "fjord", "glacier", "harbor", "island", "jungle")
_ERRORS = (
    "step fit failed: ValueError: Input X contains NaN",
    "step load failed: FileNotFoundError: data/orders.parquet",
    "step fit was killed by SIGKILL: out of memory",
    "step evaluate failed: TimeoutError: no answer after 30 s",
)
_STATUSES = ("succeeded",) * 86 + ("failed",) * 10 + ("cancelled",) * 4
_BATCH = 20_000


class _Made(NamedTuple):
    """What one run looks like; its rows follow from it."""

    number: int
    id: str
    pipeline: str
    stack: str
    status: str
    created: datetime
    seconds: float
    learning_rate: float


def fill(
    path: Path, count: int, *, whole: int = 2_000, seed: int = 7, newest: datetime | None = None
) -> None:
    """Add `count` runs to the store at `path`, which is made if need be; `newest` is when the last one started.

    Must not be called while anybody else has the store open.
    """
    random_source = random.Random(seed)
    db = Connections(path.absolute())
    db.writer(create=True)
    db.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        connection.execute("BEGIN")
        kept = _set_aside(connection)
        (first,) = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM runs").fetchone()
        made = _runs(random_source, first, count, newest or datetime.now(UTC))
        for batch in _batches(made):
            _insert_runs(connection, batch, random_source)
            _insert_whole(connection, [run for run in batch if run.number >= first + count - whole])
        for statement in kept:
            connection.execute(statement)
        if any("runs_search" in statement for statement in kept):
            connection.execute("INSERT INTO runs_search (runs_search) VALUES ('rebuild')")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def _set_aside(connection: sqlite3.Connection) -> list[str]:
    """Drop indexes and triggers, which cost least when they are made at the end; returns what makes them."""
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _ in found:
        connection.execute(f"DROP {kind} {name}")
    return [sql for _, _, sql in found]


def _runs(source: random.Random, first: int, count: int, newest: datetime) -> Iterator[_Made]:
    apart = timedelta(seconds=max(1.0, min(97.0, 31_000_000 / max(count, 1))))
    begin = newest - apart * count
    # Like the store of a team: few pipelines make most runs.
    weights = [1 / (place + 1) for place in range(len(PIPELINES))]
    pipelines = source.choices(PIPELINES, weights, k=count)
    for index in range(count):
        created = begin + apart * (index + 1)
        milliseconds = int(created.timestamp() * 1000)
        noise = source.getrandbits(74)
        text = f"{milliseconds:012x}7{noise >> 62:03x}{0x8 | (noise >> 60) & 3:x}{noise & (1 << 60) - 1:015x}"
        yield _Made(
            first + index,
            f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}",
            pipelines[index],
            STACKS[source.getrandbits(8) % len(STACKS)],
            _STATUSES[source.getrandbits(16) % len(_STATUSES)],
            created,
            2 + (source.getrandbits(16) / 100),
            (1 + source.getrandbits(10) % 100) / 1000,
        )


def _batches(made: Iterable[_Made]) -> Iterator[list[_Made]]:
    batch: list[_Made] = []
    for run in made:
        batch.append(run)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _insert_runs(connection: sqlite3.Connection, batch: list[_Made], source: random.Random) -> None:
    values, details, tail, labelled = [], [], [], []
    for run in batch:
        created = rows.stamp(run.created)
        finished = rows.stamp(run.created + timedelta(seconds=run.seconds))
        error = _ERRORS[source.getrandbits(8) % len(_ERRORS)] if run.status == "failed" else None
        name = f"{_ADJECTIVES[run.number % 10]}-{_THINGS[run.number // 10 % 10]}-{run.number}"
        params = f'{{"lr":{run.learning_rate},"epochs":{run.number % 50 + 1},"seed":{run.number % 1000}}}'
        labels = {"team": STACKS[run.number % 3], "trigger": USERS[run.number % 3]}
        if run.number % 10_000 == 1:
            labels["release"] = f"v{run.number // 10_000}"
        labelled += run_labels.values(run.number, labels)
        group = group_of(run.number)
        note = f"compare with the {_THINGS[run.number % 7]}" if run.number % 500 == 2 else ""
        values.append((
            run.id, name, run.pipeline, f"pipelines/{run.pipeline}.py:main", run.stack, run.status, params,
            rows.packed(labels), created, created, finished, error, USERS[run.number % 3], "gpu-box-1", None,
            '{"digest":"sha256:5e1f","commit":"0f3c2a1","dirty":false}', None, group, note,
            int(run.number % 2_000 == 3), 0, "",
        ))  # fmt: skip
        details.append((run.number, _GRAPH, _SNAPSHOT, _ENVIRONMENT))
        tail.append(
            (run.id, "run_created", created, f'{{"pipeline":"{run.pipeline}","stack":"{run.stack}"}}')
        )
        tail.append((run.id, "run_finished", finished, f'{{"status":"{run.status}"}}'))
    connection.executemany(runs.INSERT_RUN, values)
    connection.executemany(runs.INSERT_DETAILS, details)
    connection.executemany(run_labels.INSERT, labelled)
    connection.executemany(events.INSERT, tail)


def group_of(number: int) -> str | None:
    """Twenty runs of each thousand are a sweep, one after the other as they were started."""
    thousand, place = divmod(number, 1_000)
    return f"0190a000-0000-7000-8000-{thousand:012x}" if 100 <= place < 120 else None


def _insert_whole(connection: sqlite3.Connection, batch: list[_Made]) -> None:
    steps, kept, points, tail = [], [], [], []
    for run in batch:
        made: dict[str, str] = {}
        for position, step in enumerate(STEPS):
            begin = run.created + timedelta(seconds=run.seconds * position / len(STEPS))
            end = begin + timedelta(seconds=run.seconds / len(STEPS))
            artifact_id = f"{run.id[:-4]}{position:04x}"
            fails = run.status == "failed" and position == 2
            status = (
                "failed" if fails else "skipped" if run.status == "failed" and position > 2 else "succeeded"
            )
            outputs = f'{{"output":"{artifact_id}"}}' if status == "succeeded" else "{}"
            error = '{"type":"ValueError","message":"Input X contains NaN","traceback":""}' if fails else None
            inputs = rows.packed({"data": made[STEPS[position - 1]]}) if position else "{}"
            steps.append((
                run.id, step, position, status, 1, "orchestrator/local", rows.stamp(begin), rows.stamp(end), "{}",
                f"sha256:{run.number:060x}{position:04x}", None, None, inputs, outputs, error,
            ))  # fmt: skip
            made[step] = artifact_id
            if status == "succeeded":
                kept.append((
                    artifact_id, f"{run.pipeline}/{step}/{artifact_id}.json", f"sha256:{run.number:064x}",
                    1000 + run.number % 9000, "builtins.dict", "json", '{"length":12}', "output", run.id,
                    run.pipeline, step, run.number, rows.stamp(end),
                ))  # fmt: skip
            tail.append(
                (run.id, "step_started", rows.stamp(begin), f'{{"step":"{step}","status":"running"}}')
            )
            tail.append(
                (run.id, "step_finished", rows.stamp(end), f'{{"step":"{step}","status":"{status}"}}')
            )
        for epoch in range(10):
            at = rows.stamp(run.created + timedelta(seconds=epoch))
            points.append((run.id, "loss", epoch, at, "fit", 1 / (1 + epoch * run.learning_rate * 10)))
            points.append((run.id, "accuracy", epoch, at, "fit", 1 - 1 / (2 + epoch)))
    connection.executemany(runs.INSERT_STEP, steps)
    columns = ", ".join(artifacts.COLUMNS)
    connection.executemany(
        f"INSERT INTO artifacts ({columns}) VALUES ({rows.marks(len(artifacts.COLUMNS))})", kept
    )
    connection.executemany(metrics.INSERT, points)
    connection.executemany(events.INSERT, tail)


_GRAPH = rows.packed(
    [{"name": step, "after": STEPS[place - 1 : place] if place else ()} for place, step in enumerate(STEPS)]
)
_SNAPSHOT = rows.packed(
    {
        category: [{"name": "local", "flavor": "local", "config": {}}]
        for category in ("orchestrator", "artifact_store")
    }
)
_ENVIRONMENT = rows.packed(
    {"python": "3.11.2", "platform": "linux", "packages": {"numpy": "2.1.0", "pandas": "2.2.3"}}
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument(
        "--whole", type=int, default=2_000, help="so many of the newest with steps and events"
    )
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    began = time.perf_counter()
    fill(given.path, given.runs, whole=given.whole, seed=given.seed)
    print(f"{given.runs} runs in {time.perf_counter() - began:.1f} s: {given.path}")


if __name__ == "__main__":
    main()
