"""An error as the command line says it: one line that tells what to do, and the exit code that goes with it."""

from __future__ import annotations

import errno
import os
import re

import click

from stacktui.categories.errors import ComponentError
from stacktui.cli.terminal import Out, Span, Tone
from stacktui.cli.words import severity
from stacktui.operations.errors import OperationError, UserCodeError
from stacktui.operations.table import ReadOnlyRefused


class TerminalGone(Exception):
    """There is nobody left to tell anything to, and the exit code is what it would have been."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("the terminal is gone")
        self.exit_code = exit_code


_ADVICE = {
    errno.ENOSPC: "; free some space, or keep the state on another disk: STACKTUI_STATE=DIR",
    errno.EROFS: "; keep the state where you may write: STACKTUI_STATE=DIR",
}


def report(error: Exception, err: Out) -> int:
    """Write an error and return the exit code."""
    if isinstance(error, click.UsageError):
        return _usage(error, err)
    if isinstance(error, click.ClickException):
        return _say(error.format_message(), err)
    if isinstance(error, UserCodeError):
        if error.frames:
            err.block(error.frames.rstrip("\n"), Tone.MUTED)
        return _say(str(error), err, error.exit_code)
    if isinstance(error, OperationError):
        for found in getattr(error, "diagnostics", ()):
            place = found.file or found.subject or ""
            if found.line:
                place += f":{found.line}"
            err.line(severity(found.severity), f" {found.code} {place}: {found.message}")
        if diff := getattr(error, "diff", ""):
            err.block(diff.rstrip("\n"))
        return _say(str(error), err, error.exit_code)
    if isinstance(error, ReadOnlyRefused):
        return _say(f"{error}; take that away where you may write", err)
    if _is_for_people(error):
        return _say(str(error), err)
    if isinstance(error, OSError):
        file = f": {error.filename}" if error.filename else ""
        advice = _ADVICE.get(error.errno or 0, "")
        return _say(f"{(error.strerror or type(error).__name__).lower()}{file}{advice}", err)
    if os.environ.get("STACKTUI_TRACEBACK"):
        raise error
    return _say(
        f"something went wrong inside stacktui ({type(error).__name__}: {error}); "
        "set STACKTUI_TRACEBACK=1 to see where, and report it",
        err,
    )


def _is_for_people(error: Exception) -> bool:
    """Whether the error's message was written for people: ours are, in every room below."""
    return isinstance(error, (ComponentError, TimeoutError)) or type(error).__module__.startswith("stacktui.")


def _say(message: str, err: Out, code: int = 2) -> int:
    one_line = " ".join(part for part in message.splitlines() if part.strip())
    err.line(Span("stacktui: ", Tone.ERROR), one_line)
    return code


def _usage(error: click.UsageError, err: Out) -> int:
    message = error.format_message().strip()
    message = re.sub(r"\s+", " ", message).rstrip(".")
    message = message[:1].lower() + message[1:]
    path = error.ctx.command_path if error.ctx is not None else "stacktui"
    return _say(f"{message}{' See' if message.endswith('?') else '; see'}: {path} --help", err)
