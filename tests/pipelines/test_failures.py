"""Every way in which a step takes itself or its process down is a failed step that says so; the next step works."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.flavors.local.process_tree import marked
from stacktui.model.run import StepStatus
from stacktui.testing.contracts.base import wait_for
from stacktui.testing.contracts.step_running import wait_until_ended
from tests.pipelines.working import Bench, bench

Make = Callable[[str], Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:
        yield lambda source: stack.enter_context(bench(tmp_path, source))


STEPS = """
import itertools, resource

@step
def fine(x: int = 1) -> int:
    return x

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")
    __repr__ = __str__

class Holds(Exception):
    def __init__(self):
        super().__init__("it holds a lock")
        self.lock = threading.Lock()

class Odd(BaseException):
    pass

class Line(Exception):
    def __str__(self):
        return 7

@step
def mute() -> int:
    raise Mute
@step
def holds() -> int:
    raise Holds
@step
def odd() -> int:
    raise Odd("odd")
@step
def line() -> int:
    raise Line
@step
def group() -> int:
    raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])
@step
def long() -> int:
    raise ValueError("x" * 10_000_000)
@step
def bytes_in_it() -> int:
    raise ValueError("\\x1b[2J\\udcff")
@step
def deep() -> int:
    return deep.function()
@step
def exits(code: object) -> int:
    sys.exit(code)
@step
def exits_in_a_thread() -> int:
    threading.Thread(target=os._exit, args=(5,)).start()
    time.sleep(60)
@step
def told_to_end() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
@step
def segfault() -> int:
    ctypes.string_at(0)
@step
def aborts() -> int:
    os.abort()
@step
def runs_out() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    return len(bytearray(1 << 32))
@step
def closes() -> int:
    os.closerange(0, 4096)
    return 1
@step
def becomes_another() -> int:
    os.execv("/bin/true", ["true"])
@step
def forks() -> int:
    os.fork()
    return os.getpid()
@step
def breaks_streams() -> int:
    sys.stdout = sys.stderr = None
    logging.shutdown()
    logging.getLogger().handlers.clear()
    return 1
@step
def breaks_names() -> int:
    import builtins, json
    json.dumps = None
    return 1
@step
def runs_away(folder: str) -> int:
    # Each process starts the next one and ends: there is never one that could be named.
    if os.fork() == 0:
        while not Path(folder, "stop").exists():
            if os.fork():
                os._exit(0)
    else:
        Path(folder, "begun").touch()
        time.sleep(60)
@step
def bomb(folder: str) -> int:
    for _ in range(7):
        os.fork()
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("function", "kind", "said"),
    [
        ("mute", "Mute", "<exception str() failed>"),
        ("holds", "Holds", "it holds a lock"),
        ("odd", "Odd", "odd"),
        ("line", "Line", "<exception str() failed>"),
        ("group", "ExceptionGroup", "several (2 sub-exceptions)"),
        ("deep", "RecursionError", "maximum recursion depth exceeded"),
        ("runs_out", "MemoryError", ""),
        ("exits_in_a_thread", "ProcessExited", "exited with code 5"),
        ("segfault", "ProcessKilled", "killed by SIGSEGV (signal 11); a native library crashed"),
        ("told_to_end", "StepCancelled", "the step's process got SIGTERM, and not from its run"),
        ("aborts", "ProcessKilled", "killed by SIGABRT (signal 6)"),
        ("closes", "ProcessExited", "the step closed the worker's pipes"),
        ("becomes_another", "ProcessExited", "exited with code 0 before the step was done"),
    ],
)
def test_it_is_a_failed_step_that_says_so(make: Make, function: str, kind: str, said: str) -> None:
    here = make(STEPS)
    result = here.do(function, "output")
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.type == kind
    assert said in result.error.message
    assert "\n" not in result.error.message
    assert here.do("fine", "output").status is StepStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "sys.exit(0)"), (3, "sys.exit(3)"), ("no data", "sys.exit('no data')"), (None, "sys.exit()")],
)
def test_sys_exit_is_a_failure_whatever_its_code(make: Make, code: Any, said: str) -> None:
    error = make(STEPS).do("exits", "output", code=code).error
    assert error is not None
    assert (error.type, error.message) == ("SystemExit", f"the step ended itself by {said}")


def test_a_message_has_an_end(make: Make) -> None:
    error = make(STEPS).do("long", "output").error
    assert error is not None
    assert len(error.message) < 5_000
    assert error.message.endswith("(10,000,000 characters)")


def test_any_text_travels(make: Make) -> None:
    error = make(STEPS).do("bytes_in_it", "output").error
    assert error is not None
    assert error.message.startswith("\x1b[2J")


@pytest.mark.parametrize("function", ["breaks_streams", "breaks_names"])
def test_a_step_cannot_break_the_next_one(make: Make, function: str) -> None:
    here = make(STEPS)
    here.do(function, "output")
    assert here.do("fine", "output").status is StepStatus.SUCCEEDED


def test_a_child_that_returns_from_the_step_is_not_a_second_worker(make: Make) -> None:
    here = make(STEPS)
    pids = set()
    for _ in range(5):
        result = here.do("forks", "output")
        assert result.status is StepStatus.SUCCEEDED
        pids.add(here.value(result, "output"))
    assert len(pids) == 1


def test_processes_that_run_away_are_caught(make: Make, tmp_path: Path) -> None:
    here = make(STEPS)
    folder = tmp_path / "chain"
    folder.mkdir()
    handle = here.submit("runs_away", "output", folder=str(folder))
    wait_for((folder / "begun").exists, "the step to begin")
    try:
        handle.cancel()
        assert handle.future.result(60).status is StepStatus.CANCELLED
        assert _left(here) == []
    finally:
        (folder / "stop").touch()


def test_many_processes_are_ended_as_one(make: Make, tmp_path: Path) -> None:
    here = make(STEPS)
    folder = tmp_path / "many"
    folder.mkdir()
    handle = here.submit("bomb", "output", folder=str(folder))
    wait_for(lambda: len(list(folder.iterdir())) == 128, "all of them")
    handle.cancel()
    assert handle.future.result(60).status is StepStatus.CANCELLED
    for file in folder.iterdir():
        wait_until_ended(int(file.name))


def _left(here: Bench) -> list[int]:
    """Processes of the bench's steps that still run."""
    found = []
    for pid in marked(""):
        with contextlib.suppress(OSError):
            if str(here.workspace) == str(Path(f"/proc/{pid}/cwd").readlink()):
                found.append(pid)
    return found
