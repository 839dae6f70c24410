"""Lineage, for people: a tree upward and one downward."""

from __future__ import annotations

from collections import defaultdict

from stacktui.cli.face import Face
from stacktui.cli.terminal import Span, Tone
from stacktui.cli.words import plural
from stacktui.model.base import short_id
from stacktui.operations.lineage import Lineage, LineageNode


def lineage(document: Lineage, face: Face) -> None:
    """What it was made from, the artifact itself, what was made from it."""
    nodes = {node.id: node for node in document.nodes}
    start = nodes[document.id]
    sources, targets = defaultdict(list), defaultdict(list)
    for edge in document.edges:
        sources[edge.target].append(edge.source)
        targets[edge.source].append(edge.target)
    face.out.line(Span(start.label, Tone.STRONG), Span(f"  {short_id(start.id)}  {start.type}", Tone.MUTED))
    for title, direction, beyond in (
        ("Made from", "upstream", sources),
        ("Made into", "downstream", targets),
    ):
        if beyond[start.id]:
            face.out.heading(title)
            _tree(face, nodes, {name: _of(nodes, found, direction) for name, found in beyond.items()}, start)
    if start.more:
        face.out.line("  ", Span(f"and {start.more} more", Tone.MUTED))
    steps = {(edge.run_id, edge.step) for edge in document.edges}
    more = "" if document.complete else "; there is more: --depth goes further"
    face.err.line(Span(f"by {plural(len(steps), 'step')}{more}", Tone.MUTED))


def _of(nodes: dict[str, LineageNode], found: list[str], direction: str) -> list[str]:
    return [each for each in dict.fromkeys(found) if nodes[each].direction == direction]


def _tree(
    face: Face, nodes: dict[str, LineageNode], beyond: dict[str, list[str]], start: LineageNode
) -> None:
    """Depth first, each artifact's own neighbours once: what comes again refers to where it stood."""
    shown: set[str] = set()
    waiting = [(name, 1) for name in reversed(beyond[start.id])]
    while waiting:
        name, depth = waiting.pop()
        node = nodes[name]
        again = name in shown and bool(beyond.get(name))
        shown.add(name)
        face.out.line(
            "  " * depth,
            "↳ ",
            node.label,
            Span(f"  {short_id(node.id)}  {node.type}{'  (see above)' if again else ''}", Tone.MUTED),
        )
        if node.more and not again:
            face.out.line("  " * (depth + 1), Span(f"and {node.more} more", Tone.MUTED))
        if not again:
            waiting.extend((other, depth + 1) for other in reversed(beyond.get(name, [])))


VIEWS = {Lineage: lineage}
