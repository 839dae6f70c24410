"""Runs one operation for the command line and writes what it returns: for people, or as JSON."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

from stacktui.operations.errors import OperationError
from stacktui.operations.session import run_operation
from stacktui.operations.table import Operation

if TYPE_CHECKING:
    from stacktui.cli.commands import Face
    from stacktui.operations.documents import Part


def invoke(face: Face, operation: Operation, given: Mapping[str, Any]) -> int:
    """Do it, write the result, return the exit code."""
    arguments = dict(given)
    for parameter in operation.parameters:
        value = arguments.get(parameter.name)
        if parameter.kind == "asked":
            arguments[parameter.name] = _asked(parameter.help)
        elif parameter.stdin and value == "-":
            arguments[parameter.name] = sys.stdin.read()
        elif parameter.multiple:
            arguments[parameter.name] = tuple(value or ())
    with face.session() as session:
        if not operation.streams:
            return write(face, run_operation(session, operation, **arguments))
        return _follow(face, run_operation(session, operation, **arguments))


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


def _follow(face: Face, stream: Iterator[Part]) -> int:
    """Write a stream as it comes. Ctrl+C and SIGTERM are passed on to the operation, which decides what they mean."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    code = 0
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        pending: BaseException | None = None
        while True:
            try:
                part = next(stream) if pending is None else _thrown(stream, pending)
                pending = None
                code = write(face, part)
                face.out.flush()
            except StopIteration:
                return code
            except KeyboardInterrupt as interruption:
                if pending is not None:
                    raise
                pending = interruption
    finally:
        signal.signal(signal.SIGTERM, before)


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


def _asked(what: str) -> str:
    """A secret value: the first line of standard input, or typed without an echo."""
    if sys.stdin.isatty():
        from getpass import getpass

        value = getpass(f"{what} ")
    else:
        value = sys.stdin.readline().rstrip("\n")
    if not value:
        raise OperationError("no value was given: type it, or send it on standard input")
    return value
