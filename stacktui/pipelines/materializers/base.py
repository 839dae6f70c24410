"""What a materializer is: packs a value into bytes or a file, and gives the value back.

Content is packed without pickle wherever the type allows it, and the same value gives the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError, DigestMismatch
from stacktui.model.artifact import ArtifactRef

_BLOCK = 1 << 20


class MaterializerError(ComponentError):
    """A value could not be kept or given back. The message says which and what to do."""


class Unfit(Exception):
    """This materializer cannot keep this value as it is; the next one is asked."""


def object_called(name: str) -> Any:
    """What `module:qualified.name` names. Whatever its import raises comes through."""
    module, _, qualified = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    return found


class Packed(NamedTuple):
    """A value's content, on its way into the store."""

    content: bytes | Path
    """The bytes, or a file in the scratch folder that holds them."""
    facts: dict[str, Any]
    """Small facts for people: shape, columns, length."""


def copy_content(ref: ArtifactRef, store: ArtifactStore, copy: BinaryIO) -> None:
    """Write an artifact's content to a stream. Raises `DigestMismatch` after that, if it is not what was put."""
    seen = hashlib.sha256()
    with store.open(ref.uri) as content:
        while block := content.read(_BLOCK):
            seen.update(block)
            copy.write(block)
    check(ref, f"sha256:{seen.hexdigest()}")


class Source:
    """An artifact's content on its way out of the store; it is checked against the digest before it is used."""

    def __init__(self, ref: ArtifactRef, store: ArtifactStore, scratch: Path) -> None:
        self.ref = ref
        self._store = store
        self._scratch = scratch

    def data(self) -> bytes:
        """The whole content. Raises `DigestMismatch`."""
        return self._store.read_bytes(self.ref.uri, expect_digest=self.ref.digest)

    def file(self, name: str) -> Path:
        """A private copy of the content, called `name`, in a new folder. Raises `DigestMismatch`."""
        folder = new_folder(self._scratch)
        target = folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with os.fdopen(os.open(target, flags, 0o600), "wb") as copy:
                copy_content(self.ref, self._store, copy)
        except DigestMismatch:
            target.unlink()
            raise
        return target

    def folder(self) -> Path:
        """A new, empty folder that lives as long as the step."""
        return new_folder(self._scratch)


class Materializer(Protocol):
    """One way to keep values. A team's own has the two methods, and is recorded as `module:object` (`custom`)."""

    name: str
    """What `ArtifactRef.materializer` records."""

    def pack(self, value: Any, scratch: Path) -> Packed:
        """The content of `value`; large content goes to a file under `scratch`. Raises `Unfit`."""

    def unpack(self, source: Source) -> Any:
        """The value again, equal to the one that was packed."""


def check(ref: ArtifactRef, digest: str) -> None:
    """Raise `DigestMismatch` unless `digest` is the recorded one."""
    if digest != ref.digest:
        raise DigestMismatch(
            f"artifact {ref.id} at {ref.uri} has changed since it was made: its digest is {digest[:19]}…, "
            f"not {ref.digest[:19]}…; run the step that made it again"
        )


def new_folder(parent: Path) -> Path:
    """A new private folder in `parent`."""
    for number in range(1_000_000):
        folder = parent / f"{number:06d}"
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        return folder
    raise MaterializerError(f"no room for another folder in {parent}")


def type_name(value: Any) -> str:
    """The qualified name of a value's type, without `builtins.`: `int`, `pandas.core.frame.DataFrame`."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
