"""The model deployer of one host: one detached HTTP process a model, on loopback, with a token.

A new version takes the listening socket over from the old one: requests wait in the socket's queue, which both
share, and none is refused. The old process then answers what it has begun, and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from pydantic import Field, model_validator

from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import ComponentError, Unauthorised, Unreachable
from stacktui.categories.flavor import Demand, FlavorFacts
from stacktui.categories.model_deployer import ModelDeployer, ModelServer, ServerState
from stacktui.categories.private import append_file, create_file, make_folder
from stacktui.categories.process_mark import ProcessMark
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.flavors.local.inference import tensors_of, values_of
from stacktui.flavors.local.model_server import HOST, ServerFolder, ServerRecord, ServeSpec, last_words
from stacktui.flavors.local.private import write_whole
from stacktui.flavors.local.probing import check_folder, probe_within
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.stack import MemoryBytes

_PROGRAM = "stacktui.pipelines.serving"
_GRACE_S = 10.0
_SECRET = "STACKTUI_SECRET_"


class LocalModelDeployerConfig(FlavorConfig):
    """How models are served on this host."""

    first_port: int = Field(default=8123, ge=1, le=65535, description="The first port that a model may get.")
    last_port: int = Field(default=8999, ge=1, le=65535, description="The last port that a model may get.")
    concurrency: int = Field(
        default=1, ge=1, description="How many predictions one server computes at a time; others wait."
    )
    largest_request: MemoryBytes = Field(
        default=64 << 20, description="The longest request that a server reads, as 64MiB or in bytes."
    )

    @model_validator(mode="after")
    def _in_order(self) -> LocalModelDeployerConfig:
        if self.last_port < self.first_port:
            raise ValueError("last_port is below first_port")
        return self


class LocalModelDeployer(ModelDeployer):
    """Model servers of this host, kept in the state folder. They outlive whoever started them.

    Every request bears the token in `models/NAME/token`. After a reboot or a kill a server is `stopped`, and
    `start` restores its address.
    """

    facts = FlavorFacts(
        category=Category.MODEL_DEPLOYER,
        name="local",
        summary="one HTTP process a model on loopback",
        capabilities=ModelDeployer.CAPABILITIES,
        demands=(Demand(Category.ARTIFACT_STORE, reason="it copies the model's content from there"),),
    )
    Config = LocalModelDeployerConfig
    config: LocalModelDeployerConfig

    def deploy(
        self, name: str, artifact: ArtifactRef, *, run_id: str | None = None, timeout_s: float = 60.0
    ) -> ModelServer:
        folder = self._folder(name)
        # Of a recorded artifact only what is needed to load it.
        artifact = ArtifactRef.model_validate(artifact.model_dump(include=set(ArtifactRef.model_fields)))
        deadline = time.monotonic() + timeout_s
        with folder.locked(timeout_s):
            before = folder.read() if (folder.path / "server.json").exists() else None
            running = before is not None and folder.tell(before).state is ServerState.RUNNING
            if before is not None and not running:
                self._end(before)
            record = ServerRecord(
                name=name,
                artifact=artifact,
                version=before.version + 1 if before else 1,
                port=before.port if before else None,
                created_at=before.created_at if before else now(),
                run_id=run_id,
            )
            version = folder.version(record.version)
            self._remove(version)
            try:
                self._copy_content(artifact, version)
                predecessor = f"v{before.version}" if before and running else None
                self._write_spec(folder, record, predecessor)
            except BaseException:
                self._remove(version)
                raise
            try:
                record = self._launch(folder, record, deadline, replaces=running)
            except BaseException:
                if running:
                    self._remove(version)
                raise
            if before is not None:
                # The new process has told it to finish; what it serves goes when it has.
                _wait_for_end(before, _GRACE_S if running else 0)
            self._remove_old(folder, record, before)
            return folder.tell(record)

    def find(self, name: str | None = None) -> list[ModelServer]:
        if name is not None:
            folder = self._folder(name)
            return [folder.tell(folder.read())]
        found = []
        for path in sorted(self._models.glob("*/server.json")):
            # Deleted in between, or damaged: the others are shown all the same.
            with contextlib.suppress(ComponentError):
                folder = self._folder(path.parent.name)
                found.append(folder.tell(folder.read()))
        return found

    def start(self, name: str, timeout_s: float = 60.0) -> ModelServer:
        folder = self._folder(name)
        folder.read()
        deadline = time.monotonic() + timeout_s
        with folder.locked(timeout_s):
            record = folder.read()
            if folder.tell(record).state is ServerState.RUNNING:
                return folder.tell(record)
            self._end(record)
            self._write_spec(folder, record, None)
            return folder.tell(self._launch(folder, record, deadline, replaces=False))

    def stop(self, name: str) -> ModelServer:
        folder = self._folder(name)
        folder.read()
        with folder.locked(_GRACE_S):
            record = folder.read().model_copy(update={"stopped": True})
            folder.write(record)
            self._end(record)
            return folder.tell(record)

    def delete(self, name: str) -> None:
        folder = self._folder(name)
        folder.read()
        with folder.locked(_GRACE_S):
            self._end(folder.read())
            self._remove(folder.path)

    def predict(self, name: str, inputs: Any, timeout_s: float = 30.0) -> Any:
        """See `ModelDeployer.predict`. NaN and infinite numbers travel as null: they come back as None."""
        body = json.dumps({"inputs": tensors_of(inputs)}).encode()
        answer = self._ask(name, "POST", f"/v2/models/{name}/infer", body, timeout_s)
        return values_of(answer["outputs"])

    def logs(self, name: str, tail: int = 200) -> Iterator[str]:
        folder = self._folder(name)
        folder.read()
        yield from folder.log_lines(tail)

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        def look() -> str:
            servers = self.find()
            if not servers:
                check_folder(self._models)
            failed = [server.name for server in servers if server.state is ServerState.FAILED]
            running = sum(server.state is ServerState.RUNNING for server in servers)
            said = f"{running} of {len(servers)} models running" if servers else "no models yet"
            return said + (f"; failed: {', '.join(failed)}" if failed else "")

        return probe_within(timeout_s, look)

    @property
    def _models(self) -> Path:
        return self.around.state / "models"

    def _folder(self, name: str) -> ServerFolder:
        return ServerFolder(self._models, name)

    def _ask(self, name: str, method: str, path: str, body: bytes | None, timeout_s: float) -> Any:
        import http.client

        folder = self._folder(name)
        server = folder.tell(folder.read())
        if server.state is not ServerState.RUNNING:
            raise Unreachable(
                f"model {name!r} is {server.state}"
                + (f": {server.error}" if server.error else "")
                + f"; start it with: stacktui model start {name}"
            )
        # http.client heeds no proxy variables: the token stays on this host.
        connection = http.client.HTTPConnection(
            HOST, int(server.address.rpartition(":")[2]), timeout=timeout_s
        )
        try:
            headers = {"Authorization": f"Bearer {folder.token()}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read() or b"{}")
        except TimeoutError:
            raise Unreachable(f"model {name!r} did not answer within {timeout_s:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"model {name!r} does not answer at {server.address}: {error}") from None
        finally:
            connection.close()
        if response.status == http.client.UNAUTHORIZED:
            raise Unauthorised(
                f"{server.address} does not know the token of model {name!r}: is it another server?"
            )
        if response.status != http.client.OK:
            raise ComponentError(f"model {name!r}: {answer.get('error', f'HTTP {response.status}')}")
        return answer

    def _copy_content(self, artifact: ArtifactRef, version: Path) -> None:
        if self.around.artifact_store is None:
            raise ComponentError(
                f"model deployer {self.name!r} needs an artifact store to read models from: use it in a stack"
            )
        source = self.around.artifact_store()
        make_folder(version)
        kept = LocalArtifactStore(LocalArtifactStoreConfig(path=str(version / "artifacts")), self.around)
        local = source.local_path(artifact.uri)
        if local is not None and local.is_file():
            kept.put_file(local, artifact.uri)
            return
        # One chunk at a time through a file of our own: a model may be larger than memory.
        passing = version / "incoming"
        with source.open(artifact.uri) as reader:
            try:
                with os.fdopen(create_file(passing), "wb") as writer:
                    shutil.copyfileobj(reader, writer, 1 << 20)
                kept.put_file(passing, artifact.uri)
            finally:
                passing.unlink(missing_ok=True)

    def _write_spec(self, folder: ServerFolder, record: ServerRecord, predecessor: str | None) -> None:
        if record.port is not None:
            ports: tuple[int, ...] = (record.port,)
        else:
            taken = {int(server.address.rpartition(":")[2]) for server in self.find() if server.address}
            ports = tuple(
                port for port in range(self.config.first_port, self.config.last_port + 1) if port not in taken
            )
        spec = ServeSpec(
            name=record.name,
            version=record.version,
            artifact=record.artifact,
            ports=ports,
            predecessor=predecessor,
            workspace=str(self.around.workspace),
            import_paths=self._import_paths(),
            concurrency=self.config.concurrency,
            largest_request=self.config.largest_request or 64 << 20,
        )
        version = folder.version(record.version)
        for name in ("ready", "failed", "handover.sock"):
            (version / name).unlink(missing_ok=True)
        write_whole(version / "serve.json", spec.model_dump_json(indent=1).encode())
        folder.make_token()

    def _import_paths(self) -> tuple[str, ...]:
        """Where this process has the team's code from (inside a step: its snapshot), then the workspace itself."""
        homes = (self.around.workspace.resolve(), self.around.state.resolve())
        mine = [str(Path(entry).resolve()) for entry in sys.path if entry]
        ours = [entry for entry in mine if any(Path(entry).is_relative_to(home) for home in homes)]
        installed = {str(Path(entry).resolve()) for entry in site.getsitepackages()}
        pipelines, workspace = self.around.workspace / "pipelines", self.around.workspace
        return tuple(
            dict.fromkeys([*(e for e in ours if e not in installed), str(pipelines), str(workspace)])
        )

    def _launch(
        self, folder: ServerFolder, record: ServerRecord, deadline: float, *, replaces: bool
    ) -> ServerRecord:
        """Start the process of a version and wait until it is ready. Raises `ComponentError` with its last words."""
        version = folder.version(record.version)
        with _started(version, folder.log) as talk:
            hello = _line(talk.out, deadline)
            mark = ProcessMark.model_validate(hello["process"]) if hello and "process" in hello else None
            if hello and mark:
                record = record.model_copy(
                    update={"process": mark, "port": hello["port"], "stopped": False, "started_at": now()}
                )
            if not replaces:
                # Seen as starting from here on, and as failed if it does not come up.
                folder.write(record)
            ready = _line(talk.out, deadline) if mark else None
            if not (ready and ready.get("ready")):
                words = last_words(version) or next(iter(folder.log_lines(1)), "it wrote nothing")
                if mark and time.monotonic() >= deadline:
                    words = f"no sign of life within the time; its last line: {words}"
                    write_whole(version / "failed", words.encode())
                if mark:
                    mark.signal(signal.SIGKILL)
                    _wait_for_end(record, _GRACE_S)
                raise ComponentError(f"model {record.name!r} did not start: {words}")
            # The switch: whoever dies after this, the new process goes on, because the record names it.
            folder.write(record)
            with contextlib.suppress(BrokenPipeError):
                talk.go.write(b"go\n")
                talk.go.flush()
            _line(talk.out, deadline)
        return record

    def _end(self, record: ServerRecord) -> None:
        """End a server's process: ask, wait, then kill."""
        if record.process is None or not record.process.signal(signal.SIGTERM):
            return
        if not _wait_for_end(record, _GRACE_S):
            record.process.signal(signal.SIGKILL)
            _wait_for_end(record, _GRACE_S)

    def _remove_old(self, folder: ServerFolder, record: ServerRecord, before: ServerRecord | None) -> None:
        if before and before.process and before.process.alive:
            return
        for path in folder.path.glob("v*"):
            if path != folder.version(record.version):
                self._remove(path)

    @staticmethod
    def _remove(path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)


class _Talk(NamedTuple):
    out: IO[bytes]
    """What the process says: a JSON line when it has its port, when it is ready, and when it answers."""
    go: IO[bytes]


@contextlib.contextmanager
def _started(version: Path, log: Path) -> Iterator[_Talk]:
    """Start the server program. It detaches itself: it has no parent to wait for it, and no terminal."""
    home = str(Path(__file__).parents[3])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRET)}
    # A worker that is ended takes its whole process tree along, but not what says that it is detached.
    environment |= {"STACKTUI_DETACHED": "1", "PYTHONUNBUFFERED": "1"}
    if home not in site.getsitepackages():
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, environment.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-B", "-m", _PROGRAM, str(version)]
    errors = append_file(log)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(errors)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield _Talk(process.stdout, process.stdin)


def _line(stream: IO[bytes], deadline: float) -> dict[str, Any] | None:
    """The next line as JSON; None at the end of the stream or of the time. The stream is read unbuffered."""
    line = b""
    descriptor = stream.fileno()
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        letter = os.read(descriptor, 1)
        if not letter:
            return None
        line += letter
    found: dict[str, Any] = json.loads(line)
    return found


def _wait_for_end(record: ServerRecord, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while record.process is not None and record.process.alive:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
