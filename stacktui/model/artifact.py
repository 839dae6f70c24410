"""What steps produce: content in the artifact store, described by a record in the metadata store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from stacktui.model.base import Noun


class ArtifactRef(Noun):
    """Enough to load an artifact: it travels in a step's spec and result."""

    id: str
    uri: str
    """Relative to the artifact store's root."""
    digest: str
    """`sha256:` and 64 hexadecimal digits, of the content (of a folder: of its sorted listing)."""
    size: int
    """Bytes."""
    type: str
    """The Python type's qualified name: `pandas.core.frame.DataFrame`."""
    materializer: str
    """The materializer that wrote it and reads it: `json`, `npy`, `parquet`, `pickle` …"""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Small facts for people: shape, columns, length."""


class Artifact(ArtifactRef):
    """An artifact as recorded: which step of which run made it, when, under which name."""

    name: str
    """The output's name within its step."""
    run_id: str
    pipeline: str
    step: str
    version: int
    """Counted from 1 within pipeline, step and output."""
    created_at: datetime
    tags: tuple[str, ...] = ()


class ArtifactLink(Noun):
    """A step of a run that produced or used an artifact."""

    run_id: str
    step: str
    name: str
    """The input's or output's name."""
