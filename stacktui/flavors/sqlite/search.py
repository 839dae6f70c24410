"""Full-text search over runs: names, pipelines, parameters, errors and labels. Used by the lists of runs.

The index takes its text from `runs` itself and is kept by triggers, so that whatever changes a run changes
it too. Stack and status are in it although nobody searches for them: a rare status among many hits is then
found by the index, not by looking at each hit.
"""

from __future__ import annotations

import re
import sqlite3

SEARCHED = ("name", "pipeline", "params", "error", "labels")
_COLUMNS = (*SEARCHED, "stack", "status")
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


def match(text: str, **exact: str | None) -> str | None:
    """An FTS5 query for runs with all words of `text`, the last one perhaps only begun, in the searched columns.

    `exact` narrows it by other columns; as words, so that the caller still compares. None: no word to look for.
    """
    # Text without a letter or digit is no token of the index: it would match nothing.
    words = [word for word in _WORD.findall(text) if any(letter.isalnum() for letter in word)]
    if not words:
        return None
    quoted = [f'"{word}"' for word in words]
    quoted[-1] += " *"
    terms = [f"{{{' '.join(SEARCHED)}}} : ({' AND '.join(quoted)})"]
    terms += [f'{column} : "{value}"' for column, value in exact.items() if value and _WORD.fullmatch(value)]
    return " AND ".join(terms)


def like(text: str) -> tuple[str, list[str]]:
    """The same without the index: a condition for each word, and its values. Slower: it reads each run."""
    conditions, values = [], []
    everything = " || ' ' || ".join(f"coalesce(runs.{column}, '')" for column in SEARCHED)
    for word in _WORD.findall(text):
        escaped = re.sub(r"([\\%_])", r"\\\1", word)
        conditions.append(rf"({everything}) LIKE ? ESCAPE '\'")
        values.append(f"%{escaped}%")
    return " AND ".join(conditions) or "1", values
