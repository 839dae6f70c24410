"""SQL over runs: create, change, find one, and pages of many. Used by the store.

A page is a range of `runs.number` read along an index that fits its filters; several statuses are several
such ranges, merged. `lost` is computed: the row says running, or queued for longer than a runner takes to
start, and nobody holds the run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.metadata_store import RunPage, RunQuery
from stacktui.flavors.sqlite import events, labels, liveness, rows, run_filters
from stacktui.model.base import now
from stacktui.model.run import Run, RunStatus, StepRun

_COLUMNS = run_filters.COLUMNS
_DETAILS = ", ".join(rows.DETAIL_COLUMNS)
_STATUS = rows.RUN_COLUMNS.index("status")
_HOLDER = rows.RUN_COLUMNS.index("holder")
_PINNED = rows.RUN_COLUMNS.index("pinned")
_CREATED = rows.RUN_COLUMNS.index("created_at")
_COLUMN_OF = dict(zip(rows.RUN_FIELDS[1:], rows.RUN_COLUMNS[1:], strict=True))
_CHANGEABLE = (*_COLUMN_OF, *rows.DETAIL_COLUMNS)
_LIVE = run_filters.LIVE

INSERT_RUN = f"INSERT INTO runs ({', '.join(rows.RUN_COLUMNS)}) VALUES ({rows.marks(len(rows.RUN_COLUMNS))})"
INSERT_DETAILS = f"INSERT INTO run_details (number, {_DETAILS}) VALUES (?, ?, ?, ?)"
INSERT_STEP = (
    f"INSERT INTO steps ({', '.join(rows.STEP_COLUMNS)}) VALUES ({rows.marks(len(rows.STEP_COLUMNS))})"
)


def create(connection: sqlite3.Connection, run: Run, steps: Sequence[StepRun]) -> None:
    """Record a run and its steps."""
    try:
        number = connection.execute(INSERT_RUN, rows.run_values(run)).lastrowid
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise ComponentError(f"run {run.id} is recorded already") from error
        raise
    assert number is not None
    connection.execute(INSERT_DETAILS, (number, *rows.detail_values(run)))
    labels.add(connection, number, run.labels)
    connection.executemany(INSERT_STEP, map(rows.step_values, steps))
    data = {"pipeline": run.pipeline, "stack": run.stack, "name": run.name, "status": run.status.value}
    events.append(connection, run.id, "run_created", data)


def update(connection: sqlite3.Connection, run_id: str, changes: dict[str, Any]) -> None:
    """Change fields of a run, with the event that says so."""
    unknown = sorted(set(changes) - set(_CHANGEABLE))
    if unknown:
        raise TypeError(f"a run has no field {', '.join(unknown)} that can change")
    columns: dict[str, Any] = {}
    details: dict[str, Any] = {}
    for field, value in changes.items():
        if field in rows.DETAIL_COLUMNS:
            details[field] = _column_value(field, value)
        else:
            columns[_COLUMN_OF[field]] = _column_value(field, value)
    found = connection.execute("SELECT number, labels FROM runs WHERE id = ?", (run_id,)).fetchone()
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    number, old_labels = found
    if "labels" in changes:
        labels.change(connection, number, rows.unpacked(old_labels), changes["labels"])
    for table, values in (("runs", columns), ("run_details", details)):
        if values:
            assignments = ", ".join(f"{column} = ?" for column in values)
            connection.execute(
                f"UPDATE {table} SET {assignments} WHERE number = ?", (*values.values(), number)
            )
    status = RunStatus(changes["status"]) if "status" in changes else None
    kind = "run_changed"
    if status is not None and status.finished:
        kind = "run_finished"
    elif status is RunStatus.RUNNING:
        kind = "run_started"
    data: dict[str, Any] = {} if status is None else {"status": status.value}
    if changes.get("error"):
        data["error"] = rows.plain_text(str(changes["error"]))
    events.append(connection, run_id, kind, data)


def _column_value(field: str, value: Any) -> Any:
    if field in ("params", "labels", "stack_snapshot", "environment"):
        return rows.packed(value)
    if field == "graph":
        return rows.packed([{"name": node.name, "after": node.after} for node in value])
    if field in ("holder", "code"):
        return rows.packed_noun(value)
    if field.endswith("_at"):
        return rows.stamp(value)
    if field == "status":
        return RunStatus(value).value
    if field in ("pinned", "resumes"):
        return int(value)
    return rows.plain_text(value) if isinstance(value, str) else value


def find(connection: sqlite3.Connection | None, run_id: str) -> Run:
    """One run, whole, by its id or an unambiguous beginning of it."""
    missing = NotFound(f"there is no run {run_id}; `stacktui runs list` shows them")
    if connection is None or not run_id:
        raise missing
    sql = f"SELECT {_COLUMNS}, {_DETAILS} FROM runs JOIN run_details USING (number) WHERE"
    row = connection.execute(f"{sql} id = ?", (run_id,)).fetchone()
    if row is None:
        # Every id that starts so lies between it and it followed by the largest character.
        matches = connection.execute(
            f"{sql} id > ? AND id < ? ORDER BY id LIMIT 2", (run_id, run_id + "\U0010ffff")
        ).fetchall()
        if not matches:
            raise missing
        if len(matches) > 1:
            raise NotFound(
                f"{run_id} is the beginning of several runs, {matches[0][0]} and {matches[1][0]} among them;"
                " write more of it"
            )
        row = matches[0]
    split = len(rows.RUN_COLUMNS)
    return rows.run_from(_judged(connection, row[:split]), row[split:])


def _judged(connection: sqlite3.Connection, row: Sequence[Any]) -> Sequence[Any]:
    """The row, as `lost` if it says running and nobody holds the run."""
    status = row[_STATUS]
    if status not in _LIVE:
        return row
    if status == RunStatus.QUEUED and row[_HOLDER] is None:
        started_since = rows.stamp(now() - liveness.START_WITHIN)
        assert started_since is not None
        if row[_CREATED] > started_since:
            return row
    if liveness.lives(connection, row[0]):
        return row
    # It may have ended since the row was read: only what still says so now is lost.
    again = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (row[0],)).fetchone()
    if again is None or again[_STATUS] not in _LIVE or liveness.lives(connection, row[0]):
        return row if again is None else tuple(again)
    return (*again[:_STATUS], RunStatus.LOST.value, *again[_STATUS + 1 :])


def state(connection: sqlite3.Connection, run_id: str) -> tuple[int, RunStatus, bool]:
    """A run's number, its status as it is shown, and whether it is pinned. Raises `NotFound`."""
    row = connection.execute(f"SELECT {_COLUMNS}, runs.number FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no run {run_id}; `stacktui runs list` shows them")
    judged = _judged(connection, row[:-1])
    return row[-1], RunStatus(judged[_STATUS]), bool(judged[_PINNED])


def is_lost(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether the run is lost now, or was written so."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()
    return row is not None and _judged(connection, row)[_STATUS] == RunStatus.LOST


def page(connection: sqlite3.Connection | None, query: RunQuery) -> RunPage:
    """One page of runs."""
    if connection is None or query.limit < 1:
        return RunPage(runs=())
    upward = query.before is not None
    cursor = query.before if upward else query.after
    number = None if cursor is None else _number(connection, cursor)
    # Scrolling back reads the other way from the cursor, and is turned round at the end.
    ascending = query.oldest_first != upward
    found = []
    for _, row in _matching(connection, query, number, ascending, query.limit + 1):
        found.append(row)
        if len(found) > query.limit:
            break
    more = len(found) > query.limit
    found = found[: query.limit]
    if upward:
        found.reverse()
    runs = tuple(map(rows.run_from, found))
    return RunPage(runs=runs, next=runs[-1].id if runs and (more or upward) else None)


def count(connection: sqlite3.Connection | None, query: RunQuery, at_most: int) -> int:
    """How many runs the query's filters find, counted no further than `at_most`."""
    if connection is None:
        return 0
    live = [status for status in query.status if status in (*_LIVE, RunStatus.LOST)]
    if not live:
        total = 0
        for status in query.status or (None,):
            sql, values = run_filters.count_sql(connection, query, status)
            total += connection.execute(sql, (*values, at_most - total)).fetchone()[0]
        return total
    total = 0
    for _ in _matching(connection, query, None, False, 500):
        total += 1
        if total >= at_most:
            break
    return total


def pipelines(connection: sqlite3.Connection | None) -> list[str]:
    """Every pipeline's name, sorted: one step down the index for each, not for each run."""
    if connection is None:
        return []
    sql = """
        WITH RECURSIVE found (name) AS (
            SELECT min(pipeline) FROM runs
            UNION ALL
            SELECT (SELECT min(pipeline) FROM runs WHERE pipeline > found.name) FROM found WHERE found.name IS NOT NULL
        )
        SELECT name FROM found WHERE name IS NOT NULL"""
    return [name for (name,) in connection.execute(sql)]


def _number(connection: sqlite3.Connection, run_id: str) -> int:
    found = connection.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()
    if found is None:
        raise NotFound(f"there is no run {run_id} to go on from; ask for the first page again")
    return int(found[0])


def _matching(
    connection: sqlite3.Connection, query: RunQuery, number: int | None, ascending: bool, chunk: int
) -> Iterator[tuple[int, Sequence[Any]]]:
    """The runs that a query finds on one side of `number`, in order, with their status judged."""
    wanted = set(query.status)
    stored: Sequence[RunStatus | None] = (None,)
    if wanted:
        # What is lost says running or queued in its row, unless somebody wrote that it is lost.
        both = set(_LIVE) if RunStatus.LOST in wanted else set()
        stored = sorted(wanted | both)
    while True:
        batch: list[tuple[int, Sequence[Any]]] = []
        for status in stored:
            batch += _range(connection, query, status, number, ascending, chunk)
        if len(stored) > 1:
            batch.sort(key=lambda item: item[0], reverse=not ascending)
            # Beyond the first `chunk` a range that was cut may have more.
        full = len(batch) >= chunk
        for position, row in batch[:chunk]:
            judged = _judged(connection, row)
            if not wanted or judged[_STATUS] in wanted:
                yield position, judged
        if not full:
            return
        number = batch[chunk - 1][0]


def _range(
    connection: sqlite3.Connection,
    query: RunQuery,
    status: RunStatus | None,
    number: int | None,
    ascending: bool,
    limit: int,
) -> list[tuple[int, Sequence[Any]]]:
    sql, values = run_filters.range_sql(connection, query, status, number, ascending)
    return [(row[0], row[1:]) for row in connection.execute(sql, (*values, limit))]
