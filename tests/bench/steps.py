"""What a step costs: a chain of small steps through the real runner, beside a plain loop that also keeps records."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import json

CHAIN = '''"""A chain of steps that do nothing much."""
from stacktui import pipeline, step

@step
def first() -> int:
    return 0

@step
def add(value: int) -> int:
    return value + 1

@pipeline
def chain(length: int = 100) -> None:
    value = first()
    for _ in range(length - 1):
        value = add(value)
'''


def seconds_per_step(root: Path, length: int) -> tuple[float, float]:
    """Seconds a step takes in a chain of `length`, run once and then again from the cache."""
    (root / "pipelines" / "chain.py").write_text(
        CHAIN.replace("def first() -> int:", f"def first() -> int:  # {length}")
    )
    return _run(root, length), _run(root, length)


def _run(root: Path, length: int) -> float:
    command = [
        sys.executable,
        "-m",
        "stacktui",
        "-C",
        str(root),
        "run",
        "pipelines/chain.py:chain",
        "-p",
        f"length={length}",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    run_id = json.loads(done.stdout.splitlines()[-1])["run_id"]
    shown = subprocess.run(
        [sys.executable, "-m", "stacktui", "-C", str(root), "runs", "show", run_id, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(shown.stdout)
    steps = document["steps"]
    begin = min(step["started_at"] or step["finished_at"] for step in steps)
    end = max(step["finished_at"] for step in steps)
    from datetime import datetime

    # The first step warms the worker up: interpreter, imports, the pipeline's module.
    if steps[0]["status"] != "cached":
        begin = steps[0]["finished_at"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() / (length - 1)


def plain_loop(folder: Path, length: int) -> float:
    """Seconds a step takes in a Python loop with two SQLite commits and a pickle each: the floor."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE steps (name TEXT, status TEXT)")
    begin = time.perf_counter()
    for number in range(length):
        connection.execute("INSERT INTO steps VALUES (?, 'running')", (f"step_{number}",))
        (folder / f"{number}.pkl").write_bytes(pickle.dumps(number))
        connection.execute("UPDATE steps SET status = 'succeeded' WHERE rowid = ?", (number + 1,))
    took = time.perf_counter() - begin
    connection.close()
    return took / length
