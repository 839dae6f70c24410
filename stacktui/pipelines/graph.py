"""A pipeline's graph as plain data: what tracing makes, what the plan reads and the runner walks.

Nothing in here knows user code: a description travels between processes as JSON and is kept by code digest.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from stacktui.model.base import Noun
from stacktui.model.execution import OutputSpec
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import StepSettings
from stacktui.pipelines.errors import GraphBroken

HookName = Literal["on_success", "on_failure"]


class NodeInput(Noun):
    """One argument of a step. Exactly one source: an earlier step's output, an earlier run's artifact, or a constant.

    An element of a list, or of `*args`, has the index in its name: `frames[0]`; `Step.call` puts it together.
    """

    name: str
    step: str | None = None
    """The step of the same pipeline that makes it."""
    output: str | None = None
    """The output of that step."""
    value: Any = None
    """A constant, as JSON values: a parameter of the step. Counts where neither `step` nor `artifact` is set."""
    artifact: dict[str, Any] | None = None
    """An earlier run's artifact: `pipeline`, `step`, `name`, `version` (a number or "latest"), `tag`, or `id` alone."""

    @model_validator(mode="after")
    def _one_source(self) -> NodeInput:
        if (self.step is None) != (self.output is None):
            raise ValueError("an input from a step names the step and its output")
        if self.step is not None and self.artifact is not None:
            raise ValueError("an input has one source")
        return self

    @property
    def constant(self) -> bool:
        """Whether it is a parameter of the step."""
        return self.step is None and self.artifact is None


class StepNode(Noun):
    """One step of one pipeline: what it runs, what it takes, and what its decorator says."""

    name: str
    """Unique in the pipeline."""
    module: str
    """The module of its function, importable from the description's `roots`."""
    function: str
    """The function's qualified name in that module."""
    file: str = ""
    """Where it is written, relative to the workspace's root, with forward slashes."""
    line: int = 0
    inputs: tuple[NodeInput, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    after: tuple[str, ...] = ()
    """All steps that must end before it, by data or by `after`, in the order of the pipeline."""
    settings: StepSettings = StepSettings()
    """What the decorator says; the stack, the run file and the command line may say otherwise."""
    secrets: tuple[SecretRef, ...] = ()
    cacheable: bool = True
    """Whether an earlier result may ever stand in for it: it has outputs and its author did not forbid it.
    `settings.cache` of a higher place may still turn the cache off."""
    cache_key: str | None = None
    """The author's own version of the step's code; it counts in place of the fingerprint."""
    cache_for_s: float | None = None
    """How old an earlier result may be, in seconds; None for any age."""
    depends_on: tuple[str, ...] = ()
    """What else its result depends on: `path:<relative to the workspace>` or `env:<NAME>`."""
    materializers: dict[str, str] = Field(default_factory=dict)
    """Materializers that the author chose, by output."""
    hooks: tuple[HookName, ...] = ()
    """Those that its decorator names."""
    doc: str = ""
    """The first line of its docstring."""

    @property
    def params(self) -> dict[str, Any]:
        """Its constant arguments by name."""
        return {item.name: item.value for item in self.inputs if item.constant}


class PipelineDescription(Noun):
    """A pipeline drawn with given parameters: its steps in the order in which one worker would run them."""

    name: str
    target: str
    """How to run it again: `pipelines/training.py:training`."""
    params: dict[str, Any] = Field(default_factory=dict)
    """All its parameters, defaults too, as JSON values."""
    steps: tuple[StepNode, ...] = ()
    """Topological; steps that could run at the same time stand in the order of the source."""
    roots: tuple[str, ...] = ("",)
    """Folders to import from, in order, relative to the code's folder; "" is the folder itself."""
    hooks: tuple[HookName, ...] = ()
    """Those that its decorator names."""
    doc: str = ""

    def step(self, name: str) -> StepNode:
        """One step by name. Raises `KeyError`."""
        for node in self.steps:
            if node.name == name:
                return node
        raise KeyError(name)


def in_order(nodes: Sequence[StepNode]) -> tuple[StepNode, ...]:
    """The nodes, each behind all that it comes after; otherwise in the order given, so that the result is stable.

    Raises `GraphBroken` for a cycle, which it names step by step, and for a predecessor that does not exist.
    """
    order = topological({node.name: node.after for node in nodes})
    by_name = {node.name: node for node in nodes}
    return tuple(by_name[name] for name in order)


def topological(after: Mapping[str, Iterable[str]]) -> list[str]:
    """Names so that each stands behind its predecessors; of several that could be next, the one given first is."""
    names = list(after)
    place = {name: index for index, name in enumerate(names)}
    waiting: list[int] = []
    followers: list[list[int]] = [[] for _ in names]
    for index, name in enumerate(names):
        before = set(after[name])
        for other in before:
            if other not in place:
                raise GraphBroken(
                    f"step `{name}` comes after `{other}`, which is not a step of this pipeline"
                )
            followers[place[other]].append(index)
        waiting.append(len(before))
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[str] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(names[index])
        for follower in followers[index]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    if len(order) < len(names):
        cycle = " → ".join(find_cycle(after))
        raise GraphBroken(f"steps wait for each other: {cycle}; take one `after` away")
    return order


def find_cycle(after: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle, in the direction of the work, its first name again at the end; empty where there is none."""
    done: set[str] = set()
    for start in after:
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack = [(start, iter(sorted(set(after[start]))))] if start not in done else []
        if stack:
            on_path[start] = 0
            path.append(start)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                del on_path[name]
                done.add(name)
            elif following in on_path:
                cycle = [*path[on_path[following] :], following]
                return cycle[::-1]
            elif following not in done:
                on_path[following] = len(path)
                path.append(following)
                stack.append((following, iter(sorted(set(after.get(following, ()))))))
    return []
