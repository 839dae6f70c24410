"""What 100 MB of log cost a step, against the same step that writes the same lines to a plain file of its own.

The plain file is `open(path, "w")` with Python's own buffering: 8 KiB are written at once, and are lost when the
process is killed. It is written with the same loop of `print(line, file=…)`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, median
from tests.bench.program import REPOSITORY

PIPELINE = '''"""Steps that write a hundred megabytes each, to where they are told."""
import json
import sys
import time
from pathlib import Path

from stacktui import pipeline, step


def lines_to(out, count: int, size: int) -> tuple[float, float]:
    line = ("epoch 12 batch 0042 loss=0.123456 lr=0.001 " * (size // 40 + 1))[: size - 1]
    began, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        print(line, file=out)
    out.flush()
    return time.perf_counter() - began, time.process_time() - used


@step
def write(turn: int, place: str, count: int, size: int, results: str) -> None:
    if place == "log":
        took = lines_to(sys.stdout, count, size)
    else:
        path = Path(results).with_suffix(".plain")
        with open(path, "w") as out:
            took = lines_to(out, count, size)
        path.unlink()
    with open(results, "a") as file:
        file.write(json.dumps([place, *took]) + "\\n")


@pipeline
def logs(count: int = 1000, size: int = 100, turns: int = 1, results: str = "") -> None:
    before = []
    for turn in range(turns):
        for place in ("plain", "log"):
            before = [write(turn, place, count, size, results, after=before)]
'''
TARGET = "pipelines/logs.py:logs"


def logs(root: Path, megabytes: int, turns: int) -> list[Figure]:
    """A row for lines of about 100 bytes and one for about 1,000."""
    (root / "pipelines" / "logs.py").write_text(PIPELINE)
    rows = []
    for size in (100, 1000):
        results = root / ".stacktui" / f"logs-{size}.jsonl"
        count = megabytes * 1_000_000 // size
        parameters = {"count": count, "size": size, "turns": turns, "results": results}
        words = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
        status = _run(root, ["run", TARGET, *words])
        found = {place: list(_seconds(results, place)) for place in ("plain", "log")}
        if status != "succeeded" or len(found["log"]) != turns:
            raise AssertionError(f"the run of steps that write has {status}: {found}")
        what = f"a step that prints {count:,} lines of {size:,} bytes"
        for place, name in enumerate((what, f"{what}: its processor time")):
            ours, plain = (1000 * median([each[place] for each in found[to]]) for to in ("log", "plain"))
            rows.append(
                Figure(
                    name, ours, "ms", 1.05, reference=plain, reference_name="a plain file",
                    budget_is_ratio=True, samples=turns,
                    note='the plain file is `open(path, "w")`: Python keeps back up to 8 KiB of it; '
                    "the runner reads at the same time, on another core if one is free",
                )
            )  # fmt: skip
        results.unlink()
    return rows


def _run(root: Path, words: list[str]) -> str:
    """Its status in the end. Nobody follows it: whoever prints its lines takes a core."""
    run_id = _stacktui(root, [*words, "--detach", "--json"])["run_id"]
    while (run := _stacktui(root, ["runs", "show", run_id, "--json"]))["status"] in ("queued", "running"):
        time.sleep(1)
    return str(run["status"])


def _stacktui(root: Path, words: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "stacktui", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def _seconds(results: Path, place: str) -> Iterator[tuple[float, float]]:
    """Of each step: how long it wrote, and how much of a processor that took."""
    if results.exists():
        for line in results.read_text().splitlines():
            where, took, used = json.loads(line)
            if where == place:
                yield took, used
