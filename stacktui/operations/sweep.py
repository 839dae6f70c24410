"""Sweeps: a group of runs that is started, followed and compared as one. Used by `run --sweep` and `runs compare`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from stacktui.model.base import now
from stacktui.model.run import Run, RunStatus
from stacktui.operations.documents import Document, Moment, Part
from stacktui.operations.errors import OperationError, nearest
from stacktui.operations.following import RunEvent, RunTail, followed

if TYPE_CHECKING:
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.operations.session import Session
    from stacktui.pipelines.launch import RunRequest
    from stacktui.pipelines.sweep import SweptRun
    from stacktui.workspace.workspace import WorkspaceSnapshot

MOST = 200
"""Combinations that are started without `--yes`."""
_ALL_EVERY_S = 2.0
_MOST_COMPARED = 1000


class SweepStarted(Document):
    """The answer of `run --sweep --detach`."""

    group: str
    run_ids: tuple[str, ...]


class SweptPart(Part):
    """One run of a sweep that begins."""

    run_id: str
    values: dict[str, str]


class SweepBegan(Part):
    """The first line of a sweep that is followed."""

    event: Literal["sweep_started"] = "sweep_started"
    group: str
    at: Moment
    runs: tuple[SweptPart, ...]


class SweepEvent(RunEvent):
    """Something that happened to one of its runs."""

    group: str
    values: dict[str, str] = Field(default={}, exclude=True)
    """What was varied, of its run."""
    done: int = Field(default=0, exclude=True)
    total: int = Field(default=0, exclude=True)
    """How many of the runs have ended."""

    @property
    def answer(self) -> bool:
        return True


class ComparedRun(Part):
    """One run among several."""

    id: str
    name: str
    status: RunStatus
    params: dict[str, Any]
    """Those that differ between the runs."""
    metrics: dict[str, float]
    """The last value of each."""
    started_at: Moment | None
    duration_s: float | None
    error: str | None


class RunsCompared(Document):
    """Several runs as one table."""

    group: str | None
    by: str | None
    """What they are sorted by."""
    params: tuple[str, ...]
    """The parameters that differ."""
    metrics: tuple[str, ...]
    same: dict[str, Any]
    """The parameters that are the same in all of them."""
    runs: tuple[ComparedRun, ...]


class SweepFinished(Part):
    """The last line of a sweep that is followed."""

    event: Literal["sweep_finished"] = "sweep_finished"
    group: str
    at: Moment
    status: RunStatus
    """`succeeded` where all did; `failed` where one failed or was lost; else `cancelled`."""
    runs: tuple[ComparedRun, ...]
    compared: RunsCompared = Field(exclude=True)

    @property
    def answer(self) -> bool:
        return self.status is RunStatus.SUCCEEDED


def axes_of(given: Iterable[str], yes: bool) -> list[dict[str, str]]:
    """The combinations that `--sweep` options ask for. Raises `OperationError` in words."""
    from stacktui.pipelines.sweep import combinations, values_of

    axes: dict[str, tuple[str, ...]] = {}
    for item in given:
        name, equals, text = item.partition("=")
        values = values_of(text)
        if not equals or not name.strip() or not values:
            raise OperationError(f"--sweep {item!r} is not of the form key=value,value,…")
        if name.strip() in axes:
            raise OperationError(
                f"--sweep names {name.strip()!r} twice; write all its values behind one another: "
                f"--sweep {name.strip()}={','.join((*axes[name.strip()], *values))}"
            )
        axes[name.strip()] = values
    found = combinations(axes)
    if len(found) > MOST and not yes:
        raise OperationError(
            f"that is {len(found):,} runs, and one that waits is a process too, of about 35 MB; "
            "if you mean it, say --yes"
        )
    return found


def start_all(
    session: Session,
    snapshot: WorkspaceSnapshot,
    request: RunRequest,
    several: Sequence[Mapping[str, str]],
    group: str,
) -> tuple[SweptRun, ...]:
    """Start the runs of a sweep. Where one cannot be started, those before it are asked to stop."""
    from stacktui.pipelines.sweep import start_sweep

    started: list[SweptRun] = []
    try:
        for each in start_sweep(
            session.workspace, snapshot, session.registry(), request, several, group, session.face
        ):
            started.append(each)
            session.changed(runs=[each.run_id])
    except BaseException:
        store = session.live(request.stack.name).metadata_store
        for each in started:
            store.request(each.run_id, "stop")
        raise
    return tuple(started)


def sweep_events(
    session: Session, store: MetadataStore, group: str, started: Sequence[SweptRun]
) -> Iterator[Part]:
    """The events of all runs of a sweep as they come, until all have ended, and then how they compare.

    A KeyboardInterrupt (out of the session's `attention`, or thrown in) asks all of them to stop and goes on; a second
    one is raised again. `LeaveRunning` ends the following.
    """
    tail = _GroupTail(session, store, group, started)
    runs = tuple(SweptPart(run_id=each.run_id, values=each.values) for each in started)
    tail.pending.append(SweepBegan(group=group, at=now(), runs=runs))
    yield from followed(session, tail)
    if not tail.finished:
        return
    compared = compare_runs(store, [store.run(each.run_id) for each in started], group=group)
    statuses = {run.status for run in compared.runs}
    status = RunStatus.CANCELLED
    if statuses == {RunStatus.SUCCEEDED}:
        status = RunStatus.SUCCEEDED
    elif statuses & {RunStatus.FAILED, RunStatus.LOST}:
        status = RunStatus.FAILED
    yield SweepFinished(group=group, at=now(), status=status, runs=compared.runs, compared=compared)


class _GroupTail:
    """Where a follower stands in the events of several runs."""

    def __init__(
        self, session: Session, store: MetadataStore, group: str, started: Sequence[SweptRun]
    ) -> None:
        self._store = store
        self._group = group
        self._values = {each.run_id: each.values for each in started}
        self._tails = {each.run_id: RunTail(session, store, each.run_id, None) for each in started}
        self._running: set[str] = set()
        self._seen = 0
        self._next_all = 0.0
        self.pending: deque[Part] = deque()

    @property
    def finished(self) -> bool:
        return not self._tails

    def read(self) -> None:
        """Take in what is new: of the runs that changed and, for their logs, of those that go on."""
        touched = set(self._running)
        newest = self._store.last_event()
        if newest != self._seen or time.monotonic() >= self._next_all:
            # What changed among thousands of other runs is not worth finding out one by one.
            touched = set(self._tails)
            self._next_all = time.monotonic() + _ALL_EVERY_S
            if 0 < newest - self._seen <= _MOST_COMPARED and self._seen:
                events = self._store.events(self._seen, _MOST_COMPARED)
                touched = self._running | {event.run_id for event in events} & set(self._tails)
            self._seen = newest
        for run_id in sorted(touched):
            self._read(run_id, self._tails[run_id])

    def stop(self) -> None:
        """Ask all that go on to stop, the last first: none of those that wait gets the place of one that ends."""
        for run_id in sorted(self._tails, reverse=True):
            self._store.request(run_id, "stop")

    def own(self, event: str, **data: Any) -> SweepEvent:
        """An event about whoever follows."""
        run_id = min(self._tails, default="")
        return SweepEvent(
            event=event, run_id=run_id, at=now(), data=data, group=self._group, **self._counts()
        )

    def _read(self, run_id: str, tail: RunTail) -> None:
        tail.read()
        if tail.finished:
            del self._tails[run_id]
            self._running.discard(run_id)
        while tail.pending:
            event = tail.pending.popleft()
            data = event.data
            if event.event == "run_started":
                self._running.add(run_id)
            elif event.event == "run_finished":
                data = {**data, "metrics": self._store.last_metrics(run_id)}
            fields = {name: getattr(event, name) for name in RunEvent.model_fields if name != "data"}
            self.pending.append(
                SweepEvent(
                    **fields, data=data, group=self._group, values=self._values[run_id], **self._counts()
                )
            )

    def _counts(self) -> dict[str, int]:
        return {"done": len(self._values) - len(self._tails), "total": len(self._values)}


def which_group(store: MetadataStore, text: str) -> str:
    """The id of a sweep, by an unambiguous beginning of it or as `last`. Raises `OperationError` in words."""
    from stacktui.categories.metadata_store import RunQuery
    from stacktui.pipelines.sweep import LABEL

    if store.runs(RunQuery(group=text, limit=1)).runs:
        return text
    found: dict[str, None] = {}
    for run in store.runs(RunQuery(label=LABEL, limit=_MOST_COMPARED)).runs:
        if run.group is not None and (text == "last" or run.group.startswith(text)):
            found[run.group] = None
            if text == "last":
                break
    if len(found) > 1:
        raise OperationError(
            f"{text} is the beginning of several sweeps, {' and '.join(list(found)[:2])}; write more of it"
        )
    if not found:
        raise OperationError(f"there is no sweep {text!r}; see: stacktui runs list --label {LABEL}")
    return next(iter(found))


def runs_of(store: MetadataStore, group: str) -> list[Run]:
    """The runs of a sweep, the oldest first."""
    from stacktui.categories.metadata_store import RunQuery

    return list(store.runs(RunQuery(group=group, oldest_first=True, limit=_MOST_COMPARED)).runs)


def compare_runs(
    store: MetadataStore,
    runs: Sequence[Run],
    *,
    group: str | None = None,
    by: str | None = None,
    ascending: bool = False,
) -> RunsCompared:
    """Several runs as one table: the parameters that differ, the last metrics, how long each took.

    `by` is a metric, a parameter that differs, or `took`; those without it come last. Raises `OperationError`.
    """
    names = dict.fromkeys(name for run in runs for name in run.params)
    differ = [
        name
        for name in names
        if any(name not in run.params or run.params[name] != runs[0].params.get(name) for run in runs)
    ]
    rows = [
        ComparedRun(
            id=run.id,
            name=run.name,
            status=run.status,
            params={name: run.params[name] for name in differ if name in run.params},
            metrics=store.last_metrics(run.id),
            started_at=run.started_at,
            duration_s=run.duration_s,
            error=run.error,
        )
        for run in runs
    ]
    metrics = tuple(dict.fromkeys(key for row in rows for key in row.metrics))
    if by is not None:
        known = [*metrics, *differ, "took"]
        if by not in known:
            hint = nearest(by, known) or f"; there are {', '.join(known)}"
            raise OperationError(f"nothing to sort by is called {by!r}{hint}")
        rows = _sorted(rows, by, ascending)
    same = {name: runs[0].params[name] for name in names if name not in differ} if runs else {}
    return RunsCompared(
        group=group, by=by, params=tuple(differ), metrics=metrics, same=same, runs=tuple(rows)
    )


def _sorted(rows: list[ComparedRun], by: str, ascending: bool) -> list[ComparedRun]:
    def value(row: ComparedRun) -> Any:
        found = row.duration_s if by == "took" else row.metrics.get(by, row.params.get(by))
        return None if found != found else found  # noqa: PLR0124 - only NaN differs from itself

    def key(row: ComparedRun) -> tuple[bool, Any]:
        # Numbers before all else, where a parameter has both.
        found = value(row)
        number = isinstance(found, (int, float))
        return not number, found if number else str(found)

    have = [row for row in rows if value(row) is not None]
    have.sort(key=key, reverse=not ascending)
    return have + [row for row in rows if value(row) is None]
