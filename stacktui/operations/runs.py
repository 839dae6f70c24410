"""Runs: listed, shown, followed, stopped, compared. They are those of the active stack's metadata store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from stacktui.model.run import Run, RunStatus
from stacktui.operations.documents import Document, DoneDocument, Part
from stacktui.operations.errors import AnswerIsNo, OperationError, unknown
from stacktui.operations.run_documents import (
    CodePart,
    LogPart,
    RunDocument,
    RunRow,
    StepRow,
    facts_of_run,
)
from stacktui.operations.table import Arg, Opt, operation

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session

_RUN = Arg("The run: its id, or an unambiguous beginning of it.", complete="run", name="run")


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
    search: Annotated[
        str | None, Opt("Only runs with these words in name, pipeline, parameters, error or labels.")
    ] = None,
    limit: Annotated[int, Opt("How many, at most.", short="n")] = 50,
    after: Annotated[str | None, Opt("The `next` of the page before.")] = None,
) -> RunList:
    """List runs, newest first."""
    from stacktui.categories.metadata_store import RunQuery

    if limit < 1:
        raise OperationError("--limit must be at least 1")
    page = session.store().runs(
        RunQuery(status=status, pipeline=pipeline, stack=stack, search=search, limit=limit, after=after)
    )
    return RunList(runs=tuple(map(RunRow.of, page.runs)), next=page.next)


@operation("runs show", writes=False, on="run", key="enter", examples=("stacktui runs show 0193a1b2",))
def show(session: Session, run_id: Annotated[str, _RUN]) -> RunDocument:
    """Show a run: its steps, metrics, parameters, stack and code."""
    store = session.store()
    run = store.run(run_id)
    code = run.code
    return RunDocument(
        **facts_of_run(run),
        steps=tuple(map(StepRow.of, store.steps(run.id))),
        metrics=store.last_metrics(run.id),
        stack_snapshot=run.stack_snapshot,
        code=None if code is None else CodePart(digest=code.digest, commit=code.commit, dirty=code.dirty),
        environment=run.environment,
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
    run_id: Annotated[str, _RUN],
    step: Annotated[str | None, Arg("Only this step.", complete="step")] = None,
    *,
    follow: Annotated[bool, Opt("Go on until the run ends.", short="f")] = False,
    attempt: Annotated[int | None, Opt("An earlier attempt of the step; the latest by default.")] = None,
    raw: Annotated[bool, Opt("Write the bytes as they are, to a pipe only.")] = False,
) -> Iterator[LogPart]:
    """Show what a run's steps wrote, each line with its time."""
    from stacktui.operations.following import log_lines

    store = session.store()
    run = store.run(run_id)
    names = [each.name for each in store.steps(run.id)]
    if step is not None and step not in names:
        raise unknown(f"step in run {run.id[:13]}", step, names, f"stacktui runs show {run.id}")
    yield from log_lines(session, store, run.id, step, attempt=attempt, follow=follow, raw=raw)


@operation("runs stop", writes=True, on="run", key="x", examples=("stacktui runs stop 0193a1b2",))
def stop(
    session: Session,
    run_id: Annotated[str, _RUN],
) -> DoneDocument:
    """Ask a run to stop; its runner reads that within a second, ends the running steps and cleans up."""
    store = session.store()
    run = store.run(run_id)
    if run.status.finished:
        raise AnswerIsNo(f"run {run.id[:13]} is {run.status}: there is nothing to stop")
    store.request(run.id, "stop")
    session.changed(runs=[run.id])
    return DoneDocument(done=f"asked run {run.id[:13]} to stop")


@operation(
    "runs compare",
    writes=False,
    on="run",
    key="equals_sign",
    examples=("stacktui runs compare 0193a1b2 0193a1c4",),
)
def compare(
    session: Session,
    run_id: Annotated[str, Arg("The first run.", complete="run", name="run")],
    other: Annotated[str, Arg("The second run.", complete="run")],
) -> RunComparison:
    """Compare two runs: parameters, metrics, code, steps and artifacts."""
    store = session.store()
    a, b = store.run(run_id), store.run(other)
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
