"""Artifact stores: keep what steps produce, by content, in an fsspec file system under one root."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.base import Noun


class StoredObject(Noun):
    """One file in the store."""

    path: str
    """Relative to the store's root, with forward slashes."""
    size: int
    modified: datetime | None = None


class StoredContent(Noun):
    """What `put` kept."""

    path: str
    digest: str
    """`sha256:…` of the bytes."""
    size: int


class ArtifactStore(StackComponent):
    """Content under one root. Paths are relative; one that leads outside the root raises `ComponentError`."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"delete", "list", "put", "read"})

    @property
    @abstractmethod
    def root(self) -> str:
        """The fsspec URI of the root: `file:///…`, `s3://bucket/prefix`."""

    @abstractmethod
    def filesystem(self) -> Any:
        """The fsspec file system. Made on first use."""

    @abstractmethod
    def resolve(self, path: str) -> str:
        """`path` under the root, as the file system wants it. Raises `ComponentError` if it leads outside."""

    @abstractmethod
    def put_bytes(self, data: bytes, path: str | None = None) -> StoredContent:
        """Keep bytes atomically: a reader sees all of them or nothing. Without a path, at one made of the digest.

        The same content at the same path is written once. `list` says when it was put last: what somebody relies
        on again is young again, and `remove_unused` leaves it.
        """

    @abstractmethod
    def put_file(self, source: Path, path: str | None = None) -> StoredContent:
        """Keep a file's bytes, as `put_bytes` does, without holding them in memory."""

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """The content for reading. Raises `NotFound`."""

    @abstractmethod
    def read_bytes(self, path: str, expect_digest: str | None = None) -> bytes:
        """The whole content. Raises `NotFound`, and `ComponentError` if the digest is another one."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is content at `path`."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Everything under `prefix`, in the order of paths, as it is found."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file, or a folder and all in it. Raises `NotFound`."""

    def remove_unused(self, path: str, since: datetime) -> bool:
        """Remove content unless it was put, or put again, at `since` or later. Whether it was removed.

        For whoever removes what nobody names, beside writers: one that puts the same content meanwhile either
        keeps it or writes it anew. Raises `NotFound`.
        """
        if any(found.modified is None or found.modified >= since for found in self.list(path)):
            return False
        self.delete(path)
        return True

    def leftovers(self, older_than_s: float = 60.0) -> Iterator[StoredObject]:
        """What writers that died have left behind: nobody's content, to be removed with `delete`."""
        yield from ()

    def local_path(self, path: str) -> Path | None:
        """The file on this host's disk, where there is one: it spares a copy. None for remote stores."""
        return None
