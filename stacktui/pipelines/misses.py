"""Why no earlier result stands in for a step: what differs from the last run in which it succeeded. Used by the plan.

Nothing is recorded for it: that run's code is still there as a snapshot, and the store has its parameters, inputs
and packages.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import MetadataStore, RunQuery
from stacktui.model.run import Run, StepRun, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines.cache import CacheKey, input_digest, lasts_s
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import NodeInput, StepNode

_RUNS = 5
"""How many of the pipeline's last runs are looked through."""
_NAMED = 4
"""How many differences are named."""
_LONGEST_VALUE = 40
"""Characters of a parameter's value."""
_NEVER = "no earlier run with this code, parameters and inputs"


class Misses:
    """The last runs of one pipeline, read when the first step is not cached."""

    def __init__(self, pipeline: str, code: CodeIndex, store: MetadataStore, at: datetime) -> None:
        """`at` is when the ages of results are judged."""
        self._pipeline = pipeline
        self._code = code
        self._store = store
        self._at = at
        self._steps: dict[str, StepRun] | None = None
        self._runs: dict[str, Run] = {}
        self._codes: dict[str, CodeIndex | None] = {}

    def reason(self, node: StepNode, made: CacheKey, settings: StepSettings) -> str:
        """What changed since which run, in words. `made` is the step's cache key, `settings` are those in force."""
        earlier = self._last().get(node.name)
        if earlier is None:
            return _NEVER
        since = f"run {earlier.run_id}"
        if earlier.cache_key is None:
            return f"its cache was turned off in {since}"
        if earlier.cache_key == made.key:
            return self._unusable(node, made.key, since)
        changed = list(dict.fromkeys(self._differences(node, earlier, made.parts["inputs"])))
        if not changed:
            changed = [_otherwise(node, settings)]
        if len(changed) > _NAMED:
            changed = [*changed[: _NAMED - 1], f"{len(changed) - _NAMED + 1} more"]
        return f"{'; '.join(changed)} since {since}"

    def _unusable(self, node: StepNode, key: str, since: str) -> str:
        found = self._store.cached(key)
        limit = node.cache_for_s
        if found is not None and limit is not None and lasts_s(found, limit, self._at) < 0:
            return f"what run {found.run_id} made is too old: {limit - lasts_s(found, limit, self._at):.0f} s of {limit:g} s"
        return f"what {since} made is gone from the artifact store, or not whole any more"

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
            if name not in earlier.params:
                yield f"`{name}` is new: {_value(params[name])}"
            elif name not in params:
                yield f"`{name}` is no longer a parameter"
            elif (one := _value(earlier.params[name])) != (other := _value(params[name])):
                yield f"`{name}` {_short(one)} → {_short(other)}"
        run = self._run(earlier.run_id)
        then = self._code_of(run)
        sources = {item.name: item for item in node.inputs}
        for name, digest in inputs.items():
            yield from self._input(sources[name], digest, earlier.inputs.get(name), then)
        if node.cache_key is None:
            yield from self._parts(node, run, then)

    def _input(
        self, item: NodeInput, digest: str, artifact_id: str | None, then: CodeIndex | None
    ) -> Iterator[str]:
        query = item.artifact or {}
        source = item.step or "/".join(str(query[key]) for key in ("pipeline", "step", "id") if key in query)
        try:
            artifact = self._store.artifact(artifact_id or "")
        except NotFound:
            yield f"input `{item.name}` comes from `{source}`"
            return
        now_parts, before = digest.split("+"), input_digest(artifact, then or self._code).split("+")
        if now_parts[0] != before[0]:
            yield f"input `{item.name}` has a new digest, from `{source}`"
        elif now_parts[1:3] != before[1:3]:
            yield f"input `{item.name}`, from `{source}`, is another type or kept in another way"
        elif then is not None and now_parts != before:
            yield f"the class of input `{item.name}`, from `{source}`, changed"

    def _parts(self, node: StepNode, run: Run, then: CodeIndex | None) -> Iterator[str]:
        now = self._code.fingerprint(node.module, node.function).parts
        before = now if then is None else then.fingerprint(node.module, node.function).parts
        both = [part for part in now if part in before and now[part] != before[part]]
        # What is reached now and was not, or the other way round, follows from a change of what reaches it.
        for part in both or dict.fromkeys([*now, *before]):
            if not part.startswith("package ") and now.get(part) != before.get(part):
                yield self._changed(part, then if part not in now else None)
        # The versions of then, because both fingerprints say those of now.
        versions = run.environment.get("packages", {})
        for part, version in now.items():
            kind, _, name = part.partition(" ")
            version = version.partition("#")[0]  # noqa: PLW2901 - without the digest of its files
            if kind == "package" and version != (was := versions.get(name.lower(), version)):
                yield f"{name} {was} → {version}"
        here = platform.python_version()
        if (was := run.environment.get("python", here)) != here:
            yield f"Python {was} → {here}"

    def _changed(self, part: str, then: CodeIndex | None) -> str:
        """Says of a part that it changed; with `then`, that it is no longer there."""
        kind, _, full = part.partition(" ")
        if kind in ("project", "docs", "text", "python"):
            return "the project's code changed" if kind != "python" else "Python changed"
        place = (then or self._code).place(part)
        if place is None:
            return f"`{full}` changed"
        file, line = place
        verb = "changed" if then is None else "was reached"
        if kind == "module":
            return f"`{file}` {verb}"
        return f"`{full.rpartition('.')[2]}` in `{file}:{line}` {verb}"

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


def _otherwise(node: StepNode, settings: StepSettings) -> str:
    """What else may have changed, where nothing of what is kept of a run did."""
    perhaps = [f"`{entry.partition(':')[2]}`" for entry in node.depends_on]
    perhaps += [f"the variable `{name}`" for name in settings.environment or {}]
    if node.cache_key is not None:
        perhaps.append("`cache_key`")
    if not perhaps:
        return "its code or the way its outputs are kept changed"
    return f"{perhaps[0]} changed" if len(perhaps) == 1 else f"one of {', '.join(perhaps)} changed"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
