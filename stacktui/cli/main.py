"""The command line's entry: words in, exit code out. Called by `stacktui.__main__`.

Exit codes: 0 done, 1 the answer is no, 2 usage or cannot run. Data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import click

from stacktui.cli.commands import root_command
from stacktui.cli.errors import TerminalGone, report
from stacktui.cli.terminal import Out


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code and never raises, but for what ends the process."""
    out = Out(sys.stdout)
    err = Out(sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets an escape for it, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        root = root_command(out, err)
        if asked := os.environ.get("_STACKTUI_COMPLETE"):
            from click.shell_completion import shell_complete

            return shell_complete(root, {}, "stacktui", "_STACKTUI_COMPLETE", asked)
        # Not `root.main`: it takes a reader that has gone for a failure.
        with root.make_context("stacktui", list(arguments)) as context:
            code = root.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        err.line("")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return _reader_gone()
    except TerminalGone as gone:
        _silence()
        return gone.exit_code
    except Exception as error:
        return report(error, err)
    return code if isinstance(code, int) else 0


def _reader_gone() -> int:
    """Whoever read stdout has gone: there is nothing more to say, and nothing to fail with at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _silence() -> None:
    """The terminal is gone: what is still kept for it goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
