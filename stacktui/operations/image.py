"""Images in the active stack's container registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stacktui.categories.container_registry import Image
from stacktui.operations.documents import Document, DoneDocument, Moment, Part
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session

_REPOSITORY = Arg("The repository.", complete="repository")
_REFERENCE = Arg("A tag, or a sha256: digest.", complete="tag")


class RepositoryRow(Part):
    """One repository."""

    name: str
    tags: tuple[str, ...]


class RepositoryList(Document):
    """The repositories by name."""

    registry: str
    repositories: tuple[RepositoryRow, ...]


class TagList(Document):
    """The tags of one repository."""

    repository: str
    tags: tuple[str, ...]


class LayerPart(Part):
    """One layer of an image."""

    digest: str
    size: int
    media_type: str
    title: str


class ImageDocument(Document):
    """One image."""

    repository: str
    digest: str
    tags: tuple[str, ...]
    media_type: str
    size: int
    created: Moment | None
    platform: str
    runnable: bool
    annotations: dict[str, str]
    layers: tuple[LayerPart, ...]


@operation("image list", writes=False, examples=("stacktui image list",))
def list_(session: Session) -> RepositoryList:
    """List the repositories with their tags."""
    registry = session.live().container_registry
    return RepositoryList(
        registry=registry.name,
        repositories=tuple(
            RepositoryRow(name=name, tags=tuple(registry.tags(name))) for name in registry.repositories()
        ),
    )


@operation(
    "image tags", writes=False, on="repository", key="enter", examples=("stacktui image tags training",)
)
def tags(session: Session, repository: Annotated[str, _REPOSITORY]) -> TagList:
    """List the tags of a repository."""
    _known(session, repository)
    return TagList(repository=repository, tags=tuple(session.live().container_registry.tags(repository)))


@operation(
    "image inspect",
    writes=False,
    on="image",
    key="enter",
    examples=("stacktui image inspect training latest",),
)
def inspect(
    session: Session,
    repository: Annotated[str, _REPOSITORY],
    reference: Annotated[str, _REFERENCE] = "latest",
) -> ImageDocument:
    """Show an image: digest, size, platform and layers."""
    _known(session, repository)
    return _document(session.live().container_registry.inspect(repository, reference))


@operation(
    "image build", writes=True, on="repository", key="b", examples=("stacktui image build training --tag v1",)
)
def build(
    session: Session,
    repository: Annotated[str, _REPOSITORY],
    *,
    tag: Annotated[tuple[str, ...], Opt("A tag for it.", short="t")] = ("latest",),
) -> ImageDocument:
    """Make an image of the workspace's code and keep it. The same code gives the same digest."""
    from stacktui.model.base import is_name
    from stacktui.pipelines.snapshot import take_snapshot

    if not all(is_name(part) for part in repository.split("/")):
        raise OperationError(f"{repository!r} cannot name a repository: lower-case words, parted by '/'")
    registry = session.live().container_registry
    code = take_snapshot(session.workspace)
    labels = {"org.stacktui.code": code.digest}
    image = registry.build(code.path, repository, tag or ("latest",), labels=labels)
    session.note("built", f"image/{repository}", image.digest)
    session.changed(paths=[session.workspace.state])
    return _document(image)


@operation("image delete", writes=True, on="image", key="D", examples=("stacktui image delete training v1",))
def delete(
    session: Session,
    repository: Annotated[str, _REPOSITORY],
    reference: Annotated[str, _REFERENCE],
) -> DoneDocument:
    """Delete a tag, or by digest the image with its tags."""
    _known(session, repository)
    session.live().container_registry.delete(repository, reference)
    session.note("deleted", f"image/{repository}", reference)
    session.changed(paths=[session.workspace.state])
    return DoneDocument(done=f"deleted {repository} {reference}")


def _known(session: Session, repository: str) -> None:
    names = session.live().container_registry.repositories()
    if repository not in names:
        raise unknown("repository", repository, names, "stacktui image list")


def _document(image: Image) -> ImageDocument:
    return ImageDocument(
        repository=image.repository,
        digest=image.digest,
        tags=image.tags,
        media_type=image.media_type,
        size=image.size,
        created=image.created,
        platform=image.platform,
        runnable=image.runnable,
        annotations=image.annotations,
        layers=tuple(
            LayerPart(digest=each.digest, size=each.size, media_type=each.media_type, title=each.title)
            for each in image.layers
        ),
    )
