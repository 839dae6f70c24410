"""Artifacts: what steps produced, with a preview that runs none of their code, and their lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from stacktui.model.artifact import Artifact, ArtifactLink
from stacktui.operations.documents import Document, Moment, Part
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session

_ID = Arg("The artifact: its id, or pipeline/step[/output].", complete="artifact", name="artifact")


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


class LineageNode(Part):
    """One artifact of a lineage."""

    id: str
    label: str
    """`pipeline/step/output v3`."""
    type: str
    digest: str
    created_at: Moment
    direction: Literal["self", "upstream", "downstream"]
    distance: int
    """Steps away from the artifact that was asked for."""


class LineageEdge(Part):
    """A step that made one artifact out of another."""

    source: str
    target: str
    run_id: str
    step: str


class Lineage(Document):
    """What an artifact was made from, and what was made from it."""

    id: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    complete: bool
    """False where more lies beyond `--depth`."""


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
            run_id=store.run(run_id).id if run_id is not None else None,
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


@operation("artifact lineage", writes=False, on="artifact", examples=("stacktui artifact lineage 0193a1b2",))
def lineage(
    session: Session,
    artifact_id: Annotated[str, _ID],
    *,
    depth: Annotated[int, Opt("How many steps up and down.", short="d")] = 10,
) -> Lineage:
    """Show what an artifact was made from, and what was made from it."""
    store = session.store()
    start = find(store, artifact_id)
    nodes: dict[str, LineageNode] = {start.id: _node(start, "self", 0)}
    edges: dict[LineageEdge, None] = {}
    complete = True
    for direction in ("upstream", "downstream"):
        frontier = [start]
        distance = 0
        while frontier:
            distance += 1
            nearest: list[Artifact] = []
            for artifact in frontier:
                neighbours = (
                    _made_from(store, artifact) if direction == "upstream" else _made_into(store, artifact)
                )
                for other, edge in neighbours:
                    if distance > depth:
                        complete = False
                        continue
                    edges[edge] = None
                    if other.id not in nodes:
                        nodes[other.id] = _node(other, direction, distance)
                        nearest.append(other)
            frontier = nearest
    return Lineage(id=start.id, nodes=tuple(nodes.values()), edges=tuple(edges), complete=complete)


def find(store: MetadataStore, wanted: str) -> Artifact:
    """An artifact by its id, or the newest of `pipeline/step[/output]`. Raises `NotFound`."""
    from stacktui.categories.errors import NotFound
    from stacktui.categories.metadata_store import ArtifactQuery

    if "/" not in wanted:
        return store.artifact(wanted)
    pipeline, _, rest = wanted.partition("/")
    step, _, output = rest.partition("/")
    found = store.artifacts(ArtifactQuery(pipeline=pipeline, step=step, name=output or None, limit=1))
    if not found:
        raise NotFound(f"there is no artifact {wanted!r}; stacktui artifact list lists them")
    return found[0]


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


def _node(artifact: Artifact, direction: Any, distance: int) -> LineageNode:
    return LineageNode(
        id=artifact.id,
        label=f"{artifact.pipeline}/{artifact.step}/{artifact.name} v{artifact.version}",
        type=artifact.type,
        digest=artifact.digest,
        created_at=artifact.created_at,
        direction=direction,
        distance=distance,
    )


def _made_from(store: MetadataStore, artifact: Artifact) -> list[tuple[Artifact, LineageEdge]]:
    """The inputs of the step that produced an artifact."""
    return [
        (source, LineageEdge(source=source.id, target=artifact.id, run_id=artifact.run_id, step=step.name))
        for step in store.steps(artifact.run_id)
        if step.name == artifact.step
        for source in map(store.artifact, step.inputs.values())
    ]


def _made_into(store: MetadataStore, artifact: Artifact) -> list[tuple[Artifact, LineageEdge]]:
    """The outputs of the steps that used an artifact."""
    found = []
    for link in store.links(artifact.id)[1]:
        for step in store.steps(link.run_id):
            if step.name != link.step or step.cached_from is not None:
                continue
            for target in map(store.artifact, step.outputs.values()):
                edge = LineageEdge(source=artifact.id, target=target.id, run_id=link.run_id, step=step.name)
                found.append((target, edge))
    return found
