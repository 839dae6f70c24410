"""Small pipelines in a workspace, and runs of them that are really executed, for tests of the run screens."""

from __future__ import annotations

import time
from pathlib import Path

from stacktui.model.run import RunStatus
from stacktui.operations.run import requested, started_run
from stacktui.operations.session import Session
from tests.tui.workbench import DEADLINE, workspace

SUMS = '''
from stacktui import context, pipeline, step


@step
def numbers(count: int = 3) -> list[int]:
    print(f"making {count} numbers")
    return list(range(count))


@step
def double(values: list[int], factor: int = 2) -> list[int]:
    for value in values:
        print(f"doubling {value}")
        context().experiment_tracker.log_metric("seen", value)
    return [factor * value for value in values]


@step
def total(left: list[int], right: list[int]) -> int:
    import sys

    print("adding up", file=sys.stderr)
    return sum(left) + sum(right)


@pipeline
def sums(count: int = 3, factor: int = 2):
    """Two lists side by side, added up."""
    values = numbers(count)
    total(double.named("twice")(values, factor), double.named("thrice")(values, 3))
'''

FAILS = """
from stacktui import pipeline, step


@step
def divide(by: int) -> float:
    print("about to divide")
    return 1 / by


@step
def publish(value: float) -> None:
    print(value)


@pipeline
def fails(by: int = 0):
    publish(divide(by))
"""

WAITS = '''
import time
from pathlib import Path

from stacktui import pipeline, step


@step(cache=False)
def wait(flag: str) -> int:
    """Goes on when the file `flag` is there; writes a line for each line of it."""
    print("waiting for the flag", flush=True)
    while not Path(flag).exists():
        time.sleep(0.02)
    print("the flag is there", flush=True)
    while "end" not in Path(flag).read_text():
        time.sleep(0.02)
    return 1


@pipeline
def waits(flag: str):
    """Waits for a file."""
    wait(flag)
'''


def runnable(root: Path, *, settings: str = "") -> Path:
    """A workspace with the three pipelines `sums`, `fails` and `waits`."""
    workspace(root, settings=settings)
    for name, text in (("sums", SUMS), ("fails", FAILS), ("waits", WAITS)):
        (root / "pipelines" / f"{name}.py").write_text(text.lstrip())
    return root


def begin(root: Path, target: str, *params: str, name: str | None = None) -> str:
    """Start a run in the background and return its id."""
    with Session(root) as session:
        snapshot = session.snapshot()
        request = requested(session, snapshot, target, params=params, name=name, probe=False)
        return started_run(session, snapshot, request)


def execute(root: Path, target: str, *params: str, name: str | None = None) -> str:
    """Start a run, wait until it has ended, and return its id."""
    run_id = begin(root, target, *params, name=name)
    with Session(root) as session:
        end = time.monotonic() + 2 * DEADLINE
        while session.store().run(run_id).status in (RunStatus.QUEUED, RunStatus.RUNNING):
            assert time.monotonic() < end, f"the run of {target} did not end"
            time.sleep(0.02)
        assert session.store().run(run_id).status is not RunStatus.LOST
    return run_id
