"""Artifacts, for people."""

from __future__ import annotations

import sys

from stacktui.cli.face import Face
from stacktui.cli.terminal import Column, Span, Tone
from stacktui.cli.words import moment, size, stamp
from stacktui.model.base import short_id
from stacktui.operations.artifact import ArtifactContent, ArtifactDocument, ArtifactList, ArtifactPreview
from stacktui.operations.errors import OperationError
from stacktui.operations.moments import with_zone


def listing(document: ArtifactList, face: Face) -> None:
    """The artifacts as a table."""
    if not document.artifacts:
        face.err.line("no artifact matches; a run makes some: stacktui run pipelines/hello.py:hello")
        return
    face.out.table(
        (
            Column("artifact"),
            Column("of", least=14),
            Column("version", right=True),
            Column("type", least=8, drop=1),
            Column("size", right=True),
            Column(with_zone("created", (each.created_at for each in document.artifacts)), drop=2),
            Column("tags", least=6, drop=3),
        ),
        [
            (
                short_id(each.id),
                f"{each.pipeline}/{each.step}/{each.name}",
                str(each.artifact_version),
                each.type,
                size(each.size),
                stamp(each.created_at),
                ", ".join(each.tags),
            )
            for each in document.artifacts
        ],
    )
    if document.next is not None:
        face.err.line(f"there may be more: --after {document.next}")


def show(document: ArtifactDocument, face: Face) -> None:
    """One artifact."""
    out = face.out
    out.line(
        Span(f"{document.pipeline}/{document.step}/{document.name}", Tone.STRONG),
        f" version {document.artifact_version}",
    )
    by = document.produced_by
    out.pairs(
        (name, value)
        for name, value in (
            ("id", document.id),
            ("type", document.type),
            ("size", size(document.size)),
            ("materializer", document.materializer),
            ("digest", document.digest),
            ("uri", document.uri),
            ("created", moment(document.created_at)),
            ("made by", f"run {short_id(by.run_id)}, step {by.step}"),
            ("tags", ", ".join(document.tags)),
            *((key, str(value)) for key, value in document.metadata.items()),
        )
        if value
    )
    if document.used_by:
        out.line("")
        out.heading("Used by")
        for link in document.used_by:
            out.line(f"  run {short_id(link.run_id)}, step {link.step}", Span(f" as {link.name}", Tone.MUTED))


def preview(document: ArtifactPreview, face: Face) -> None:
    """The head of it."""
    out = face.out
    if document.rows or document.columns:
        out.table([Column(name, literal=True, least=6) for name in document.columns], document.rows)
    if document.text:
        out.block(document.text.rstrip("\n"))
    if document.note or document.truncated:
        face.err.line(Span(document.note or "there is more: --limit shows it", Tone.MUTED))


def content(document: ArtifactContent, face: Face) -> None:
    """Where it was written and how it is loaded; or the bytes themselves, for a file or a program."""
    if document.path is None:
        if face.out.terminal:
            raise OperationError(
                "an artifact's bytes are not for a terminal: send them to a file or a program, "
                "or name a file with -o"
            )
        face.out.flush()
        document.send(sys.stdout.buffer)
        return
    face.out.line("wrote ", Span(document.path, Tone.STRONG))
    face.out.pairs(
        (name, value)
        for name, value in (
            ("type", document.type),
            ("size", size(document.size)),
            ("materializer", document.materializer),
            ("load", document.load),
            ("or read", document.read),
        )
        if value
    )


VIEWS = {
    ArtifactList: listing,
    ArtifactDocument: show,
    ArtifactPreview: preview,
    ArtifactContent: content,
}
