"""What SQLite and the file system say when they fail, in one line for people. Used by `connection` and the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import wraps
from json import JSONDecodeError
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from stacktui.categories.errors import ComponentError, StoreBusy

UNREADABLE = (UnicodeDecodeError, JSONDecodeError, ValidationError)
"""What rows raise that are not as this store writes them: the file is damaged."""
Failure = sqlite3.Error | OSError | UnicodeDecodeError | JSONDecodeError | ValidationError

M = TypeVar("M", bound=Callable[..., Any])

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FORBIDDEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else has the lock."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BUSY


def in_words(error: Failure, path: Path, waited_s: float, hurried: bool) -> ComponentError:
    """`error` of the store at `path`: what happened, where, and what to do next.

    `hurried`: whoever asks could not wait for as long as the config says.
    """
    text = str(error).replace("\n", " ")
    if isinstance(error, OSError):
        return ComponentError(
            f"the metadata store {path} cannot be used: {error.strerror or text}; check the folder"
            " and its permissions, or set `path` in the component's config"
        )
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, UNREADABLE) or text.startswith("Could not decode"):
        code, text = sqlite3.SQLITE_CORRUPT, "a row in it cannot be read"
    if code in _BUSY:
        return StoreBusy(
            f"the metadata store {path} was locked by another process for {waited_s:g} s;"
            " try again" + ("" if hurried else ", or raise `busy_timeout` in the component's config")
        )
    if code in _DAMAGED:
        return ComponentError(
            f"the metadata store {path} is damaged ({text}); move it away and restore a backup"
        )
    if code == sqlite3.SQLITE_FULL:
        return ComponentError(f"the disk of the metadata store {path} is full; make room, then try again")
    if code in _FORBIDDEN and path.is_dir():
        return ComponentError(
            f"{path}, where the metadata store should be, is a folder; move it away, or set `path` in the"
            " component's config"
        )
    if code in _FORBIDDEN:
        return ComponentError(
            f"the metadata store {path} cannot be opened or written ({text}); check its permissions"
            " and those of its folder"
        )
    return ComponentError(
        f"the metadata store {path} failed: {text}; stacktui store facts --check looks for damage"
    )


def explained(method: M) -> M:
    """A method of what has `_db`, its connections: errors of SQLite and of the file system become
    `ComponentError`s of one line."""

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, OSError, *UNREADABLE) as error:
            raise self._db.explained(error) from error
        except UnicodeEncodeError as error:
            raise ComponentError(f"{error.object!r} is not text that a metadata store can hold") from error

    return cast(M, call)
