"""The writer of several files is killed at every system call that changes anything; then somebody reads.

Whichever call it was: a reader that may not write sees all files old or all new and touches nothing; one that may
write leaves them so on disk, byte for byte, with nothing staged; and the next edit works. `strace` delivers SIGKILL in
the place of the call. It proves nothing about a power loss, in which what was not synchronised is gone; for that the
temporary files and the record are synchronised before the first rename.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from stacktui.workspace.changes import Change, FileEdit, apply_change
from stacktui.workspace.files import is_staged
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot
from tests.faults.saves import SEVERAL
from tests.faults.test_failing_writes import Call, Save, why_not

CHANGING = (
    "openat",
    "write",
    "fsync",
    "close",
    "rename",
    "link",
    "unlink",
    "rmdir",
    "mkdir",
    "fchmod",
    "flock",
)
"""Between two of these a death is one right before the second: what only looks leaves nothing behind."""


class Several(Save):
    """The workspace of `several`, which is made again before each kill."""

    calls_of = CHANGING
    quickly = ()  # With it strace delivers no signal.

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "several")

    def begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / ".stacktui").mkdir(mode=0o700, parents=True)
        for name, (old, _) in SEVERAL.items():
            if old is not None:
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_bytes(old)

    def on_disk(self) -> dict[str, bytes]:
        """Every file of the workspace but its state."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and ".stacktui" not in path.parts
        }

    def killed(self, call: Call) -> None:
        """Save, and die at a call."""
        for _ in range(3):
            self.begin()
            number = self.before[call.name] + call.place
            done, lines = self.run("-e", f"inject={call.name}:signal=KILL:when={number}")
            if done.returncode != 0 and not done.stdout and self.is_inside(lines):
                return
            # The interpreter made more or fewer calls than before, on its way to the save: count again.
            self.calls()
        raise AssertionError(f"the writer could not be killed at {call}")


OLD = {name: old for name, (old, _) in SEVERAL.items() if old is not None}
NEW = {name: new for name, (_, new) in SEVERAL.items() if new is not None}


def seen(snapshot: WorkspaceSnapshot) -> dict[str, bytes]:
    """The files of a snapshot with the bytes that it was read from."""
    found = {"stacktui.yaml": snapshot.settings_raw}
    for component in snapshot.components.values():
        found[component.file.relative_to(snapshot.root).as_posix()] = component.raw
    for stack in snapshot.stacks.values():
        found[stack.file.relative_to(snapshot.root).as_posix()] = stack.raw
    return found


def whole_after_a_kill(save: Several) -> str:
    """Whether all files are old or all new, for each kind of reader; which of the two."""
    found = save.on_disk()
    looker = Workspace.open(save.folder)
    looker.readonly = True
    shown = seen(looker.read())
    assert shown in (OLD, NEW), shown
    assert save.on_disk() == found, "a reader that may not write wrote"

    assert seen(Workspace.open(save.folder).read()) == shown
    assert save.on_disk() == shown
    again = Workspace.open(save.folder)
    last = again.stack_file("last")
    apply_change(again, Change("the next", (FileEdit(last, None, b"description: y\n"),)))
    assert last.exists()
    assert not again.unfinished()
    assert [path for path in save.folder.rglob(".*") if is_staged(path.name)] == []
    return "new" if shown == NEW else "old"


@pytest.mark.long
def test_a_writer_that_is_killed_at_any_system_call_leaves_all_old_or_all_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    save = Several(tmp_path / "ws")
    calls = save.calls()
    assert {call.name for call in calls} >= {"rename", "link", "unlink", "fsync", "openat", "flock"}
    outcomes: Counter[str] = Counter()
    for call in calls:
        save.killed(call)
        outcomes[whole_after_a_kill(save)] += 1
    assert outcomes["old"]
    assert outcomes["new"]
    with capsys.disabled():
        print(f"\nkilled at each of {len(calls)} calls: {dict(outcomes)}")


@pytest.mark.parametrize("call", [Call("rename", 3), Call("unlink", 1), Call("fsync", 4), Call("link", 1)])
def test_a_writer_that_is_killed_in_the_middle(tmp_path: Path, call: Call) -> None:
    """A few of the calls of the sweep."""
    if reason := why_not():
        pytest.skip(reason)
    save = Several(tmp_path / "ws")
    save.calls()
    save.killed(call)
    whole_after_a_kill(save)
