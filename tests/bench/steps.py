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

CHAIN = '''"""A chain of steps that do nothing much."""
from stacktui import pipeline, step


@step
def first(seed: int) -> int:
    return seed


@step
def add(value: int) -> int:
    return value + 1


@pipeline
def chain(length: int = 10, seed: int = 0) -> None:
    value = first(seed)
    for _ in range(length - 1):
        value = add(value)
'''
TARGET = "pipelines/chain.py:chain"


def steps(root: Path, lengths: tuple[int, ...], times: int) -> list[Figure]:
    """A row for each length, run anew and then from the cache; and the plain loop of that length."""
    (root / "pipelines" / "chain.py").write_text(CHAIN)
    rows = []
    for place, length in enumerate(lengths):
        fresh, cached, plain = [], [], []
        for turn in range(times):
            # Far enough from all other chains that no value of theirs is in the cache.
            seed = 1_000_000 * (len(lengths) * turn + place)
            fresh.append(_milliseconds_a_step(root, length, seed, "succeeded"))
            cached.append(_milliseconds_a_step(root, length, seed, "cached"))
            plain.append(_plain_loop(root, length))
        rows += [
            Figure(
                f"a step of {length:,} in a warm worker", median(fresh), "ms", 1.0,
                reference=median(plain), reference_name="plain loop", samples=times,
            ),
            Figure(f"a cached step of {length:,}", median(cached), "ms", 0.5, samples=times),
        ]  # fmt: skip
    return rows


def _milliseconds_a_step(root: Path, length: int, seed: int, status: str) -> float:
    """From the end of the first step, which warms the worker up, to the end of the last one."""
    words = ["run", TARGET, "-p", f"length={length}", "-p", f"seed={seed}", "--json"]
    run_id = _stacktui(root, words)[-1]["run_id"]
    (run,) = _stacktui(root, ["runs", "show", run_id, "--json"])
    states = {step["status"] for step in run["steps"]}
    if states != {status} or len(run["steps"]) != length:
        raise AssertionError(f"wanted {length} steps that are {status}, found {len(run['steps'])}: {states}")
    ends = sorted(datetime.fromisoformat(step["finished_at"]) for step in run["steps"])
    return 1000 * (ends[-1] - ends[0]).total_seconds() / (length - 1)


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
