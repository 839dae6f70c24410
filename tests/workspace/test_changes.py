"""Changes are written whole or not at all, and never over what someone else saved."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.workspace.active import active_stack, choice_file, forget_stack, use_stack
from stacktui.workspace.changes import Change, EditConflict, FileEdit, WriteRefused, apply_change
from stacktui.workspace.workspace import Workspace


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".stacktui" not in path.parts
    }


def edit(file: Path, after: bytes | None) -> FileEdit:
    return FileEdit(file, file.read_bytes() if file.exists() else None, after)


@pytest.fixture
def inbox(workspace: Workspace) -> Path:
    return workspace.component_file(Category.ALERTER, "inbox")


def test_one_change_of_several_files(workspace: Workspace, inbox: Path) -> None:
    stack = workspace.stack_file("default")
    new = workspace.stack_file("other")
    mode = 0o640
    stack.chmod(mode)
    apply_change(workspace, Change("x", (edit(stack, b"a: 1\n"), edit(new, b"b: 2\n"), edit(inbox, None))))
    assert stack.read_bytes() == b"a: 1\n"
    assert stack.stat().st_mode & 0o777 == mode
    assert new.read_bytes() == b"b: 2\n"
    assert new.stat().st_mode & 0o777 == 0o600
    assert not inbox.exists()


def test_what_an_earlier_writer_could_not_remove_is_cleared_away(workspace: Workspace, inbox: Path) -> None:
    stale = inbox.with_name(f".{inbox.name}.0123456789ab.tmp")
    others = [
        inbox.with_name(name) for name in (".mine.tmp", f".{inbox.name}.swp", f".{inbox.name}.my notes.tmp")
    ]
    for file in (stale, *others):
        file.write_bytes(b"x")
    apply_change(workspace, Change("x", (edit(inbox, b"a: 1\n"),)))
    assert not stale.exists()
    assert all(file.exists() for file in others)


def test_folders_are_made_private(workspace: Workspace, root: Path) -> None:
    file = root / "components" / "new" / "deep" / "x.yaml"
    old = os.umask(0)
    try:
        apply_change(workspace, Change("x", (FileEdit(file, None, b"a"),)))
    finally:
        os.umask(old)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.parent.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("others", ["changed", "deleted", "created"])
def test_a_conflict_writes_nothing(workspace: Workspace, root: Path, inbox: Path, others: str) -> None:
    new = workspace.stack_file("other")
    change = Change("x", (edit(workspace.stack_file("default"), b"1"), edit(new, b"2"), edit(inbox, b"3")))
    if others == "changed":
        inbox.write_bytes(b"mine")
    elif others == "deleted":
        inbox.unlink()
    else:
        new.write_bytes(b"mine")
    before = contents(root)
    with pytest.raises(EditConflict, match=r"(was changed|was deleted|exists already)") as caught:
        apply_change(workspace, change)
    assert contents(root) == before
    assert caught.value.found == (None if others == "deleted" else b"mine")
    assert caught.value.edit.file == (new if others == "created" else inbox)


def test_someone_saves_between_the_check_and_the_rename(
    workspace: Workspace, root: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last moment at which another writer can still be noticed."""
    change = Change("x", (edit(workspace.stack_file("default"), b"1"), edit(inbox, b"3")))
    real = os.fsync
    saved: list[int] = []

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if not saved:
            saved.append(inbox.write_bytes(b"mine"))

    monkeypatch.setattr(os, "fsync", fsync)
    before = contents(root) | {str(inbox.relative_to(root)): b"mine"}
    with pytest.raises(EditConflict):
        apply_change(workspace, change)
    assert contents(root) == before


def test_what_is_changed_back_is_no_conflict(workspace: Workspace, inbox: Path) -> None:
    change = Change("x", (edit(inbox, b"3"),))
    raw = inbox.read_bytes()
    inbox.write_bytes(b"mine")
    inbox.write_bytes(raw)
    apply_change(workspace, change)
    assert inbox.read_bytes() == b"3"


def test_a_writer_that_never_ends_is_named(
    workspace: Workspace, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stacktui.workspace.write_lock.PATIENCE_S", 0.1)
    before = inbox.read_bytes()
    with (workspace.state_dir("locks") / "write").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WriteRefused, match="another stacktui"):
            apply_change(workspace, Change("x", (edit(inbox, b"3"),)))
    assert inbox.read_bytes() == before


def test_a_state_that_cannot_be_made_does_not_stop_edits(root: Path, inbox: Path) -> None:
    (root / "stacktui.yaml").write_text("state: stacktui.yaml/state\n")
    apply_change(Workspace.open(root), Change("x", (edit(inbox, b"3"),)))
    assert inbox.read_bytes() == b"3"


def test_a_shared_workspace_makes_files_for_the_group(root: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    (root / "stacktui.yaml").write_text(f"shared: {group}\n")
    workspace = Workspace.open(root)
    new = workspace.stack_file("other")
    apply_change(workspace, Change("x", (FileEdit(new, None, b"a: 1\n"),)))
    assert new.stat().st_mode & 0o777 == 0o660
    assert workspace.state_dir("locks").stat().st_mode & 0o7777 == 0o2770
    assert (workspace.state / "locks" / "write").stat().st_mode & 0o777 == 0o660


def test_two_writers_make_one_file_once(workspace: Workspace) -> None:
    new = workspace.stack_file("other")
    results: list[str] = []

    def write(text: bytes) -> None:
        try:
            apply_change(workspace, Change("x", (FileEdit(new, None, text),)))
            results.append("written")
        except EditConflict:
            results.append("conflict")

    threads = [threading.Thread(target=write, args=(b"%d" % number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["conflict"] * 5 + ["written"]


def test_many_writers_lose_no_edit(workspace: Workspace, inbox: Path) -> None:
    """Read, add one, write: whoever conflicts reads again."""
    inbox.write_bytes(b"0")

    def add() -> None:
        for _ in range(10):
            while True:
                before = inbox.read_bytes()
                try:
                    apply_change(
                        workspace, Change("x", (FileEdit(inbox, before, b"%d" % (int(before) + 1)),))
                    )
                    break
                except EditConflict:
                    continue

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inbox.read_bytes() == b"40"


def failures() -> Iterator[tuple[str, int]]:
    for name in ("fsync", "write", "open", "replace", "unlink", "link"):
        for nth in range(1, 4):
            yield name, nth


@pytest.mark.parametrize(("call", "nth"), list(failures()))
def test_a_full_disk_at_any_call_leaves_old_or_new(
    workspace: Workspace, root: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int
) -> None:
    workspace.state_dir("locks")
    stack, new = workspace.stack_file("default"), workspace.stack_file("other")
    change = Change("x", (edit(stack, b"1"), edit(new, b"2"), edit(inbox, None)))
    before = contents(root)
    seen = 0
    real = getattr(os, call)

    def failing(*args: object, **kwargs: object) -> object:
        nonlocal seen
        seen += 1
        if seen == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, call, failing)
    refused = ""
    try:
        apply_change(workspace, change)
    except WriteRefused as error:
        refused = str(error)
    monkeypatch.undo()
    assert not refused or ("no space left" in refused and "\n" not in refused)
    after = contents(root)
    wanted = {**before, "stacks/default.yaml": b"1", "stacks/other.yaml": b"2"}
    del wanted["components/alerter/inbox.yaml"]
    # A temporary file may be left only if it was unlinking that failed.
    left = {name for name in after if name.endswith(".tmp")}
    assert not left or call == "unlink"
    assert {name: raw for name, raw in after.items() if name not in left} in (before, wanted)


def test_an_unwritable_folder_is_one_clear_error(workspace: Workspace, root: Path) -> None:
    blocked = root / "stacks" / "default.yaml" / "x.yaml"
    before = contents(root)
    with pytest.raises(WriteRefused) as caught:
        apply_change(workspace, Change("x", (FileEdit(blocked, None, b"a"),)))
    assert str(caught.value).startswith(f"cannot write {blocked}: ")
    assert contents(root) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_folder_of_someone_else(tmp_path_factory: pytest.TempPathFactory, root: Path) -> None:
    for folder in (root, *root.parents):
        if folder.stat().st_uid == 0 and folder != Path("/tmp") and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    for folder in root.rglob("*"):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    workspace = Workspace.open(root)
    stack = workspace.stack_file("default")
    change = Change("x", (edit(stack, b"1"),))
    before = contents(root)
    os.seteuid(65534)
    try:
        with pytest.raises(WriteRefused, match="permission denied; nothing was changed"):
            apply_change(workspace, change)
    finally:
        os.seteuid(0)
    assert contents(root) == before


def test_nothing_outside_the_workspace_is_written(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    for file in (outside, root / ".." / "outside.yaml"):
        with pytest.raises(WriteRefused, match="outside the workspace"):
            apply_change(workspace, Change("x", (FileEdit(file, None, b"a"),)))
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(WriteRefused, match="outside the workspace"):
        apply_change(workspace, Change("x", (FileEdit(root / "link" / "outside.yaml", None, b"a"),)))
    assert not outside.exists()


def test_a_link_within_the_workspace_stays_a_link(workspace: Workspace, inbox: Path) -> None:
    link = inbox.with_name("link.yaml")
    link.symlink_to("inbox.yaml")
    apply_change(workspace, Change("x", (edit(link, b"new"),)))
    assert link.is_symlink()
    assert inbox.read_bytes() == b"new"


def test_the_diff_is_one_that_git_takes(root: Path) -> None:
    change = Change(
        "x",
        (
            FileEdit(root / "a.yaml", b"one\ntwo\nthree", b"one\n2\nthree"),
            FileEdit(root / "b.yaml", None, b"new\n"),
            FileEdit(root / "c.yaml", b"old\n", None),
            FileEdit(root / "same.yaml", b"x", b"x"),
        ),
    )
    assert change.diff(root) == (
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\\ No newline at end of file\n"
        "--- /dev/null\n+++ b/b.yaml\n@@ -0,0 +1 @@\n+new\n"
        "--- a/c.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"
    )
    assert not change.empty
    assert Change("y", (FileEdit(root / "same.yaml", b"x", b"x"),)).empty


def test_contents_stay_out_of_reprs(root: Path) -> None:
    assert "hidden" not in repr(FileEdit(root / "a.yaml", b"hidden", b"hidden too"))


def test_the_active_stack_and_why(workspace: Workspace, root: Path) -> None:
    def active(override: str | None = None, **environ: str) -> tuple[str | None, str]:
        return tuple(active_stack(workspace, workspace.read(), override, environ))  # type: ignore[return-value]

    assert active() == ("default", "default in stacktui.yaml")
    use_stack(workspace, "prod")
    assert choice_file(workspace).stat().st_mode & 0o777 == 0o600
    assert active() == ("prod", "chosen in this checkout")
    assert active(STACKTUI_STACK="ci") == ("ci", "STACKTUI_STACK")
    assert active("mine", STACKTUI_STACK="ci") == ("mine", "--stack")
    forget_stack(workspace)
    (root / "stacktui.yaml").write_text("version: 1\n")
    assert active() == ("default", "the only stack")
    workspace.stack_file("second").write_text("description: x\n")
    name, reason = active()
    assert name is None
    assert "stacktui stack use" in reason
    with pytest.raises(ValueError, match="not a stack's name"):
        use_stack(workspace, "../x")
