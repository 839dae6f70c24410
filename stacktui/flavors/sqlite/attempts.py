"""SQL over earlier attempts of steps, and over how far a step is. Used by the store and by `steps`."""

from __future__ import annotations

import sqlite3

from stacktui.flavors.sqlite import events, rows
from stacktui.model.run import StepAttempt, StepProgress

_ATTEMPT = ", ".join(rows.ATTEMPT_COLUMNS)
_PROGRESS = ", ".join(rows.PROGRESS_COLUMNS)
INSERT_ATTEMPT = (
    f"INSERT OR REPLACE INTO step_attempts ({_ATTEMPT}) VALUES ({rows.marks(len(rows.ATTEMPT_COLUMNS))})"
)
INSERT_PROGRESS = (
    f"INSERT OR REPLACE INTO step_progress ({_PROGRESS}) VALUES ({rows.marks(len(rows.PROGRESS_COLUMNS))})"
)


def keep(connection: sqlite3.Connection, attempt: StepAttempt) -> None:
    """Keep how an attempt ended; what it said of its metrics and of how far it was goes."""
    connection.execute(INSERT_ATTEMPT, rows.attempt_values(attempt))
    connection.execute("DELETE FROM metrics WHERE run_id = ? AND source = ?", (attempt.run_id, attempt.name))
    connection.execute(
        "DELETE FROM step_progress WHERE run_id = ? AND step = ?", (attempt.run_id, attempt.name)
    )
    data = {"step": attempt.name, "attempt": attempt.attempt, "status": attempt.status.value}
    if attempt.error is not None:
        data["error"] = {"type": attempt.error.type, "message": attempt.error.message}
    events.append(connection, attempt.run_id, "step_attempt_ended", data)


def of_run(connection: sqlite3.Connection | None, run_id: str, step: str | None) -> tuple[StepAttempt, ...]:
    """The earlier attempts of a run's steps, or of one of them, by step and attempt."""
    if connection is None:
        return ()
    condition, values = ("", (run_id,)) if step is None else (" AND name = ?", (run_id, step))
    sql = f"SELECT {_ATTEMPT} FROM step_attempts WHERE run_id = ?{condition} ORDER BY name, attempt"
    return tuple(rows.attempt_from(row) for row in connection.execute(sql, values))


def tell(connection: sqlite3.Connection, run_id: str, step: str, progress: StepProgress) -> None:
    """Keep how far a step is; the last word counts."""
    connection.execute(INSERT_PROGRESS, rows.progress_values(run_id, step, progress))
    data = {"step": step, "done": progress.done, "total": progress.total, "text": progress.text}
    events.append(connection, run_id, "progress", data)


def progress(connection: sqlite3.Connection, run_id: str) -> dict[str, StepProgress]:
    """How far the steps of a run said they are, by step: few of them do."""
    sql = "SELECT step, done, total, text, at FROM step_progress WHERE run_id = ?"
    return {
        step: StepProgress.model_validate({"done": done, "total": total, "text": text, "at": at})
        for step, done, total, text, at in connection.execute(sql, (run_id,))
    }
