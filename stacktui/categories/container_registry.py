"""Container registries: keep the OCI images that steps run in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from stacktui.categories.base import StackComponent
from stacktui.model.base import Noun


class Layer(Noun):
    """One layer of an image."""

    digest: str
    size: int
    """Bytes, as stored."""
    media_type: str
    title: str = ""


class Image(Noun):
    """One image as its manifest tells it."""

    repository: str
    digest: str
    """Of the manifest."""
    tags: tuple[str, ...] = ()
    media_type: str
    size: int
    """Bytes of config and layers together."""
    layers: tuple[Layer, ...] = ()
    created: datetime | None = None
    platform: str = ""
    annotations: dict[str, str] = {}
    runnable: bool = True
    """False for an image that holds code only."""


class ContainerRegistry(StackComponent):
    """Repositories of images by tag and digest. `reference` is a tag or a `sha256:` digest."""

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset({"build", "delete", "inspect", "list", "pull", "push"})

    @abstractmethod
    def repositories(self) -> list[str]:
        """Names of the repositories, sorted."""

    @abstractmethod
    def tags(self, repository: str) -> list[str]:
        """Tags of one repository, sorted. Raises `NotFound`."""

    @abstractmethod
    def inspect(self, repository: str, reference: str) -> Image:
        """One image. Raises `NotFound`."""

    @abstractmethod
    def manifest(self, repository: str, reference: str) -> Mapping[str, Any]:
        """The manifest's JSON."""

    @abstractmethod
    def push(self, layout: Path, repository: str, tags: Sequence[str]) -> Image:
        """Take in the image of an OCI layout folder on this host, under `tags`."""

    @abstractmethod
    def pull(self, repository: str, reference: str, layout: Path) -> Image:
        """Write an image to an OCI layout folder on this host. Every blob's digest is checked."""

    @abstractmethod
    def delete(self, repository: str, reference: str) -> None:
        """Remove a tag, or by digest the image and its tags. Blobs that nothing needs any more go too."""

    @abstractmethod
    def build(
        self, code: Path, repository: str, tags: Sequence[str], *, labels: Mapping[str, str] | None = None
    ) -> Image:
        """Make an image of a code snapshot folder and keep it. The same input gives the same digest."""
