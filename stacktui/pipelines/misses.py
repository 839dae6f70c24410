"""Why no earlier result stands in for a step: what differs from the last run in which it succeeded. Used by the plan.

Nothing is recorded for it: that run's code is still there as a snapshot, and the store has its parameters, inputs
and packages.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.run import Run, StepRun, StepStatus
from stacktui.pipelines.cache import input_digest
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import StepNode

_RUNS = 5
"""How many of the pipeline's last runs are looked through."""
_NAMED = 4
"""How many differences are named."""
_NEVER = "no earlier run with this code, parameters and inputs"


class Misses:
    """The last runs of one pipeline, read when the first step is not cached."""

    def __init__(self, pipeline: str, code: CodeIndex, store: MetadataStore) -> None:
        self._pipeline = pipeline
        self._code = code
        self._store = store
        self._steps: dict[str, StepRun] | None = None
        self._runs: dict[str, Run] = {}
        self._codes: dict[str, CodeIndex | None] = {}

    def reason(self, node: StepNode, key: str, inputs: Mapping[str, str]) -> str:
        """What changed since which run, in words. `key` is the step's cache key, `inputs` are what stands in it."""
        earlier = self._last().get(node.name)
        if earlier is None:
            return _NEVER
        since = f"run {earlier.run_id}"
        if earlier.cache_key is None:
            return f"its cache was turned off in {since}"
        if earlier.cache_key == key:
            return f"what {since} made is too old or gone"
        changed = list(dict.fromkeys(self._differences(node, earlier, inputs)))
        if not changed:
            depends = [entry.partition(":")[2] for entry in node.depends_on]
            changed = [f"`{name}`" for name in depends] or ["its code or the way its outputs are kept"]
            if len(depends) > 1:
                return f"one of {', '.join(changed)} changed since {since}"
        if len(changed) > _NAMED:
            changed = [*changed[: _NAMED - 1], f"{len(changed) - _NAMED + 1} more"]
        said = changed[0] if len(changed) == 1 else ", ".join(changed[:-1]) + " and " + changed[-1]
        return f"{said} changed since {since}"

    def _last(self) -> dict[str, StepRun]:
        """By name, each step as it last succeeded."""
        if self._steps is None:
            self._steps = {}
            for run in self._store.runs(RunQuery(pipeline=self._pipeline, limit=_RUNS)).runs:
                for step in self._store.steps(run.id):
                    if step.status in (StepStatus.SUCCEEDED, StepStatus.CACHED):
                        self._steps.setdefault(step.name, step)
        return self._steps

    def _differences(self, node: StepNode, earlier: StepRun, inputs: Mapping[str, str]) -> Iterator[str]:
        params = node.params
        for name in dict.fromkeys([*params, *earlier.params]):
            if name not in params or name not in earlier.params or params[name] != earlier.params[name]:
                yield f"parameter `{name}`"
        run = self._run(earlier.run_id)
        then = self._code_of(run)
        for name, digest in inputs.items():
            yield from self._input(name, digest, earlier.inputs.get(name), then)
        if node.cache_key is None:
            yield from self._parts(node, run, then)

    def _input(
        self, name: str, digest: str, artifact_id: str | None, then: CodeIndex | None
    ) -> Iterator[str]:
        try:
            artifact = self._store.artifact(artifact_id or "")
        except NotFound:
            yield f"input `{name}`"
            return
        if digest.partition("+")[0] != artifact.digest:
            yield f"input `{name}`"
        elif then is not None and digest != input_digest(artifact, then):
            yield f"the class of input `{name}`"

    def _parts(self, node: StepNode, run: Run, then: CodeIndex | None) -> Iterator[str]:
        now = self._code.fingerprint(node.module, node.function).parts
        before = now if then is None else then.fingerprint(node.module, node.function).parts
        versions = run.environment.get("packages", {})
        for part in dict.fromkeys([*now, *before]):
            kind, _, name = part.partition(" ")
            if kind == "package":
                # The versions of then, because both fingerprints say those of now.
                if now.get(part) not in (None, versions.get(name.lower(), now.get(part))):
                    yield f"package `{name}`"
            elif now.get(part) != before.get(part):
                yield f"`{name}`" if name else "the project's code"
        if run.environment.get("python", platform.python_version()) != platform.python_version():
            yield "Python"

    def _run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            self._runs[run_id] = self._store.run(run_id)
        return self._runs[run_id]

    def _code_of(self, run: Run) -> CodeIndex | None:
        """The code that a run executed, where its snapshot is still beside today's."""
        digest = run.code.digest if run.code is not None else ""
        if digest not in self._codes:
            folder = self._code.code.parent / digest
            roots = tuple(folder / root.relative_to(self._code.code) for root in self._code.roots)
            self._codes[digest] = CodeIndex(folder, roots) if digest.isalnum() and folder.is_dir() else None
        return self._codes[digest]
