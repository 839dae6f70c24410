"""The contract of container registries."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.container_registry import ContainerRegistry
from stacktui.categories.errors import ComponentError, NotFound
from stacktui.model.category import Category
from stacktui.testing.contracts.base import ComponentContract, needs


def written_layout(folder: Path, images: Mapping[str, bytes]) -> Path:
    """An OCI layout with an image a tag, each with one layer of the bytes given. Written by hand, for `push`."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def kept(data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    manifests = []
    for tag, content in images.items():
        layer = kept(content, "application/vnd.oci.image.layer.v1.tar")
        config = {
            "os": "linux",
            "architecture": "amd64",
            "created": "2026-01-02T03:04:05Z",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": kept(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [layer],
        }
        described = kept(json.dumps(manifest).encode(), manifest["mediaType"])  # type: ignore[arg-type]
        manifests.append({**described, "annotations": {"org.opencontainers.image.ref.name": tag}})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


class ContainerRegistryContract(ComponentContract):
    """Override the fixture `component` with a `ContainerRegistry` without repositories that start with `stacktui/`."""

    category = Category.CONTAINER_REGISTRY

    @pytest.fixture
    def code(self, tmp_path: Path) -> Path:
        """A folder with some code."""
        folder = tmp_path / "code"
        (folder / "package").mkdir(parents=True)
        (folder / "package" / "__init__.py").write_text("")
        (folder / "train.py").write_text("print('training')\n")
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        return folder

    def test_builds_an_image_of_code(self, component: ContainerRegistry, code: Path) -> None:
        needs(component, "build", "inspect", "list")
        image = component.build(code, "stacktui/train", ["v1", "latest"], labels={"team": "vision"})
        assert image.repository == "stacktui/train"
        assert image.tags == ("latest", "v1")
        assert image.annotations["team"] == "vision"
        assert "stacktui/train" in component.repositories()
        assert component.tags("stacktui/train") == ["latest", "v1"]
        assert component.inspect("stacktui/train", "v1") == image
        assert component.inspect("stacktui/train", image.digest) == image
        assert image.size > sum(layer.size for layer in image.layers) > 0
        manifest = component.manifest("stacktui/train", "v1")
        assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in image.layers]

    def test_the_same_input_gives_the_same_digest(
        self, component: ContainerRegistry, code: Path, tmp_path: Path
    ) -> None:
        needs(component, "build")
        first = component.build(code, "stacktui/train", ["v1"])
        other = tmp_path / "elsewhere"
        (other / "package").mkdir(parents=True)
        # Made in another order, at another time, with another mode: the same input all the same.
        for name in ("run.sh", "train.py", "package/__init__.py"):
            (other / name).write_bytes((code / name).read_bytes())
            (other / name).chmod(0o700 if name == "run.sh" else 0o600)
            os.utime(other / name, (1, 1))
        (other / "package" / "__pycache__").mkdir()
        (other / "package" / "__pycache__" / "train.pyc").write_bytes(b"x")
        assert component.build(other, "stacktui/train", ["v2"]).digest == first.digest
        assert component.build(code, "stacktui/other", ["v1"]).digest == first.digest
        (other / "train.py").write_text("print('another')\n")
        assert component.build(other, "stacktui/train", ["v3"]).digest != first.digest
        assert component.build(code, "stacktui/train", ["v4"], labels={"a": "b"}).digest != first.digest

    def test_pushes_and_pulls(self, component: ContainerRegistry, tmp_path: Path) -> None:
        needs(component, "push", "pull", "inspect")
        layout = written_layout(tmp_path / "theirs", {"any": b"layer"})
        pushed = component.push(layout, "stacktui/theirs", ["v1"])
        assert (pushed.tags, pushed.platform, pushed.runnable) == (("v1",), "linux/amd64", True)
        assert pushed.created is not None
        assert pushed.created.isoformat() == "2026-01-02T03:04:05+00:00"
        pulled = component.pull("stacktui/theirs", "v1", tmp_path / "ours")
        assert pulled.digest == pushed.digest
        names = {path.name for path in (tmp_path / "ours" / "blobs" / "sha256").iterdir()}
        assert names == {path.name for path in (layout / "blobs" / "sha256").iterdir()}
        again = component.push(tmp_path / "ours", "stacktui/again", ["v2"])
        assert again.digest == pushed.digest

    def test_pushes_the_image_of_the_tag_where_a_layout_has_several(
        self, component: ContainerRegistry, tmp_path: Path
    ) -> None:
        needs(component, "push")
        layout = written_layout(tmp_path / "two", {"one": b"1", "two": b"2"})
        assert (
            component.push(layout, "stacktui/two", ["two"]).digest
            != component.push(layout, "stacktui/two", ["one"]).digest
        )
        with pytest.raises(ComponentError, match="one, two"):
            component.push(layout, "stacktui/two", ["three"])

    @pytest.mark.parametrize("damage", ["changed", "missing", "longer"])
    def test_refuses_a_damaged_layout(
        self, component: ContainerRegistry, tmp_path: Path, damage: str
    ) -> None:
        needs(component, "push")
        layout = written_layout(tmp_path / "theirs", {"v1": b"layer"})
        blob = layout / "blobs" / "sha256" / hashlib.sha256(b"layer").hexdigest()
        match damage:
            case "changed":
                blob.write_bytes(b"Layer")
            case "longer":
                blob.write_bytes(b"layer and more")
            case "missing":
                blob.unlink()
        with pytest.raises(ComponentError, match=r"damaged|missing"):
            component.push(layout, "stacktui/theirs", ["v1"])
        assert "stacktui/theirs" not in component.repositories()

    def test_a_tag_moves_and_the_image_before_it_stays(
        self, component: ContainerRegistry, tmp_path: Path
    ) -> None:
        needs(component, "push", "inspect")
        first = component.push(written_layout(tmp_path / "1", {"x": b"1"}), "stacktui/moving", ["latest"])
        second = component.push(written_layout(tmp_path / "2", {"x": b"2"}), "stacktui/moving", ["latest"])
        assert component.inspect("stacktui/moving", "latest").digest == second.digest
        assert component.inspect("stacktui/moving", first.digest).tags == ()

    def test_deletes_a_tag_then_the_image(self, component: ContainerRegistry, tmp_path: Path) -> None:
        needs(component, "push", "delete", "list")
        image = component.push(written_layout(tmp_path / "1", {"x": b"1"}), "stacktui/gone", ["a", "b", "c"])
        other = component.push(written_layout(tmp_path / "2", {"x": b"2"}), "stacktui/gone", ["kept"])
        component.delete("stacktui/gone", "a")
        assert component.tags("stacktui/gone") == ["b", "c", "kept"]
        component.delete("stacktui/gone", image.digest)
        assert component.tags("stacktui/gone") == ["kept"]
        with pytest.raises(NotFound):
            component.inspect("stacktui/gone", image.digest)
        assert component.pull("stacktui/gone", "kept", tmp_path / "out").digest == other.digest

    def test_says_what_is_unknown(self, component: ContainerRegistry, tmp_path: Path) -> None:
        component.push(written_layout(tmp_path / "1", {"x": b"1"}), "stacktui/known", ["latest"])
        for call in (
            lambda: component.tags("stacktui/none"),
            lambda: component.inspect("stacktui/none", "latest"),
            lambda: component.inspect("stacktui/known", "none"),
            lambda: component.manifest("stacktui/known", "sha256:" + "0" * 64),
            lambda: component.delete("stacktui/known", "none"),
            lambda: component.pull("stacktui/known", "none", tmp_path / "out"),
        ):
            with pytest.raises(NotFound):
                call()
        assert component.tags("stacktui/known") == ["latest"]

    @pytest.mark.parametrize("repository", ["../up", "/abs", "UPPER", "a//b", "a+b", "", "a/..", "a b"])
    def test_refuses_a_repository_that_cannot_be(
        self, component: ContainerRegistry, code: Path, repository: str
    ) -> None:
        with pytest.raises(ComponentError):
            component.build(code, repository, ["v1"])

    @pytest.mark.parametrize("tag", ["", "../x", "a b", "-x", "a/b", "x" * 129])
    def test_refuses_a_tag_that_cannot_be(self, component: ContainerRegistry, code: Path, tag: str) -> None:
        with pytest.raises(ComponentError):
            component.build(code, "stacktui/tags", [tag])
        assert "stacktui/tags" not in component.repositories()
