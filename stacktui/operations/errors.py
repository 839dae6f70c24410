"""How an operation says that it did not do what was asked. Used by both faces: one line, with the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class OperationError(Exception):
    """An operation could not run. The message is one line that says what to do next."""

    exit_code = 2
    """What the command line exits with: 2 cannot run, 1 the answer is no."""


class AnswerIsNo(OperationError):
    """The operation ran, and the answer is no: findings forbid it, the other side refused."""

    exit_code = 1


class ConfirmationNeeded(OperationError):
    """The object is protected: whoever changes it or runs through it says its name once more."""

    def __init__(self, name: str, what: str, why: str = "is protected") -> None:
        super().__init__(f"{what} {why}; say its name to go on: --confirm {name}")
        self.name = name
        self.what = what
        self.why = why


class StillUsed(AnswerIsNo):
    """Others refer to what was to be deleted: whoever does it all the same says its name once more.

    Args:
        name: What to say: the name, or of several those that others refer to, with commas between.
        said: What is so, up to the users: "stack 'base' is used by".
        users: Who refers to it, each in words.
        protected: Whether it is protected besides, so that `--force` is not enough.
    """

    def __init__(self, name: str, said: str, users: Sequence[str], protected: bool = False) -> None:
        ways = f"--confirm {name}" + ("" if protected else " or --force")
        super().__init__(
            f"{said} {', '.join(users)}; change those first, or delete it all the same with {ways}"
        )
        self.name = name
        self.said = said
        self.users = tuple(users)


class UserCodeError(OperationError):
    """The user's own code failed. `frames` are its lines of the traceback and no others."""

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(message)
        self.frames = frames


def unknown(kind: str, name: str, known: Iterable[str], listing: str, why: str = "") -> OperationError:
    """The error for a name that does not exist, with the nearest one that does and the command that lists them.

    `why` stands behind the name: who asked for it.
    """
    near = nearest(name, known)
    return OperationError(f"there is no {kind} {name!r}{why}{near}{' See' if near else '; see'}: {listing}")


def nearest(name: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`, or nothing where no name is near."""
    # Categories are enums, whose repr is not for people.
    found = difflib.get_close_matches(name, [f"{each}" for each in known], n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
