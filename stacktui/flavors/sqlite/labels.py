"""SQL over the labels of runs, a row each beside the run's JSON, for filters. Used by `runs` and by the migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from stacktui.flavors.sqlite import rows

INSERT = "INSERT OR REPLACE INTO run_labels (key, number, value) VALUES (?, ?, ?)"
_BATCH = 10_000


def add(connection: sqlite3.Connection, number: int, found: Mapping[str, str]) -> None:
    """Record the labels of a new run."""
    if found:
        connection.executemany(INSERT, values(number, found))


def change(
    connection: sqlite3.Connection, number: int, old: Mapping[str, str], new: Mapping[str, str]
) -> None:
    """Record that a run's labels are others now."""
    gone = [(rows.plain_text(key), number) for key in old if key not in new]
    connection.executemany("DELETE FROM run_labels WHERE key = ? AND number = ?", gone)
    add(connection, number, new)


def values(number: int, found: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """What the rows of a run's labels hold."""
    return [(rows.plain_text(str(key)), number, rows.plain_text(str(value))) for key, value in found.items()]


def fill(connection: sqlite3.Connection) -> None:
    """Record the labels of all runs of a store that had no rows for them."""
    last = 0
    while True:
        batch = connection.execute(
            "SELECT number, labels FROM runs WHERE number > ? ORDER BY number LIMIT ?", (last, _BATCH)
        ).fetchall()
        if not batch:
            return
        last = batch[-1][0]
        for number, text in batch:
            if text != "{}":
                connection.executemany(INSERT, values(number, rows.unpacked(text)))


def split(wanted: str) -> tuple[str, str | None]:
    """The key and, if one is named, the value of a filter: `key=value` or `key`."""
    key, equals, value = wanted.partition("=")
    return rows.plain_text(key.strip()), rows.plain_text(value.strip()) if equals else None


def words(key: str, value: str | None) -> str | None:
    """The words of a label as they stand in the search index; None where the index may know it by others.

    They narrow a search and do not decide it: words of several labels may stand beside each other.
    """
    text = key if value is None else rows.packed({key: value})
    # A run whose labels hold half a surrogate pair has all that is not ASCII in them escaped.
    if not text.isascii() or not any(letter.isalnum() for letter in text):
        return None
    return text
