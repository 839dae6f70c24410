"""Runs: listed, shown, followed, compared. They are those of the active stack's metadata store.

Resuming, retrying and stopping them is in `runs_again`; labels, notes, pins and deletion in `runs_marks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.run import Run, RunStatus
from stacktui.operations import runs_again, runs_marks
from stacktui.operations.documents import Document, Part
from stacktui.operations.errors import OperationError, unknown
from stacktui.operations.run_documents import (
    CodePart,
    LogPart,
    RunDocument,
    RunRow,
    StepRow,
    attempts_of,
    environment_of,
    facts_of_run,
)
from stacktui.operations.sweep import RunsCompared, compare_runs, runs_of, which_group
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import RUN, which_run

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session

# Their operations are of this noun too.
__all__ = ["runs_again", "runs_marks"]


class RunList(Document):
    """A page of runs, newest first."""

    runs: tuple[RunRow, ...]
    next: str | None
    """What `--after` takes for the page that follows; None at the end."""


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
    "runs list",
    writes=False,
    examples=("stacktui runs list", "stacktui runs list --status failed --pipeline training --limit 20"),
)
def list_(
    session: Session,
    *,
    status: Annotated[tuple[RunStatus, ...], Opt("Only runs in this state.", short="s")] = (),
    pipeline: Annotated[str | None, Opt("Only runs of this pipeline.")] = None,
    stack: Annotated[str | None, Opt("Only runs through this stack.", complete="stack")] = None,
    group: Annotated[str | None, Opt("Only the runs of this sweep.")] = None,
    label: Annotated[
        str | None, Opt("Only runs with this label: key=value, or the key alone.", short="l")
    ] = None,
    pinned: Annotated[bool, Opt("Only runs that are pinned.")] = False,
    search: Annotated[
        str | None, Opt("Only runs with these words in name, pipeline, parameters, error, labels or note.")
    ] = None,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
    after: Annotated[str | None, Opt("The `next` of the page before.")] = None,
) -> RunList:
    """List runs, newest first."""
    from stacktui.categories.metadata_store import RunQuery

    if limit < 1:
        raise OperationError("--limit must be at least 1")
    page = session.store().runs(
        RunQuery(
            status=status,
            pipeline=pipeline,
            stack=stack,
            group=group,
            label=label,
            pinned=True if pinned else None,
            search=search,
            limit=limit,
            after=after,
        )
    )
    return RunList(runs=tuple(map(RunRow.of, page.runs)), next=page.next)


@operation("runs show", writes=False, on="run", key="enter", examples=("stacktui runs show 0193a1b2",))
def show(session: Session, run_id: Annotated[str, RUN]) -> RunDocument:
    """Show a run: its steps, metrics, parameters, stack and code."""
    store = session.store()
    run = which_run(store, run_id)
    code = run.code
    attempts = attempts_of(store, run.id)
    return RunDocument(
        **facts_of_run(run),
        steps=tuple(StepRow.of(step, attempts.get(step.name, ())) for step in store.steps(run.id)),
        metrics=store.last_metrics(run.id),
        stack_snapshot=run.stack_snapshot,
        code=None if code is None else CodePart(digest=code.digest, commit=code.commit, dirty=code.dirty),
        environment=environment_of(run),
        after={node.name: node.after for node in run.graph},
        logged=store.logged(run.id),
    )


@operation(
    "runs logs",
    writes=False,
    streams=True,
    on="run",
    examples=("stacktui runs logs 0193a1b2 -f", "stacktui runs logs 0193a1b2 fit --raw | less -R"),
)
def logs(
    session: Session,
    run_id: Annotated[str, RUN],
    step: Annotated[str | None, Arg("Only this step.", complete="step")] = None,
    *,
    follow: Annotated[bool, Opt("Go on until the run ends.", short="f")] = False,
    tail: Annotated[int | None, Opt("Only the last so many lines, and what follows.", short="n")] = None,
    attempt: Annotated[int | None, Opt("Only this attempt of each step; all of them without it.")] = None,
    raw: Annotated[bool, Opt("Write the bytes as they are, to a pipe only.")] = False,
) -> Iterator[LogPart]:
    """Show what a run's steps wrote, each line with its time."""
    from stacktui.operations.run_logs import log_lines

    store = session.store()
    run = which_run(store, run_id)
    names = [each.name for each in store.steps(run.id)]
    if step is not None and step not in names:
        raise unknown(f"step in run {run.id[:13]}", step, names, f"stacktui runs show {run.id}")
    if tail is not None and tail < 0:
        raise OperationError("--tail must be at least 0")
    yield from log_lines(session, store, run.id, step, attempt=attempt, follow=follow, tail=tail, raw=raw)


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
