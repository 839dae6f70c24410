"""What a run would do, before it runs: where each step goes, whether it is cached, and why.

Used by `stacktui plan` and by the workbench before a run. The runner decides by the same functions
(`cache_key`, `find_cached`, `settings_of`), so that it never contradicts a true or a false.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import CachedStep, MetadataStore
from stacktui.model.base import Noun, now
from stacktui.model.category import Category
from stacktui.model.diagnostic import Diagnostic, Severity
from stacktui.model.run import StepRun
from stacktui.model.stack import ResolvedStack, StepSettings
from stacktui.pipelines.cache import (
    cache_key,
    find_cached,
    find_earlier,
    input_digest,
    lasts_s,
    may_cache,
    step_fingerprint,
)
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import PipelineDescription, StepNode
from stacktui.pipelines.misses import Misses

if TYPE_CHECKING:
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.pipelines.kept import Kept


PLAN_HOLDS_S = 60.0
"""Seconds for which a plan is not contradicted by time alone: a result that will be too old by then is not promised."""


class PlannedStep(Noun):
    """What is known about one step before the run."""

    name: str
    after: tuple[str, ...]
    where: str
    """The component that will run it: `orchestrator/local` or `step_operator/a100`."""
    cached: bool | None
    """None: it depends on what an earlier step will produce."""
    reason: str
    """Why, in plain words."""
    secrets: tuple[str, ...] = ()
    """The secrets that the step itself names, as `name.key`."""
    kept: bool = False
    """Whether it is the result of the run that is retried that stands in for it, whatever changed since."""


class Plan(Noun):
    """A pipeline's steps through a stack, in order."""

    pipeline: str
    stack: str
    steps: tuple[PlannedStep, ...]
    findings: tuple[Diagnostic, ...] = ()
    """What stands in the way of the run; an error here means that it would fail."""


def settings_of(
    node: StepNode, resolved: ResolvedStack, overrides: Mapping[str, StepSettings]
) -> StepSettings:
    """The settings in force for a step: the decorator's, under the stack's, under the run's (`overrides`)."""
    settings = node.settings
    if node.name in resolved.steps:
        settings = resolved.steps[node.name].over(settings)
    if node.name in overrides:
        settings = overrides[node.name].over(settings)
    return settings


def where_of(node: StepNode, resolved: ResolvedStack, overrides: Mapping[str, StepSettings]) -> str:
    """The component that runs a step: `step_operator/a100` where its settings name one, else the orchestrator."""
    operator = settings_of(node, resolved, overrides).step_operator
    if operator is not None:
        return f"{Category.STEP_OPERATOR}/{operator}"
    return f"{Category.ORCHESTRATOR}/{next(iter(resolved.names(Category.ORCHESTRATOR)), '?')}"


def make_plan(
    description: PipelineDescription,
    code: CodeIndex,
    resolved: ResolvedStack,
    store: MetadataStore,
    *,
    overrides: Mapping[str, StepSettings] | None = None,
    artifacts: ArtifactStore | None = None,
    root: Path | None = None,
    cache: bool = True,
    at: datetime | None = None,
    kept_from: str | None = None,
    again: tuple[str, ...] = (),
) -> Plan:
    """Plan a run. Reads the metadata store and, where given, asks `artifacts` whether cached content is still there.

    `overrides` are the run's own settings by step; `root` is the workspace's folder, for steps with `depends_on`.
    Without `cache` it is the plan of a run for which the cache is turned off. Ages are judged as of `at`, which is
    now where it is not given; the plan holds for runs that are asked for within `PLAN_HOLDS_S`.
    `kept_from` and `again` are those of a retry from a step, as its `RunFile` has them; they need `artifacts`.
    """
    at = at or now()
    misses = Misses(description.name, code, store, at)
    kept = None
    if kept_from is not None and artifacts is not None:
        from stacktui.pipelines.kept import Kept

        kept = Kept(kept_from, again, store, artifacts)
    planner = _Planner(
        code, resolved, store, overrides or {}, artifacts, root, misses, cache, at, kept, again
    )
    for node in description.steps:
        planner.add(node)
    return Plan(
        pipeline=description.name,
        stack=resolved.name,
        steps=tuple(planner.steps()),
        findings=tuple(dict.fromkeys(planner.findings)),
    )


class _Draft(NamedTuple):
    """One step while the plan is made."""

    node: StepNode
    cached: bool | None
    reason: str
    key: str | None
    """Its cache key, where it is known before the run."""
    alike: str | None
    """Its cache key without inputs: two steps that differ in it never have one key. None: no key at all."""
    torn: bool = False
    """An earlier result is there, but not its content: a step that puts the same content makes it whole."""
    kept: bool = False


class _Planner:
    """Goes through the steps in order."""

    def __init__(
        self,
        code: CodeIndex,
        resolved: ResolvedStack,
        store: MetadataStore,
        overrides: Mapping[str, StepSettings],
        artifacts: ArtifactStore | None,
        root: Path | None,
        misses: Misses,
        cache: bool,
        at: datetime,
        kept: Kept | None,
        again: tuple[str, ...],
    ) -> None:
        self.findings: list[Diagnostic] = []
        self._code = code
        self._resolved = resolved
        self._store = store
        self._overrides = overrides
        self._artifacts = artifacts
        self._root = root
        self._misses = misses
        self._cache = cache
        self._at = at
        self._kept = kept
        self._again = again
        self._drafts: list[_Draft] = []
        self._stands_in: dict[str, CachedStep] = {}
        self._settled: set[str] = set()
        """Steps of which nothing runs: an earlier result stands in for them and for all that is before them."""

    def add(self, node: StepNode) -> None:
        """Plan the next step; all that it comes after were added before."""
        settings = settings_of(node, self._resolved, self._overrides)
        self.findings.extend(_missing_components(node, settings, self._resolved))
        draft = self._draft(node, settings)
        if self._kept is not None and node.name not in self._again and draft.cached is False:
            # Perhaps only its content is missing, of the run that is retried.
            draft = draft._replace(torn=True)
        self._drafts.append(draft)
        if node.name in self._stands_in and self._settled.issuperset(node.after):
            self._settled.add(node.name)

    def steps(self) -> list[PlannedStep]:
        """What was found, in order."""
        twins = _Twins(self._drafts)
        planned: list[PlannedStep] = []
        for position, draft in enumerate(self._drafts):
            cached, reason = draft.cached, draft.reason
            if cached is False:
                twin = twins.of(position) if draft.key is not None else None
                if twin is not None:
                    cached, reason = None, f"depends on whether `{twin}` of this run does the same before it"
                elif draft.torn and (other := twins.may_heal(position)) is not None:
                    cached, reason = None, f"depends on whether `{other}` of this run makes it anew: {reason}"
            planned.append(
                PlannedStep(
                    name=draft.node.name,
                    after=draft.node.after,
                    where=where_of(draft.node, self._resolved, self._overrides),
                    cached=cached,
                    reason=reason,
                    secrets=tuple(str(item) for item in draft.node.secrets),
                    kept=draft.kept,
                )
            )
        return planned

    def _draft(self, node: StepNode, settings: StepSettings) -> _Draft:
        digests: dict[str, str] = {}
        waits_for: list[str] = []
        for item in node.inputs:
            if item.step is not None:
                earlier = self._stands_in.get(item.step)
                if earlier is not None:
                    digests[item.name] = input_digest(earlier.outputs[item.output or ""], self._code)
                elif item.step not in waits_for:
                    waits_for.append(item.step)
            elif item.artifact is not None:
                # Looked up for every step, also one that is not cached: a missing one is a finding.
                try:
                    digests[item.name] = input_digest(find_earlier(self._store, item.artifact), self._code)
                except NotFound as error:
                    self.findings.append(_finding("PIP007", f"step `{node.name}`: {error}", node))
                    return _Draft(node, False, str(error), None, None)
        if self._kept is not None and node.name not in self._again:
            kept = self._kept.of(node, StepRun(run_id="", name=node.name, position=0, params=node.params))
            if kept is not None:
                self._stands_in[node.name] = kept[0]
                return _Draft(node, True, kept[1].partition(";")[0], None, None, kept=True)
        if not node.outputs:
            return _Draft(node, False, "it has no outputs", None, None)
        if not may_cache(node, settings):
            return _Draft(node, False, "its cache is turned off", None, None)
        if not self._cache:
            return _Draft(node, False, "the cache is turned off for this run", None, None)
        fingerprint = step_fingerprint(node, self._code)
        bare = node.model_copy(update={"depends_on": ()}) if node.depends_on else node
        alike = cache_key(bare, fingerprint, {}, environment=settings.environment).key
        if node.name in self._again:
            return _Draft(node, False, f"it runs again: the retry is from `{self._again[0]}`", None, alike)
        if waits_for:
            return _Draft(node, None, f"depends on what {_listed(waits_for)} will produce", None, alike)
        if any(entry.startswith("path:") for entry in node.depends_on):
            writers = [name for name in node.after if name not in self._settled]
            if writers:
                reason = f"depends on files that {_listed(writers)} may write"
                return _Draft(node, None, reason, None, alike)
        made = cache_key(node, fingerprint, digests, root=self._root, environment=settings.environment)
        key = made.key
        found = find_cached(self._store, node, key, self._artifacts, at=self._at)
        if found is None:
            reason = self._misses.reason(node, made, settings)
            torn = find_cached(self._store, node, key, at=self._at) is not None
            return _Draft(node, False, reason, key, alike, torn)
        if (
            node.cache_for_s is not None
            and (left := lasts_s(found, node.cache_for_s, self._at)) < PLAN_HOLDS_S
        ):
            reason = f"depends on when it runs: what run {found.run_id} made is too old in {left:.0f} s"
            return _Draft(node, None, reason, key, alike)
        self._stands_in[node.name] = found
        return _Draft(node, True, f"run {found.run_id} did the same in step `{found.step}`", key, alike)


class _Twins:
    """Finds steps of the same run that may leave the very result that a step looks for, before it looks."""

    def __init__(self, drafts: list[_Draft]) -> None:
        self._drafts = drafts
        self._same_key: dict[str, list[int]] = {}
        self._unknown: dict[str, list[int]] = {}
        """By key without inputs: steps whose key only the run will know."""
        self._followers: dict[str, list[str]] = {}
        for position, draft in enumerate(drafts):
            if draft.cached is False and draft.key is not None:
                self._same_key.setdefault(draft.key, []).append(position)
            elif draft.cached is not True and draft.alike is not None:
                self._unknown.setdefault(draft.alike, []).append(position)
            for name in draft.node.after:
                self._followers.setdefault(name, []).append(draft.node.name)

    def of(self, position: int) -> str | None:
        """The name of one such step; None if there is none."""
        draft = self._drafts[position]
        candidates = [*self._same_key[draft.key or ""], *self._unknown.get(draft.alike or "", ())]
        later: set[str] | None = None
        for other in candidates:
            if other == position:
                continue
            name: str = self._drafts[other].node.name
            if other < position:
                return name
            if later is None:
                later = self._all_after(draft.node.name)
            if name not in later:
                return name
        return None

    def may_heal(self, position: int) -> str | None:
        """The name of a step that runs, and need not run after this one; None if there is none."""
        later = self._all_after(self._drafts[position].node.name)
        for other, draft in enumerate(self._drafts):
            if other != position and draft.cached is not True and draft.node.name not in later:
                return draft.node.name
        return None

    def _all_after(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for follower in self._followers.get(waiting.pop(), ()):
                if follower not in found:
                    found.add(follower)
                    waiting.append(follower)
        return found


def _missing_components(node: StepNode, settings: StepSettings, resolved: ResolvedStack) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for category, name in (
        (Category.STEP_OPERATOR, settings.step_operator),
        (Category.EXPERIMENT_TRACKER, settings.experiment_tracker),
    ):
        names = resolved.names(category)
        if name is not None and name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean `{close[0]}`?" if close else f"add it to the stack's {category}"
            message = f"step `{node.name}` wants the {category.facts.title} `{name}`, which the stack `{resolved.name}` does not hold; {hint}"
            found.append(_finding("PIP004", message, node))
    if settings.step_operator is None and not resolved.names(Category.ORCHESTRATOR):
        message = f"the stack `{resolved.name}` has no orchestrator; add one to it"
        found.append(
            Diagnostic(
                code="PIP005", severity=Severity.ERROR, message=message, subject=f"stack/{resolved.name}"
            )
        )
    return found


def _finding(code: str, message: str, node: StepNode) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=Severity.ERROR,
        message=message,
        file=Path(node.file) if node.file else None,
        line=node.line or None,
    )


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]
