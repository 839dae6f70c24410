"""What an artifact was made from, and what was made from it: the walk over the store, and its document.

Used by `artifact lineage` and the artifacts' pane. There are no circles: a step can only take what was there before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stacktui.model.artifact import Artifact
from stacktui.operations.documents import Document, Moment, Part

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.run import StepRun

WIDEST = 50
"""How many neighbours of one artifact are shown; the others are counted."""

Direction = Literal["self", "upstream", "downstream"]


class LineageNode(Part):
    """One artifact of a lineage."""

    id: str
    label: str
    """`pipeline/step/output v3`."""
    type: str
    digest: str
    created_at: Moment | None
    """None where the artifact has been removed since."""
    direction: Direction
    distance: int
    """Steps away from the artifact that was asked for."""
    more: int = 0
    """Neighbours further away in its direction that are left out, because there are too many; about that many."""


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
    """False where more lies beyond `--depth`, or was too many to show."""


def walk(store: MetadataStore, start: Artifact, depth: int) -> Lineage:
    """The lineage of an artifact, up and down, at most `depth` steps away."""
    found = _Walk(store, start)
    for direction in ("upstream", "downstream"):
        found.go(direction, depth)
    return Lineage(
        id=start.id, nodes=tuple(found.nodes.values()), edges=tuple(found.edges), complete=found.complete
    )


class _Walk:
    def __init__(self, store: MetadataStore, start: Artifact) -> None:
        self._store = store
        self._start = start
        self._steps: dict[str, dict[str, StepRun]] = {}
        self.nodes: dict[str, LineageNode] = {start.id: _node(start, "self", 0)}
        self.edges: dict[LineageEdge, None] = {}
        self.complete = True

    def go(self, direction: Literal["upstream", "downstream"], depth: int) -> None:
        frontier, distance = [self._start], 0
        while frontier:
            distance += 1
            nearest: list[Artifact] = []
            for artifact in frontier:
                edges, left_out = self._edges_of(artifact, direction)
                if distance > depth:
                    self.complete = self.complete and not edges
                    continue
                for edge in edges:
                    other = edge.source if direction == "upstream" else edge.target
                    self.edges[edge] = None
                    if other not in self.nodes and (known := self._enter(other, direction, distance)):
                        nearest.append(known)
                if left_out:
                    self.complete = False
                    node = self.nodes[artifact.id]
                    self.nodes[artifact.id] = node.model_copy(update={"more": node.more + left_out})
            frontier = nearest

    def _enter(self, artifact_id: str, direction: Direction, distance: int) -> Artifact | None:
        from stacktui.categories.errors import NotFound

        try:
            artifact = self._store.artifact(artifact_id)
        except NotFound:
            self.nodes[artifact_id] = LineageNode(
                id=artifact_id, label="removed since", type="", digest="", created_at=None,
                direction=direction, distance=distance,
            )  # fmt: skip
            return None
        self.nodes[artifact_id] = _node(artifact, direction, distance)
        return artifact

    def _edges_of(self, artifact: Artifact, direction: str) -> tuple[list[LineageEdge], int]:
        """The steps that lead further, and how many are left out."""
        if direction == "upstream":
            step = self._step(artifact.run_id, artifact.step)
            sources = list(dict.fromkeys(step.inputs.values())) if step is not None else []
            edges = [
                LineageEdge(source=source, target=artifact.id, run_id=artifact.run_id, step=artifact.step)
                for source in sources[:WIDEST]
            ]
            return edges, len(sources) - len(edges)
        edges = []
        users = self._store.links(artifact.id)[1]
        for place, link in enumerate(users):
            if len(edges) >= WIDEST:
                return edges, len(users) - place
            step = self._step(link.run_id, link.step)
            # What stands in for a step was made by another one.
            if step is not None and step.cached_from is None:
                edges.extend(
                    LineageEdge(source=artifact.id, target=target, run_id=link.run_id, step=link.step)
                    for target in step.outputs.values()
                )
        return edges, 0

    def _step(self, run_id: str, name: str) -> StepRun | None:
        # One reading for each run: one of thousands of steps would be read once for each of them.
        if run_id not in self._steps:
            self._steps[run_id] = {step.name: step for step in self._store.steps(run_id)}
        return self._steps[run_id].get(name)


def _node(artifact: Artifact, direction: Direction, distance: int) -> LineageNode:
    return LineageNode(
        id=artifact.id,
        label=f"{artifact.pipeline}/{artifact.step}/{artifact.name} v{artifact.version}",
        type=artifact.type,
        digest=artifact.digest,
        created_at=artifact.created_at,
        direction=direction,
        distance=distance,
    )
