"""An OCI image layout on disk (image-spec 1.0): blobs by digest, and an index that names images by tag.

Layouts come from other tools too: digests and sizes in them are checked before anything is believed, and a
digest is never used as a path before it has the form of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stacktui.categories.errors import ComponentError, DigestMismatch, NotFound
from stacktui.categories.private import create_file, make_folder
from stacktui.flavors.local.private import write_whole

Descriptor = dict[str, Any]
"""A blob as the index or a manifest names it: `mediaType`, `digest`, `size` and annotations."""

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
TAG = "org.opencontainers.image.ref.name"

_INDEX_TYPES = {INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"}
_MANIFEST_TYPES = {MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST_DOCUMENT = 8 << 20
_DEEPEST = 4
_CHUNK = 1 << 20


def is_digest(text: str) -> bool:
    """Whether `text` is a digest as this registry knows them."""
    return _DIGEST.fullmatch(text) is not None


def as_json(document: Any) -> bytes:
    """A document as bytes that are the same for the same content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


class OciLayout:
    """One layout folder. Who changes it holds a lock outside of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / "oci-layout").is_file()

    def create(self) -> None:
        """Make an empty layout where there is none. Raises `ComponentError` if the folder holds something else."""
        if self.exists:
            return
        if self.path.is_dir() and any(self.path.iterdir()):
            raise ComponentError(f"{self.path} is not empty and not an OCI layout: name another folder")
        make_folder(self.path / "blobs" / "sha256")
        self.write_index([])
        # Last: the folder is a layout from here on, and a whole one.
        write_whole(self.path / "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))

    def index(self) -> list[Descriptor]:
        """The images' descriptors. Raises `ComponentError` if this is no layout."""
        try:
            marker = _document((self.path / "oci-layout").read_bytes(), f"{self.path}/oci-layout")
            with (self.path / "index.json").open("rb") as file:
                index = _document(file.read(_LARGEST_DOCUMENT), f"{self.path}/index.json")
        except OSError as error:
            raise ComponentError(f"{self.path} is not an OCI layout: {error.strerror}") from None
        if not str(marker.get("imageLayoutVersion", "")).startswith("1."):
            raise ComponentError(f"{self.path} is an OCI layout of a version that is not known here")
        found = index.get("manifests")
        if not isinstance(found, list):
            raise ComponentError(f"{self.path}/index.json has no list of manifests")
        return [_checked(descriptor) for descriptor in found]

    def write_index(self, descriptors: list[Descriptor]) -> None:
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": descriptors}
        write_whole(self.path / "index.json", as_json(document), durable=True)

    def blob(self, digest: str) -> Path:
        """Where a blob lies, whether it is there or not."""
        if not is_digest(digest):
            raise ComponentError(f"{digest!r} is not a sha256 digest")
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def document(self, descriptor: Descriptor) -> dict[str, Any]:
        """A manifest, an index or a config: checked, then parsed."""
        if descriptor["size"] > _LARGEST_DOCUMENT:
            raise ComponentError(f"{descriptor['digest']} is too large to be a manifest")
        with self._reading(descriptor) as file:
            data = file.read(_LARGEST_DOCUMENT)
        _check(descriptor, hashlib.sha256(data).hexdigest(), len(data), self.path)
        return _document(data, descriptor["digest"])

    def is_index(self, descriptor: Descriptor) -> bool:
        """Whether it names several images, one a platform. Raises `ComponentError` for what is no image."""
        kind = descriptor.get("mediaType")
        if kind not in _INDEX_TYPES | _MANIFEST_TYPES:
            raise ComponentError(f"{descriptor['digest']} is of type {kind}, which is no image")
        return kind in _INDEX_TYPES

    def children(self, descriptor: Descriptor) -> list[Descriptor]:
        """The images that an index names."""
        found = self.document(descriptor).get("manifests", [])
        return [_checked(child) for child in found]

    def parts(self, descriptor: Descriptor) -> tuple[Descriptor, list[Descriptor]]:
        """The config and the layers of one image."""
        manifest = self.document(descriptor)
        layers = manifest.get("layers", [])
        if not isinstance(layers, list):
            raise ComponentError(f"the manifest {descriptor['digest']} has no list of layers")
        return _checked(manifest.get("config")), [_checked(layer) for layer in layers]

    def walk(self, descriptor: Descriptor, depth: int = 0) -> Iterator[Descriptor]:
        """Every blob of an image, what is needed before what needs it, itself last."""
        if depth > _DEEPEST:
            raise ComponentError(f"{descriptor['digest']}: indexes inside of indexes, too deep")
        if self.is_index(descriptor):
            for child in self.children(descriptor):
                yield from self.walk(child, depth + 1)
        else:
            config, layers = self.parts(descriptor)
            yield from layers
            yield config
        yield descriptor

    def take(self, source: OciLayout, descriptor: Descriptor) -> None:
        """Copy an image from another layout, each blob checked against its digest while it is copied."""
        for part in source.walk(descriptor):
            target = self.blob(part["digest"])
            with source._reading(part) as reader, self.new_blob() as blob:
                while chunk := reader.read(_CHUNK):
                    blob.write(chunk)
                _check(part, blob.digest.removeprefix("sha256:"), blob.size, source.path)
                # Also over one that is there: were that one damaged, it is whole again.
                blob.keep(target)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Keep a document as a blob."""
        with self.new_blob() as blob:
            blob.write(data)
            blob.keep(self.blob(blob.digest))
        return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}

    def new_blob(self) -> NewBlob:
        """A blob in the making. Left without `keep`, nothing of it stays."""
        folder = self.path / "blobs" / "sha256"
        make_folder(folder)
        return NewBlob(folder / f".{os.urandom(8).hex()}.tmp")

    def collect_garbage(self) -> None:
        """Remove blobs that no image of the index needs."""
        needed = {self.blob(part["digest"]) for root in self.index() for part in self.walk(root)}
        for path in (self.path / "blobs" / "sha256").iterdir():
            if path not in needed:
                path.unlink()

    @contextlib.contextmanager
    def _reading(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        path = self.blob(descriptor["digest"])
        try:
            # Never waits: a pipe in somebody's layout would hold this up for ever.
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise NotFound(
                f"blob {descriptor['digest']} is missing in {self.path}: {error.strerror}"
            ) from None
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ComponentError(f"blob {descriptor['digest']} in {self.path} is not a file")
            yield file


class NewBlob:
    """Bytes on their way to a blob, hashed as they are written."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._file = os.fdopen(create_file(temporary), "wb")
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """For writers that expect a file."""
        self._file.flush()

    def keep(self, target: Path) -> None:
        """Put it in its place."""
        self._file.close()
        self._temporary.replace(target)

    def __enter__(self) -> NewBlob:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._temporary.unlink()


def _document(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ComponentError(f"{what} is not JSON") from None
    if not isinstance(found, dict):
        raise ComponentError(f"{what} is not a JSON object")
    return found


def _checked(descriptor: Any) -> Descriptor:
    """A descriptor that has what every one must have."""
    if (
        not isinstance(descriptor, dict)
        or not isinstance(descriptor.get("digest"), str)
        or not is_digest(descriptor["digest"])
        or not isinstance(descriptor.get("size"), int)
        or not isinstance(descriptor.get("mediaType"), str)
        or not isinstance(descriptor.get("annotations", {}), dict)
    ):
        raise ComponentError(f"{json.dumps(descriptor)[:200]} does not describe a blob by its sha256 digest")
    return descriptor


def _check(descriptor: Descriptor, found: str, size: int, where: Path) -> None:
    if found != descriptor["digest"].removeprefix("sha256:") or size != descriptor["size"]:
        raise DigestMismatch(
            f"blob {descriptor['digest']} in {where} is damaged: it has {size} bytes of sha256:{found}, "
            f"not {descriptor['size']}"
        )
