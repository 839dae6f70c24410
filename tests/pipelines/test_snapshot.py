"""Snapshots of code: what belongs to them, that they never change, and that they are made whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stacktui.pipelines import snapshot as snapshot_module
from stacktui.pipelines.errors import SnapshotFailed
from stacktui.pipelines.listing import ignored, parse_rule
from stacktui.pipelines.snapshot import CodeSnapshot, take_snapshot


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(params=["git", "plain"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace with code, data that is ignored, and state."""
    folder = tmp_path / "ws"
    write(folder, "stacktui.yaml", "version: 1\n")
    write(folder, "pipelines/training.py", "x = 1\n")
    write(folder, "lib/__init__.py", "")
    write(folder, "run.sh", "#!/bin/sh\n").chmod(0o755)
    write(folder, ".gitignore", ".stacktui/\n/data/\n*.csv\n!keep.csv\n")
    write(folder, "data/big.bin", "data")
    write(folder, "a.csv", "1")
    write(folder, "keep.csv", "2")
    write(folder, ".stacktui/metadata.db", "state")
    write(folder, "lib/__pycache__/x.pyc", "compiled")
    if request.param == "git":
        git(folder, "init", "-q")
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def take(root: Path, **options: Any) -> CodeSnapshot:
    return take_snapshot(SimpleNamespace(root=root, state=root / ".stacktui"), **options)


def files(folder: Path) -> set[str]:
    return {item.relative_to(folder).as_posix() for item in folder.rglob("*") if not item.is_dir()}


CODE = {"stacktui.yaml", "pipelines/training.py", "lib/__init__.py", "run.sh", ".gitignore", "keep.csv"}


def test_what_is_tracked_or_not_ignored_belongs_to_it(root: Path) -> None:
    made = take(root)
    assert files(made.path) == CODE
    assert made.files == len(CODE)
    assert made.path == root / ".stacktui/code" / made.digest
    assert (made.path / "pipelines/training.py").read_text() == "x = 1\n"


def test_files_are_private_and_read_only(root: Path) -> None:
    made = take(root)
    assert stat.S_IMODE((made.path / "pipelines/training.py").stat().st_mode) == 0o400
    assert stat.S_IMODE((made.path / "run.sh").stat().st_mode) == 0o500
    for folder in (made.path, made.path / "pipelines", made.path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_code_is_the_same_snapshot(root: Path) -> None:
    one = take(root)
    inode = (one.path / "pipelines/training.py").stat().st_ino
    write(root, "data/more.bin", "more")
    os.utime(root / "pipelines/training.py")
    other = take(root)
    assert other.digest == one.digest
    assert (other.path / "pipelines/training.py").stat().st_ino == inode


@pytest.mark.parametrize("change", ["edit", "add", "delete", "rename", "mode", "same size and time"])
def test_every_change_makes_another_snapshot(root: Path, change: str) -> None:
    file = root / "pipelines/training.py"
    before = take(root)
    take(root)
    if change == "edit":
        file.write_text("x = 22\n")
    elif change == "add":
        write(root, "pipelines/new.py", "")
    elif change == "delete":
        file.unlink()
    elif change == "rename":
        file.rename(root / "pipelines/other.py")
    elif change == "mode":
        file.chmod(0o755)
    else:
        status = file.stat()
        file.write_text("x = 2\n")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = take(root)
    assert after.digest != before.digest
    assert (before.path / "pipelines/training.py").read_text() == "x = 1\n"


def test_unchanged_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = 1_600_000_000_000_000_000
    monkeypatch.setattr(snapshot_module, "_SETTLED_NS", -(1 << 62))
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(old, old))
    first = take(root)
    read: list[Path] = []
    real = snapshot_module._digest_of_file

    def counted(path: Path) -> str:
        read.append(path)
        return real(path)

    monkeypatch.setattr(snapshot_module, "_digest_of_file", counted)
    assert take(root).digest == first.digest
    assert read == []
    (root / "keep.csv").write_text("3")
    assert take(root).digest != first.digest
    assert read == [root / "keep.csv"]


def test_a_damaged_index_only_costs_time(root: Path) -> None:
    first = take(root)
    for text in ("", "{", "[]", '{"form": 1}', '{"form": 1, "root": 3, "files": 4}'):
        (root / ".stacktui/code/index.json").unlink(missing_ok=True)
        (root / ".stacktui/code/index.json").write_text(text)
        assert take(root).digest == first.digest


def test_unchanged_files_are_shared_between_snapshots(root: Path) -> None:
    one = take(root)
    (root / "keep.csv").write_text("3")
    other = take(root)
    assert (one.path / "run.sh").stat().st_ino == (other.path / "run.sh").stat().st_ino
    assert (one.path / "keep.csv").read_text() == "2"


def test_links_inside_stay_and_links_outside_lead_to_where_they_led(root: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside/x.txt", "outside")
    (root / "inside.py").symlink_to("pipelines/training.py")
    (root / "pipelines/out.txt").symlink_to("../../outside/x.txt")
    (root / "dangling").symlink_to("nowhere")
    made = take(root)
    assert (made.path / "inside.py").resolve() == (made.path / "pipelines/training.py").resolve()
    assert (made.path / "pipelines/out.txt").read_text() == "outside"
    assert (made.path / "dangling").is_symlink()


def test_a_size_limit_names_the_largest_file(root: Path) -> None:
    write(root, "model.bin", "x" * 5000)
    with pytest.raises(SnapshotFailed, match=r"model\.bin \(5,000 bytes\).*\.gitignore"):
        take(root, size_limit=4000)


def test_a_file_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(snapshot_module, "_digest_of_file", refuse)
    with pytest.raises(SnapshotFailed, match="cannot be read"):
        take(root)


def test_strange_names(root: Path) -> None:
    for name in ("a b.py", "ä.py", "new\nline.py", "quote'\".py", "-rf"):
        write(root, name, name)
    write(root, os.fsdecode(b"\xff\xfe.py"), "x")
    made = take(root)
    assert (made.path / "new\nline.py").read_text() == "new\nline.py"
    assert (made.path / os.fsdecode(b"\xff\xfe.py")).exists()


def test_a_file_that_changes_meanwhile_is_taken_as_it_then_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "pipelines/training.py"
    real = snapshot_module._digest_of
    edits = iter(["x = 2\n", "x = 3\n"])

    def edit_after_hashing(found: Any) -> str:
        text = next(edits, None)
        if text is not None:
            file.write_text(text)
        return real(found)

    monkeypatch.setattr(snapshot_module, "_digest_of", edit_after_hashing)
    made = take(root)
    assert (made.path / "pipelines/training.py").read_text() == "x = 3\n"
    assert [item.name for item in made.path.parent.iterdir() if item.name.startswith(".making")] == []


def test_files_that_keep_changing_are_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = root / "pipelines/training.py"
    count = iter(range(100))
    real = snapshot_module._digest_of

    def edit_after_hashing(found: Any) -> str:
        file.write_text(f"x = {next(count)} # and more\n")
        return real(found)

    monkeypatch.setattr(snapshot_module, "_digest_of", edit_after_hashing)
    with pytest.raises(SnapshotFailed, match="keep changing"):
        take(root)


def test_many_at_once_make_one(root: Path) -> None:
    made: list[CodeSnapshot] = []
    threads = [threading.Thread(target=lambda: made.append(take(root))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({item.digest for item in made}) == 1
    assert files(made[0].path) == CODE


def test_a_copy_that_fails_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot_module, "_place_file", fail)
    with pytest.raises(OSError, match="No space"):
        take(root)
    assert [item.name for item in (root / ".stacktui/code").iterdir() if item.is_dir()] == ["objects"]


def test_without_hard_links_files_are_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    made = take(root)
    assert files(made.path) == CODE
    assert stat.S_IMODE((made.path / "run.sh").stat().st_mode) == 0o500


def test_commit_and_dirtiness_are_recorded(tmp_path: Path) -> None:
    root = tmp_path / "repo/team"
    write(root, "a.py", "x = 1\n")
    write(root, ".gitignore", ".stacktui/\n")
    write(tmp_path / "repo", "elsewhere.py", "")
    assert take(root).commit is None
    git(tmp_path / "repo", "init", "-q")
    made = take(root)
    assert (made.commit, made.dirty) == (None, True)
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "-q", "-m", "one")
    made = take(root)
    assert (made.commit, made.dirty) == (git(root, "rev-parse", "HEAD"), False)
    write(tmp_path / "repo", "elsewhere.py", "changed")
    assert take(root).dirty is False
    write(root, "a.py", "x = 2\n")
    assert take(root).dirty is True
    write(root, "a.py", "x = 1\n")
    assert take(root).dirty is False
    write(root, "new.py", "")
    assert take(root).dirty is True
    assert files(take(root).path) == {"a.py", "new.py", ".gitignore"}


def test_a_workspace_that_the_checkout_around_it_ignores_has_its_own_rules(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, ".gitignore", "/scratch/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    root = tmp_path / "scratch"
    write(root, "stacktui.yaml", "version: 1\n")
    write(root, "pipelines/a.py", "x = 1\n")
    write(root, ".gitignore", ".stacktui/\n*.csv\n")
    write(root, "data.csv", "x\n")
    made = take(root)
    assert files(made.path) == {"stacktui.yaml", "pipelines/a.py", ".gitignore"}
    assert (made.commit, made.dirty) == (None, None)


def test_git_variables_of_a_hook_do_not_mislead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "ws"
    write(root, "a.py", "")
    git(root, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere/index"))
    made = take(root)
    assert made.dirty is True
    assert files(made.path) == {"a.py"}


def test_a_submodule_belongs_to_it(tmp_path: Path) -> None:
    write(tmp_path, "lib/tool.py", "x = 1\n")
    git(tmp_path / "lib", "init", "-q")
    git(tmp_path / "lib", "add", ".")
    git(tmp_path / "lib", "commit", "-q", "-m", "one")
    root = tmp_path / "ws"
    write(root, "a.py", "")
    write(root, ".gitignore", ".stacktui/\n")
    git(root, "init", "-q")
    git(
        root,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(tmp_path / "lib"),
        "vendored",
    )
    assert {"a.py", "vendored/tool.py"} <= files(take(root).path)


def test_state_elsewhere_in_the_workspace_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "")
    place = SimpleNamespace(root=tmp_path, state=tmp_path / "var/state")
    one = take_snapshot(place)
    assert files(one.path) == {"a.py"}
    assert take_snapshot(place).digest == one.digest


IGNORES = [
    ("*.csv", "a.csv", False, True),
    ("*.csv", "deep/a.csv", False, True),
    ("/a.csv", "deep/a.csv", False, False),
    ("data/", "data", True, True),
    ("data/", "data", False, False),
    ("data/raw", "data/raw", True, True),
    ("data/raw", "x/data/raw", True, False),
    ("**/raw", "x/y/raw", True, True),
    ("data/**", "data/x/y.csv", False, True),
    ("a/**/b", "a/x/y/b", False, True),
    ("a/**/b", "a/b", False, True),
    ("a?.py", "ab.py", False, True),
    ("a?.py", "a/.py", False, False),
    ("[ab].py", "b.py", False, True),
    ("[!ab].py", "b.py", False, False),
    ("\\#x", "#x", False, True),
    ("# x", "# x", False, False),
    ("", "x", False, False),
]


@pytest.mark.parametrize(("pattern", "path", "folder", "expected"), IGNORES)
def test_rules_of_gitignore(pattern: str, path: str, folder: bool, expected: bool) -> None:
    rule = parse_rule(pattern)
    assert ignored(path, folder, [("", [rule] if rule else [])]) is expected
