"""The queue of runs: how many go on at once, who is next, and what is left by those that died."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacktui.categories.errors import ComponentError
from stacktui.flavors.local.worker_start import importable
from stacktui.model.base import uuid7
from stacktui.pipelines.admission import Admission, reserve
from stacktui.testing.contracts.base import wait_for

LIVES = """
import sys, time
from pathlib import Path
from stacktui.pipelines.admission import Admission
place = Admission(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
assert place.wait(lambda: False, lambda words: print(words, flush=True))
print("in", flush=True)
time.sleep(600)
"""


class Waiter:
    """A run that waits in a thread of its own."""

    def __init__(self, state: Path, run_id: str, max_runs: int | None, **more: object) -> None:
        self.admission = Admission(state, run_id, max_runs, **more)  # type: ignore[arg-type]
        self.said: list[str] = []
        self.admitted: bool | None = None
        self.stopped = False
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        self.admitted = self.admission.wait(lambda: self.stopped, self.said.append)

    def says(self, words: str) -> None:
        wait_for(lambda: self.said and self.said[-1] == words, f"{words!r}, not {self.said}", 20)

    def is_in(self) -> None:
        wait_for(lambda: self.admitted, f"the run to be let in; it {self.said}", 20)

    def leaves(self) -> None:
        """Stop waiting, or release what it has."""
        self.stopped = True
        self._thread.join(20)
        self.admission.release()


@pytest.fixture
def waiter(tmp_path: Path) -> Iterator[Callable[..., Waiter]]:
    made: list[Waiter] = []

    def make(run_id: str, max_runs: int | None = 1, **more: object) -> Waiter:
        made.append(Waiter(tmp_path, run_id, max_runs, **more))
        return made[-1]

    yield make
    for each in made:
        each.leaves()


Make = Callable[..., Waiter]


def ids(count: int) -> list[str]:
    return [f"0193a1b2-c3d{place}-7000-8000-000000000000" for place in range(count)]


def test_without_a_limit_nobody_waits_or_says_anything(waiter: Make) -> None:
    for run_id in ids(3):
        run = waiter(run_id, None)
        run.is_in()
        assert run.said == []


def test_places_are_given_in_the_order_of_ids(waiter: Make) -> None:
    a, b, c, d = ids(4)
    first = waiter(a)
    first.is_in()
    third = waiter(c)
    third.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d0")
    second = waiter(b)
    third.says("waits for 1 run before it; 1 of 1 places is taken by run 0193a1b2-c3d0")
    fourth = waiter(d)
    fourth.says("waits for 2 runs before it; 1 of 1 places is taken by run 0193a1b2-c3d0")
    first.leaves()
    second.is_in()
    third.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d1")
    assert (third.admitted, fourth.admitted) == (None, None)
    second.leaves()
    third.is_in()
    assert fourth.admitted is None


def test_one_that_is_stopped_while_it_waits_frees_its_place_in_the_queue(
    waiter: Make, tmp_path: Path
) -> None:
    a, b, c = ids(3)
    first = waiter(a)
    first.is_in()
    second = waiter(b)
    second.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d0")
    third = waiter(c)
    third.says("waits for 1 run before it; 1 of 1 places is taken by run 0193a1b2-c3d0")
    second.leaves()
    assert second.admitted is False
    third.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d0")
    first.leaves()
    third.is_in()
    third.leaves()
    assert [path.name for path in (tmp_path / "queue").iterdir()] == [".turn"]


def test_runs_that_did_not_ask_for_a_limit_count_for_those_that_did(waiter: Make) -> None:
    a, b, c = ids(3)
    free = [waiter(a, None), waiter(b, None)]
    for each in free:
        each.is_in()
    limited = waiter(c, 1)
    limited.says("waits for a place; 2 runs go on and max_runs is 1: runs 0193a1b2-c3d0, 0193a1b2-c3d1")
    free[0].leaves()
    limited.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d1")
    free[1].leaves()
    limited.is_in()


def test_a_changed_limit_counts_for_one_that_waits(waiter: Make, tmp_path: Path) -> None:
    a, b = ids(2)
    file = tmp_path / "stacktui.yaml"
    file.write_text("version: 1\nmax_runs: 1\n")
    waiter(a).is_in()
    second = waiter(b, 1, workspace=tmp_path)
    second.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d0")
    file.write_text("version: 1\nmax_runs: [\n")
    draft = tmp_path / "draft"
    draft.write_text("version: 1\nmax_runs: 2\n")
    draft.replace(file)
    second.is_in()


def test_a_run_whose_runner_is_about_to_start_has_its_place_already(waiter: Make, tmp_path: Path) -> None:
    a, b = ids(2)
    reserved = reserve(tmp_path, a)
    assert reserved is not None
    second = waiter(b)
    second.says("waits for 1 run before it; max_runs is 1")
    first = waiter(a)
    first.is_in()
    # Its process still has the lock that it inherited: nobody waits for that.
    second.says("waits for a place; 1 of 1 places is taken by run 0193a1b2-c3d0")
    first.leaves()
    second.is_in()
    reserved.close()


def test_a_place_goes_with_a_runner_that_never_came(waiter: Make, tmp_path: Path) -> None:
    a, b = ids(2)
    reserved = reserve(tmp_path, a)
    assert reserved is not None
    second = waiter(b)
    second.says("waits for 1 run before it; max_runs is 1")
    reserved.close()
    second.is_in()


def test_a_run_cannot_have_two_places(waiter: Make, tmp_path: Path) -> None:
    (a,) = ids(1)
    waiter(a, None).is_in()
    with pytest.raises(ComponentError, match="has the place of run"):
        Admission(tmp_path, a, None).wait(lambda: False, lambda _: None)


def test_a_queue_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("not a folder")
    with pytest.raises(ComponentError, match="the queue of runs cannot be used"):
        Admission(tmp_path, uuid7(), 1).wait(lambda: False, lambda _: None)


def test_a_forked_child_does_not_keep_the_place(waiter: Make, tmp_path: Path) -> None:
    a, b = ids(2)
    first = waiter(a)
    first.is_in()
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    try:
        first.leaves()
        waiter(b).is_in()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextlib.contextmanager
def living(state: Path, run_id: str, max_runs: int) -> Iterator[subprocess.Popen[str]]:
    """A process that waits in the queue and then stays."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES, str(state), run_id, str(max_runs)],
        stdout=subprocess.PIPE,
        text=True,
        env=importable(os.environ),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_that_is_killed_frees_its_place_whether_it_runs_or_waits(tmp_path: Path) -> None:
    a, b, c = ids(3)
    with living(tmp_path, a, 1) as runs:
        assert next_line(runs) == "in"
        with living(tmp_path, b, 1) as waits:
            assert next_line(waits).startswith("waits for a place")
            with living(tmp_path, c, 1) as last:
                assert next_line(last).startswith("waits for 1 run before it")
                waits.kill()
                waits.wait()
                assert next_line(last).startswith("waits for a place")
                runs.kill()
                assert next_line(last) == "in"
    assert not [path for path in (tmp_path / "queue").iterdir() if path.name.startswith((a, b))]


@pytest.mark.long
def test_never_more_than_the_limit_whoever_dies(tmp_path: Path) -> None:
    """Sixty processes in a queue of three, each killed after it was let in, or before: the others get in."""
    chance = random.Random(20)
    limit, left = 3, [uuid7() for _ in range(60)]
    with contextlib.ExitStack() as stack:
        alive: dict[str, subprocess.Popen[str]] = {}
        inside: list[str] = []
        lock = threading.Lock()

        def follow(run_id: str, process: subprocess.Popen[str]) -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip() == "in":
                    with lock:
                        inside.append(run_id)

        threads = []
        killed: set[str] = set()
        while left or alive:
            while left and len(alive) < 8:
                run_id = left.pop(0)
                alive[run_id] = stack.enter_context(living(tmp_path, run_id, limit))
                thread = threading.Thread(target=follow, args=(run_id, alive[run_id]), daemon=True)
                thread.start()
                threads.append(thread)
            wait_for(
                lambda: set(inside) & set(alive) or None,
                f"one of {list(alive)} to be let in after {inside}",
                60,
            )
            with lock:
                now_in = [run_id for run_id in inside if run_id in alive]
            assert len(now_in) <= limit
            victim = chance.choice(now_in if chance.random() < 0.7 else list(alive))
            alive[victim].kill()
            alive.pop(victim).wait()
            killed.add(victim)
    for thread in threads:
        thread.join(20)
