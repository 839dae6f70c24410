"""Content of an artifact store that no artifact names, and what dead writers left there.

Beside runs that go on: what was put, or put again, since the oldest of them began may be named any moment and stays.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from stacktui.categories.artifact_store import ArtifactStore, StoredObject
from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.run import Run
from stacktui.pipelines.retention.waste import Waste

_BY_DIGEST = re.compile(r"(?:.*/)?[0-9a-f]{64}")
"""What was put without a path; what somebody put at a path of their own is theirs to remove."""
_SLACK = timedelta(seconds=2)
"""File systems give times from a clock that ticks slowly."""
_BETWEEN_HOSTS = timedelta(minutes=5)
"""How far the clocks of hosts may be apart."""


class Unnamed(NamedTuple):
    """Content that nothing names."""

    objects: tuple[StoredObject, ...]
    young: Waste
    """Of content that nothing names either, but that may be a run's that goes on."""


def horizon(active: Sequence[Run], at: datetime, store_now: datetime | None) -> datetime:
    """The moment before which content was put that no run which goes on can be about to name.

    `at` is now by this host's clock, `store_now` by the artifact store's.
    """
    here = socket.gethostname()
    slack = _SLACK + (_BETWEEN_HOSTS if any(run.host != here for run in active) else timedelta())
    behind = timedelta() if store_now is None else min(store_now - at, timedelta())
    return min([at, *(run.created_at for run in active)]) + behind - slack


def unnamed(
    artifacts: ArtifactStore, stores: Sequence[MetadataStore], before: datetime, without: Collection[str] = ()
) -> Unnamed:
    """What no artifact names, as if those of the runs `without` were gone; put before a moment."""
    # The content first, then the names: what is put in between is not looked at.
    there = [found for found in artifacts.list() if _BY_DIGEST.fullmatch(found.path)]
    named = {uri for store in stores for uri, _, _ in store.contents(without)}
    objects, young = [], Waste()
    for found in there:
        if found.path in named:
            continue
        if found.modified is not None and found.modified < before:
            objects.append(found)
        else:
            young = young.plus(1, found.size)
    return Unnamed(tuple(objects), young)


def remove(artifacts: ArtifactStore, objects: Sequence[StoredObject], before: datetime) -> Waste:
    """Remove content that nothing names; what was put again meanwhile stays."""
    waste = Waste()
    for found in objects:
        with contextlib.suppress(NotFound):
            if artifacts.remove_unused(found.path, before):
                waste = waste.plus(1, found.size)
    return waste


def left_by_writers(artifacts: ArtifactStore) -> tuple[StoredObject, ...]:
    """Temporary files of puts whose process has died."""
    return tuple(artifacts.leftovers())


def remove_left(artifacts: ArtifactStore, objects: Sequence[StoredObject]) -> Waste:
    """Remove them."""
    waste = Waste()
    for found in objects:
        with contextlib.suppress(NotFound):
            artifacts.delete(found.path)
            waste = waste.plus(1, found.size)
    return waste
