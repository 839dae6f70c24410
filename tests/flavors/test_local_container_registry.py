"""The local container registry: the contract, and its layouts as tools that we did not write read them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import oras.layout
import pytest

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import ComponentError, DigestMismatch, NotFound
from stacktui.flavors.local.container_registry import LocalContainerRegistry, LocalContainerRegistryConfig
from stacktui.testing.contracts.container_registry import ContainerRegistryContract, written_layout

needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not on PATH")


def _registry(around: Surroundings, **config: Any) -> LocalContainerRegistry:
    return LocalContainerRegistry(LocalContainerRegistryConfig(**config), around)


@pytest.fixture
def component(stacktui_surroundings: Surroundings) -> LocalContainerRegistry:
    return _registry(stacktui_surroundings)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "steps").mkdir(parents=True)
    (folder / "steps" / "fit.py").write_text("print('fit')\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("steps/fit.py")
    return folder


class TestLocalContainerRegistry(ContainerRegistryContract):
    @pytest.fixture
    def component(self, stacktui_surroundings: Surroundings) -> LocalContainerRegistry:
        return _registry(stacktui_surroundings)


def _blobs(component: LocalContainerRegistry, repository: str) -> set[str]:
    folder = component.around.state / "images" / repository.replace("/", "+") / "blobs" / "sha256"
    return {path.name for path in folder.iterdir()}


def _skopeo(*arguments: str) -> str:
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_skopeo
def test_skopeo_reads_what_is_built(component: LocalContainerRegistry, code: Path, tmp_path: Path) -> None:
    image = component.build(code, "team/train", ["v1"], labels={"commit": "abc"})
    layout = component.around.state / "images" / "team+train"
    seen = json.loads(_skopeo("inspect", f"oci:{layout}:v1"))
    assert seen["Digest"] == image.digest
    assert seen["Labels"] == {"commit": "abc"}
    assert seen["Layers"] == [layer.digest for layer in image.layers]
    assert (seen["Os"], seen["Architecture"]) == ("linux", "amd64")
    # Copying checks every blob, and the layer's uncompressed digest too.
    _skopeo("copy", f"oci:{layout}:v1", f"dir:{tmp_path / 'copied'}")
    layer = (tmp_path / "copied" / image.layers[0].digest.removeprefix("sha256:")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert archive.getnames() == ["code", "code/link", "code/run.sh", "code/steps", "code/steps/fit.py"]


@needs_skopeo
def test_what_skopeo_writes_is_pushed(component: LocalContainerRegistry, code: Path, tmp_path: Path) -> None:
    image = component.build(code, "team/train", ["v1"])
    layout = component.around.state / "images" / "team+train"
    _skopeo("copy", f"oci:{layout}:v1", f"oci:{tmp_path / 'theirs'}:other")
    pushed = component.push(tmp_path / "theirs", "team/copy", ["v2"])
    assert pushed.digest == image.digest


def test_oras_reads_what_is_built(component: LocalContainerRegistry, code: Path) -> None:
    image = component.build(code, "team/train", ["v1"])
    layout = component.around.state / "images" / "team+train"
    assert oras.layout.Layout.is_oci_layout(str(layout))
    read = oras.layout.Layout(str(layout))
    manifest = component.manifest("team/train", "v1")
    assert read.get_ordered_blobs("v1") == [
        *(layer.digest for layer in image.layers),
        manifest["config"]["digest"],
        image.digest,
    ]


def test_the_layer_has_no_time_no_owner_and_two_modes(component: LocalContainerRegistry, code: Path) -> None:
    image = component.build(code, "train", ["v1"])
    assert not image.runnable
    folder = component.around.state / "images" / "train" / "blobs" / "sha256"
    packed = (folder / image.layers[0].digest.removeprefix("sha256:")).read_bytes()
    assert packed[4:8] == bytes(4), "no time in the compression's header"
    plain = gzip.decompress(packed)
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        members = {member.name: member for member in archive.getmembers()}
        archive.extractall(component.around.workspace / "out", filter="data")
    assert (component.around.workspace / "out" / "code" / "link").read_text() == "print('fit')\n"
    for member in members.values():
        assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
    assert members["code/run.sh"].mode == 0o755
    assert members["code/steps/fit.py"].mode == 0o644
    config = json.loads(
        (folder / component.manifest("train", "v1")["config"]["digest"].removeprefix("sha256:")).read_bytes()
    )
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    assert config["config"]["WorkingDir"] == "/code"


def test_another_process_gets_the_same_digest(component: LocalContainerRegistry, code: Path) -> None:
    program = f"""
from pathlib import Path
from stacktui.categories.base import Surroundings
from stacktui.flavors.local.container_registry import LocalContainerRegistry, LocalContainerRegistryConfig
folder = Path({str(component.around.workspace)!r}) / "other"
registry = LocalContainerRegistry(LocalContainerRegistryConfig(), Surroundings("r", folder, folder, folder))
print(registry.build(Path({str(code)!r}), "train", ["v1"], labels={{"b": "2", "a": "1"}}).digest)
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == component.build(code, "train", ["v1"], labels={"a": "1", "b": "2"}).digest


def test_code_is_put_on_a_base(stacktui_surroundings: Surroundings, code: Path, tmp_path: Path) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("usr/bin/python"))
    registry = _registry(stacktui_surroundings, base="python:3.11")
    with pytest.raises(NotFound, match="python"):
        registry.build(code, "train", ["v1"])
    base = registry.push(written_layout(tmp_path / "base", {"x": plain.getvalue()}), "python", ["3.11"])
    image = registry.build(code, "train", ["v1"])
    assert image.runnable
    assert [layer.digest for layer in image.layers][:1] == [layer.digest for layer in base.layers]
    assert len(image.layers) == 2
    assert registry.build(code, "train", ["v2"]).digest == image.digest
    assert base.digest.removeprefix("sha256:") not in _blobs(registry, "train"), (
        "the base's manifest is no part"
    )
    by_digest = _registry(stacktui_surroundings, base=f"python@{base.digest}")
    assert by_digest.build(code, "train", ["v3"]).digest == image.digest
    if shutil.which("skopeo"):
        layout = stacktui_surroundings.state / "images" / "train"
        _skopeo("copy", f"oci:{layout}:v1", f"dir:{tmp_path / 'copied'}")
    # Code on an image of code is still no image that runs.
    on_code = _registry(stacktui_surroundings, base="plain:v1")
    component = _registry(stacktui_surroundings)
    component.build(code, "plain", ["v1"])
    assert not on_code.build(code, "twice", ["v1"]).runnable


def _multi_platform(folder: Path) -> Path:
    layout = written_layout(folder, {"amd64": b"amd64 layer", "arm64": b"arm64 layer"})
    index = json.loads((layout / "index.json").read_text())
    for entry in index["manifests"]:
        machine = entry.pop("annotations")["org.opencontainers.image.ref.name"]
        entry["platform"] = {"os": "linux", "architecture": machine}
    data = json.dumps({**index, "mediaType": "application/vnd.oci.image.index.v1+json"}).encode()
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    top = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": f"sha256:{digest}",
        "size": len(data),
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return layout


def test_an_image_for_several_platforms(
    stacktui_surroundings: Surroundings, code: Path, tmp_path: Path
) -> None:
    registry = _registry(stacktui_surroundings, base="multi:v1", platform="linux/arm64")
    image = registry.push(_multi_platform(tmp_path / "multi"), "multi", ["v1"])
    assert image.platform == "linux/amd64, linux/arm64"
    assert len(_blobs(registry, "multi")) == 7
    child = registry.manifest("multi", "v1")["manifests"][1]["digest"]
    assert registry.inspect("multi", child).size > 0
    built = registry.build(code, "train", ["v1"])
    assert built.layers[0].digest == f"sha256:{hashlib.sha256(b'arm64 layer').hexdigest()}"
    assert registry.pull("multi", "v1", tmp_path / "out").digest == image.digest


def test_garbage_is_collected_and_shared_blobs_stay(
    component: LocalContainerRegistry, tmp_path: Path
) -> None:
    component.push(written_layout(tmp_path / "1", {"x": b"one"}), "r", ["a"])
    before = _blobs(component, "r")
    component.push(written_layout(tmp_path / "2", {"x": b"two"}), "r", ["b"])
    assert len(_blobs(component, "r")) == 6
    component.delete("r", "b")
    assert _blobs(component, "r") == before
    component.delete("r", "a")
    assert component.repositories() == []
    assert not (component.around.state / "images" / "r").exists()


def test_files_are_private(component: LocalContainerRegistry, code: Path) -> None:
    before = os.umask(0)
    try:
        component.build(code, "train", ["v1"])
    finally:
        os.umask(before)
    root = component.around.state / "images"
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_damaged_blob_is_found_on_pull_and_healed_by_push(
    component: LocalContainerRegistry, tmp_path: Path
) -> None:
    layout = written_layout(tmp_path / "1", {"x": b"content"})
    component.push(layout, "r", ["a"])
    blob = component.around.state / "images/r/blobs/sha256" / hashlib.sha256(b"content").hexdigest()
    blob.write_bytes(b"Content")
    with pytest.raises(DigestMismatch, match="damaged"):
        component.pull("r", "a", tmp_path / "out")
    component.push(layout, "r", ["a"])
    component.pull("r", "a", tmp_path / "out")


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "0" * 32, "", None, 5]
)
def test_a_digest_in_a_layout_is_never_a_path(
    component: LocalContainerRegistry, tmp_path: Path, digest: Any
) -> None:
    layout = written_layout(tmp_path / "1", {"x": b"content"})
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0]["digest"] = digest
    (layout / "index.json").write_text(json.dumps(index))
    with pytest.raises(ComponentError, match="digest"):
        component.push(layout, "r", ["a"])
    assert component.repositories() == []


def test_a_pipe_in_a_layout_does_not_hold_anything_up(
    component: LocalContainerRegistry, tmp_path: Path
) -> None:
    layout = written_layout(tmp_path / "1", {"x": b"content"})
    blob = layout / "blobs" / "sha256" / hashlib.sha256(b"content").hexdigest()
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(ComponentError, match="not a file"):
        component.push(layout, "r", ["a"])


def test_pull_leaves_a_folder_with_other_things_alone(
    component: LocalContainerRegistry, tmp_path: Path
) -> None:
    component.push(written_layout(tmp_path / "1", {"x": b"content"}), "r", ["a"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(ComponentError, match="not empty"):
        component.pull("r", "a", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "steps/../../outside"])
def test_a_link_out_of_the_code_is_refused(
    component: LocalContainerRegistry, code: Path, target: str
) -> None:
    (code / "out").symlink_to(target)
    with pytest.raises(ComponentError, match="out of the code folder"):
        component.build(code, "train", ["v1"])
    assert component.repositories() == []


@pytest.mark.parametrize("config", [{"base": "python"}, {"base": "python@sha256:1"}, {"platform": "linux"}])
def test_settings_that_cannot_be_are_refused(config: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="write"):
        LocalContainerRegistryConfig(**config)
