"""An edit of several files is whole for everybody: whoever dies, whatever fails, whoever reads meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stacktui.categories.private import SHARED_FILE_MODE
from stacktui.model.category import Category
from stacktui.workspace import recovery
from stacktui.workspace.changes import Change, FileEdit, WriteRefused, apply_change
from stacktui.workspace.files import is_staged
from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

FUNCTIONS = ("open", "write", "fsync", "close", "replace", "link", "unlink", "mkdir", "rmdir", "fchmod")
"""Through these the writer changes the disk."""


def contents(root: Path) -> dict[str, bytes]:
    """Every file but the state."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".stacktui" not in path.relative_to(root).parts
    }


def seen(snapshot: WorkspaceSnapshot) -> dict[str, bytes]:
    """The files of a snapshot, with the bytes that they were read from."""
    found = {"stacktui.yaml": snapshot.settings_raw}
    for component in snapshot.components.values():
        found[component.file.relative_to(snapshot.root).as_posix()] = component.raw
    for stack in snapshot.stacks.values():
        found[stack.file.relative_to(snapshot.root).as_posix()] = stack.raw
    return found


def rename(workspace: Workspace) -> Change:
    """A component gets another name, the stack and the settings are changed with it, and a folder is new."""
    root = workspace.root
    inbox = workspace.component_file(Category.ALERTER, "inbox")
    stack = workspace.stack_file("default")
    edits = (
        FileEdit(workspace.file, workspace.file.read_bytes(), workspace.file.read_bytes() + b"# changed\n"),
        FileEdit(inbox, inbox.read_bytes(), None),
        FileEdit(workspace.component_file(Category.ALERTER, "oncall"), None, inbox.read_bytes()),
        FileEdit(stack, stack.read_bytes(), stack.read_bytes().replace(b"inbox", b"oncall")),
        FileEdit(root / "notes" / "deep" / "new.yaml", None, b"new: 1\n"),
    )
    return Change("rename alerter/inbox to oncall", edits)


def of_snapshot(files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of all files that a snapshot shows."""
    shown = ("components/", "stacks/", "stacktui.yaml")
    return {name: raw for name, raw in files.items() if name.startswith(shown)}


def changed_by(change: Change, root: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """All files before and after a change."""
    before = contents(root)
    after = dict(before)
    for edit in change.edits:
        name = edit.file.relative_to(root).as_posix()
        if edit.after is None:
            del after[name]
        else:
            after[name] = edit.after
    return before, after


def at_call(nth: int, act: Callable[[], None], patch: pytest.MonkeyPatch, *, on: bool = False) -> list[str]:
    """Before the nth call that changes the disk, `act`; with `on`, before all that follow too. Returns the calls."""
    made: list[str] = []

    def wrapped(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            looks_only = name == "open" and not (isinstance(args[1], int) and args[1] & os.O_CREAT)
            if not looks_only:
                made.append(name)
                if len(made) == nth or (on and len(made) > nth):
                    if name == "close":
                        real(*args, **kwargs)  # A descriptor is gone even if that failed.
                    act()
            return real(*args, **kwargs)

        return call

    for name in FUNCTIONS:
        patch.setattr(os, name, wrapped(name, getattr(os, name)))
    return made


def calls_of_an_edit(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> int:
    change = rename(workspace)
    with monkeypatch.context() as patch:
        made = at_call(0, lambda: None, patch)
        apply_change(workspace, change)
    return len(made)


def killed_at(nth: int, workspace: Workspace) -> bool:
    """A child begins the edit and dies at its nth call; False if it came to the end."""
    change = rename(workspace)
    child = os.fork()
    if child == 0:
        try:
            at_call(nth, lambda: os.kill(os.getpid(), signal.SIGKILL), pytest.MonkeyPatch())
            apply_change(workspace, change)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.fixture
def fresh(root: Path, tmp_path: Path) -> Callable[[], Workspace]:
    """Makes the workspace anew, as it was at first."""
    import shutil

    kept = tmp_path / "kept"
    shutil.copytree(root, kept)

    def make() -> Workspace:
        shutil.rmtree(root)
        shutil.copytree(kept, root)
        return Workspace.open(root)

    return make


def test_a_writer_killed_at_any_call_leaves_all_old_or_all_new(
    fresh: Callable[[], Workspace], root: Path
) -> None:
    outcomes = []
    for nth in range(1, 500):
        workspace = fresh()
        before, after = changed_by(rename(workspace), root)
        if not killed_at(nth, workspace):
            break
        torn = contents(root)
        looker = Workspace.open(root)
        looker.readonly = True
        shown = seen(looker.read())
        whole = after if shown["stacktui.yaml"] == after["stacktui.yaml"] else before
        assert shown == of_snapshot(whole), nth
        assert contents(root) == torn, "a reader that may not write wrote"

        assert seen(Workspace.open(root).read()) == shown, nth
        assert contents(root) == whole, nth
        assert not [
            path for path in root.rglob(".*") if is_staged(path.name) and ".stacktui" not in path.parts
        ]
        assert (root / "notes").exists() is (whole is after), nth
        outcomes.append(whole is after)
    else:
        raise AssertionError("the edit never came to its end")
    assert len(outcomes) > 40
    # Before the record is there all is old, from then on all is new, and there is no way back.
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


@pytest.mark.parametrize(
    ("code", "on"),
    [
        pytest.param(errno.ENOSPC, False, id="a full disk, once"),
        pytest.param(errno.ENOSPC, True, id="a full disk, from then on", marks=pytest.mark.long),
        pytest.param(errno.EIO, False, id="an error, once", marks=pytest.mark.long),
        pytest.param(errno.EIO, True, id="an error, from then on", marks=pytest.mark.long),
    ],
)
def test_a_call_that_fails_leaves_all_old_or_all_new(
    fresh: Callable[[], Workspace], root: Path, monkeypatch: pytest.MonkeyPatch, code: int, on: bool
) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code))

    many = calls_of_an_edit(fresh(), monkeypatch)
    words = os.strerror(code).lower()
    said = set()
    for nth in range(1, many + 1):
        workspace = fresh()
        change = rename(workspace)
        before, after = changed_by(change, root)
        refused = ""
        with monkeypatch.context() as patch:
            made = at_call(nth, fail, patch, on=on)
            try:
                apply_change(workspace, change)
            except WriteRefused as error:
                refused = str(error)
        where = (nth, made[nth - 1], refused)
        assert "\n" not in refused
        assert not refused or words in refused, where
        left = {name for name in contents(root) if is_staged(name.rpartition("/")[2])}
        assert not left or on, where
        there = {name: raw for name, raw in contents(root).items() if name not in left}
        if refused.endswith("nothing was changed"):
            wanted = before
            assert there == before, where
        elif refused:
            assert "the next reader or writer" in refused, where
            wanted = after
        else:
            wanted = after
            assert there == after, where
        said.add(refused.rpartition(": ")[0])
        Workspace.open(root).read()
        found = contents(root)
        assert {
            name: raw for name, raw in found.items() if not is_staged(name.rpartition("/")[2])
        } == wanted, where
        # Whatever was left lying about is gone with the next edit, which works.
        again = Workspace.open(root)
        apply_change(again, Change("x", tuple(FileEdit(e.file, wanted.get(e.file.relative_to(root).as_posix()), b"9: 1\n") for e in change.edits)))  # fmt: skip
        assert not [path for path in root.rglob(".*") if is_staged(path.name)], where
    assert said


def unfinished(workspace: Workspace) -> Change:
    """The edit of a writer that died right after the first file was replaced."""
    change = rename(workspace)
    inbox = workspace.component_file(Category.ALERTER, "inbox")
    child = os.fork()
    if child == 0:
        real = os.unlink

        def unlink(path: str | Path, **kwargs: int) -> None:
            real(path, **kwargs)
            if Path(path) == inbox:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            os.unlink = unlink  # type: ignore[assignment]
            apply_change(workspace, change)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert not inbox.exists()
    assert workspace.unfinished()
    return change


def test_an_edit_whose_file_became_something_else_is_taken_back_and_kept(
    workspace: Workspace, root: Path
) -> None:
    before, _ = changed_by(rename(workspace), root)
    unfinished(workspace)
    stack = workspace.stack_file("default")
    stack.write_bytes(b"description: mine\n")
    shown = Workspace.open(root)
    shown.readonly = True
    wanted = {**before, "stacks/default.yaml": b"description: mine\n"}
    assert seen(shown.read()) == of_snapshot(wanted)
    Workspace.open(root).read()
    assert contents(root) == wanted
    (record,) = workspace.journal.records(1)
    assert record.taken_back
    assert [file.after for file in record.files if file.path == "stacks/default.yaml"] != [stack.read_bytes()]
    assert workspace.journal.unfinished() is None


def test_the_next_writer_ends_what_the_one_before_began(workspace: Workspace, root: Path) -> None:
    _, after = changed_by(rename(workspace), root)
    unfinished(workspace)
    new = workspace.stack_file("new")
    apply_change(workspace, Change("x", (FileEdit(new, None, b"description: x\n"),)))
    assert contents(root) == {**after, "stacks/new.yaml": b"description: x\n"}
    assert [record.title for record in workspace.journal.records(2)] == [
        "x",
        "rename alerter/inbox to oncall",
    ]


@pytest.mark.parametrize("setting", ["session", "file"])
def test_a_reader_that_may_not_write_sees_the_end_of_the_edit(
    workspace: Workspace, root: Path, setting: str
) -> None:
    if setting == "file":
        workspace.file.write_bytes(workspace.file.read_bytes() + b"readonly: true\n")
    _, after = changed_by(rename(workspace), root)
    unfinished(workspace)
    torn = contents(root)
    reader = Workspace.open(root)
    reader.readonly = setting == "session"
    first = reader.read()
    assert seen(first) == of_snapshot(after)
    assert reader.read() is first
    assert contents(root) == torn


def test_a_journal_that_is_damaged_is_set_aside_and_stops_nobody(workspace: Workspace, root: Path) -> None:
    unfinished(workspace)
    pending = workspace.journal.pending
    pending.write_bytes(pending.read_bytes()[:-300] + b"x" * 300)
    Workspace.open(root).read()
    assert not workspace.unfinished()
    assert workspace.journal.damaged() == ["damaged-1"]
    apply_change(workspace, Change("x", (FileEdit(workspace.stack_file("new"), None, b"description: x\n"),)))
    for junk in (
        b"",
        b"nothing like it\n",
        b"stacktui-journal-1 00 3\n{}\n",
        b"stacktui-journal-1 99999999999\n",
    ):
        (workspace.journal.folder / "00000001.edit").write_bytes(junk)
        pending.write_bytes(junk)
        again = Workspace.open(root)
        assert again.read().stacks
        assert "00000001.edit" in again.journal.damaged()
        assert not again.unfinished()


def test_files_of_the_journal_are_private_or_the_groups(workspace: Workspace, root: Path) -> None:
    apply_change(workspace, rename(workspace))
    assert {path.stat().st_mode & 0o777 for path in workspace.journal.folder.iterdir()} == {0o600}
    assert workspace.journal.folder.stat().st_mode & 0o777 == 0o700
    import grp
    import shutil

    shutil.rmtree(workspace.state)
    group = grp.getgrgid(os.getgid()).gr_name
    workspace.file.write_bytes(workspace.file.read_bytes() + f"shared: {group}\n".encode())
    shared = Workspace.open(root)
    apply_change(shared, Change("x", (FileEdit(shared.stack_file("new"), None, b"description: x\n"),)))
    assert {path.stat().st_mode & 0o777 for path in shared.journal.folder.iterdir()} == {SHARED_FILE_MODE}


def test_the_journal_has_an_end(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacktui.workspace.journal.KEPT_RECORDS", 5)
    stack = workspace.stack_file("new")
    before: bytes | None = None
    for number in range(12):
        after = b"description: %d\n" % number
        apply_change(workspace, Change(f"{number}", (FileEdit(stack, before, after),)))
        before = after
    assert [record.title for record in workspace.journal.records()] == ["11", "10", "9", "8", "7"]
    assert workspace.journal.records(1)[0].id == "12"
    monkeypatch.setattr("stacktui.workspace.journal.KEPT_BYTES", 1)
    apply_change(workspace, Change("last", (FileEdit(stack, before, b"description: x\n"),)))
    assert [record.title for record in workspace.journal.records()] == ["last"]


def test_a_state_on_another_disk(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKTUI_STATE", "/dev/shm/stacktui-test-state-" + str(os.getpid()))
    workspace = Workspace.open(root)
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == root.stat().st_dev:
        pytest.skip("there is no other disk here")
    import shutil

    try:
        _, after = changed_by(rename(workspace), root)
        unfinished(workspace)
        Workspace.open(root).read()
        assert contents(root) == after
    finally:
        shutil.rmtree(workspace.state, ignore_errors=True)


def test_two_workspaces_with_one_state_do_not_end_each_others_edits(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setenv("STACKTUI_STATE", str(tmp_path / "state"))
    shutil.copytree(root, tmp_path / "other")
    other = Workspace.open(tmp_path / "other")
    before = contents(other.root)
    workspace = Workspace.open(root)
    _, after = changed_by(rename(workspace), root)
    unfinished(workspace)
    other.read()
    assert contents(other.root) == before
    apply_change(other, Change("x", (FileEdit(other.stack_file("new"), None, b"description: x\n"),)))
    assert contents(root) != after
    Workspace.open(root).read()
    assert contents(root) == after
    assert [record.title for record in other.journal.records()] == ["x"]


def test_several_files_need_a_journal(root: Path) -> None:
    (root / "stacktui.yaml").write_text("state: stacktui.yaml/state\n")
    workspace = Workspace.open(root)
    before = contents(root)
    with pytest.raises(WriteRefused, match=r"only with a journal.*STACKTUI_STATE"):
        apply_change(workspace, rename(workspace))
    assert contents(root) == before


class Writer(threading.Thread):
    """Renames a component to and fro, with the stack that names it, as fast as it goes; now and then it lets the reader
    look in between."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.ended = threading.Event()
        self.edits = 0
        self.looked = threading.Event()
        self.problem: BaseException | None = None

    def run(self) -> None:
        workspace = Workspace.open(self.root)
        names = ["inbox", "oncall"]
        try:
            while not self.ended.is_set() and self.edits < 60:
                old, new = names
                names.reverse()
                one, other = (workspace.component_file(Category.ALERTER, name) for name in (old, new))
                stack = workspace.stack_file("default")
                text = stack.read_bytes()
                edits = (
                    FileEdit(stack, text, text.replace(old.encode(), new.encode())),
                    FileEdit(one, one.read_bytes(), None),
                    FileEdit(other, None, one.read_bytes()),
                )
                apply_change(workspace, Change(f"{old} to {new}", edits))
                self.edits += 1
                if self.edits % 10 == 0:
                    self.looked.clear()
                    assert self.looked.wait(30)
        except BaseException as error:
            self.problem = error
        finally:
            self.ended.set()


@pytest.mark.parametrize("readonly", [False, True])
def test_a_reader_beside_a_writer_never_sees_half_an_edit(root: Path, readonly: bool) -> None:
    reader = Workspace.open(root)
    reader.readonly = readonly
    writer = Writer(root)
    writer.start()
    generations = set()
    while not writer.ended.is_set():
        snapshot = reader.read()
        named = snapshot.stacks["default"].value.components[Category.ALERTER]
        there = tuple(id_.name for id_ in snapshot.components if id_.category is Category.ALERTER)
        assert there == named
        generations.add((snapshot.generation, there))
        writer.looked.set()
    writer.join()
    assert writer.problem is None
    assert writer.edits == 60
    assert len(generations) > 2
    # One snapshot a record, and the one before the first.
    assert len({generation for generation, _ in generations}) <= writer.edits + 1


def test_a_writer_that_does_not_go_on_is_not_waited_for(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PATIENCE_S", 0.05)
    workspace.read()
    _, after = changed_by(rename(workspace), root)
    unfinished(workspace)
    torn = contents(root)
    with (workspace.state_dir("locks") / "write").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # What its record says is what will stand there.
        for reader in (workspace, Workspace.open(root)):
            shown = seen(reader.read())
            assert shown == of_snapshot(after)
        assert contents(root) == torn
    assert seen(workspace.read()) == shown
    assert contents(root) == after


def test_reading_costs_one_more_look_when_nothing_is_under_way(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_change(workspace, rename(workspace))
    looked: list[str] = []
    opened: list[str] = []

    def counting(name: str, into: list[str]) -> None:
        real = getattr(os, name)

        def counted(path: object, *args: object, **kwargs: object) -> object:
            into.append(str(path))
            return real(path, *args, **kwargs)

        monkeypatch.setattr(os, name, counted)

    counting("stat", looked)
    counting("open", opened)
    until = time.monotonic() + 20
    while True:
        # What was written just now is read again for a moment.
        looked.clear()
        opened.clear()
        workspace.read()
        if not opened:
            break
        assert time.monotonic() < until
    looked.clear()
    workspace.read()
    state = str(workspace.state)
    assert [path for path in looked if path.startswith(state)] == [str(workspace.journal.pending)]
