"""The contract of artifact stores."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError, DigestMismatch, NotFound, Unsupported
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, lacks, needs


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class ArtifactStoreContract(ComponentContract):
    """Override the fixture `component` with an empty `ArtifactStore` under a root of the test's own."""

    category = Category.ARTIFACT_STORE

    @pytest.mark.parametrize(
        "data", [b"", b"model", bytes(range(256)) * 4096], ids=["empty", "small", "1 MiB"]
    )
    def test_gives_back_what_was_put(self, component: ArtifactStore, data: bytes) -> None:
        needs(component, "put", "read")
        stored = component.put_bytes(data)
        assert stored.digest == _digest(data)
        assert stored.size == len(data)
        assert component.read_bytes(stored.path, expect_digest=stored.digest) == data
        with component.open(stored.path) as file:
            assert file.read() == data

    def test_puts_at_a_path(self, component: ArtifactStore) -> None:
        needs(component, "put", "read")
        stored = component.put_bytes(b"first", "runs/one/out.json")
        assert stored.path == "runs/one/out.json"
        assert component.read_bytes("runs/one/out.json") == b"first"
        component.put_bytes(b"second", "runs/one/out.json")
        assert component.read_bytes("runs/one/out.json") == b"second"

    def test_names_content_by_its_digest(self, component: ArtifactStore) -> None:
        needs(component, "put")
        first, again, other = (component.put_bytes(data) for data in (b"same", b"same", b"other"))
        assert first == again
        assert other.path != first.path

    def test_puts_a_file(self, component: ArtifactStore, tmp_path: Path) -> None:
        needs(component, "put", "read")
        source = tmp_path / "weights.bin"
        source.write_bytes(b"weights" * 1000)
        by_digest, by_path = component.put_file(source), component.put_file(source, "models/weights.bin")
        assert by_digest.digest == by_path.digest == _digest(source.read_bytes())
        assert by_digest == component.put_bytes(source.read_bytes())
        assert component.read_bytes("models/weights.bin") == source.read_bytes()

    def test_says_when_content_is_not_what_was_expected(self, component: ArtifactStore) -> None:
        needs(component, "put", "read")
        stored = component.put_bytes(b"what is there")
        with pytest.raises(DigestMismatch, match="expected") as caught:
            component.read_bytes(stored.path, expect_digest=_digest(b"something else"))
        assert "\n" not in str(caught.value)

    def test_says_when_there_is_no_content(self, component: ArtifactStore) -> None:
        needs(component, "read")
        assert not component.exists("blobs/none")
        with pytest.raises(NotFound):
            component.read_bytes("blobs/none")
        with pytest.raises(NotFound):
            component.open("blobs/none")

    @pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd", "a/../b/../../c", ".."])
    def test_never_leaves_its_root(self, component: ArtifactStore, path: str) -> None:
        for call in (
            component.resolve,
            component.read_bytes,
            component.exists,
            component.local_path,
            component.delete,
            lambda outside: component.put_bytes(b"", outside),
            lambda outside: next(iter(component.list(outside)), None),
        ):
            with pytest.raises(ComponentError, match="outside"):
                call(path)

    def test_lists_in_the_order_of_paths(self, component: ArtifactStore) -> None:
        needs(component, "list", "put")
        paths = ["b/2", "a", "b.txt", "b/1", "b-c/1", "b/1/x".replace("1/x", "10"), "c/d/e"]
        for path in paths:
            component.put_bytes(path.encode(), path)
        listed = list(component.list())
        assert [item.path for item in listed] == sorted(paths)
        assert [item.size for item in listed] == [len(path) for path in sorted(paths)]
        assert [item.path for item in component.list("b")] == ["b/1", "b/10", "b/2"]
        assert [item.path for item in component.list("c/d/e")] == ["c/d/e"]
        assert list(component.list("none")) == []

    def test_deletes_a_file_and_a_folder(self, component: ArtifactStore) -> None:
        needs(component, "delete", "list", "put")
        for path in ("keep/1", "drop/1", "drop/deep/2", "one"):
            component.put_bytes(b"", path)
        component.delete("one")
        component.delete("drop")
        assert [item.path for item in component.list()] == ["keep/1"]
        with pytest.raises(NotFound):
            component.delete("one")

    def test_removes_what_nobody_has_put_since(self, component: ArtifactStore) -> None:
        needs(component, "delete", "list", "put", "read")
        stored = component.put_bytes(b"unused")
        (listed,) = component.list(stored.path)
        if listed.modified is None:
            # Without a time nothing is known to be old.
            assert not component.remove_unused(stored.path, datetime.now(UTC))
            return
        assert not component.remove_unused(stored.path, listed.modified)
        assert component.read_bytes(stored.path) == b"unused"
        assert component.remove_unused(stored.path, listed.modified + timedelta(microseconds=1))
        assert not component.exists(stored.path)
        with pytest.raises(NotFound):
            component.remove_unused(stored.path, listed.modified)
        assert component.put_bytes(b"unused") == stored

    def test_refuses_to_delete_where_it_cannot(self, component: ArtifactStore) -> None:
        lacks(component, "delete")
        with pytest.raises(Unsupported):
            component.delete("anything")

    def test_has_an_fsspec_file_system(self, component: ArtifactStore) -> None:
        needs(component, "put")
        stored = component.put_bytes(b"through fsspec")
        assert component.filesystem().cat_file(component.resolve(stored.path)) == b"through fsspec"
        assert component.root.partition("://")[1], "the root is a URI"

    def test_has_a_local_path_only_where_there_is_a_file(self, component: ArtifactStore) -> None:
        needs(component, "put")
        stored = component.put_bytes(b"here?")
        found = component.local_path(stored.path)
        assert found is None or found.read_bytes() == b"here?"
        assert component.local_path("blobs/none") is None
