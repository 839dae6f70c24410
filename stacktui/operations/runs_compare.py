"""Runs compared: two of them whole, or several as one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.run import Run
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError
from stacktui.operations.run_documents import RunRow
from stacktui.operations.sweep import RunsCompared, compare_runs, runs_of, which_group
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import which_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session


class Compared(Part):
    """One thing of two runs."""

    what: str
    a: Any
    b: Any
    equal: bool


class RunComparison(Document):
    """Two runs beside each other."""

    a: RunRow
    b: RunRow
    params: tuple[Compared, ...]
    metrics: tuple[Compared, ...]
    code: tuple[Compared, ...]
    steps: tuple[Compared, ...]
    """The steps' states."""
    artifacts: tuple[Compared, ...]
    """The outputs' digests, as `step/output`."""


@operation(
    "runs compare",
    writes=False,
    on="run",
    key="equals_sign",
    examples=(
        "stacktui runs compare 0193a1b2 0193a1c4",
        "stacktui runs compare --group last --by accuracy",
    ),
)
def compare(
    session: Session,
    run_id: Annotated[str | None, Arg("The first run.", complete="run", name="run")] = None,
    other: Annotated[str | None, Arg("The second run.", complete="run")] = None,
    more: Annotated[tuple[str, ...], Arg("More of them: as one table.", complete="run")] = (),
    *,
    group: Annotated[str | None, Opt("The runs of this sweep: its id, a beginning of it, or `last`.")] = None,
    by: Annotated[str | None, Opt("Sort by this metric or parameter, or by `took`; highest first.")] = None,
    ascending: Annotated[bool, Opt("With --by: lowest first.")] = False,
) -> RunComparison | RunsCompared:
    """Compare runs: two of them whole, several or those of a sweep as one table."""
    store = session.store()
    named = [each for each in (run_id, other, *more) if each is not None]
    if bool(named) == (group is not None) or len(named) == 1:
        raise OperationError("name two runs or more, or a sweep: stacktui runs compare --group last")
    if group is not None:
        group = which_group(store, group)
        return compare_runs(store, runs_of(store, group), group=group, by=by, ascending=ascending)
    if len(named) > 2 or by is not None:
        runs = [which_run(store, each) for each in named]
        return compare_runs(store, runs, by=by, ascending=ascending)
    a, b = which_run(store, named[0]), which_run(store, named[1])
    return RunComparison(
        a=RunRow.of(a),
        b=RunRow.of(b),
        params=_beside(a.params, b.params),
        metrics=_beside(store.last_metrics(a.id), store.last_metrics(b.id)),
        code=_beside(_code(a), _code(b)),
        steps=_beside(_states(store, a), _states(store, b)),
        artifacts=_beside(_digests(store, a), _digests(store, b)),
    )


def alike(a: Any, b: Any) -> bool:
    """Whether two values are shown as equal: two that are no number are, too."""
    return bool(a == b or (a != a and b != b))  # noqa: PLR0124 - only NaN differs from itself


def _beside(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Compared, ...]:
    return tuple(
        Compared(what=key, a=a.get(key), b=b.get(key), equal=key in a and key in b and alike(a[key], b[key]))
        for key in dict.fromkeys((*a, *b))
    )


def _code(run: Run) -> dict[str, Any]:
    return {} if run.code is None else run.code.model_dump(exclude_none=True)


def _states(store: MetadataStore, run: Run) -> dict[str, str]:
    return {step.name: step.status.value for step in store.steps(run.id)}


def _digests(store: MetadataStore, run: Run) -> dict[str, str]:
    return {
        f"{step.name}/{output}": store.artifact(artifact).digest
        for step in store.steps(run.id)
        for output, artifact in step.outputs.items()
    }
