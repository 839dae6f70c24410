"""What a step, its children, its threads and its C code write is all there, however the step ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.flavors.local.log_ring import PIECE, RingReader, RingWriter, make_memory
from stacktui.flavors.local.worker_process import importable
from stacktui.model.execution import LogLine
from stacktui.model.masking import Masker
from stacktui.model.run import StepStatus
from stacktui.pipelines.intake import StepSink
from stacktui.pipelines.log_index import LogIndex
from stacktui.pipelines.logs import LogWriter
from stacktui.testing.contracts.base import wait_for
from tests.pipelines.working import Bench, bench

Make = Callable[[str], Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:
        yield lambda source: stack.enter_context(bench(tmp_path, source))


CHILDREN = """
import multiprocessing
libc = ctypes.CDLL(None)
def child(name):
    print("child", name)
    print("child error", name, file=sys.stderr)
    logging.getLogger("child").warning("child log %s", name)
    libc.puts(b"child puts"); libc.fflush(None)
@step
def processes(how):
    worker = multiprocessing.get_context(how).Process(target=child, args=(how,))
    worker.start(); worker.join()
    return worker.exitcode
@step
def c_code():
    libc.puts(b"puts")
    libc.write(1, b"write\\n", 6)
    libc.write(2, b"write to stderr\\n", 16)
    libc.dprintf(2, b"dprintf\\n")
    libc.printf(b"no newline")
@step
def threads():
    def many(name):
        for number in range(8_000):
            print(f"{name} {number}")
    # Many lines before there is a second thread, too.
    many("t4")
    several = [threading.Thread(target=many, args=(f"t{n}",)) for n in range(4)]
    for one in several: one.start()
    for one in several: one.join()
@step
def python_child():
    code = "import sys; print('from a child'); sys.stderr.write('bad\\\\n'); import os; os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
@step
def streams():
    sys.stdout.buffer.write(b"bytes\\n")
    sys.stdout.writelines(["a\\n", "b\\n"])
    print("split", end=" "); print("line")
    print("to the first", file=sys.__stdout__)
    os.write(sys.stdout.fileno(), b"by number\\n")
    sys.stdout.detach()
@step
def redirects():
    import contextlib, io
    with contextlib.redirect_stdout(io.StringIO()): print("hidden")
    print("shown")
@step
def handler():
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for number in range(20_000): print(number)
    signal.setitimer(signal.ITIMER_REAL, 0, 0)
"""


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing(make: Make, how: str) -> None:
    here = make(CHILDREN)
    assert here.value(here.do("processes", "code", how=how), "code") == 0
    assert f"child {how}" in here.lines("stdout")
    assert "child puts" in here.lines("stdout")
    assert f"child error {how}" in here.lines("stderr")
    assert any(f"child log {how}" in line for line in here.lines("stderr"))


def test_c_code_and_children_write_to_the_right_stream(make: Make) -> None:
    here = make(CHILDREN)
    here.do("c_code")
    assert sorted(here.lines("stdout")) == ["no newline", "puts", "write"]
    assert here.lines("stderr") == ["write to stderr", "dprintf"]
    here.do("python_child")
    assert (here.lines("stdout"), here.lines("stderr")) == (["from a child"], ["bad"])


def test_threads_lose_nothing(make: Make) -> None:
    here = make(CHILDREN)
    here.do("threads")
    written = "\n".join(here.lines("stdout")) + "\n"
    # A print is a text and a newline: those of several threads may stand in between.
    found = re.findall(r"t(\d) (\d+)", re.sub(r"(\d+)(?=t\d )", r"\1\n", written))
    for thread in range(5):
        assert [int(number) for name, number in found if name == str(thread)] == list(range(8_000))
    assert set(written) <= set("t0123456789 \n")


def test_every_way_to_write_to_a_stream(make: Make) -> None:
    here = make(CHILDREN)
    here.do("streams")
    lines = here.lines("stdout")
    assert [line for line in lines if line != "by number"] == [
        "bytes",
        "a",
        "b",
        "split line",
        "to the first",
    ]
    assert "by number" in lines
    # Also after a step that took its stream apart.
    here.do("redirects")
    assert here.lines("stdout") == ["shown"]


def test_a_signals_handler_that_prints_in_the_middle_of_a_print(make: Make) -> None:
    here = make(CHILDREN)
    assert here.do("handler").status is StepStatus.SUCCEEDED
    numbers = "".join(here.lines("stdout")).replace("alarm", "")
    assert numbers == "".join(map(str, range(20_000)))


ORDER = """
@step
def mixed(count):
    for number in range(count):
        print("out", number)
        if number % 7 == 0: print("err", number, file=sys.stderr)
        if number % 1000 == 0: logging.info("log %d", number)
"""


def test_the_order_of_streams_is_kept_also_when_lines_are_many(make: Make) -> None:
    here = make(ORDER)
    here.do("mixed", count=50_000)
    wanted: list[str] = []
    for number in range(50_000):
        wanted.append(f"out {number}")
        if number % 7 == 0:
            wanted.append(f"err {number}")
        if number % 1000 == 0:
            wanted.append(f"INFO root: log {number}")
    assert here.lines() == wanted


DYING = """
def end(how):
    if how == "exit": sys.exit("no more")
    if how == "os exit": os._exit(3)
    if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault": ctypes.string_at(0)
    if how == "abort": os.abort()
    if how == "timeout": time.sleep(60)
@step
def few(how):
    for number in range(2000): print("line", number)
    print("error", file=sys.stderr)
    logging.warning("logged")
    os.write(1, b"raw\\n")
    subprocess.run(["echo", "child"])
    end(how)
@step
def flood(how):
    for number in range(300_000): print("line", number)
    end(how)
@step
def interrupted(times):
    class Stop(Exception): pass
    def stop(*_): raise Stop
    signal.signal(signal.SIGALRM, stop)
    written = 0
    for turn in range(times):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + turn / 1e6)
            while True: sys.stdout.write(f"line {written}\\n"); written += 1
        except Stop: pass
    return written
@step
def unended(how):
    print("no newline", end="", flush=True)
    end(how)
"""
WAYS = ["exit", "os exit", "kill", "segfault", "abort", "timeout"]


@pytest.mark.parametrize("how", WAYS)
def test_what_was_written_before_the_end_is_there(make: Make, how: str) -> None:
    here = make(DYING)
    more: dict[str, Any] = {"timeout_s": 2.0} if how == "timeout" else {}
    assert here.do("few", how=how, **more).status is StepStatus.FAILED
    lines = here.lines("stdout")
    assert [line for line in lines if line.startswith("line")] == [f"line {number}" for number in range(2000)]
    assert lines.count("raw") == lines.count("child") == 1
    assert here.lines("stderr")[0] == "error"
    assert here.lines("logging") == ["WARNING root: logged"]


@pytest.mark.parametrize("how", ["os exit", "kill", "segfault"])
def test_of_a_flood_a_sudden_end_takes_no_more_than_a_files_buffer(make: Make, how: str) -> None:
    here = make(DYING)
    assert here.do("flood", how=how).status is StepStatus.FAILED
    written = "".join(f"line {number}\n" for number in range(300_000))
    found = "\n".join(here.lines("stdout"))
    assert written.startswith(found)
    assert len(written) - len(found) <= (1 if how == "os exit" else 8192)


def test_what_is_written_while_a_handler_raises_is_neither_lost_nor_doubled_for_long(make: Make) -> None:
    here = make(DYING)
    result = here.do("interrupted", "written", times=300)
    written = here.value(result, "written")
    numbers = [int(line[5:]) for line in here.lines("stdout")]
    # The line at which it came may be there without having been counted.
    assert sorted(set(numbers)) in (list(range(written)), list(range(written + 1)))
    assert numbers == sorted(numbers)


@pytest.mark.long
def test_a_hundred_megabytes_arrive_whole(make: Make, tmp_path: Path) -> None:
    here = make(
        "@step\ndef much(count):\n    for number in range(count): print(f'{number:09d}', 'x' * 89)\n"
        "    sys.stderr.write('end\\n')\n"
    )
    path, count = tmp_path / "much.1.jsonl", 1_000_000
    writer = LogWriter(path)
    here.events = _Sink(StepSink(writer, Masker(["not-in-there"]), lambda event: None))  # type: ignore[assignment]
    assert here.submit("much", count=count).future.result(300).status is StepStatus.SUCCEEDED
    writer.close()
    index = LogIndex(path)
    while not index.grow():
        pass
    assert index.lines == count + 1
    for first in range(0, count, 50_000):
        found = [line.text[:9] for line in index.read(first, 50_000)]
        assert found == [f"{number:09d}" for number in range(first, first + 50_000)]
    assert index.read(count, 2)[0].text == "end"


class _Sink:
    def __init__(self, sink: StepSink) -> None:
        self.append = sink


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_line_that_was_not_ended_is_there_too(make: Make, how: str) -> None:
    here = make(DYING)
    here.do("unended", how=how)
    assert here.lines("stdout") == ["no newline"]


BARS = """
class Bar:
    # Draws as the usual progress bars do: to stderr, with a flush each time.
    def __init__(self, row): self.row = row
    def draw(self, text):
        for piece in ("\\n" * self.row, "\\r" + text, "\\x1b[A" * self.row):
            sys.stderr.write(piece); sys.stderr.flush()
@step
def bar(flag):
    bar = Bar(0)
    for number in range(50): bar.draw(f" {number}%|##  |")
    end = time.monotonic() + 30
    while not os.path.exists(flag) and time.monotonic() < end: time.sleep(0.01)
    bar.draw("100%|####|"); sys.stderr.write("\\n")
    print("done")
@step
def nested():
    outer, inner = Bar(0), Bar(1)
    for first in range(20):
        outer.draw(f"epoch {first + 1}/20")
        for second in range(20): inner.draw(f"batch {second + 1}/20")
    sys.stderr.write("\\n\\n")
"""


def test_a_bar_is_told_while_it_is_drawn_and_leaves_one_line(make: Make, tmp_path: Path) -> None:
    here = make(BARS)
    flag = tmp_path / "flag"
    handle = here.submit("bar", flag=str(flag))

    def told() -> list[LogLine]:
        return [event for event in here.events if isinstance(event, LogLine) and event.partial]

    wait_for(lambda: told() and told()[-1].text == " 49%|##  |", "the bar's present state")
    assert here.lines("stderr") == []
    flag.touch()
    assert handle.future.result(30).status is StepStatus.SUCCEEDED
    assert here.lines("stderr") == ["100%|####|"]
    assert here.lines("stdout") == ["done"]


def test_nested_bars_leave_their_last_states(make: Make) -> None:
    here = make(BARS)
    here.do("nested")
    assert here.lines("stderr") == ["epoch 20/20", "batch 20/20"]


SECRETS = """
@step
def leaks(times):
    value = context().secrets["db.password"]
    for number in range(times):
        print("before", value, "after", number)
    libc = ctypes.CDLL(None)
    for letter in value: libc.write(1, letter.encode(), 1); time.sleep(0.001)
    libc.write(1, b"\\n", 1)
    for letter in value: sys.stderr.write(letter); sys.stderr.flush()
    sys.stderr.write("\\r" + value + "\\n")
    subprocess.run(["sh", "-c", f"printf %s {value[:4]}; sleep 0.4; echo {value[4:]}"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_secret_is_masked_on_every_way_and_in_what_is_told_of_it(make: Make) -> None:
    here = make(SECRETS)
    value = "hunter2-and-more"
    here.do("leaks", times=20_000, secrets={"db.password": value})
    assert not any(value in repr(event) for event in here.events)
    lines = here.lines("stdout")
    printed = [line for line in lines if line.startswith("before")]
    assert printed == [f"before ****** after {number}" for number in range(20_000)]
    assert [line for line in lines if line not in printed] == ["******", "******"]
    assert here.lines("stderr") == ["******"]
    # The first half of it was seen while the child slept.
    told = [event.text for event in here.events if isinstance(event, LogLine) and event.partial]
    assert not any(value[:4] in text for text in told)


def test_a_worker_without_a_ring_sends_its_lines_as_messages(make: Make) -> None:
    here = make("@step\ndef talk():\n    print('hello'); os.write(2, b'raw\\n')\n")
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "stacktui.pipelines.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=importable({**os.environ}),
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    run = here.run.model_dump(mode="json")
    spec = {"step": "talk", "module": "steps", "function": "talk"}
    for message in (
        {"type": "setup", "run": run, "secrets": []},
        {"type": "step", "spec": spec, "secrets": []},
    ):
        worker.stdin.write(json.dumps(message).encode() + b"\n")
    worker.stdin.flush()
    lines: list[tuple[str, str]] = []
    for raw in worker.stdout:
        said = json.loads(raw)
        if said["type"] == "log":
            lines += [(stream, text) for _, stream, text, _ in said["lines"]]
        elif said["type"] == "result":
            break
    assert sorted(lines) == [("stderr", "raw"), ("stdout", "hello")]
    worker.stdin.close()
    assert worker.wait(30) == 0
    worker.stdout.close()


def test_the_ring_keeps_what_is_put_in_order_round_and_round() -> None:
    memory = make_memory()
    read, write = os.pipe()
    os.set_blocking(write, False)
    writer, reader = RingWriter(memory, write), RingReader(memory)
    os.close(memory)
    try:
        put = taken = b""
        for turn in range(900):
            for size in (turn % 11, PIECE - turn, 1):
                data = os.urandom(16) * (size // 16) + b"y" * (size % 16)
                writer.put(turn % 3, float(turn), data)
                put += data
            if turn % 100 == 0:
                writer.give_back()
            if turn % 5 == 0 or turn > 890:
                taken += b"".join(frame.data for frame in reader.take(1 << 30))
                assert taken == put
                put = taken = b""
                if turn % 25 == 0:
                    writer.give_back()
        assert not reader.take(1 << 30)
    finally:
        reader.close()
        os.close(read)
        os.close(write)
