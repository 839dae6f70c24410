"""Files and folders as they are, by property; and what is written for people is read as the words beside it say."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.categories.base import Surroundings
from stacktui.categories.errors import DigestMismatch
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.model.artifact import Artifact
from stacktui.model.base import now
from stacktui.pipelines.materializers import MaterializerError, load, save
from stacktui.pipelines.materializers.export import TargetExists, export, file_name, how_to_read

ROUNDS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifactStore:
    around = Surroundings("artifacts", tmp_path, tmp_path / "state", tmp_path / "user-data")
    return LocalArtifactStore(LocalArtifactStoreConfig(), around)


def kept(value: Any, store: LocalArtifactStore, name: str = "output") -> Artifact:
    return Artifact(
        **save(value, store, name=name).model_dump(), name=name, run_id="r", pipeline="flow", step="fit",
        version=1, created_at=now(),
    )  # fmt: skip


NAMES = st.text("abc é\u202e.-$", min_size=1, max_size=6).filter(lambda name: name.strip(".") != "")
TREES = st.recursive(
    st.binary(max_size=30) | st.tuples(st.binary(max_size=5)),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
).filter(lambda tree: isinstance(tree, dict))


def plant(tree: Any, place: Path) -> None:
    """A file of bytes, one that may be executed of a tuple, a folder of a mapping."""
    if isinstance(tree, dict):
        place.mkdir()
        for name, inner in tree.items():
            plant(inner, place / name)
    else:
        place.write_bytes(tree if isinstance(tree, bytes) else tree[0])
        place.chmod(0o644 if isinstance(tree, bytes) else 0o755)


def harvest(place: Path) -> Any:
    if place.is_dir():
        return {inner.name: harvest(inner) for inner in place.iterdir()}
    content = place.read_bytes()
    return (content,) if os.access(place, os.X_OK) else content


@ROUNDS
@given(tree=TREES)
def test_folders_come_back_as_they_were(store: LocalArtifactStore, tmp_path: Path, tree: Any) -> None:
    place = tmp_path / "folder"
    shutil.rmtree(place, ignore_errors=True)
    plant(tree, place)
    found = kept(place, store)
    assert harvest(load(found, store)) == harvest(place)
    # In another order of making, at another time: the same bytes.
    shutil.rmtree(place)
    plant(dict(reversed(tree.items())), place)
    assert kept(place, store).digest == found.digest
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    assert harvest(export(found, store, out)) == harvest(place)


@ROUNDS
@given(content=st.binary(max_size=300))
def test_files_and_bytes_come_back_as_they_were(
    store: LocalArtifactStore, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "data.bin"
    file.write_bytes(content)
    assert load(kept(file, store), store).read_bytes() == content
    assert load(kept(content, store), store) == content
    assert kept(file, store).digest == kept(content, store).digest


@ROUNDS
@given(text=st.text())
def test_text_comes_back_as_it_was(store: LocalArtifactStore, text: str) -> None:
    assert load(kept(text, store), store) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"a": [1]}, "fit.json"),
        (np.arange(4.0), "fit.npy"),
        (pd.DataFrame({"x": [1, 2]}), "fit.parquet"),
        ({"w": np.ones(2)}, "fit.safetensors"),
        (b"raw", "fit.bin"),
        (pd.Index([1]), "fit.pickle"),
    ],
)
def test_what_is_written_is_read_as_it_says(
    store: LocalArtifactStore, tmp_path: Path, value: Any, name: str
) -> None:
    artifact = kept(value, store)
    assert file_name(artifact) == name
    written = export(artifact, store, tmp_path / "it's here")
    line = how_to_read(artifact, written)
    known = {
        "json": json, "numpy": np, "pandas": pd, "pickle": pickle, "safetensors": safetensors, "open": open,
        "pathlib": __import__("pathlib"),
    }  # fmt: skip
    found = eval(line.split(", which")[0], known)
    if isinstance(value, dict) and "w" in value:
        assert found["w"].tolist() == [1.0, 1.0]
    elif isinstance(value, (pd.DataFrame, pd.Index)):
        assert found.equals(value)
    else:
        assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value
    if name == "fit.pickle":
        assert "runs the code" in line


def test_an_outputs_own_name_is_the_files(store: LocalArtifactStore, tmp_path: Path) -> None:
    assert file_name(kept([1], store, "train")) == "train.json"
    (tmp_path / "report.html").write_text("x")
    assert file_name(kept(tmp_path / "report.html", store)) == "report.html"
    nasty = kept(b"x", store).model_copy(
        update={"materializer": "file", "metadata": {"filename": "../../up"}}
    )
    assert file_name(nasty) == "up"


def test_nothing_is_left_where_it_cannot_be_written(store: LocalArtifactStore, tmp_path: Path) -> None:
    artifact = kept(b"new", store)
    out = tmp_path / "out"
    out.mkdir()
    (out / "there").write_bytes(b"old")
    with pytest.raises(TargetExists, match="--force"):
        export(artifact, store, out / "there")
    (out / "dangling").symlink_to("nowhere")
    with pytest.raises(TargetExists):
        export(artifact, store, out / "dangling")
    file = store.local_path(artifact.uri)
    assert file is not None
    file.write_bytes(b"bad")
    with pytest.raises(DigestMismatch):
        export(artifact, store, out / "there", force=True)
    assert (out / "there").read_bytes() == b"old"
    assert sorted(path.name for path in out.iterdir()) == ["dangling", "there"]


def test_an_archive_that_leads_out_of_the_folder_is_not_unpacked(
    store: LocalArtifactStore, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as archive:
        archive.addfile(tarfile.TarInfo("../escaped"))
    stored = store.put_file(bad)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("a")
    artifact = kept(tmp_path / "folder", store).model_copy(
        update={"uri": stored.path, "digest": stored.digest, "size": stored.size}
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(MaterializerError, match="not safe to unpack"):
        export(artifact, store, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []
    assert not list(tmp_path.rglob("escaped"))
