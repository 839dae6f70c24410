"""Probing components from an operation: all side by side, each result as it arrives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stacktui.categories.base import ProbeResult, StackComponent
    from stacktui.model.component import Component, ComponentId
    from stacktui.operations.session import Session


def probe_components(
    session: Session, components: Iterable[Component], *, fresh: bool = False
) -> Iterator[tuple[ComponentId, ProbeResult]]:
    """Ask each component; one that cannot even be made answers with the reason. A result counts for 30 seconds,
    unless `fresh` asks anew."""
    from stacktui.validation.probes import Probe

    snapshot = session.snapshot()
    wanted = list(components)
    session.forget_changed_probes(wanted)

    def probe_of(component: Component) -> Probe:
        def make() -> StackComponent:
            return session.open(component, snapshot)

        return Probe(component.id, make, close=True)

    yield from session.probes.probe_all([probe_of(component) for component in wanted], fresh=fresh)


def probe_unsaved(session: Session, component: Component) -> ProbeResult:
    """Ask a component that is not written yet, within the same time limit; its result is kept for nobody."""
    from stacktui.validation.probes import Probe, ProbeBoard

    snapshot = session.snapshot()

    def make() -> StackComponent:
        return session.open(component, snapshot)

    _, result = next(iter(ProbeBoard().probe_all([Probe(component.id, make, close=True)])))
    return result
