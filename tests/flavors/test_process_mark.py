"""Marks of processes: what is alive, and that no signal reaches another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from stacktui.categories.process_mark import ProcessMark, boot_id, mark_of
from stacktui.testing.contracts.base import wait_for


def _child() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)


def test_marks_a_living_process() -> None:
    mine = mark_of(os.getpid())
    assert mine is not None
    assert mine.alive
    assert mine.this_boot
    assert mine == mark_of(os.getpid())
    assert ProcessMark.model_validate_json(mine.model_dump_json()) == mine


def test_a_process_that_ended_is_not_alive_though_nobody_collected_it() -> None:
    child = _child()
    mark = mark_of(child.pid)
    assert mark is not None
    assert mark.signal(signal.SIGKILL)
    # Not waited for: it stays in the process table as a zombie.
    wait_for(lambda: not mark.alive, "the child's end")
    assert not mark.signal(signal.SIGKILL)
    child.communicate()
    assert not mark.alive
    assert mark_of(child.pid) is None or mark_of(child.pid) != mark


def test_a_mark_of_another_start_or_boot_reaches_nobody() -> None:
    child = _child()
    mark = mark_of(child.pid)
    assert mark is not None
    for change in ({"started": "1"}, {"boot": "another"}):
        other = mark.model_copy(update=change)
        assert not other.alive
        assert not other.signal(signal.SIGKILL)
    assert not mark.model_copy(update={"boot": "another"}).this_boot
    assert child.poll() is None
    child.communicate()


def test_a_program_with_brackets_in_its_name_is_marked(tmp_path: str) -> None:
    odd = os.path.join(tmp_path, "a) Z 1 (b")  # noqa: PTH118
    os.symlink("/bin/sleep", odd)  # noqa: PTH211
    child = subprocess.Popen([odd, "60"])
    try:
        mark = mark_of(child.pid)
        assert mark is not None
        assert mark.alive
        assert mark.boot == boot_id()
        assert int(mark.started) > 0 if sys.platform == "linux" else mark.started
    finally:
        child.kill()
        child.wait()
