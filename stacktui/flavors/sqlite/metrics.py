"""SQL over what steps log: metrics' points, parameters, files. Used by the store and by `steps`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from stacktui.categories.errors import NotFound
from stacktui.flavors.sqlite import artifacts, events, rows
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.base import now
from stacktui.model.run import Metric

INSERT = "INSERT OR REPLACE INTO metrics (run_id, key, step, at, source, value) VALUES (?, ?, ?, ?, ?, ?)"
_COLUMNS = "key, step, at, source, value"


def add(connection: sqlite3.Connection, run_id: str, points: Sequence[Metric], source: str = "") -> None:
    """Add points to a run's curves, with one event for all; `source` is their step where they name none."""
    connection.executemany(INSERT, [rows.metric_values(run_id, point, source) for point in points])
    last = {point.key: point.value for point in points}
    data = {"step": points[-1].source or source, "points": len(points), "metrics": last}
    events.append(connection, run_id, "metric", data)


def of_run(connection: sqlite3.Connection | None, run_id: str, key: str | None) -> tuple[Metric, ...]:
    """All points of a run, or of one of its curves, by key and step."""
    if connection is None:
        return ()
    condition, values = ("", (run_id,)) if key is None else (" AND key = ?", (run_id, key))
    sql = f"SELECT {_COLUMNS} FROM metrics WHERE run_id = ?{condition} ORDER BY key, step, at"
    return tuple(rows.metric_from(row) for row in connection.execute(sql, values))


def of_source(connection: sqlite3.Connection, run_id: str, source: str) -> tuple[Metric, ...]:
    """The points that one step of a run logged."""
    sql = f"SELECT {_COLUMNS} FROM metrics WHERE run_id = ? AND source = ? ORDER BY key, step, at"
    return tuple(rows.metric_from(row) for row in connection.execute(sql, (run_id, source)))


def last(connection: sqlite3.Connection | None, run_id: str) -> dict[str, float]:
    """The last value of each metric of a run: two steps down the index for each, however long its curve."""
    found: dict[str, float] = {}
    if connection is None:
        return found
    key = ""
    while True:
        row = connection.execute(
            "SELECT key FROM metrics WHERE run_id = ? AND key > ? ORDER BY key LIMIT 1", (run_id, key)
        ).fetchone()
        if row is None:
            return found
        key = row[0]
        (value,) = connection.execute(
            "SELECT value FROM metrics WHERE run_id = ? AND key = ? ORDER BY step DESC, at DESC LIMIT 1",
            (run_id, key),
        ).fetchone()
        found[key] = float("nan") if value is None else value


def add_params(connection: sqlite3.Connection, run_id: str, params: Mapping[str, Any]) -> None:
    """Add logged parameters; one that is logged again is replaced."""
    connection.executemany(
        "INSERT OR REPLACE INTO logged_params (run_id, name, value) VALUES (?, ?, ?)",
        [(run_id, rows.plain_text(str(name)), rows.packed(value)) for name, value in params.items()],
    )
    events.append(connection, run_id, "params", {"params": dict(params)})


def add_file(connection: sqlite3.Connection, run_id: str, step: str, name: str, file: ArtifactRef) -> None:
    """Record a file that a step logged, as an artifact of that step under the file's name."""
    found = connection.execute("SELECT pipeline FROM runs WHERE id = ?", (run_id,)).fetchone()
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    fields = {field: getattr(file, field) for field in ArtifactRef.model_fields}
    artifacts.add(
        connection,
        Artifact(
            **fields, name=name, run_id=run_id, pipeline=found[0], step=step, version=1, created_at=now()
        ),
    )
    connection.execute(
        "INSERT OR REPLACE INTO logged_files (run_id, name, step, artifact_id) VALUES (?, ?, ?, ?)",
        (run_id, name, step, file.id),
    )
    events.append(connection, run_id, "file", {"step": step, "name": name, "artifact": file.id})


def logged(connection: sqlite3.Connection | None, run_id: str) -> dict[str, Any]:
    """Parameters and files that steps logged."""
    if connection is None:
        return {"params": {}, "files": {}}
    params = connection.execute(
        "SELECT name, value FROM logged_params WHERE run_id = ? ORDER BY name", (run_id,)
    )
    files = connection.execute(
        "SELECT name, artifact_id FROM logged_files WHERE run_id = ? ORDER BY name", (run_id,)
    )
    return {"params": {name: rows.unpacked(value) for name, value in params}, "files": dict(files.fetchall())}
