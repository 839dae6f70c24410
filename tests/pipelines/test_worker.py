"""The worker: what it does with a step's outputs, errors and everything that the step writes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacktui.flavors.local.worker_process import PROTOCOL, importable
from stacktui.model.execution import LogLine
from stacktui.model.masking import Masker
from stacktui.model.run import StepStatus
from stacktui.model.secretref import SecretRef
from tests.pipelines.working import Bench, bench

Make = Callable[[str], Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:
        yield lambda source: stack.enter_context(bench(tmp_path, source))


OUTPUTS = """
@step
def none() -> None: ...
@step
def surprise() -> None:
    return 1
@step
def pair():
    return 1, 2
@step
def mapping():
    return {"b": 2, "a": 1}
@step
def unkept():
    return lambda: 1
@step
def cuts(parts: list[int], *more: int):
    return [parts, list(more)]
@step
def wrong():
    return missing_name
"""


def test_outputs_are_checked(make: Make) -> None:
    here = make(OUTPUTS)
    assert here.do("none").status is StepStatus.SUCCEEDED
    result = here.do("pair", "a", "b")
    assert (here.value(result, "a"), here.value(result, "b")) == (1, 2)
    result = here.do("mapping", "a", "b")
    assert (here.value(result, "a"), here.value(result, "b")) == (1, 2)
    for function, outputs, said in (
        ("surprise", (), "declares no output"),
        ("pair", ("a", "b", "c"), "returned 2 values and declares 3 outputs: a, b, c"),
        ("none", ("a", "b"), "returned a NoneType and declares 2 outputs"),
        ("unkept", ("a",), "output 'a' (function) cannot be kept"),
    ):
        error = here.do(function, *outputs).error
        assert error is not None
        assert said in error.message
        assert "\n" not in error.message


def test_elements_of_lists_are_put_together(make: Make) -> None:
    here = make(OUTPUTS)
    result = here.do("cuts", "output", **{"parts[1]": 2, "parts[0]": 1, "more[0]": 3})
    assert here.value(result, "output") == [[1, 2], [3]]


ERRORS = """
class Odd(Exception):
    def __init__(self, a, b): ...
    def __str__(self): raise RuntimeError("no text")
@step
def odd():
    raise Odd(1, 2)
@step
def interrupted():
    raise KeyboardInterrupt
@step
def leaves():
    sys.exit()
@step
def chained():
    try:
        helper()
    except KeyError as error:
        raise ValueError("first line\\nsecond line") from error
def helper():
    {}["k"]
@step
def inside():
    import json
    json.loads("{")
"""


def test_every_way_to_fail_is_a_result(make: Make) -> None:
    here = make(ERRORS)
    said = {}
    for function in ("odd", "interrupted", "leaves", "chained", "inside"):
        result = here.do(function)
        assert result.status is StepStatus.FAILED
        assert result.error is not None
        said[function] = result.error
    assert (said["odd"].type, "str() failed" in said["odd"].message) == ("Odd", True)
    assert "interrupted" in said["interrupted"].message
    assert "sys.exit()" in said["leaves"].message
    assert said["chained"].message == "first line\nsecond line"
    # Causes too, and only the user's own frames, with the workspace's paths.
    frames = [line for line in said["chained"].traceback.splitlines() if line.startswith("  File")]
    assert len(frames) == 3
    assert all(f'"{here.workspace}/steps.py"' in frame for frame in frames)
    assert "KeyError: 'k'" in said["chained"].traceback
    assert said["inside"].type == "JSONDecodeError"
    assert "json/decoder.py" not in said["inside"].traceback


def test_a_module_that_does_not_import_fails_its_step(make: Make) -> None:
    here = make("import nowhere_to_be_found\n")
    error = here.do("anything").error
    assert error is not None
    assert error.type == "ModuleNotFoundError"
    assert f'"{here.workspace}/steps.py"' in error.traceback


def test_a_module_is_imported_once(make: Make) -> None:
    here = make("count = []\n@step\ndef counts():\n    count.append(1)\n    return len(count)\n")
    assert [here.value(here.do("counts", "n"), "n") for _ in range(3)] == [1, 2, 3]


WRITING = """
@step
def everything():
    print("one")
    sys.stdout.write("two "); sys.stdout.write("halves\\n")
    sys.stdout.buffer.write(b"bytes\\n")
    sys.stderr.write("three\\n")
    warnings.warn("careful")
    logging.getLogger("lib").info("logged %d", 1)
    libc = ctypes.CDLL(None)
    libc.printf(b"printf\\n")
    os.write(2, b"raw\\n")
    subprocess.run(["sh", "-c", "echo child"])
    thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
    if os.fork() == 0:
        print("forked"); sys.stdout.flush(); os._exit(0)
    os.wait()
    print("bar 1%\\rbar 50%\\rbar 100%")
    print("caf\\u00e9 \\ud800")
    sys.stdout.write("no newline")
@step
def quiet():
    pass
@step
def chatty(lines):
    for number in range(lines):
        print("line", number)
@step
def crashes(how):
    print("about to")
    os.write(2, b"native words\\n")
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.SIGKILL)
@step
def long(size):
    for _ in range(size // 1000):
        sys.stdout.write("x" * 1000)
"""


def test_everything_that_a_step_writes_is_a_line(make: Make) -> None:
    here = make(WRITING)
    assert here.do("everything").status is StepStatus.SUCCEEDED
    out, err = here.lines("stdout"), here.lines("stderr")
    for line in (
        "one",
        "two halves",
        "bytes",
        "printf",
        "child",
        "thread",
        "forked",
        "bar 100%",
        "no newline",
    ):
        assert out.count(line) == 1, line
    assert any(line.startswith("café ") for line in out)
    assert "three" in err
    assert "raw" in err
    assert any("UserWarning: careful" in line for line in err)
    # The warning names the workspace's file, not the snapshot's.
    assert not any(str(here.code) in line for line in err)
    assert "INFO lib: logged 1" in here.lines("logging")
    here.do("quiet")
    assert here.lines() == []


def test_lines_are_stamped_when_they_are_written(make: Make) -> None:
    source = """
@step
def stamps():
    times = []
    for number in range(3):
        times.append(time.time()); print(number); times.append(time.time())
        end = time.monotonic() + 0.05
        while time.monotonic() < end: pass
    return times
"""
    here = make(source)
    times = here.value(here.do("stamps", "times"), "times")
    at = [event.at.timestamp() for event in here.events if isinstance(event, LogLine)]
    # A microsecond is what a time holds; the step's own floats hold more.
    assert all(times[2 * n] - 1e-6 <= at[n] <= times[2 * n + 1] + 1e-6 for n in range(3))


def test_a_chatty_step_loses_no_line_and_no_order(make: Make) -> None:
    here = make(WRITING)
    here.do("chatty", lines=20_000)
    assert here.lines("stdout") == [f"line {number}" for number in range(20_000)]


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_the_last_words_of_a_process_that_dies_are_kept(make: Make, how: str) -> None:
    here = make(WRITING)
    assert here.do("crashes", how=how).status is StepStatus.FAILED
    assert here.lines("stdout") == ["about to"]
    assert here.lines("stderr") == ["native words"]


def test_a_very_long_line_is_cut(make: Make) -> None:
    here = make(WRITING)
    here.do("long", size=1_000_000)
    assert "".join(here.lines("stdout")) == "x" * 1_000_000
    assert max(map(len, here.lines("stdout"))) < 500_000


MASKING = r"""
@step
def leaks():
    value = context().secrets["db.password"]
    for size in (1, 3, 7):
        for start in range(0, len(value), size):
            sys.stdout.write(value[start:start + size])
        print()
    for letter in value:
        os.write(1, letter.encode())
    os.write(1, b"\n")
    print(repr(value), {"k": value})
    logging.warning("with %s", value)
    print("x" * 300_000, end=""); print(value[:5], end=""); print(value[5:])
    raise RuntimeError("cannot use " + value)
@step
def crashes():
    os.write(2, context().secrets["db.password"].encode() + b"\n")
    os.kill(os.getpid(), signal.SIGKILL)
@step
def key():
    print(context().secrets["ssh.key"])
@step
def short():
    print(context().secrets["pin.code"])
"""


def test_secrets_are_masked_however_they_are_written(make: Make) -> None:
    here = make(MASKING)
    value = "hunter2-läßt-grüßen"
    result = here.do("leaks", secrets={"db.password": value})
    assert result.error is not None
    assert result.error.message == "cannot use ******"
    everything = "\n".join(here.lines()) + result.error.model_dump_json()
    assert value not in everything
    assert here.lines("stdout")[:3] == ["******"] * 3
    assert here.lines("stdout").count("******") == 4
    assert here.lines("logging") == ["WARNING root: with ******"]
    # Not in what it leaves behind, either.
    here.do("crashes", secrets={"db.password": value})
    assert here.lines("stderr") == ["******"]


def test_each_line_of_a_key_is_masked_and_short_values_are_not(make: Make) -> None:
    here = make(MASKING)
    here.do("key", secrets={"ssh.key": "-----BEGIN-----\nabcdefgh\nxyz\n-----END-----"})
    assert here.lines() == ["******", "******", "xyz", "******"]
    here.do("short", secrets={"pin.code": "12345"})
    assert here.lines() == ["12345"]


def test_components_secrets_are_masked_too(tmp_path: Path) -> None:
    with bench(
        tmp_path,
        "@step\ndef leak():\n    print('the key is', 'abc' + 'def' + 'ghi')\n",
        secrets={SecretRef("aws", "key"): "abcdefghi"},
    ) as here:
        here.do("leak")
        assert here.lines() == ["the key is ******"]


def test_the_snapshot_stays_as_it_is(make: Make) -> None:
    here = make("@step\ndef one():\n    return 1\n")
    here.do("one", "n")
    assert [path.name for path in here.code.rglob("*")] == ["steps.py"]


def test_paths_are_private_copies_that_go_with_the_step(make: Make, tmp_path: Path) -> None:
    here = make("""
@step
def writes(folder):
    path = Path(folder, "model.bin"); path.write_bytes(b"weights"); return path
@step
def reads(model):
    return [model.name, model.read_bytes().decode(), str(model)]
""")
    model = here.do("writes", "model", folder=str(tmp_path)).outputs["model"]
    name, text, path = here.value(here.do("reads", "found", model=model), "found")
    assert (name, text) == ("model.bin", "weights")
    assert not Path(path).exists()


def test_a_step_leaves_no_trace_in_the_next(make: Make, tmp_path: Path) -> None:
    here = make("""
@step
def changes(folder):
    os.chdir(folder); os.environ["CHANGED"] = "yes"; del os.environ["HOME"]; sys.stdout = None
@step
def looks():
    print("still here")
    return [os.getcwd(), os.environ.get("CHANGED"), "HOME" in os.environ]
""")
    here.do("changes", folder=str(tmp_path))
    found = here.value(here.do("looks", "found"), "found")
    assert found == [str(here.workspace), None, True]
    assert here.lines() == ["still here"]


def test_a_child_that_goes_on_writing_does_not_hold_the_step_up(make: Make) -> None:
    here = make("""
@step
def starts():
    return subprocess.Popen(["sh", "-c", "while :; do echo again; done"]).pid
@step
def ends(pid):
    os.kill(pid, signal.SIGKILL)
""")
    result = here.do("starts", "pid")
    assert here.do("ends", pid=here.value(result, "pid")).status is StepStatus.SUCCEEDED


def test_a_worker_ends_with_its_pipe() -> None:
    environment = importable({**os.environ})
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "stacktui.pipelines.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    hello = json.loads(worker.stdout.readline())
    assert (hello["type"], hello["protocol"], hello["pid"]) == ("hello", PROTOCOL, worker.pid)
    worker.stdin.close()
    assert worker.wait(30) == 0
    worker.stdout.close()


def test_a_run_that_cannot_be_set_up_fails_its_steps(tmp_path: Path) -> None:
    with bench(tmp_path, "@step\ndef one():\n    return 1\n", components={}) as here:
        error = here.do("one", "n").error
        assert error is not None
        assert "has no artifact store" in error.message


@pytest.mark.parametrize(
    ("values", "text", "masked"),
    [
        (["secret"], "a secret here", "a ****** here"),
        (["secret"], "secretsecret", "******"),
        (["abcdef", "defghi"], "abcdefghi!", "******!"),
        (["longer-secret", "secret"], "my longer-secret", "my ******"),
        (["a b/c&d"], "?token=a%20b%2Fc%26d", "?token=******"),
        (['quo"te\n12'], json.dumps({"k": 'quo"te\n12'}), '{"k": "******"}'),
        (["short"], "short", "short"),
        ([], "nothing", "nothing"),
    ],
)
def test_masks(values: list[str], text: str, masked: str) -> None:
    assert Masker(values)(text) == masked
