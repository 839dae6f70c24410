"""The artifact store of one host: a folder. Content lies under its digest, or where the caller says."""

# Strings and os calls on purpose: `put` is on the path of every step, and pathlib doubles its cost.
# ruff: noqa: PTH104, PTH105, PTH108, PTH110, PTH114, PTH116, PTH117, PTH118, PTH120, PTH123

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import Field, field_validator

from stacktui.categories.artifact_store import ArtifactStore, StoredContent, StoredObject
from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import ComponentError, DigestMismatch, NotFound
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.homes import from_home
from stacktui.categories.private import create_file, make_folder
from stacktui.flavors.local.probing import check_folder, probe_within
from stacktui.model.category import Category

_CHUNK = 1 << 20
_TEMPORARY = ".put-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTENT = re.compile(r"blobs/[0-9a-f]{2}/[0-9a-f]{64}")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class LocalArtifactStoreConfig(FlavorConfig):
    """Where a local artifact store keeps its content."""

    path: str = Field(
        default="",
        description="The folder, relative to the workspace; left empty, `artifacts` in the state folder.",
        json_schema_extra={"format": "directory-path"},
    )

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        if (scheme := _URI.match(path)) and scheme[0].lower() != "file://":
            raise ValueError(
                f"{scheme[0]}… is not a folder on this host: choose the flavor for it, see `stacktui flavor list`"
            )
        return path


class LocalArtifactStore(ArtifactStore):
    """Artifacts in a folder on this host's disk.

    A put writes a temporary file and renames it; it does not wait for the disk. After a power loss a file may
    be torn: `read_bytes` with the digest then raises `DigestMismatch`, and putting the content again heals it.
    """

    facts = FlavorFacts(
        category=Category.ARTIFACT_STORE,
        name="local",
        summary="a folder on this host",
        capabilities=ArtifactStore.CAPABILITIES,
    )
    Config = LocalArtifactStoreConfig
    config: LocalArtifactStoreConfig

    _root: str | None = None
    _filesystem: Any = None

    @property
    def root(self) -> str:
        return Path(self._folder()).as_uri()

    def filesystem(self) -> Any:
        if self._filesystem is None:
            from fsspec.implementations.local import LocalFileSystem

            self._filesystem = LocalFileSystem(auto_mkdir=True)
        return self._filesystem

    def resolve(self, path: str) -> str:
        root = self._folder()
        if _CONTENT.fullmatch(path):
            # The path of every step: nothing in it leads elsewhere but a link in place of one of these folders.
            folder = f"{root}/{path[:8]}"
            if not (os.path.islink(f"{root}/blobs") or os.path.islink(folder)):
                full = f"{folder}{path[8:]}"
                if not os.path.islink(full):
                    return full
        inside = os.path.normpath(path) if path else "."
        if os.path.isabs(path) or "\0" in path or "\\" in path or ".." in path.split("/"):
            raise ComponentError(f"{path!r} leads outside the artifact store: paths are relative to its root")
        full = root if inside == "." else os.path.join(root, inside)
        # The root itself is resolved: only a link below it can lead elsewhere, and looking at these few is cheap.
        place = root
        for part in inside.split("/"):
            place = os.path.join(place, part)
            if os.path.islink(place):
                full = os.path.realpath(full)
                break
        if full != root and not full.startswith(root if root.endswith("/") else root + "/"):
            raise ComponentError(f"{path!r} leads outside the artifact store {root}, through a symbolic link")
        return full

    def put_bytes(self, data: bytes, path: str | None = None) -> StoredContent:
        digest = hashlib.sha256(data).hexdigest()
        relative = _content_path(digest) if path is None else path
        full = self._target(relative)
        with self._in_words("put", relative):
            if not (_holds(full, data) and _renewed(full)):
                temporary, file = _temporary_beside(full)
                with _moved_into_place(temporary, full), file:
                    file.write(data)
        return StoredContent(path=relative, digest=f"sha256:{digest}", size=len(data))

    def put_file(self, source: Path, path: str | None = None) -> StoredContent:
        # Read once, hashed while it is copied: a source that changes meanwhile cannot get a wrong digest.
        staging = self._target(path if path is not None else "blobs/file")
        with self._in_words("put", str(source)), Path(source).open("rb") as reader:
            temporary, file = _temporary_beside(staging)
            try:
                with file:
                    hasher, size = hashlib.sha256(), 0
                    while chunk := reader.read(_CHUNK):
                        hasher.update(chunk)
                        size += len(chunk)
                        file.write(chunk)
                digest = hasher.hexdigest()
                relative = _content_path(digest) if path is None else path
                full = self._target(relative)
                if not (_same_content(full, temporary, size) and _renewed(full)):
                    make_folder(os.path.dirname(full))
                    os.replace(temporary, full)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
        return StoredContent(path=relative, digest=f"sha256:{digest}", size=size)

    def open(self, path: str) -> BinaryIO:
        full = self._target(path)
        try:
            return open(full, "rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise self._missing(path) from None
        except OSError as error:
            raise ComponentError(f"cannot read {full}: {error.strerror}") from error

    def read_bytes(self, path: str, expect_digest: str | None = None) -> bytes:
        with self.open(path) as file:
            data = file.read()
        if expect_digest is not None:
            found = f"sha256:{hashlib.sha256(data).hexdigest()}"
            if found != expect_digest:
                raise DigestMismatch(
                    f"{path} in {self._folder()} is not what was put there: expected {expect_digest}, "
                    f"found {found}; run the step that makes it again"
                )
        return data

    def exists(self, path: str) -> bool:
        return os.path.exists(self.resolve(path))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        full = self.resolve(prefix)
        root = self._folder()
        if Path(full).is_file():
            facts = Path(full).stat()
            yield _stored(os.path.relpath(full, root), facts)
            return
        yield from _walk(full, "" if full == root else os.path.relpath(full, root) + "/")

    def delete(self, path: str) -> None:
        full = Path(self._target(path))
        # The last part is not resolved: deleting a link removes the link, not what it points to.
        if (link := Path(self._folder(), path)).is_symlink():
            full = link
        with self._in_words("delete", path):
            try:
                if full.is_dir() and not full.is_symlink():
                    shutil.rmtree(full)
                else:
                    full.unlink()
            except (FileNotFoundError, NotADirectoryError):
                raise self._missing(path) from None

    def remove_unused(self, path: str, since: datetime) -> bool:
        full, moment = self._target(path), (since - _EPOCH) // timedelta(microseconds=1) * 1000
        with self._in_words("remove", path):
            try:
                if os.stat(full).st_mtime_ns >= moment:
                    return False
                # Moved aside first, under the name of an unfinished put: whoever puts the same content from now on
                # does not find it and writes it, and whoever found it before has made it young.
                aside = _temporary_name(full)
                os.rename(full, aside)
            except (FileNotFoundError, NotADirectoryError):
                raise self._missing(path) from None
            # Gone already: another clean-up took it for what a dead writer left.
            with contextlib.suppress(FileNotFoundError):
                if os.stat(aside).st_mtime_ns >= moment:
                    os.replace(aside, full)
                    return False
                os.unlink(aside)
        return True

    def leftovers(self, older_than_s: float = 60.0) -> Iterator[StoredObject]:
        root, latest = self._folder(), time.time() - older_than_s
        for found in _walk(root, "", unfinished=True):
            if found.modified is not None and found.modified.timestamp() <= latest:
                with contextlib.suppress(OSError):
                    if not _being_written(os.path.join(root, found.path)):
                        yield found

    def local_path(self, path: str) -> Path | None:
        full = Path(self.resolve(path))
        return full if full.exists() else None

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        return probe_within(timeout_s, lambda: check_folder(Path(self._folder())))

    def _folder(self) -> str:
        if self._root is None:
            path = self.config.path.removeprefix("file://")
            folder = self.around.workspace / from_home(path) if path else self.around.state / "artifacts"
            self._root = os.path.realpath(folder)
        return self._root

    def _target(self, path: str) -> str:
        full = self.resolve(path)
        if full == self._folder():
            raise ComponentError("the root of the artifact store is not content: name a path in it")
        return full

    def _missing(self, path: str) -> NotFound:
        return NotFound(f"there is no content at {path!r} in the artifact store {self._folder()}")

    @contextlib.contextmanager
    def _in_words(self, verb: str, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ComponentError(
                f"cannot {verb} {what} in the artifact store {self._folder()}: {error.strerror or error}"
            ) from error


def _content_path(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"


def _temporary_beside(full: str) -> tuple[str, BinaryIO]:
    """A new private file in the folder of `full`, which is made if it is missing."""
    temporary = _temporary_name(full)
    try:
        descriptor = create_file(temporary)
    except FileNotFoundError:
        make_folder(os.path.dirname(full))
        descriptor = create_file(temporary)
    # Held for as long as this process writes it, and given up with it, however it ends.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return temporary, os.fdopen(descriptor, "wb")


def _temporary_name(full: str) -> str:
    folder, name = os.path.split(full)
    return f"{folder}/{_TEMPORARY}{os.urandom(6).hex()}-{name[:40]}"


def _being_written(temporary: str) -> bool:
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _renewed(full: str) -> bool:
    """Note that the content is relied on from now on; False if it is gone, or somebody else's to touch."""
    try:
        os.utime(full)
    except (FileNotFoundError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def _moved_into_place(temporary: str, full: str) -> Iterator[None]:
    try:
        yield
        os.replace(temporary, full)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _holds(full: str, data: bytes) -> bool:
    """Whether a file has just these bytes. Its size alone would not find one that a power loss tore."""
    try:
        if os.stat(full).st_size != len(data):
            return False
        with open(full, "rb") as file:
            view = memoryview(data)
            for start in range(0, len(data), _CHUNK):
                if file.read(_CHUNK) != view[start : start + _CHUNK]:
                    return False
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    return True


def _same_content(full: str, other: str, size: int) -> bool:
    try:
        if os.stat(full).st_size != size:
            return False
        with open(full, "rb") as first, open(other, "rb") as second:
            while chunk := first.read(_CHUNK):
                if chunk != second.read(_CHUNK):
                    return False
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    return True


def _walk(folder: str, prefix: str, *, unfinished: bool = False) -> Iterator[StoredObject]:
    """The files below a folder in the order of their paths, one folder's entries in memory at a time.

    `unfinished`: those of puts that did not come to their end, and no others.
    """
    try:
        with os.scandir(folder) as found:
            entries = [
                (entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
                for entry in found
                if not entry.is_symlink()
                and (entry.name.startswith(_TEMPORARY) is unfinished or entry.is_dir(follow_symlinks=False))
            ]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in sorted(entries, key=lambda pair: pair[0]):
        if name.endswith("/"):
            yield from _walk(entry.path, prefix + name, unfinished=unfinished)
        elif entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                yield _stored(prefix + name, entry.stat(follow_symlinks=False))


def _stored(path: str, facts: os.stat_result) -> StoredObject:
    return StoredObject(
        path=path, size=facts.st_size, modified=_EPOCH + timedelta(microseconds=facts.st_mtime_ns // 1000)
    )
