"""Runs: listed, shown, their logs. They are those of the active stack's metadata store.

Other files hold the other operations of this noun (`table._FILES`): a list loads none of what they need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from stacktui.model.base import short_id
from stacktui.model.run import RunStatus
from stacktui.operations.documents import Document
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
from stacktui.operations.table import Arg, Opt, operation
from stacktui.operations.which_run import RUN, which_run

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class RunList(Document):
    """A page of runs, newest first."""

    runs: tuple[RunRow, ...]
    next: str | None
    """What `--after` takes for the page that follows; None at the end."""


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
    attempts = {each.name: each.attempt for each in store.steps(run.id)}
    if step is not None and step not in attempts:
        raise unknown(
            "step", step, attempts, f"stacktui runs show {short_id(run.id)}", f" in run {short_id(run.id)}"
        )
    newest = attempts[step] if step is not None else max(attempts.values(), default=1)
    if attempt is not None and (attempt < 1 or (attempt > newest and not follow)):
        what = f"step {step!r}" if step is not None else "a step"
        raise OperationError(
            f"there is no attempt {attempt} of {what} in run {short_id(run.id)}; the newest is {newest}"
        )
    if tail is not None and tail < 0:
        raise OperationError("--tail must be at least 0")
    yield from log_lines(session, store, run.id, step, attempt=attempt, follow=follow, tail=tail, raw=raw)
