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


class _Conditions:
    """Conditions with their values, in order."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        self._texts.append(text)
        self.values += values

    @property
    def text(self) -> str:
        return " AND ".join(self._texts) or "1"


def _source(connection: sqlite3.Connection, query: RunQuery, status: RunStatus | None) -> _Source:
    """Where a query's runs are read from, with the conditions of all its filters."""
    label = labels.split(query.label) if query.label else None
    asked = {"status": status and status.value, "pipeline": query.pipeline, "stack": query.stack}
    exact = {column: value for column, value in asked.items() if value is not None}
    # A group and what is pinned are a handful of runs: all else is looked up for each of them.
    handful = query.group is not None or query.pinned is True
    words = _words(connection, query, label, exact, handful)
    tables, key, plus = "runs", "runs.number", ""
    where = _Conditions()
    if words is not None:
        tables, key = _BY_WORDS, "runs_search.rowid"
        where.add("runs_search MATCH ?", words)
    elif handful:
        # A unary plus keeps a column's index out of the plan: another one leads.
        plus = "+"
    elif label is not None:
        tables, key = _BY_LABEL, "run_labels.number"
        _add_label(where, label)
        label = None
    for column, value in exact.items():
        where.add(f"{plus}runs.{column} = ?", value)
    if query.group is not None:
        where.add("runs.group_id = ?", query.group)
    if query.pinned is not None:
        leads = query.pinned and query.group is None
        # Written out: the planner has to see that it is what the partial index holds.
        where.add(f"{'' if leads else '+'}runs.pinned = {int(query.pinned)}")
    if label is not None:
        found = _Conditions()
        _add_label(found, label)
        where.add(
            f"EXISTS (SELECT 1 FROM run_labels WHERE run_labels.number = runs.number AND {found.text})",
            *found.values,
        )
    if status in LIVE and RunStatus.LOST not in query.status:
        # What nobody ever held, or has let go, is lost: that it is not looked for keeps long lists of lost
        # runs from being judged one by one.
        held = "EXISTS (SELECT 1 FROM holds WHERE holds.run_id = runs.id)"
        where.add(held if status is RunStatus.RUNNING else f"(runs.holder IS NULL OR {held})")
    if _has_text(query) and words is None:
        like, values = search.like(query.search or "")
        where.add(like, *values)
    return _Source(tables, key, where.text, where.values)


def _add_label(where: _Conditions, label: tuple[str, str | None]) -> None:
    key, value = label
    where.add("run_labels.key = ?", key)
    if value is not None:
        where.add("run_labels.value = ?", value)


def _has_text(query: RunQuery) -> bool:
    return bool(query.search and query.search.strip())


def _words(
    connection: sqlite3.Connection,
    query: RunQuery,
    label: tuple[str, str | None] | None,
    exact: dict[str, str],
    handful: bool,
) -> str | None:
    """What the index of words is asked if it leads: for a search, or for a label beside other filters.

    The words of a value need not stand alone in its column, so the caller compares as well.
    """
    text = search.words(query.search or "")
    if _has_text(query):
        if text is None:
            return None
    elif label is None or handful or not exact:
        return None
    if not search.available(connection):
        return None
    terms = [] if text is None else [text]
    if handful:
        exact = {"group_id": query.group} if query.group is not None else {"pinned": "1"}
    elif label is not None:
        beside = labels.words(*label)
        if beside is not None:
            terms.append(search.phrase("labels", beside))
        elif text is None:
            return None
    terms += [search.phrase(column, value) for column, value in exact.items() if search.is_word(value)]
    return " AND ".join(terms)
