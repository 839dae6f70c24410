"""A child process that has the terminal: user code that somebody looks at, or debugs, runs in one. Never in the caller's
process.

Used by `step run` and `run --in-process`. What the child is told and what it answers go over pipes of their own, so
that stdin and stdout are the user's.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from stacktui.categories.errors import ComponentError
from stacktui.pipelines.importing import python_command

_LOOK_EVERY_S = 0.2


def run_attached(
    module: str,
    request: Mapping[str, Any],
    *,
    folder: Path,
    environment: Mapping[str, str],
    meanwhile: Callable[[], None] = lambda: None,
    started: Callable[[int], None] = lambda _: None,
) -> tuple[int, dict[str, Any]]:
    """Run a module of ours in the foreground: its exit code and its answer, empty where it gave none.

    `started` hears the child's pid. `meanwhile` is called several times a second; what it raises ends the child, in
    order, and is passed on.

    Ctrl+C is the child's alone. Its stdout is ours where that is a terminal; else it is our stderr, so that a program
    which reads our stdout finds nothing but the result there. Raises OSError where it cannot be started, and
    `ComponentError` in a thread beside the main one: a workbench has the terminal then.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ComponentError("this needs the terminal for itself: run the same command in a shell")
    command, variables = python_command(module, {**os.environ, **environment})
    read_request, write_request = os.pipe()
    read_answer, write_answer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        child = subprocess.Popen(
            [*command, str(read_request), str(write_answer)],
            cwd=folder,
            env=variables,
            stdout=None if _is_terminal() else 2,
            pass_fds=(read_request, write_answer),
        )
    except BaseException:
        os.close(write_request)
        os.close(read_answer)
        raise
    finally:
        os.close(read_request)
        os.close(write_answer)
    with _not_interrupted(), _ended_with_us(child):
        started(child.pid)
        with contextlib.suppress(BrokenPipeError), os.fdopen(write_request, "wb") as pipe:
            pipe.write(json.dumps(request).encode("ascii"))
        said = _line_of(read_answer, child, meanwhile)
        code = child.wait()
    return code, json.loads(said) if said else {}


def told(arguments: list[str]) -> tuple[dict[str, Any], int]:
    """In the child: the request, and the descriptor that `answer` takes. No child of the child inherits it."""
    # The caller ignores the key while it waits, and that was inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with os.fdopen(int(arguments[0]), "rb") as pipe:
        request = json.loads(pipe.read())
    descriptor = int(arguments[1])
    os.set_inheritable(descriptor, False)
    return request, descriptor


def answer(descriptor: int, document: Mapping[str, Any]) -> None:
    """In the child: what the caller gets. Where that is gone, as it was killed, nobody is told."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(json.dumps(document).encode("ascii") + b"\n")


def _line_of(descriptor: int, child: subprocess.Popen[bytes], meanwhile: Callable[[], None]) -> bytes:
    """What the child answers; empty where it ended without. A child of its own may hold the pipe open for longer."""
    found = b""
    try:
        while not found.endswith(b"\n"):
            meanwhile()
            ended = child.poll() is not None
            if select.select([descriptor], [], [], 0 if ended else _LOOK_EVERY_S)[0]:
                block = os.read(descriptor, 1 << 16)
                if not block:
                    break
                found += block
            elif ended:
                break
    finally:
        os.close(descriptor)
    return found if found.endswith(b"\n") else b""


@contextlib.contextmanager
def _ended_with_us(child: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        child.terminate()
        child.wait()
        raise


@contextlib.contextmanager
def _not_interrupted() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _is_terminal() -> bool:
    try:
        return os.isatty(1)
    except OSError:
        return False
