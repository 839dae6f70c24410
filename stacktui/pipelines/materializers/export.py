"""An artifact's content as a file or folder of the user's own, and how it is read there. Used by `artifact get`.

Nothing of it is parsed or unpickled. Its digest is checked before a byte of it stands where it was asked for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from pathlib import Path
from typing import BinaryIO

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.pipelines.materializers.base import MaterializerError, copy_content
from stacktui.pipelines.materializers.files import safe_name

_BLOCK = 1 << 20
_SUFFIXES = {
    "json": ".json",
    "npy": ".npy",
    "parquet": ".parquet",
    "safetensors": ".safetensors",
    "pickle": ".pickle",
    "bytes": ".bin",
}
_READERS = {
    "json": "json.load(open({!r}))",
    "npy": "numpy.load({!r})",
    "parquet": "pandas.read_parquet({!r})",
    "safetensors": "safetensors.numpy.load_file({!r})",
    "pickle": "pickle.load(open({!r}, 'rb')), which runs the code of whoever made it",
    "bytes": "pathlib.Path({!r}).read_bytes()",
}


class TargetExists(ComponentError):
    """There is something already where the content was to be written."""


def file_name(artifact: Artifact) -> str:
    """What its file or folder is called where nobody says so."""
    if artifact.materializer in ("file", "folder"):
        return safe_name(artifact.metadata.get("filename"))
    stem = artifact.step if artifact.name == "output" else artifact.name
    return safe_name(f"{stem}{_SUFFIXES.get(artifact.materializer, '.bin')}")


def how_to_read(artifact: ArtifactRef, path: Path) -> str:
    """A line of Python that reads what was written without stacktui; empty where there is none."""
    if artifact.materializer == "safetensors" and artifact.metadata.get("library") == "torch":
        return f"safetensors.torch.load_file({str(path)!r})"
    # Tags stand for what JSON has no word for, and Parquet's notes for what it does not keep.
    return _READERS.get(artifact.materializer, "").format(str(path))


def export(artifact: Artifact, store: ArtifactStore, target: Path, *, force: bool = False) -> Path:
    """Write the content to `target`, a folder if it is one, and return where it is: whole, or not at all.

    A file goes into `target` where that is a folder. With `force` a file is replaced, and a folder's files are
    written over those of `target`, whose others stay. Raises `TargetExists`, `DigestMismatch`, `NotFound` and
    `MaterializerError`.
    """
    folder = artifact.materializer == "folder"
    if not folder and target.is_dir():
        target = target / file_name(artifact)
    if os.path.lexists(target) and not force and not (folder and _is_empty(target)):
        raise TargetExists(
            f"{target} exists already; name another place with -o, or overwrite it with --force"
        )
    if folder and target.exists() and not target.is_dir():
        raise TargetExists(f"{target} is a file, and the artifact is a folder; name another place with -o")
    beside = target.parent / f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with beside.open("xb") as copy:
            copy_content(artifact, store, copy)
        if folder:
            _unpack(artifact, beside, target)
        else:
            _move(beside, target, force)
    except OSError as error:
        raise MaterializerError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return target


def send(artifact: ArtifactRef, store: ArtifactStore, stream: BinaryIO) -> None:
    """Write the content to a stream; a folder as the archive that it is kept as. Raises `DigestMismatch`."""
    # Read twice: what has been sent cannot be taken back.
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        copy_content(artifact, store, nowhere)
    with store.open(artifact.uri) as content:
        shutil.copyfileobj(content, stream, _BLOCK)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _move(beside: Path, target: Path, force: bool) -> None:
    if not force:
        with contextlib.suppress(PermissionError, NotImplementedError):
            try:
                # A link, not a rename: it fails if somebody made the target meanwhile.
                target.hardlink_to(beside)
            except FileExistsError:
                raise TargetExists(f"{target} was made by somebody else meanwhile") from None
            return
    beside.replace(target)


def _unpack(artifact: ArtifactRef, archive: Path, target: Path) -> None:
    made = not target.exists()
    draft = target.parent / f"{archive.name}.d" if made else target
    try:
        draft.mkdir(exist_ok=not made)
        with tarfile.open(archive, mode="r:") as packed:
            packed.extractall(draft, filter="data")
        if made:
            draft.rename(target)
    except (tarfile.TarError, ValueError) as error:
        raise MaterializerError(f"artifact {artifact.id} is not safe to unpack: {error}") from None
    finally:
        if made:
            shutil.rmtree(draft, ignore_errors=True)
