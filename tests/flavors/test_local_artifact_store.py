"""The local artifact store: the contract, and what only a folder on disk has to keep."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, DigestMismatch
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
    after = file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


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
