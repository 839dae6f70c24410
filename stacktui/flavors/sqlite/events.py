"""SQL over the append-only tail of events, and over requests to runs. Used by every module that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from stacktui.categories.errors import NotFound
from stacktui.flavors.sqlite import rows
from stacktui.model.run import Event

INSERT = "INSERT INTO events (run_id, kind, at, data) VALUES (?, ?, ?, ?)"
_COLUMNS = "id, run_id, kind, at, data"


def append(connection: sqlite3.Connection, run_id: str, kind: str, data: Mapping[str, Any]) -> int:
    """Add an event; returns its number."""
    number = connection.execute(INSERT, (run_id, kind, rows.stamp_now(), rows.packed(data))).lastrowid
    assert number is not None
    return number


def last(connection: sqlite3.Connection | None) -> int:
    """The newest event's number; 0 without one."""
    if connection is None:
        return 0
    found = connection.execute("SELECT max(id) FROM events").fetchone()[0]
    return found or 0


def after(
    connection: sqlite3.Connection | None, number: int, limit: int, run_id: str | None = None
) -> list[Event]:
    """Events after a number, oldest first."""
    if connection is None:
        return []
    condition, values = ("", ()) if run_id is None else (" AND run_id = ?", (run_id,))
    sql = f"SELECT {_COLUMNS} FROM events WHERE id > ?{condition} ORDER BY id LIMIT ?"
    return [rows.event_from(row) for row in connection.execute(sql, (number, *values, limit))]


def request(connection: sqlite3.Connection, run_id: str, what: str, data: Mapping[str, Any]) -> None:
    """Ask something of a run's holder. Raises `NotFound`."""
    if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is None:
        raise NotFound(f"there is no run {run_id}; `stacktui runs list` shows them")
    number = append(connection, run_id, "request", {"what": what, **data})
    connection.execute(
        "INSERT INTO requests (event_id, run_id, what, at, data) VALUES (?, ?, ?, ?, ?)",
        (number, run_id, what, rows.stamp_now(), rows.packed(data)),
    )


def requests(connection: sqlite3.Connection | None, run_id: str, after_number: int) -> list[Event]:
    """What was asked of a run after an event number, as the events that announced it."""
    if connection is None:
        return []
    sql = f"""SELECT {_COLUMNS} FROM events WHERE id IN
        (SELECT event_id FROM requests WHERE run_id = ? AND event_id > ?) ORDER BY id"""
    return [rows.event_from(row) for row in connection.execute(sql, (run_id, after_number))]
