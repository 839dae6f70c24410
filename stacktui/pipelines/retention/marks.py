"""Which metadata stores name content in an artifact store: each leaves a mark there before its first run puts anything.

Without it, a clean-up that knows one metadata store would take what another one names for nobody's. Used by the
runner, which leaves the mark, and by `content`, which looks at all of them.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore

_FOLDER = "used-by"


class Mark(NamedTuple):
    """A metadata store that uses the artifact store."""

    identity: str
    workspace: str
    """Where the run was started that left it."""
    path: str
    """Of the mark itself, in the artifact store."""


def leave_mark(artifacts: ArtifactStore, store: MetadataStore, workspace: Path) -> None:
    """Note that a metadata store names content here; cheap where that is noted already."""
    if not artifacts.exists(_path_of(store.identity)):
        renew_mark(artifacts, store, workspace)


def renew_mark(artifacts: ArtifactStore, store: MetadataStore, workspace: Path) -> datetime | None:
    """Note it, and return the moment by the artifact store's own clock, where it has one."""
    document = {"identity": store.identity, "workspace": str(workspace)}
    path = _path_of(store.identity)
    artifacts.put_bytes(json.dumps(document, sort_keys=True).encode("ascii"), path)
    return next((found.modified for found in artifacts.list(path)), None)


def other_users(artifacts: ArtifactStore, known: Collection[str]) -> list[Mark]:
    """The metadata stores, other than those whose identities are known, that name content here."""
    return [mark for mark in _marks(artifacts) if mark.identity not in known and not _is_gone(mark)]


def _marks(artifacts: ArtifactStore) -> list[Mark]:
    found = []
    for each in artifacts.list(_FOLDER):
        try:
            document = json.loads(artifacts.read_bytes(each.path))
            found.append(Mark(str(document["identity"]), str(document.get("workspace", "")), each.path))
        except (ValueError, KeyError, TypeError, ComponentError):
            # Somebody's all the same.
            found.append(Mark("unreadable", "", each.path))
    return found


def _path_of(identity: str) -> str:
    return f"{_FOLDER}/{hashlib.sha256(identity.encode()).hexdigest()[:32]}.json"


def _is_gone(mark: Mark) -> bool:
    """Whether it is certain that the metadata store is no more: its file is missing from a folder that is there."""
    kind, _, rest = mark.identity.partition(":")
    host, _, path = rest.partition(":")
    if kind != "sqlite" or host != socket.gethostname():
        return False
    return Path(path).parent.is_dir() and not Path(path).exists()
