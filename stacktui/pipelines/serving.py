"""The model server program: `python -m stacktui.pipelines.serving FOLDER`, started by the local model deployer.

It loads one model, whose content is checked against its digest, and serves it over the Open Inference Protocol
(HTTP/REST, version 2) on loopback; every request must bear the token. Its starter is told on stdout, a JSON
line each: the process and port, that the model is loaded, that requests are answered. Requests are taken once
the starter says `go`, or is gone after it recorded this process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from stacktui.categories.private import append_file
from stacktui.categories.process_mark import ProcessMark, mark_of
from stacktui.flavors.local.model_server import HOST, ServerFolder, ServeSpec
from stacktui.flavors.local.private import write_whole

_HANDOVER = "handover.sock"
_BACKLOG = 128


class CannotServe(Exception):
    """The server cannot start. The message is one line."""


def main(arguments: list[str]) -> int:
    """Serve the version in the folder that the one argument names, until told to stop. Returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m stacktui.pipelines.serving FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0]).resolve()
    if os.fork():
        # The starter waits for this process only; the server belongs to nobody and outlives it.
        os._exit(0)
    os.umask(0o077)
    out, go = _own_streams(folder)
    # What crashes the interpreter is written where the deployer looks for last words.
    failed = os.fdopen(append_file(folder / "failed"), "a")
    faulthandler.enable(failed)
    try:
        _serve(folder, out, go)
    except BaseException as error:
        if not isinstance(error, CannotServe):
            traceback.print_exc()
        words = " ".join(f"{type(error).__name__}: {error}".split())
        words = str(error) if isinstance(error, CannotServe) else words
        print(words, file=sys.stderr, flush=True)
        write_whole(folder / "failed", words.encode())
        return 1
    (folder / "ready").unlink(missing_ok=True)
    return 0


def _serve(folder: Path, out: IO[str], go: IO[str]) -> None:
    stop = threading.Event()
    # Signals only set the flag: requests that have begun are answered first.
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    spec = ServeSpec.model_validate_json((folder / "serve.json").read_bytes())
    server = ServerFolder(folder.parent.parent, spec.name)
    mark = mark_of(os.getpid())
    if mark is None:
        raise CannotServe("this process cannot find itself in the process table")

    handover = _Handover(folder)
    listener, predecessor = (
        _taken_over(folder, spec.predecessor) if spec.predecessor else (_bound(spec.ports), None)
    )
    port = listener.getsockname()[1]
    _say(out, process=mark.model_dump(), port=port)
    print(f"loading {spec.artifact.type} {spec.artifact.digest} as version {spec.version}", flush=True)

    # Imported here: it brings the model's libraries, and what goes wrong has to be told to the starter.
    from stacktui.pipelines.inference_http import InferenceServer
    from stacktui.pipelines.inference_model import load_model

    model = load_model(spec, folder)
    http = InferenceServer(listener, spec, model, server.token())
    write_whole(folder / "ready", str(mark.pid).encode())
    _say(out, ready=True)
    _wait_for_go(go, server, mark)

    serving = threading.Thread(target=http.serve_forever, args=(0.1,), name="http")
    serving.start()
    handover.offer(listener, stop)
    if predecessor is not None:
        predecessor.sendall(b"drain\n")
        predecessor.close()
    print(f"serving {spec.name} version {spec.version} on http://{HOST}:{port}", flush=True)
    _say(out, answering=True)
    out.close()

    stop.wait()
    handover.close()
    http.shutdown()
    serving.join()
    # Closes our end of the socket and waits for the requests that have begun.
    http.server_close()
    print(f"version {spec.version} ends", flush=True)


def _own_streams(folder: Path) -> tuple[IO[str], IO[str]]:
    """The pipes to the starter under new numbers; stdin becomes empty, and stdout and stderr go to the log."""
    out, go = os.dup(1), os.dup(0)
    nothing, log = os.open(os.devnull, os.O_RDONLY), append_file(folder.parent / "log")
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)
    return os.fdopen(out, "w"), os.fdopen(go, "r")


def _say(out: IO[str], **what: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(what), file=out, flush=True)


def _wait_for_go(go: IO[str], server: ServerFolder, mark: ProcessMark) -> None:
    """Wait for the starter's word. If it is gone, its record says whether this process is meant to serve."""
    if go.readline() == "go\n":
        return
    if server.read().process != mark:
        raise CannotServe("whoever started this version went away before it was switched to")


def _bound(ports: tuple[int, ...]) -> socket.socket:
    """A listening socket on the first port that is free."""
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # The port of a server that was just stopped is free, though its last connections still fade.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            continue
        return listener
    if len(ports) == 1:
        raise CannotServe(
            f"port {ports[0]}, which is this model's address, is used by another process: stop that one, "
            f"or delete the model and deploy it again"
        )
    raise CannotServe(
        "no port is free in the deployer's range: stop a model, or set first_port and last_port"
    )


def _taken_over(folder: Path, predecessor: str) -> tuple[socket.socket, socket.socket]:
    """The listening socket of the version before, and the connection over which it is told to drain."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    try:
        with _in_folder(folder.parent / predecessor):
            connection.connect(_HANDOVER)
        connection.sendall(b"take\n")
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
        return socket.socket(fileno=descriptors[0]), connection
    except (OSError, IndexError) as error:
        raise CannotServe(
            f"the running version did not hand its socket over ({error}): stop it first"
        ) from error


class _Handover:
    """Gives the listening socket to the process of the next version, through a socket in this version's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _HANDOVER
        self._door: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _in_folder(folder):
                self._door.bind(_HANDOVER)
        except OSError as error:
            # A file system without sockets: the model is served all the same.
            print(f"this version cannot be replaced while it serves, only stopped: {error}", flush=True)
            self._door.close()
            self._door = None

    def offer(self, listener: socket.socket, stop: threading.Event) -> None:
        """Take callers from now on; `stop` is set when one of them says that it answers requests itself."""
        if self._door is None:
            return
        self._door.listen(1)
        arguments = (self._door, listener, stop)
        threading.Thread(target=self._answer, args=arguments, name="handover", daemon=True).start()

    def close(self) -> None:
        if self._door is not None:
            self._path.unlink(missing_ok=True)
            self._door.close()

    @staticmethod
    def _answer(door: socket.socket, listener: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                caller, _ = door.accept()
            except OSError:
                return
            # A caller that goes away without a word changes nothing: this version goes on serving.
            with caller, contextlib.suppress(OSError), caller.makefile("rb") as lines:
                if lines.readline() == b"take\n":
                    socket.send_fds(caller, [b"."], [listener.fileno()])
                    if lines.readline() == b"drain\n":
                        stop.set()


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Work in a folder for a moment: the path of such a socket is limited to about a hundred bytes."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
