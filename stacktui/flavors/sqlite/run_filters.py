"""SQL of the filters of lists of runs: which index a page is read along. Used by `runs`.

A list has one order, that of `runs.number`, and each source below is read in it, so a page costs what its rows
cost. What is rare leads: the words of a search, a group, what is pinned, a label; the other filters are looked up
for each of its rows. Where those could be many, the index of words finds them together.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from stacktui.categories.metadata_store import RunQuery
from stacktui.flavors.sqlite import labels, rows, search
from stacktui.model.run import RunStatus

COLUMNS = ", ".join(f"runs.{column}" for column in rows.RUN_COLUMNS)
LIVE = (RunStatus.QUEUED, RunStatus.RUNNING)
_BY_WORDS = "runs_search CROSS JOIN runs ON runs.number = runs_search.rowid"
_BY_LABEL = "run_labels CROSS JOIN runs ON runs.number = run_labels.number"


class _Source(NamedTuple):
    tables: str
    """The one that is read first, in order, first: CROSS JOIN keeps it there."""
    key: str
    """Its number of the run. The order stands on it: SQLite then reads along it and does not sort."""
    where: str
    values: list[Any]


def range_sql(
    connection: sqlite3.Connection,
    query: RunQuery,
    status: RunStatus | None,
    number: int | None,
    ascending: bool,
) -> tuple[str, list[Any]]:
    """The query for one status and one side of a number; its last parameter, the limit, is left to the caller."""
    source = _source(connection, query, status)
    where, values = source.where, source.values
    if number is not None:
        where += f" AND {source.key} {'>' if ascending else '<'} ?"
        values = [*values, number]
    order = "ASC" if ascending else "DESC"
    return (
        f"SELECT runs.number, {COLUMNS} FROM {source.tables} WHERE {where}"
        f" ORDER BY {source.key} {order} LIMIT ?",
        values,
    )


def count_sql(
    connection: sqlite3.Connection, query: RunQuery, status: RunStatus | None
) -> tuple[str, list[Any]]:
    """The query that counts, no further than its last parameter, which is left to the caller."""
    source = _source(connection, query, status)
    return (
        f"SELECT count(*) FROM (SELECT 1 FROM {source.tables} WHERE {source.where} LIMIT ?)",
        source.values,
    )


def _source(connection: sqlite3.Connection, query: RunQuery, status: RunStatus | None) -> _Source:
    """Where a query's runs are read from, with the conditions of all its filters."""
    text = query.search if query.search and query.search.strip() else None
    label = labels.split(query.label) if query.label else None
    exact = {"status": status and status.value, "pipeline": query.pipeline, "stack": query.stack}
    given = {column: value for column, value in exact.items() if value is not None}
    found = _words(connection, query, text, label, given)
    tables, key = "runs", "runs.number"
    first: list[str] = []
    values: list[Any] = []
    led = True
    if found is not None:
        tables, key = _BY_WORDS, "runs_search.rowid"
        first, values = ["runs_search MATCH ?"], [found]
    elif query.group is None and query.pinned is not True and label is not None:
        tables, key = _BY_LABEL, "run_labels.number"
        first, values = ["run_labels.key = ?"], [label[0]]
        if label[1] is not None:
            first.append("run_labels.value = ?")
            values.append(label[1])
        label = None
    else:
        led = query.group is not None or query.pinned is True
    conditions = [*first]
    # A unary plus keeps the column's index out of the plan: another one leads.
    plus = "+" if led and tables == "runs" else ""
    for column, value in given.items():
        conditions.append(f"{plus}runs.{column} = ?")
        values.append(value)
    if query.group is not None:
        conditions.append("runs.group_id = ?")
        values.append(query.group)
    if query.pinned is not None:
        # With a group, that leads; runs that are not pinned are nearly all.
        plus = "+" if query.group is not None or not query.pinned else ""
        conditions.append(f"{plus}runs.pinned = {int(query.pinned)}")
    if label is not None:
        value_too = "" if label[1] is None else " AND run_labels.value = ?"
        conditions.append(
            "EXISTS (SELECT 1 FROM run_labels WHERE run_labels.key = ? AND run_labels.number = runs.number"
            f"{value_too})"
        )
        values += [part for part in label if part is not None]
    if status in LIVE and RunStatus.LOST not in query.status:
        # What nobody ever held, or has let go, is lost: that it is not looked for keeps long lists of lost
        # runs from being judged one by one.
        held = "EXISTS (SELECT 1 FROM holds WHERE holds.run_id = runs.id)"
        conditions.append(held if status is RunStatus.RUNNING else f"(runs.holder IS NULL OR {held})")
    if text is not None and found is None:
        like, like_values = search.like(text)
        conditions.append(like)
        values += like_values
    return _Source(tables, key, " AND ".join(conditions) or "1", values)


def _words(
    connection: sqlite3.Connection,
    query: RunQuery,
    text: str | None,
    label: tuple[str, str | None] | None,
    exact: dict[str, str],
) -> str | None:
    """What the index of words is asked, if it leads: for a search, or a label together with other filters."""
    alone = query.group is not None or query.pinned is True or not exact
    if text is None and (label is None or alone):
        return None
    if not search.available(connection):
        return None
    terms: list[str] = []
    if text is not None:
        found = search.words(text)
        if found is None:
            return None
        terms.append(found)
    if query.group is not None or query.pinned is True:
        # Few enough to compare the rest with each.
        label, exact = None, {}
    if label is not None:
        beside = labels.words(*label)
        if beside is not None:
            terms.append(search.phrase("labels", beside))
        elif text is None:
            return None
    if query.group is not None:
        exact = {**exact, "group_id": query.group}
    if query.pinned:
        exact = {**exact, "pinned": "1"}
    # The words of a value need not stand alone in its column: the caller compares as well.
    terms += [search.phrase(column, value) for column, value in exact.items() if search.is_word(value)]
    return " AND ".join(terms)
