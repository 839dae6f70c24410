"""SQL that forgets runs and artifacts, and tells which content artifacts still name. Used by the store.

Each deletion is one transaction. Its event is written first: an event's number is never given twice, even if
the newest ones were those of the run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from stacktui.categories.errors import ComponentError
from stacktui.flavors.sqlite import events, labels, liveness, rows, runs
from stacktui.model.run import RunStatus

_OF_RUN = (
    "steps", "step_attempts", "step_progress", "metrics", "logged_params", "logged_files", "artifact_links",
    "requests", "inbox", "holds",
)  # fmt: skip
_OF_NUMBER = ("run_details", "runs")
_PAGE = 2_000


def run(connection: sqlite3.Connection, run_id: str) -> None:
    """Forget a run. Raises `NotFound`, and `ComponentError` where it is held, about to start, or pinned."""
    number, status, pinned = runs.state(connection, run_id)
    if liveness.lives(connection, run_id) or status in (RunStatus.QUEUED, RunStatus.RUNNING):
        how = "still held by its runner" if status.finished else status.value
        raise ComponentError(f"run {run_id} is {how}; stop it first with: stacktui runs stop {run_id}")
    if pinned:
        raise ComponentError(f"run {run_id} is pinned; unpin it first with: stacktui runs pin {run_id} --off")
    touched = _artifacts_of(connection, run_id)
    event = events.append(connection, run_id, "run_deleted", {})
    connection.execute("DELETE FROM events WHERE run_id = ? AND id < ?", (run_id, event))
    for table in _OF_RUN:
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))
    (text,) = connection.execute("SELECT labels FROM runs WHERE number = ?", (number,)).fetchone()
    # By their keys: what is found by the run alone takes a look at every label of the store.
    labels.change(connection, number, rows.unpacked(text), {})
    for table in _OF_NUMBER:
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
    needed = _Needed(connection)
    _forget(connection, [artifact for artifact in touched if not needed(artifact)])


def artifacts(connection: sqlite3.Connection, artifact_ids: Sequence[str]) -> int:
    """Forget artifacts with their links and tags; returns how many there were."""
    count = _forget(connection, artifact_ids)
    if count:
        events.append(connection, "", "artifacts_deleted", {"count": count})
    return count


def page_of_contents(
    connection: sqlite3.Connection | None, after: str
) -> list[tuple[str, str, str, int, str]]:
    """(artifact, uri, digest, size, run) of the artifacts after an id."""
    if connection is None:
        return []
    sql = "SELECT id, uri, digest, size, run_id FROM artifacts WHERE id > ? ORDER BY id LIMIT ?"
    return connection.execute(sql, (after, _PAGE)).fetchall()


def _artifacts_of(connection: sqlite3.Connection, run_id: str) -> list[str]:
    """What a run made, used, or had standing in for a step of its own: all that may be needed no longer."""
    found = {
        artifact
        for sql in (
            "SELECT id FROM artifacts WHERE run_id = ?",
            "SELECT artifact_id FROM artifact_links WHERE run_id = ?",
        )
        for (artifact,) in connection.execute(sql, (run_id,))
    }
    for (outputs,) in connection.execute(
        "SELECT outputs FROM steps WHERE run_id = ? AND cached_from IS NOT NULL", (run_id,)
    ):
        found.update(rows.unpacked(outputs).values())
    return sorted(found)


class _Needed:
    """Which artifacts are needed: their maker is there, another run uses them or has them stand in, or a tag does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._standing_in: dict[str, set[str]] = {}

    def __call__(self, artifact_id: str) -> bool:
        row = self._one("SELECT run_id FROM artifacts WHERE id = ?", artifact_id)
        if row is None:
            return False
        (maker,) = row
        return (
            self._one("SELECT 1 FROM runs WHERE id = ?", maker) is not None
            or self._one("SELECT 1 FROM artifact_links WHERE artifact_id = ? LIMIT 1", artifact_id)
            is not None
            or self._one("SELECT 1 FROM artifact_tags WHERE artifact_id = ? LIMIT 1", artifact_id) is not None
            or artifact_id in self._of(maker)
        )

    def _of(self, maker: str) -> set[str]:
        """What a run made that stands in for steps of others; read once, for there may be thousands of steps."""
        if maker not in self._standing_in:
            found = self._connection.execute("SELECT outputs FROM steps WHERE cached_from = ?", (maker,))
            self._standing_in[maker] = {
                artifact for (outputs,) in found for artifact in rows.unpacked(outputs).values()
            }
        return self._standing_in[maker]

    def _one(self, sql: str, value: str) -> rows.Row | None:
        row: rows.Row | None = self._connection.execute(sql, (value,)).fetchone()
        return row


def _forget(connection: sqlite3.Connection, artifact_ids: Iterable[str]) -> int:
    count = 0
    for artifact_id in artifact_ids:
        row = connection.execute(
            "DELETE FROM artifacts WHERE id = ? RETURNING pipeline, step, name, version, run_id",
            (artifact_id,),
        ).fetchone()
        if row is None:
            continue
        count += 1
        connection.execute(
            """INSERT INTO deleted_versions (pipeline, step, name, version) VALUES (?, ?, ?, ?)
            ON CONFLICT (pipeline, step, name) DO UPDATE SET version = max(version, excluded.version)""",
            row[:4],
        )
        for table in ("artifact_links", "artifact_tags"):
            connection.execute(f"DELETE FROM {table} WHERE artifact_id = ?", (artifact_id,))
        connection.execute(
            "DELETE FROM logged_files WHERE run_id = ? AND artifact_id = ?", (row[4], artifact_id)
        )
    return count
