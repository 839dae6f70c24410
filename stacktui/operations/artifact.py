"""Artifacts: what steps produced, with a preview that runs none of their code, and their lineage."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

from pydantic import PrivateAttr

from stacktui.categories.errors import NotFound
from stacktui.model.artifact import Artifact, ArtifactLink
from stacktui.operations.documents import Document, DoneDocument, Moment, Part
from stacktui.operations.errors import AnswerIsNo, OperationError
from stacktui.operations.lineage import Lineage, walk
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import which_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session

_ID = Arg(
    "The artifact: its id, or pipeline/step[/output][@version or :tag], the newest by default.",
    complete="artifact",
    name="artifact",
)
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class LinkPart(Part):
    """A step of a run that produced or used an artifact."""

    run_id: str
    step: str
    name: str
    """The output's or input's name."""

    @classmethod
    def of(cls, link: ArtifactLink) -> LinkPart:
        return cls(run_id=link.run_id, step=link.step, name=link.name)


class ArtifactPart(Part):
    """One artifact."""

    id: str
    uri: str
    """Relative to the artifact store's root."""
    type: str
    materializer: str
    digest: str
    size: int
    metadata: dict[str, Any]
    produced_by: LinkPart
    used_by: tuple[LinkPart, ...]
    name: str
    pipeline: str
    step: str
    run_id: str
    artifact_version: int
    """Counted from 1 within pipeline, step and output."""
    created_at: Moment
    tags: tuple[str, ...]


class ArtifactList(Document):
    """Artifacts, newest first."""

    artifacts: tuple[ArtifactPart, ...]
    next: str | None
    """What `--after` takes for the page that follows; None at the end."""


class ArtifactDocument(ArtifactPart, Document):
    """One artifact."""


class ArtifactPreview(Document):
    """What is in an artifact, as far as it can be told without running its code."""

    id: str
    type: str
    kind: str
    """`table`, `json`, `text`, `listing` or `none`."""
    note: str
    """Why there is nothing to see, or how much there is in all."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text: str
    truncated: bool


class ArtifactContent(Document):
    """That an artifact's content was written, and how it is read."""

    id: str
    path: str | None
    """The file or folder; None where it goes to standard output."""
    type: str
    materializer: str
    size: int
    digest: str
    """Checked before anything was written."""
    load: str
    """A line of Python that gives the value."""
    read: str
    """A line of Python that reads what was written without stacktui; empty where there is none."""
    _send: Callable[[BinaryIO], None] | None = PrivateAttr(None)

    @property
    def answer(self) -> bool:
        return self._send is None

    @property
    def done(self) -> str:
        return f"wrote {self.path}; {self.load} loads it" if self.path else "nothing here takes bytes"

    def send(self, stream: BinaryIO) -> None:
        """Write the content to a stream, once. Raises `DigestMismatch`."""
        if self._send is not None:
            self._send(stream)
            self._send = None


@operation(
    "artifact list",
    writes=False,
    examples=("stacktui artifact list", "stacktui artifact list --pipeline training --step fit"),
)
def list_(
    session: Session,
    *,
    pipeline: Annotated[str | None, Opt("Only artifacts of this pipeline.")] = None,
    step: Annotated[str | None, Opt("Only artifacts of this step.")] = None,
    name: Annotated[str | None, Opt("Only outputs of this name.")] = None,
    run_id: Annotated[str | None, Opt("Only artifacts of this run.", complete="run", name="run")] = None,
    tag: Annotated[str | None, Opt("Only artifacts with this tag.")] = None,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
    after: Annotated[str | None, Opt("The `next` of the page before.")] = None,
) -> ArtifactList:
    """List artifacts, newest first."""
    from stacktui.categories.metadata_store import ArtifactQuery

    store = session.store()
    found = store.artifacts(
        ArtifactQuery(
            pipeline=pipeline,
            step=step,
            name=name,
            tag=tag,
            run_id=which_run(store, run_id).id if run_id is not None else None,
            limit=limit,
            after=after,
        )
    )
    return ArtifactList(
        artifacts=tuple(artifact_part(store, each) for each in found),
        next=found[-1].id if len(found) == limit else None,
    )


@operation(
    "artifact show",
    writes=False,
    on="artifact",
    key="enter",
    examples=("stacktui artifact show training/fit/model",),
)
def show(session: Session, artifact_id: Annotated[str, _ID]) -> ArtifactDocument:
    """Show an artifact: type, size, digest, who produced and who used it."""
    store = session.store()
    part = artifact_part(store, find(store, artifact_id))
    return ArtifactDocument(**{name: getattr(part, name) for name in ArtifactPart.model_fields})


@operation("artifact preview", writes=False, on="artifact", examples=("stacktui artifact preview 0193a1b2",))
def preview(
    session: Session,
    artifact_id: Annotated[str, _ID],
    *,
    limit: Annotated[int, Opt("How many rows or lines, at most.", short="n")] = 20,
) -> ArtifactPreview:
    """Show what is in an artifact: the head of a table, JSON, text. Nothing of it is executed."""
    from stacktui.pipelines.materializers.preview import preview as look

    artifact = find(session.store(), artifact_id)
    found = look(artifact, session.live().artifact_store, limit)
    return ArtifactPreview(
        id=artifact.id,
        type=artifact.type,
        kind=found.kind,
        note=found.note,
        columns=found.columns,
        rows=found.rows,
        text=found.text,
        truncated=found.truncated,
    )


@operation(
    "artifact get",
    writes=True,
    on="artifact",
    examples=(
        "stacktui artifact get training/fit -o model.pickle",
        "stacktui artifact get training/load/train@3 -o - > train.parquet",
    ),
)
def get(
    session: Session,
    artifact_id: Annotated[str, _ID],
    *,
    output: Annotated[
        Path | None, Opt("The file or folder to write; - for standard output.", short="o", complete="path")
    ] = None,
    force: Annotated[bool, Opt("Write over what is there.")] = False,
) -> ArtifactContent:
    """Write an artifact's content to a file or folder, as it is kept; its digest is checked first."""
    from stacktui.pipelines.materializers.export import (
        TargetExists,
        export,
        file_name,
        how_to_read,
        send,
    )

    artifact = find(session.store(), artifact_id)
    store = session.live().artifact_store
    written: Path | None = None
    if output is None or str(output) != "-":
        target = (session.start / (output or file_name(artifact))).absolute()
        if not target.parent.is_dir():
            raise OperationError(f"there is no folder {target.parent}; make it first")
        try:
            written = export(artifact, store, target, force=force)
        except TargetExists as there:
            raise AnswerIsNo(str(there)) from None
        session.changed(paths=[written])
    document = ArtifactContent(
        id=artifact.id,
        path=None if written is None else str(written),
        type=artifact.type,
        materializer=artifact.materializer,
        size=artifact.size,
        digest=artifact.digest,
        load=f'stacktui.load_artifact("{spelled(artifact)}")',
        read="" if written is None else how_to_read(artifact, written),
    )
    document._send = None if written is not None else lambda stream: send(artifact, store, stream)
    return document


@operation(
    "artifact tag",
    writes=True,
    on="artifact",
    examples=(
        "stacktui artifact tag training/fit gold",
        "stacktui artifact tag training/fit:gold gold --remove",
    ),
)
def tag(
    session: Session,
    artifact_id: Annotated[str, _ID],
    tag: Annotated[str, Arg("The tag: letters, digits, '.', '_' and '-'.")],
    *,
    remove: Annotated[bool, Opt("Take it away.")] = False,
) -> DoneDocument:
    """Give an artifact a tag, or take it away; of the versions of one output a tag names one at a time.

    What has a tag is never pruned. A pipeline takes it as Artifact("training/fit", tag="gold").
    """
    store = session.store()
    artifact = find(store, artifact_id)
    if not _TAG.fullmatch(tag) or tag == "latest":
        why = (
            "every newest version is that"
            if tag == "latest"
            else "a tag has letters, digits, '.', '_' and '-'"
        )
        raise OperationError(f"{tag!r} cannot be a tag: {why}")
    label = f"{artifact.pipeline}/{artifact.step}/{artifact.name} v{artifact.version}"
    if remove:
        store.untag_artifact(artifact.id, tag)
    else:
        store.tag_artifact(artifact.id, tag)
    session.note("untagged" if remove else "tagged", f"artifact/{artifact.id}", f"{label}: {tag}")
    session.changed(runs=[artifact.run_id])
    return DoneDocument(done=f"{label} is no longer {tag}" if remove else f"{label} is {tag} now")


@operation(
    "artifact lineage",
    writes=False,
    on="artifact",
    examples=("stacktui artifact lineage training/fit", "stacktui artifact lineage 0193a1b2 --depth 2"),
)
def lineage(
    session: Session,
    artifact_id: Annotated[str, _ID],
    *,
    depth: Annotated[int, Opt("How many steps up and down.", short="d")] = 10,
) -> Lineage:
    """Show what an artifact was made from, and what was made from it."""
    store = session.store()
    return walk(store, find(store, artifact_id), depth)


def find(store: MetadataStore, wanted: str) -> Artifact:
    """An artifact by its id, or by `pipeline/step[/output][@version or :tag]`. Raises `NotFound`, `OperationError`."""
    from stacktui.pipelines.loading import NotAName, find_artifact

    try:
        return find_artifact(store, wanted)
    except NotAName as error:
        raise OperationError(str(error)) from None
    except NotFound:
        from stacktui.categories.metadata_store import ArtifactQuery

        pipeline, slash, rest = wanted.partition("/")
        step = re.split(r"[/@:]", rest)[0]
        if slash and not store.artifacts(ArtifactQuery(pipeline=pipeline, step=step, limit=1)):
            raise NotFound(f"there is no artifact {wanted!r}; stacktui artifact list lists them") from None
        raise


def spelled(artifact: Artifact) -> str:
    """The name that stands for this artifact alone."""
    return f"{artifact.pipeline}/{artifact.step}/{artifact.name}@{artifact.version}"


def artifact_part(store: MetadataStore, artifact: Artifact) -> ArtifactPart:
    """An artifact with who produced and used it."""
    produced, used = store.links(artifact.id)
    return ArtifactPart(
        id=artifact.id,
        uri=artifact.uri,
        type=artifact.type,
        materializer=artifact.materializer,
        digest=artifact.digest,
        size=artifact.size,
        metadata=artifact.metadata,
        produced_by=LinkPart.of(produced),
        used_by=tuple(map(LinkPart.of, used)),
        name=artifact.name,
        pipeline=artifact.pipeline,
        step=artifact.step,
        run_id=artifact.run_id,
        artifact_version=artifact.version,
        created_at=artifact.created_at,
        tags=artifact.tags,
    )
