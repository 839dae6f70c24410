"""SQL over messages and questions to people. Used by the store."""

from __future__ import annotations

import sqlite3
from typing import Any

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.flavors.sqlite import events, rows
from stacktui.model.alert import InboxItem

COLUMNS = (
    "id", "kind", "alerter", "level", "text", "choices", "default", "answer", "answered_by", "run_id", "step",
    "created_at", "expires_at", "closed_at",
)  # fmt: skip
_QUOTED = ", ".join(f'"{column}"' for column in COLUMNS)
_CHOICES = COLUMNS.index("choices")
INSERT = f"INSERT INTO inbox ({_QUOTED}) VALUES ({rows.marks(len(COLUMNS))})"


def item_values(item: InboxItem) -> tuple[Any, ...]:
    """What a row of `inbox` holds."""
    return (
        item.id, item.kind, item.alerter, item.level.value, rows.plain_text(item.text), rows.packed(item.choices),
        item.default, item.answer, item.answered_by, item.run_id, item.step, rows.stamp(item.created_at),
        rows.stamp(item.expires_at), rows.stamp(item.closed_at),
    )  # fmt: skip


def post(connection: sqlite3.Connection, item: InboxItem) -> None:
    """Put an item in the inbox."""
    try:
        connection.execute(INSERT, item_values(item))
    except sqlite3.IntegrityError as error:
        raise ComponentError(f"inbox item {item.id} is there already") from error
    data: dict[str, Any] = {"id": item.id, "alerter": item.alerter, "level": item.level.value}
    if item.step:
        data["step"] = item.step
    events.append(connection, item.run_id or "", item.kind, data)


def listed(connection: sqlite3.Connection | None, pending: bool, limit: int) -> tuple[InboxItem, ...]:
    """Items, newest first; with `pending` the questions that can still be answered."""
    if connection is None:
        return ()
    where = "1"
    values: tuple[Any, ...] = ()
    if pending:
        where = "kind = 'question' AND closed_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"
        values = (rows.stamp_now(),)
    sql = f"SELECT {_QUOTED} FROM inbox WHERE {where} ORDER BY number DESC LIMIT ?"
    return tuple(_item(row) for row in connection.execute(sql, (*values, limit)))


def get(connection: sqlite3.Connection | None, item_id: str) -> InboxItem:
    """One item by its id or an unambiguous beginning of it."""
    missing = NotFound(f"there is no message or question {item_id}; `stacktui alert list` shows them")
    if connection is None or not item_id:
        raise missing
    sql = f"SELECT {_QUOTED} FROM inbox WHERE"
    found = connection.execute(f"{sql} id = ?", (item_id,)).fetchall()
    if not found:
        between = (item_id, item_id + "\U0010ffff")
        found = connection.execute(f"{sql} id > ? AND id < ? ORDER BY id LIMIT 2", between).fetchall()
    if not found:
        raise missing
    if len(found) > 1:
        raise NotFound(
            f"{item_id} is the beginning of several items, {found[0][0]} and {found[1][0]} among them;"
            " write more of it"
        )
    return _item(found[0])


def answer(connection: sqlite3.Connection, item_id: str, choice: str | None, by: str) -> InboxItem:
    """Close a question. The first answer counts, and none counts after its time."""
    item = get(connection, item_id)
    if item.kind != "question":
        raise ComponentError(f"{item.id} is a message, not a question: nothing waits for an answer")
    if item.closed_at is not None:
        how = "ran out" if item.answer is None else f"was answered {item.answer!r} by {item.answered_by}"
        raise ComponentError(f"question {item.id} {how} at {rows.stamp(item.closed_at)}")
    if choice is not None and choice not in item.choices:
        raise ComponentError(f"{choice!r} is not among the choices: {', '.join(item.choices)}")
    closed_at = rows.stamp_now()
    expires_at = rows.stamp(item.expires_at)
    if choice is not None and expires_at is not None and expires_at <= closed_at:
        raise ComponentError(f"question {item.id} ran out at {expires_at}")
    connection.execute(
        "UPDATE inbox SET answer = ?, answered_by = ?, closed_at = ? WHERE id = ?",
        (choice, by, closed_at, item.id),
    )
    data = {"id": item.id, "answer": choice, "by": by}
    events.append(connection, item.run_id or "", "answer", data)
    return get(connection, item.id)


def _item(row: rows.Row) -> InboxItem:
    fields = dict(zip(COLUMNS, row, strict=True))
    fields["choices"] = rows.unpacked(row[_CHOICES])
    return InboxItem.model_validate(fields)
