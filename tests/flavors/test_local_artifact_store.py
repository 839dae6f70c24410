"""The local artifact store: the contract, and what only a folder on disk has to keep."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, DigestMismatch, NotFound
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.testing.contracts.artifact_store import ArtifactStoreContract


@pytest.fixture
def component(stacktui_surroundings: Surroundings) -> LocalArtifactStore:
    return LocalArtifactStore(LocalArtifactStoreConfig(), stacktui_surroundings)


class TestLocalArtifactStore(ArtifactStoreContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> LocalArtifactStore:
        return LocalArtifactStore(LocalArtifactStoreConfig(), stacktui_surroundings)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_private_whatever_the_umask(component: LocalArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    before = os.umask(0)
    try:
        component.put_bytes(b"y", "deep/er/file")
        component.put_bytes(b"z")
        component.put_file(source)
    finally:
        os.umask(before)
    root = component.around.state / "artifacts"
    assert _mode(root) == 0o700
    for found in root.rglob("*"):
        assert _mode(found) == (0o700 if found.is_dir() else 0o600), found


def test_does_nothing_before_the_first_put(component: LocalArtifactStore) -> None:
    assert component.probe().ok
    assert not component.exists("a")
    assert list(component.list()) == []
    assert not (component.around.state / "artifacts").exists()


def test_same_content_is_written_once(component: LocalArtifactStore, tmp_path: Path) -> None:
    stored = component.put_bytes(b"same")
    file = component.local_path(stored.path)
    assert file is not None
    before = file.stat()
    (tmp_path / "same").write_bytes(b"same")
    component.put_bytes(b"same")
    component.put_file(tmp_path / "same")
    assert file.stat().st_ino == before.st_ino


_LONG_AGO = 1_600_000_000
_LATER = datetime(2021, 1, 1, tzinfo=UTC)


def _aged(component: LocalArtifactStore, path: str) -> Path:
    file = component.local_path(path)
    assert file is not None
    os.utime(file, (_LONG_AGO, _LONG_AGO))
    return file


def test_content_that_is_put_again_is_young_again(component: LocalArtifactStore, tmp_path: Path) -> None:
    stored = component.put_bytes(b"same")
    file = _aged(component, stored.path)
    component.put_bytes(b"same")
    assert file.stat().st_mtime > _LONG_AGO
    _aged(component, stored.path)
    (tmp_path / "same").write_bytes(b"same")
    component.put_file(tmp_path / "same")
    assert file.stat().st_mtime > _LONG_AGO
    assert not component.remove_unused(stored.path, _LATER)
    assert component.exists(stored.path)


def test_unused_content_is_removed_once(component: LocalArtifactStore) -> None:
    stored = component.put_bytes(b"old")
    _aged(component, stored.path)
    assert component.remove_unused(stored.path, _LATER)
    assert not component.exists(stored.path)
    with pytest.raises(NotFound):
        component.remove_unused(stored.path, _LATER)
    assert component.put_bytes(b"old") == stored
    assert component.exists(stored.path)


@pytest.mark.parametrize("when", ["before it is moved aside", "after it was moved aside"])
def test_content_that_is_put_while_it_is_removed_is_there_afterwards(
    component: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    stored = component.put_bytes(b"wanted again")
    _aged(component, stored.path)
    rename = os.rename

    def between(source: str, target: str) -> None:
        if when.startswith("before"):
            component.put_bytes(b"wanted again")
        rename(source, target)
        if when.startswith("after"):
            component.put_bytes(b"wanted again")

    monkeypatch.setattr(os, "rename", between)
    component.remove_unused(stored.path, _LATER)
    assert component.read_bytes(stored.path, stored.digest) == b"wanted again"
    assert [path.name for path in _files(component)] == [Path(stored.path).name]


def _files(component: LocalArtifactStore) -> list[Path]:
    return [path for path in (component.around.state / "artifacts").rglob("*") if path.is_file()]


_DIES_WHILE_PUTTING = """
import os, sys
from pathlib import Path
from stacktui.categories.base import Surroundings
from stacktui.flavors.local import artifact_store
folder = Path(sys.argv[1])
store = artifact_store.LocalArtifactStore(
    artifact_store.LocalArtifactStoreConfig(), Surroundings("s", folder, folder / ".stacktui", folder)
)
os.replace = lambda *_: (print("there", flush=True), sys.stdin.read(), os._exit(9))
store.put_bytes(b"half way", sys.argv[2])
"""


def test_what_dead_writers_left_is_found_and_what_living_ones_write_is_not(
    component: LocalArtifactStore,
) -> None:
    arguments = [sys.executable, "-c", _DIES_WHILE_PUTTING, str(component.around.workspace)]
    program = subprocess.Popen([*arguments, "dead"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"there\n"
    program.communicate()
    (left,) = _files(component)
    assert list(component.list()) == []
    assert list(component.leftovers()) == []
    os.utime(left, (_LONG_AGO, _LONG_AGO))
    (found,) = component.leftovers()
    assert found.size == len(b"half way")
    descriptor = os.open(left, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert list(component.leftovers()) == []
    os.close(descriptor)
    component.delete(found.path)
    assert _files(component) == []


def test_a_writer_holds_what_it_writes(
    component: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def looked(descriptor: int, mode: str) -> object:
        (file,) = _files(component)
        os.utime(file, (_LONG_AGO, _LONG_AGO))
        seen.append(list(component.leftovers()) == [])
        return opened(descriptor, mode)

    opened = os.fdopen
    monkeypatch.setattr(os, "fdopen", looked)
    component.put_bytes(b"now")
    assert seen == [True]


@pytest.mark.parametrize("torn", [b"", b"\0\0\0\0\0\0", b"con"])
def test_torn_content_is_found_and_healed(component: LocalArtifactStore, torn: bytes, tmp_path: Path) -> None:
    stored = component.put_bytes(b"conten")
    file = component.local_path(stored.path)
    assert file is not None
    file.write_bytes(torn)
    with pytest.raises(DigestMismatch):
        component.read_bytes(stored.path, expect_digest=stored.digest)
    component.put_bytes(b"conten")
    assert component.read_bytes(stored.path, expect_digest=stored.digest) == b"conten"
    file.write_bytes(torn)
    (tmp_path / "source").write_bytes(b"conten")
    component.put_file(tmp_path / "source")
    assert component.read_bytes(stored.path, expect_digest=stored.digest) == b"conten"


def test_a_put_that_fails_leaves_nothing_behind(
    component: LocalArtifactStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    component.put_bytes(b"old", "one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "source").write_bytes(b"new")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ComponentError, match="No space left"):
        component.put_bytes(b"new", "one")
    with pytest.raises(ComponentError, match="No space left"):
        component.put_file(tmp_path / "source", "one")
    monkeypatch.undo()
    assert component.read_bytes("one") == b"old"
    assert [path.name for path in (component.around.state / "artifacts").rglob("*")] == ["one"]


def test_symbolic_links_lead_nowhere_else(component: LocalArtifactStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    component.put_bytes(b"mine", "inside/file")
    root = component.around.state / "artifacts"
    (root / "way-out").symlink_to(outside)
    (root / "file-out").symlink_to(outside / "file")
    for path in ("way-out/file", "way-out/new", "file-out", "way-out"):
        with pytest.raises(ComponentError, match="symbolic link"):
            component.read_bytes(path)
        with pytest.raises(ComponentError, match="symbolic link"):
            component.put_bytes(b"x", path)
        with pytest.raises(ComponentError, match="symbolic link"):
            component.delete(path)
    assert [item.path for item in component.list()] == ["inside/file"]
    assert [path.name for path in outside.iterdir()] == ["file"]


@pytest.mark.parametrize("place", ["blobs", "folder", "file"])
def test_a_link_in_the_place_of_content_leads_nowhere_else(
    component: LocalArtifactStore, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    digest = "ab" * 32
    stored = f"blobs/ab/{digest}"
    target = {"blobs": outside / "blobs", "folder": outside / "ab", "file": outside / digest}[place]
    content = {"blobs": target / "ab" / digest, "folder": target / digest, "file": target}[place]
    content.parent.mkdir(parents=True)
    content.write_bytes(b"not ours")
    link = (
        component.around.state / "artifacts" / {"blobs": "blobs", "folder": "blobs/ab", "file": stored}[place]
    )
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with pytest.raises(ComponentError, match="leads outside"):
        component.read_bytes(stored)
    with pytest.raises(ComponentError, match="leads outside"):
        component.delete(stored)
    assert content.read_bytes() == b"not ours"


def test_deleting_a_folder_does_not_follow_links_in_it(component: LocalArtifactStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    component.put_bytes(b"mine", "folder/file")
    (component.around.state / "artifacts" / "folder" / "link").symlink_to(outside)
    component.delete("folder")
    assert (outside / "file").read_bytes() == b"theirs"
    assert list(component.list()) == []


def test_the_root_itself_cannot_be_deleted(component: LocalArtifactStore) -> None:
    component.put_bytes(b"x", "one")
    for path in ("", ".", "./"):
        with pytest.raises(ComponentError, match="root"):
            component.delete(path)
    assert component.exists("one")


def test_where_it_lies(stacktui_surroundings: Surroundings, tmp_path: Path) -> None:
    def folder(path: str) -> str:
        return LocalArtifactStore(LocalArtifactStoreConfig(path=path), stacktui_surroundings).root

    workspace = stacktui_surroundings.workspace
    assert folder("") == (workspace / ".stacktui" / "artifacts").resolve().as_uri()
    assert folder("data/out") == (workspace / "data" / "out").resolve().as_uri()
    assert folder(str(tmp_path / "else where")) == (tmp_path / "else where").resolve().as_uri()
    assert folder((tmp_path / "uri").as_uri()) == (tmp_path / "uri").resolve().as_uri()


def test_another_scheme_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="choose the flavor for it"):
        LocalArtifactStoreConfig(path="s3://bucket/x")


def test_a_probe_says_what_is_wrong(stacktui_surroundings: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, said in (("file", "not a folder"), ("file/below", "cannot be made")):
        around = replace(stacktui_surroundings, workspace=tmp_path)
        result = LocalArtifactStore(LocalArtifactStoreConfig(path=path), around).probe()
        assert not result.ok
        assert said in result.message


def test_putting_bytes_imports_no_heavy_library(stacktui_surroundings: Surroundings) -> None:
    program = f"""
import sys
from pathlib import Path
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
folder = Path({str(stacktui_surroundings.workspace)!r})
store = LocalArtifactStore(LocalArtifactStoreConfig(), Surroundings("s", folder, folder / "state", folder))
store.put_bytes(b"x")
print(sorted({{"fsspec", "pandas", "numpy", "duckdb", "cryptography"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
