"""What a step takes from earlier: its inputs, and a whole earlier result where one may stand in. Used by the runner."""

from __future__ import annotations

from pathlib import Path

from stacktui.categories.metadata_store import MetadataStore
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import now
from stacktui.model.run import StepRun, StepStatus
from stacktui.pipelines.cache import cache_key, find_cached, find_earlier, input_digest, may_cache
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.runfile import RunFile
from stacktui.runtime.build import LiveStack


class Reuse:
    """The artifacts of one run: those of its steps so far, and those of earlier runs that it takes."""

    def __init__(self, file: RunFile, live: LiveStack, store: MetadataStore) -> None:
        self._file = file
        self._live = live
        self._store = store
        code = Path(file.run.code_path)
        self._code = CodeIndex(code, tuple(code / root for root in file.run.roots))
        self._outputs: dict[str, dict[str, ArtifactRef]] = {}
        self._earlier: dict[tuple[str, str], ArtifactRef] = {}

    def find_earlier_artifacts(self) -> None:
        """Those of earlier runs, all at once: what "latest" means does not change while the run goes on.

        Raises `NotFound`.
        """
        for node in self._file.description.steps:
            for item in node.inputs:
                if item.artifact is not None:
                    found = find_earlier(self._store, item.artifact)
                    self._earlier[node.name, item.name] = ArtifactRef.model_validate(
                        {name: getattr(found, name) for name in ArtifactRef.model_fields}
                    )

    def keep(self, step: str, outputs: dict[str, ArtifactRef]) -> None:
        """A step has made these."""
        self._outputs[step] = outputs

    def inputs_of(self, node: StepNode) -> dict[str, ArtifactRef]:
        """The artifacts that a step takes, by the input's name; all steps before it are done."""
        found: dict[str, ArtifactRef] = {}
        for item in node.inputs:
            if item.step is not None and item.output is not None:
                found[item.name] = self._outputs[item.step][item.output]
            elif item.artifact is not None:
                found[item.name] = self._earlier[node.name, item.name]
        return found

    def record(self, position: int) -> StepRun:
        """A step that is ready: with its inputs, and with its cache key if its result may be found again."""
        node = self._file.description.steps[position]
        inputs = self.inputs_of(node)
        key = None
        if may_cache(node, self._file.settings.get(node.name, node.settings)):
            fingerprint = self._code.fingerprint(node.module, node.function)
            digests = {name: input_digest(reference, self._code) for name, reference in inputs.items()}
            key = cache_key(node, fingerprint, digests, root=Path(self._file.run.workspace)).key
        # Made of parts that are valid: on the path that every step takes.
        return StepRun.model_construct(
            run_id=self._file.run.run_id,
            name=node.name,
            position=position,
            status=StepStatus.RUNNING,
            attempt=1,
            where=self._file.where[node.name],
            started_at=None,
            finished_at=None,
            params=node.params,
            cache_key=key,
            cached_from=None,
            cache_reason=None,
            inputs={name: reference.id for name, reference in inputs.items()},
            outputs={},
            error=None,
        )

    def stand_in(self, record: StepRun) -> bool:
        """Let an earlier result stand in for a step, if there is one: recorded, with its metrics."""
        if record.cache_key is None or not self._file.cache:
            return False
        node = self._file.description.steps[record.position]
        earlier = find_cached(self._store, node, record.cache_key, self._live.artifact_store)
        if earlier is None:
            return False
        at = now()
        self._store.record_step(
            record.model_copy(
                update={
                    "status": StepStatus.CACHED,
                    "started_at": at,
                    "finished_at": at,
                    "cached_from": earlier.run_id,
                    "cache_reason": f"run {earlier.run_id} did the same in step `{earlier.step}`",
                    "outputs": {name: reference.id for name, reference in earlier.outputs.items()},
                }
            ),
            metrics=[point.model_copy(update={"source": node.name}) for point in earlier.metrics],
            input_links=record.inputs,
        )
        self.keep(node.name, dict(earlier.outputs))
        return True
