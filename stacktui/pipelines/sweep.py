"""A sweep: a group of runs of one pipeline, one for each combination of some parameters' values.

Used by `run --sweep`. All runs execute the same snapshot of the code, and wait for each other in the queue of runs.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from stacktui.pipelines.describe import describe_all
from stacktui.pipelines.errors import WrongParameters
from stacktui.pipelines.launch import RunRequest, start_facts, start_run

if TYPE_CHECKING:
    from stacktui.categories.flavor import FlavorRegistry
    from stacktui.workspace.workspace import Workspace, WorkspaceSnapshot

LABEL = "sweep"
"""The label of all runs of a sweep; its value says what is varied."""
_LONGEST_NAME = 120
_PAIRS = {"[": "]", "{": "}", "(": ")", '"': '"', "'": "'"}


class SweptRun(NamedTuple):
    """One run of a sweep that was started."""

    run_id: str
    values: dict[str, str]
    """What was varied, as it was written."""


def values_of(text: str) -> tuple[str, ...]:
    """`0.1,0.2` as its values; a comma inside brackets or quotes does not separate. Empty where one of them is."""
    found, closing, start = [], "", 0
    for place, letter in enumerate(text):
        if closing and letter == closing[-1]:
            closing = closing[:-1]
        elif letter in _PAIRS and closing[-1:] not in ('"', "'"):
            closing += _PAIRS[letter]
        elif letter == "," and not closing:
            found.append(text[start:place].strip())
            start = place + 1
    found.append(text[start:].strip())
    return tuple(dict.fromkeys(found)) if all(found) else ()


def combinations(axes: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the parameters' values: the last parameter varies fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def start_sweep(
    workspace: Workspace,
    snapshot: WorkspaceSnapshot,
    registry: FlavorRegistry,
    request: RunRequest,
    several: Sequence[Mapping[str, str]],
    group: str,
    face: str = "python",
) -> Iterator[SweptRun]:
    """Start a run for each combination, and tell of each as it is started.

    `request` is what they have in common. Everything is drawn before the first one is started. Raises as `start_run`.
    Where `max_runs` says nothing, as many go on at once as this host has processors.
    """
    for name in several[0] if several else ():
        if name in request.params:
            raise WrongParameters(f"`{name}` has one value as a parameter and several in the sweep; say one")
    facts = start_facts(workspace)
    drawn = describe_all(
        workspace,
        request.target,
        [{**request.params, **values} for values in several],
        code=facts.code.path,
        timeout_s=request.timeout_s,
    )
    for description, values in zip(drawn, several, strict=True):
        said = " ".join(f"{name}={value}" for name, value in values.items())
        one = request.model_copy(
            update={
                "params": {**request.params, **values},
                "name": f"{request.name or description.name} {said}"[:_LONGEST_NAME],
                "labels": {LABEL: ",".join(values), **request.labels},
                "group": group,
                "max_runs": request.max_runs or os.cpu_count() or 1,
            }
        )
        yield SweptRun(start_run(workspace, snapshot, registry, one, facts, face), dict(values))
