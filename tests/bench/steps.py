"""What a step costs: a chain of small steps through the real runner, beside a plain loop that also keeps records."""

from __future__ import annotations

import json
import pickle
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, median
from tests.bench.program import REPOSITORY

CHAIN = '''"""A chain and a fan of steps that do nothing much."""
from stacktui import pipeline, step


@step
def first(seed: int) -> int:
    return seed


@step
def add(value: int, more: int = 1) -> int:
    return value + more


@step
def join(*values: int) -> int:
    return sum(values)


@pipeline
def chain(length: int = 10, seed: int = 0) -> None:
    value = first(seed)
    for _ in range(length - 1):
        value = add(value)


@pipeline
def fan(length: int = 10, seed: int = 0) -> None:
    value = first(seed)
    join(*(add(value, more=number) for number in range(length)))
'''
TARGET = "pipelines/chain.py"
LONG = 5_000
"""A chain as long as this is run once: it is its own average."""
BUDGET_MS, CACHED_BUDGET_MS = 1.0, 0.5


def steps(root: Path, lengths: tuple[int, ...], times: int, *, fan: int = 50) -> list[Figure]:
    """A row for each length, run anew and then from the cache; the fan; each beside the plain loop of that length."""
    (root / "pipelines" / "chain.py").write_text(CHAIN)
    rows: list[Figure] = []
    for place, length in enumerate(lengths):
        turns = 1 if length >= LONG else times
        # Far enough from all other chains that no value of theirs is in the cache.
        seeds = [1_000_000 * (len(lengths) * turn + place) for turn in range(turns)]
        fresh, cached, plain = _measured(root, "chain", length, length, seeds)
        rows += [
            Figure(
                f"a step of {length:,} in a warm worker", fresh, "ms", BUDGET_MS,
                reference=plain, reference_name="plain loop", samples=turns,
            ),
            Figure(
                f"a cached step of {length:,}", cached, "ms", CACHED_BUDGET_MS,
                reference=plain, reference_name="plain loop", samples=turns,
            ),
        ]  # fmt: skip
    seeds = [1_000_000_000 * (turn + 1) for turn in range(times)]
    fresh, cached, plain = _measured(root, "fan", fan, fan + 2, seeds)
    rows += [
        Figure(
            f"a step of a fan of {fan}", fresh, "ms", BUDGET_MS,
            reference=plain, reference_name="plain loop", samples=times,
        ),
        Figure(
            f"a cached step of a fan of {fan}", cached, "ms", CACHED_BUDGET_MS,
            reference=plain, reference_name="plain loop", samples=times,
        ),
    ]  # fmt: skip
    return rows


def _measured(
    root: Path, pipeline: str, length: int, count: int, seeds: list[int]
) -> tuple[float, float, float]:
    """Milliseconds a step takes anew, from the cache, and in the plain loop, in turn; the middle one of each.

    `count` is how many steps the run has.
    """
    found = [
        (
            _milliseconds_a_step(root, pipeline, length, count, seed, "succeeded"),
            _milliseconds_a_step(root, pipeline, length, count, seed, "cached"),
            _plain_loop(root, count),
        )
        for seed in seeds
    ]
    fresh, cached, plain = (median(values) for values in zip(*found, strict=True))
    return fresh, cached, plain


def _milliseconds_a_step(root: Path, pipeline: str, length: int, count: int, seed: int, status: str) -> float:
    """From the end of the first step, which warms the worker up, to the end of the last one."""
    words = ["run", f"{TARGET}:{pipeline}", "-p", f"length={length}", "-p", f"seed={seed}", "--json"]
    run_id = _stacktui(root, words)[-1]["run_id"]
    (run,) = _stacktui(root, ["runs", "show", run_id, "--json"])
    states = {step["status"] for step in run["steps"]}
    if states != {status} or len(run["steps"]) != count:
        raise AssertionError(f"wanted {count} steps that are {status}, found {len(run['steps'])}: {states}")
    ends = sorted(datetime.fromisoformat(step["finished_at"]) for step in run["steps"])
    return 1000 * (ends[-1] - ends[0]).total_seconds() / (count - 1)


def _stacktui(root: Path, words: list[str]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "stacktui", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _plain_loop(root: Path, length: int) -> float:
    """Milliseconds a step takes in a loop with two SQLite commits and a pickle each: the floor."""
    folder = root / ".stacktui" / "floor"
    folder.mkdir(mode=0o700, exist_ok=True)
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS steps (name TEXT, status TEXT)")
        began = time.perf_counter()
        for number in range(length):
            row = connection.execute("INSERT INTO steps VALUES (?, 'running')", (f"step_{number}",)).lastrowid
            (folder / f"{number}.pkl").write_bytes(pickle.dumps(number))
            connection.execute("UPDATE steps SET status = 'succeeded' WHERE rowid = ?", (row,))
        return 1000 * (time.perf_counter() - began) / length
