"""A retry from a step: results of the retried run that stand in for the other steps. Used by the runner."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import CachedStep, MetadataStore
from stacktui.model.base import now
from stacktui.model.run import Metric, StepRun, StepStatus
from stacktui.pipelines.cache import is_whole
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.resume import reference_to


class Kept:
    """The steps that the retried run has done."""

    def __init__(
        self, run_id: str, again: Sequence[str], store: MetadataStore, artifacts: ArtifactStore
    ) -> None:
        """`again` are the steps that run again, first of all the one that the retry begins with."""
        self._run_id = run_id
        self._from = again[0] if again else ""
        self._store = store
        self._artifacts = artifacts
        self._steps = {
            step.name: step
            for step in store.steps(run_id)
            if step.status in (StepStatus.SUCCEEDED, StepStatus.CACHED)
        }

    @functools.cached_property
    def _metrics(self) -> dict[str, list[Metric]]:
        found: dict[str, list[Metric]] = {}
        for point in self._store.metrics(self._run_id):
            found.setdefault(point.source, []).append(point)
        return found

    def of(self, node: StepNode, record: StepRun) -> tuple[CachedStep, str] | None:
        """The result that stands in for a step, and why in words; None where that run has none that is whole."""
        earlier = self._steps.get(node.name)
        if earlier is None or set(earlier.outputs) != {output.name for output in node.outputs}:
            return None
        try:
            outputs = {
                name: reference_to(self._store.artifact(found)) for name, found in earlier.outputs.items()
            }
        except NotFound:
            return None
        if not all(is_whole(self._artifacts, reference) for reference in outputs.values()):
            return None
        step = CachedStep(
            run_id=self._run_id,
            step=node.name,
            finished_at=earlier.finished_at or now(),
            outputs=outputs,
            metrics=tuple(self._metrics.get(node.name, ())),
        )
        reason = f"taken from run {self._run_id}, which this one retries from `{self._from}`"
        return step, reason + _changed(earlier, record)


def _changed(earlier: StepRun, record: StepRun) -> str:
    """What is not as it was in the retried run, as far as the records tell."""
    params = [
        f"`{name}`"
        for name in dict.fromkeys([*record.params, *earlier.params])
        if name not in record.params
        or name not in earlier.params
        or record.params[name] != earlier.params[name]
    ]
    if params:
        return f"; {', '.join(params)} changed since"
    if earlier.inputs != record.inputs:
        return "; what it takes changed since"
    if None not in (earlier.cache_key, record.cache_key) and earlier.cache_key != record.cache_key:
        return "; its code changed since"
    return ""
