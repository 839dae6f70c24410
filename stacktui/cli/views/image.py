"""Images, for people."""

from __future__ import annotations

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import moment, size
from stacktui.operations.image import ImageDocument, RepositoryList, TagList


def listing(document: RepositoryList, face: Face) -> None:
    """The repositories as a table."""
    if not document.repositories:
        face.err.line("no image yet; make one of this workspace's code with: stacktui image build NAME")
        return
    face.out.table(
        (Column("repository"), Column("tags", least=10)),
        [(row.name, ", ".join(row.tags)) for row in document.repositories],
    )


def tags(document: TagList, face: Face) -> None:
    """A line a tag."""
    for tag in document.tags:
        face.out.line(tag)


def image(document: ImageDocument, face: Face) -> None:
    """One image and its layers."""
    out = face.out
    out.line(Span(document.repository, Tone.STRONG), "  ", ", ".join(document.tags))
    out.pairs(
        (name, value)
        for name, value in (
            ("digest", document.digest),
            ("size", size(document.size)),
            ("platform", document.platform),
            ("created", moment(document.created)),
            ("holds", "" if document.runnable else "code only: it does not run by itself"),
            *document.annotations.items(),
        )
        if value
    )
    out.line("")
    out.table(
        (Column("layer", least=20), Column("size", right=True), Column("what", least=8, drop=1)),
        [(layer.digest, size(layer.size), layer.title or layer.media_type) for layer in document.layers],
    )


VIEWS = {RepositoryList: listing, TagList: tags, ImageDocument: image}
