"""`make bench`: measure every row of the budget in one run, print a table, write bench.json.

python -m tests.bench [--quick] [--only ROW …] [--runs 1000000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import commands, keys, live, logs, start, steps, still, writers
from tests.bench.data import BigWorkspaces
from tests.bench.figures import Figure, table
from tests.bench.program import REPOSITORY

DOCUMENT = REPOSITORY / "bench.json"

Measured = list[Figure]


def subjects(made: BigWorkspaces, quick: bool) -> dict[str, Callable[[], Measured]]:
    """What can be measured, by the name that `--only` takes."""
    times = 5 if quick else 9
    return {
        "start": lambda: [start.start_to_content(made.usual, times)],
        "keys": lambda: keys.keys(made.large, 2 if quick else 5),
        "bytes": lambda: keys.byte_rows(made.large, times),
        "file": lambda: [live.file_saved(made.usual, 8 if quick else 24)],
        "event": lambda: [live.run_event(made.usual, 8 if quick else 24)],
        "still": lambda: still.stillness(made.usual, 10.0 if quick else 60.0),
        "stack-list": lambda: [commands.command("stack list", made.usual, ["stack", "list"], times)],
        "runs-list": lambda: [commands.command("runs list", made.large, ["runs", "list"], times)],
        "steps": lambda: steps.steps(
            made.small, (10, 100, 1_000) if quick else (10, 100, 1_000, 10_000), 2 if quick else 3
        ),
        "logs": lambda: logs.logs(made.small, 100, 3 if quick else 7),
        "writers": lambda: [writers.lost_events(made.folder, 100 if quick else 500)],
    }


def main() -> int:
    """Measure, print, write. The exit code is 0 whether or not every budget holds: this tells, it does not judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this subject; may be repeated")
    parser.add_argument("--runs", type=int, default=200_000, help="runs in the large store")
    given = parser.parse_args()
    # Where this is set, our modules are compiled at each start, and those of the references are not.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="stacktui-bench-") as folder:
        made = BigWorkspaces(Path(folder), given.runs)
        known = subjects(made, given.quick)
        unknown = set(given.only or ()) - set(known)
        if unknown:
            parser.error(f"unknown row {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
        figures: Measured = []
        for name in given.only or known:
            sys.stderr.write(f"{time.perf_counter() - began:5.0f} s  {name}\n")
            figures += known[name]()
    sys.stderr.write(f"{time.perf_counter() - began:5.0f} s  done\n")
    print(
        f"{made.facts()}; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}\n"
    )
    print(table(figures))
    document = {
        "version": 1,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "runs": given.runs,
        "quick": given.quick,
        "figures": [figure.document() for figure in figures],
    }
    DOCUMENT.write_text(json.dumps(document, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
