"""What a step takes from earlier: its inputs, and a whole earlier result where one may stand in. Used by the runner."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from stacktui.categories.metadata_store import MetadataStore, StepChange
from stacktui.categories.private import create_file
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import now
from stacktui.model.run import StepRun, StepStatus
from stacktui.pipelines.cache import (
    asked_at,
    cache_key,
    find_cached,
    find_earlier,
    input_digest,
    may_cache,
    step_fingerprint,
)
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.kept import Kept
from stacktui.pipelines.resume import Left, reference_to
from stacktui.pipelines.runfile import RunFile
from stacktui.runtime.build import LiveStack

_CHOSEN = "artifacts.json"


class Reuse:
    """The artifacts of one run: those of its steps so far, and those of earlier runs that it takes."""

    def __init__(self, file: RunFile, live: LiveStack, store: MetadataStore, left: Left) -> None:
        self._left = left
        self._file = file
        self._artifacts = live.artifact_store
        self._store = store
        code = Path(file.run.code_path)
        self._code = CodeIndex(code, tuple(code / root for root in file.run.roots))
        self._root = Path(file.run.workspace)
        self._asked_at = asked_at(file.run.run_id)
        self._outputs: dict[str, Mapping[str, ArtifactRef]] = dict(left.outputs)
        self._earlier: dict[tuple[str, str], ArtifactRef] = {}
        self._near = self._artifacts.root.startswith("file:")
        kept_from = file.kept_from
        self._kept = None if kept_from is None else Kept(kept_from, file.again, store, self._artifacts)

    def find_earlier_artifacts(self) -> None:
        """Those of earlier runs, all at once: what "latest" means does not change while the run goes on.

        Nor when it is resumed: they stand in a file of the run's folder. Raises `NotFound`.
        """
        wanted = [
            (node.name, item.name, item.artifact)
            for node in self._file.description.steps
            for item in node.inputs
            if item.artifact is not None
        ]
        if not wanted:
            return
        run = self._file.run
        chosen = Path(run.state) / "runs" / run.run_id / _CHOSEN
        known: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(chosen.read_bytes())
        for step, name, query in wanted:
            place = f"{step}/{name}"
            found = find_earlier(self._store, {"id": known[place]} if place in known else query)
            known[place] = found.id
            self._earlier[step, name] = reference_to(found)
        if not chosen.exists():
            with os.fdopen(create_file(chosen), "w", encoding="ascii") as file:
                json.dump(known, file)

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
        settings = self._file.settings.get(node.name, node.settings)
        if may_cache(node, settings):
            fingerprint = step_fingerprint(node, self._code)
            digests = {name: input_digest(reference, self._code) for name, reference in inputs.items()}
            environment = settings.environment
            key = cache_key(node, fingerprint, digests, root=self._root, environment=environment).key
        # Made of parts that are valid: on the path that every step takes.
        return StepRun.model_construct(
            run_id=self._file.run.run_id,
            name=node.name,
            position=position,
            status=StepStatus.RUNNING,
            attempt=self._left.attempts.get(node.name, 1),
            where=self._file.where[node.name],
            started_at=None,
            finished_at=None,
            params=node.params,
            cache_key=key,
            cached_from=None,
            cache_reason=self._left.reasons.get(node.name),
            inputs={name: reference.id for name, reference in inputs.items()},
            outputs={},
            error=None,
        )

    def is_quick(self, position: int) -> bool:
        """Whether it takes no time to see if an earlier result may stand in: no files and no network are in it."""
        return self._near and not self._file.description.steps[position].depends_on

    def stand_in(self, record: StepRun) -> StepChange | None:
        """Let an earlier result stand in for a step, if there is one: what is to be recorded, with its metrics."""
        node = self._file.description.steps[record.position]
        if node.name in self._file.again:
            return None
        if self._kept is not None and (found := self._kept.of(node, record)) is not None:
            earlier, reason = found
        elif record.cache_key is not None and self._file.cache:
            cached = find_cached(self._store, node, record.cache_key, self._artifacts, at=self._asked_at)
            if cached is None:
                return None
            earlier, reason = cached, f"run {cached.run_id} did the same in step `{cached.step}`"
        else:
            return None
        at = now()
        self.keep(node.name, dict(earlier.outputs))
        return StepChange(
            record.model_copy(
                update={
                    "status": StepStatus.CACHED,
                    "started_at": at,
                    "finished_at": at,
                    "cached_from": earlier.run_id,
                    "cache_reason": reason,
                    "outputs": {name: reference.id for name, reference in earlier.outputs.items()},
                }
            ),
            metrics=[point.model_copy(update={"source": node.name}) for point in earlier.metrics],
            input_links=record.inputs,
        )
