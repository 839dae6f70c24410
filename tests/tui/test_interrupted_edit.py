"""The workbench beside a writer of several files: what is on screen is before an edit or after it, never between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.workspace.workspace import WorkspaceSnapshot
from tests.tui.workbench import workbench, workspace

_RENAMES = """
import os, signal, sys
from pathlib import Path
from stacktui.model.category import Category
from stacktui.workspace.changes import Change, FileEdit, apply_change
from stacktui.workspace.workspace import Workspace

workspace = Workspace.open(Path(sys.argv[1]))
many, dies = int(sys.argv[2]), sys.argv[3] == "dies"
unlink = os.unlink

def unlink_and_die(path, **kwargs):
    unlink(path, **kwargs)
    if str(path).endswith("inbox.yaml"):
        os.kill(os.getpid(), signal.SIGKILL)

if dies:
    os.unlink = unlink_and_die
names = ["inbox", "oncall"]
for _ in range(many):
    old, new = names
    names.reverse()
    one, other = (workspace.component_file(Category.ALERTER, name) for name in (old, new))
    stack = workspace.stack_file("default")
    raw = stack.read_bytes()
    edits = (
        FileEdit(one, one.read_bytes(), None),
        FileEdit(other, None, one.read_bytes()),
        FileEdit(stack, raw, raw.replace(b"alerter: " + old.encode(), b"alerter: " + new.encode())),
    )
    apply_change(workspace, Change(f"rename {old}", edits))
"""


def renames(root: Path, many: int = 1, *, dies: bool = False) -> subprocess.Popen[bytes]:
    """Another process, which renames an alerter with the stack that names it, to and fro."""
    words = [sys.executable, "-c", _RENAMES, str(root), str(many), "dies" if dies else "lives"]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


async def test_what_a_dead_writer_began_is_ended_and_shown(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    folder = root / "components" / "alerter"
    async with workbench(root) as bench:
        bench.app.open_place("alerter")
        await bench.sees("inbox")
        writer = renames(root, dies=True)
        await bench.wait_for(lambda: writer.poll() is not None, "the writer to die")
        assert writer.returncode == -9
        await bench.sees("oncall")
        await bench.wait_for(lambda: [file.name for file in folder.iterdir()] == ["oncall.yaml"], "the files")
        assert "alerter: oncall" in (root / "stacks" / "default.yaml").read_text()
        await bench.wait_for(
            lambda: bench.app.feed.summary.undo == "rename inbox", "the edit to be in the journal"
        )
        await bench.press("u")
        await bench.sees("Takes back your edit 1")
        await bench.press("enter")
        await bench.wait_for(lambda: [file.name for file in folder.iterdir()] == ["inbox.yaml"], "the undo")


async def test_a_read_only_workbench_shows_the_end_of_it_and_writes_nothing(tmp_path: Path) -> None:
    root = workspace(tmp_path / "team")
    renames(root, dies=True).wait(30)
    stack = (root / "stacks" / "default.yaml").read_bytes()
    assert b"alerter: inbox" in stack
    async with workbench(root, readonly=True) as bench:
        bench.app.open_place("alerter")
        await bench.sees("oncall")
        await bench.misses("inbox")
        await bench.settled()
        assert (root / "stacks" / "default.yaml").read_bytes() == stack


async def test_one_snapshot_is_published_for_each_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(tmp_path / "team")
    many = 13
    async with workbench(root) as bench:
        bench.app.open_place("alerter")
        await bench.sees("inbox")
        read = bench.session.workspace.read
        shown: list[WorkspaceSnapshot] = []

        def recorded() -> WorkspaceSnapshot:
            snapshot = read()
            shown.append(snapshot)
            return snapshot

        monkeypatch.setattr(bench.session.workspace, "read", recorded)
        writer = renames(root, many)
        await bench.wait_for(lambda: writer.poll() is not None, "the writer to end")
        assert writer.returncode == 0
        await bench.sees("oncall")
        await bench.wait_for(lambda: len(bench.session.workspace.journal.records()) == many, "the edits")
        await bench.settled()
    for snapshot in shown:
        there = tuple(id_.name for id_ in snapshot.components if id_.category is Category.ALERTER)
        assert snapshot.stacks["default"].value.components[Category.ALERTER] == there
    assert shown
    assert len({snapshot.generation for snapshot in shown}) <= many + 1
