"""The HTTP face of a served model: the Open Inference Protocol, version 2, behind a token. Used by `serving`."""

from __future__ import annotations

import hmac
import json
import re
import socket
import sys
import threading
import time
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import stacktui
from stacktui.flavors.local.model_server import ServeSpec
from stacktui.pipelines.inference_model import BadInput, Model

_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(?:/(ready|infer))?")

_READ_AWAY = 1 << 24


class InferenceServer(ThreadingMixIn, TCPServer):
    """Answers on a listening socket that it was given, and that another process may share."""

    # `server_close` waits for the requests that have begun.
    daemon_threads = False
    block_on_close = True

    def __init__(self, listener: socket.socket, spec: ServeSpec, model: Model, token: str) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        # Two processes wait on it during a handover: the one that comes second to a request must not be stuck.
        listener.setblocking(False)
        self.spec = spec
        self.model = model
        self.token = token.encode()
        self.computing = threading.Semaphore(spec.concurrency)

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = self.socket.accept()
        # macOS passes the listener's mode on.
        request.setblocking(True)
        return request, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A caller that went away is no event; anything else belongs in the log.
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    server: InferenceServer
    protocol_version = "HTTP/1.1"
    server_version = f"stacktui/{stacktui.__version__}"
    sys_version = ""
    timeout = 30
    _body_read = False

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        begun = time.monotonic()
        try:
            status, document = self._route(method)
        except BadInput as error:
            status, document = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except (ConnectionError, TimeoutError):
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            words = " ".join(f"{type(error).__name__}: {error}".split())
            status, document = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"the model failed: {words}"}
        if status >= HTTPStatus.BAD_REQUEST:
            took = (time.monotonic() - begun) * 1000
            print(f"{method} {self.path[:200]!r} {int(status)} {took:.0f} ms", flush=True)
        self._read_away()
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        # One request a connection: so no request can meet a connection that a draining process closes.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _route(self, method: str) -> tuple[HTTPStatus, dict[str, Any]]:
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, b"Bearer " + self.server.token):
            return HTTPStatus.UNAUTHORIZED, {"error": "the request does not bear the model's token"}
        path = self.path.partition("?")[0].rstrip("/")
        spec = self.server.spec
        fixed: dict[str, dict[str, Any]] = {
            "/v2": {"name": "stacktui", "version": stacktui.__version__, "extensions": []},
            "/v2/health/live": {"live": True},
            "/v2/health/ready": {"ready": True},
        }
        if path in fixed:
            return self._only("GET", method) or (HTTPStatus.OK, fixed[path])
        match = _MODEL.fullmatch(path)
        if match is None:
            return HTTPStatus.NOT_FOUND, {"error": f"there is nothing at {path}"}
        name, version, action = match.groups()
        if name != spec.name or version not in (None, str(spec.version)):
            return HTTPStatus.NOT_FOUND, {"error": f"this server serves {spec.name} version {spec.version}"}
        if action == "infer":
            return self._only("POST", method) or (HTTPStatus.OK, self._infer(self._body()))
        answer = (
            {"name": spec.name, "ready": True}
            if action == "ready"
            else {
                "name": spec.name,
                "versions": [str(spec.version)],
                "platform": spec.artifact.type,
                "inputs": self.server.model.inputs(),
                "outputs": [],
            }
        )
        return self._only("GET", method) or (HTTPStatus.OK, answer)

    @staticmethod
    def _only(allowed: str, method: str) -> tuple[HTTPStatus, dict[str, Any]] | None:
        return None if method == allowed else (HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"use {allowed}"})

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise BadInput("the request has no Content-Length")
        if int(length) > self.server.spec.largest_request:
            raise BadInput(f"the request is longer than {self.server.spec.largest_request} bytes")
        self._body_read = True
        try:
            document = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise BadInput("the request's body is not JSON") from None
        if not isinstance(document, dict):
            raise BadInput("the request's body is not a JSON object")
        return document

    def _read_away(self) -> None:
        """Read a refused request's body: a connection that is closed with bytes unread loses the answer too."""
        length = self.headers.get("Content-Length", "")
        if not self._body_read and length.isdigit():
            left = min(int(length), _READ_AWAY)
            while left > 0 and (chunk := self.rfile.read(min(left, 1 << 16))):
                left -= len(chunk)

    def _infer(self, request: dict[str, Any]) -> dict[str, Any]:
        inputs = request.get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise BadInput("`inputs` is not a list of tensors")
        with self.server.computing:
            outputs = self.server.model.infer(inputs)
        wanted = request.get("outputs")
        if isinstance(wanted, list) and wanted:
            names = [tensor.get("name") for tensor in wanted if isinstance(tensor, dict)]
            known = {tensor["name"]: tensor for tensor in outputs}
            if unknown := [name for name in names if name not in known]:
                raise BadInput(f"there is no output {unknown[0]!r}; there are {', '.join(known)}")
            outputs = [known[name] for name in names]
        spec = self.server.spec
        answer = {"model_name": spec.name, "model_version": str(spec.version), "outputs": outputs}
        return answer | ({"id": request["id"]} if isinstance(request.get("id"), str) else {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged one by one: a log that grows with the traffic fills the disk."""
