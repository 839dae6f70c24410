"""Runs one operation for the command line and writes what it returns: for people, or as JSON."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from stacktui.cli.errors import TerminalGone
from stacktui.operations.moments import use_times
from stacktui.operations.session import refuse_readonly, run_operation
from stacktui.operations.table import Operation

if TYPE_CHECKING:
    from stacktui.cli.attention import TerminalAttention
    from stacktui.cli.face import Face
    from stacktui.cli.live import LiveRun
    from stacktui.cli.live_sweep import LiveSweep
    from stacktui.operations.documents import Part
    from stacktui.operations.following import RunEvent
    from stacktui.operations.session import Session


def invoke(face: Face, operation: Operation, given: Mapping[str, Any]) -> int:
    """Do it, write the result, return the exit code."""
    # What this user's settings say, whoever had this process before.
    use_times(None)
    if not gc.isenabled():
        # All modules but those of the operation's own work are there now, and stay.
        gc.freeze()
        gc.enable()
    with face.session() as session:
        if operation.writes:
            # What only reads asks for nothing, and is to start quickly.
            from stacktui.cli.asking import TerminalAsking

            session.asking = TerminalAsking()
        # Nobody types a value to be told then that it may not be written.
        refuse_readonly(session, operation, given)
        arguments = _collected(operation, given)
        if not operation.streams:
            return write(face, run_operation(session, operation, **arguments))
        return _follow(face, session, operation, arguments)


def _collected(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the operation takes them, with what it asks for and what comes on standard input."""
    arguments = dict(given)
    for parameter in operation.parameters:
        value = arguments.get(parameter.name)
        if parameter.kind == "asked":
            from stacktui.cli.hidden import hidden_value

            arguments[parameter.name] = hidden_value(parameter.help)
        elif parameter.stdin and value == "-":
            arguments[parameter.name] = sys.stdin.read()
        elif parameter.multiple:
            arguments[parameter.name] = tuple(value or ())
    return arguments


def write(face: Face, part: Part) -> int:
    """Write one document or one object of a stream; returns the exit code that it asks for."""
    if face.json:
        face.out.raw(as_json(part) + "\n")
    else:
        _view_of(part)(part, face)
    return 0 if part.answer else 1


def as_json(part: Part) -> str:
    """A document as one line of JSON in ASCII: no byte of it means anything to a terminal."""
    # A document says null where there is nothing; a line of a stream leaves it out.
    text = part.model_dump_json(exclude_none="version" not in type(part).model_fields)
    return re.sub(r"[^\x20-\x7e]", _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"


def _follow(face: Face, session: Session, operation: Operation, arguments: Mapping[str, Any]) -> int:
    """Write a stream as it comes. What the person wants meanwhile is passed on to the operation, which decides what
    it means."""
    from stacktui.cli.attention import TerminalAttention

    with TerminalAttention() as attention:
        session.attention = attention
        stream: Iterator[Part] = run_operation(session, operation, **arguments)
        writing = _Writing(face, attention)
        code = 0
        wish: BaseException | None = None
        try:
            while True:
                try:
                    part = next(stream) if wish is None else _thrown(stream, wish)
                    wish = None
                    code = writing.write(part)
                    wish = attention.asked()
                except StopIteration:
                    return code
                except OSError as error:
                    if error.errno != errno.EIO:
                        raise
                    # The terminal is gone, with no SIGHUP: what was followed goes on without it.
                    raise TerminalGone(code) from None
                except KeyboardInterrupt as interruption:
                    if wish is not None:
                        raise
                    wish = interruption
        finally:
            writing.close()


_OF_A_SWEEP = frozenset({"SweepBegan", "SweepEvent", "SweepFinished"})


class _Writing:
    """Writes the parts of a stream: lines, and for a run on a terminal its tree."""

    def __init__(self, face: Face, attention: TerminalAttention) -> None:
        self._face = face
        self._attention = attention
        self._live: LiveRun | None = None
        self._plain = False

    def write(self, part: Part) -> int:
        live = self._live_of(part)
        if type(part).__name__ in _OF_A_SWEEP and live is not None:
            code = cast("LiveSweep", live).show_sweep(part)
        elif live is not None:
            # Only events of runs have one.
            code = live.show(cast("RunEvent", part))
        else:
            code = write(self._face, part)
            self._face.out.flush()
        return code

    def close(self) -> None:
        """Take the tree off the screen, however the stream ended."""
        live, self._live = self._live, None
        if live is not None:
            # The terminal may be gone.
            with contextlib.suppress(OSError):
                live.close()

    def _live_of(self, part: Part) -> LiveRun | None:
        """The tree that shows this part, made with the first event of a run; None for what is written as it comes."""
        # By name: `following` is imported by what streams a run only.
        sweep = type(part).__name__ in _OF_A_SWEEP
        if (type(part).__name__ != "RunEvent" and not sweep) or self._plain:
            return None
        if self._live is None:
            from stacktui.cli.live import LiveRun, live_stream

            stream = live_stream(self._face)
            if stream is None:
                self._plain = True
                return None
            it, kind = "it", LiveRun
            if sweep:
                from stacktui.cli.live_sweep import LiveSweep

                it, kind = "them", LiveSweep
            hint = f"ctrl+c stops {it}" + (f", ctrl+d leaves {it} running" if self._attention.keys else "")
            self._live = live = kind(self._face, stream, hint, write)
            self._attention.on_turn = live.turn
            self._attention.on_resize = live.resized
            self._attention.before_stop = live.suspend
        return self._live


def _thrown(stream: Iterator[Part], error: BaseException) -> Part:
    throw = getattr(stream, "throw", None)
    if throw is None:
        raise error
    part: Part = throw(error)
    return part


def _view_of(part: Part) -> Any:
    """The function that shows a document to people: it stands in `views`, in a file of the noun's name."""
    for kind in type(part).__mro__:
        module = kind.__module__.rpartition(".")[2]
        if not kind.__module__.startswith("stacktui.operations."):
            continue
        views = import_module(f"stacktui.cli.views.{module}").VIEWS
        if kind in views:
            return views[kind]
    raise LookupError(f"no view for {type(part).__name__}")
