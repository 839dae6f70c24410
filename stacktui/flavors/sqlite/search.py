"""Full-text search over runs: names, pipelines, parameters, errors, labels and notes. Used by the lists of runs.

The index takes its text from `runs` itself and is kept by triggers, so that whatever changes a run changes
it too. Stack, status, group and pin are in it although nobody searches for them: a rare status among many hits is
then found by the index, not by looking at each hit. So are labels together with other filters.
"""

from __future__ import annotations

import re
import sqlite3

SEARCHED = ("name", "pipeline", "params", "error", "labels", "note")
_COLUMNS = (*SEARCHED, "stack", "status", "group_id", "pinned")
# A NUL would end the query's text, half a surrogate pair is no text to SQLite.
_WORD = re.compile(r"[^\s\"'\x00\ud800-\udfff]+")


def create(connection: sqlite3.Connection) -> bool:
    """Make the index of a store that has none and fill it. False, and nothing is made, where SQLite has no FTS5.

    The caller has opened a transaction that writes.
    """
    if available(connection):
        return True
    if not supported(connection):
        return False
    columns = ", ".join(_COLUMNS)
    old, new = (", ".join(f"{row}.{column}" for column in _COLUMNS) for row in ("old", "new"))
    remove = f"INSERT INTO runs_search (runs_search, rowid, {columns}) VALUES ('delete', old.number, {old});"
    add = f"INSERT INTO runs_search (rowid, {columns}) VALUES (new.number, {new});"
    for statement in (
        f"CREATE VIRTUAL TABLE runs_search USING fts5 ({columns}, content = 'runs', content_rowid = 'number',"
        " columnsize = 0, tokenize = 'unicode61 remove_diacritics 2')",
        f"CREATE TRIGGER runs_search_insert AFTER INSERT ON runs BEGIN {add} END",
        f"CREATE TRIGGER runs_search_delete AFTER DELETE ON runs BEGIN {remove} END",
        f"CREATE TRIGGER runs_search_update AFTER UPDATE OF {columns} ON runs BEGIN {remove} {add} END",
        "INSERT INTO runs_search (runs_search) VALUES ('rebuild')",
    ):
        connection.execute(statement)
    return True


def remove(connection: sqlite3.Connection) -> None:
    """Remove the index, so that the next `create` makes it anew with the columns of today."""
    for event in ("insert", "delete", "update"):
        connection.execute(f"DROP TRIGGER IF EXISTS runs_search_{event}")
    connection.execute("DROP TABLE IF EXISTS runs_search")


def supported(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with FTS5."""
    return bool(connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])


def available(connection: sqlite3.Connection) -> bool:
    """Whether the store has the index."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'runs_search'"
    return connection.execute(sql).fetchone() is not None


def mend(connection: sqlite3.Connection) -> None:
    """Make the index if there is none, make it anew if it does not fit the runs, and merge its parts.

    The caller has opened a transaction that writes.
    """
    if not create(connection):
        return
    try:
        # With rank 1 it is compared with the runs, not only with itself.
        connection.execute("INSERT INTO runs_search (runs_search, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        connection.execute("INSERT INTO runs_search (runs_search) VALUES ('rebuild')")
    connection.execute("INSERT INTO runs_search (runs_search) VALUES ('optimize')")


def words(text: str) -> str | None:
    """An FTS5 query for runs with all words of `text`, the last one perhaps only begun, in the searched columns.

    None: no word to look for.
    """
    # Text without a letter or digit is no token of the index: it would match nothing.
    found = [word for word in _WORD.findall(text) if any(letter.isalnum() for letter in word)]
    if not found:
        return None
    quoted = [f'"{word}"' for word in found]
    quoted[-1] += " *"
    return f"{{{' '.join(SEARCHED)}}} : ({' AND '.join(quoted)})"


def phrase(column: str, text: str) -> str:
    """An FTS5 query for runs with the words of `text` beside each other in a column; the caller still compares."""
    doubled = text.replace('"', '""')
    return f'{column} : "{doubled}"'


def is_word(text: str) -> bool:
    """Whether `phrase` can look for it."""
    return _WORD.fullmatch(text) is not None and any(letter.isalnum() for letter in text)


def like(text: str) -> tuple[str, list[str]]:
    """The same without the index: a condition for each word, and its values. Slower: it reads each run."""
    conditions, values = [], []
    everything = " || ' ' || ".join(f"coalesce(runs.{column}, '')" for column in SEARCHED)
    for word in _WORD.findall(text):
        escaped = re.sub(r"([\\%_])", r"\\\1", word)
        conditions.append(rf"({everything}) LIKE ? ESCAPE '\'")
        values.append(f"%{escaped}%")
    return " AND ".join(conditions) or "1", values
