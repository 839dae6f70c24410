"""What a model server is on disk: its record, its token, its log, and the folder of each version.

    models/NAME/server.json     the record: port, version, process
    models/NAME/token           what callers must bear
    models/NAME/log             what the server wrote, of all versions
    models/NAME/v3/serve.json   what the process of version 3 serves
    models/NAME/v3/artifacts/   the model's content, copied: a server needs no credentials and survives a clean-up
    models/NAME/v3/ready        made when the model is loaded; `failed` when the process gave up, with its last words

The deployer writes records; the server (`stacktui.pipelines.serving`) writes `ready` and `failed` and its log.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.model_deployer import ModelServer, ServerState
from stacktui.categories.process_mark import ProcessMark
from stacktui.flavors.local.private import locked, write_whole
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import NAME_RULE, Noun, is_name

HOST = "127.0.0.1"
_LOG_TAIL = 1 << 18


class ServeSpec(Noun):
    """`serve.json`: all that a server's process needs to know."""

    name: str
    version: int
    artifact: ArtifactRef
    ports: tuple[int, ...]
    """Tried in order; one only where the address is settled."""
    predecessor: str | None = None
    """The version folder, beside this one, whose process hands its socket over."""
    workspace: str
    import_paths: tuple[str, ...] = ()
    """Where the model's own code is imported from."""
    concurrency: int = 1
    largest_request: int


class ServerRecord(Noun):
    """`server.json`: what is known of one model server."""

    name: str
    artifact: ArtifactRef
    version: int
    port: int | None = None
    process: ProcessMark | None = None
    stopped: bool = False
    """Whether it was stopped on purpose."""
    created_at: datetime
    started_at: datetime | None = None
    run_id: str | None = None


class ServerFolder:
    """The folder of one model server."""

    def __init__(self, models: Path, name: str) -> None:
        if not is_name(name):
            raise ComponentError(f"{name!r} cannot name a model: a name has {NAME_RULE}")
        self.name = name
        self.path = models / name
        self._lock = models / ".locks" / f"{name}.lock"

    @contextlib.contextmanager
    def locked(self, timeout_s: float) -> Iterator[None]:
        """One process at a time changes a server."""
        with locked(self._lock, f"model {self.name!r}", timeout_s):
            yield

    @property
    def log(self) -> Path:
        return self.path / "log"

    def version(self, number: int) -> Path:
        return self.path / f"v{number}"

    def read(self) -> ServerRecord:
        """The record. Raises `NotFound`."""
        try:
            return ServerRecord.model_validate_json((self.path / "server.json").read_bytes())
        except FileNotFoundError:
            raise NotFound(
                f"there is no model {self.name!r} here; `stacktui model list` shows those that are deployed"
            ) from None
        except ValidationError:
            raise ComponentError(
                f"{self.path / 'server.json'} is damaged: delete model {self.name!r} and deploy it again"
            ) from None

    def write(self, record: ServerRecord) -> None:
        write_whole(self.path / "server.json", record.model_dump_json(indent=1).encode(), durable=True)

    def token(self) -> str:
        """The token that callers bear. Raises `ComponentError` if there is none."""
        with contextlib.suppress(OSError):
            if token := (self.path / "token").read_text("ascii"):
                return token
        raise ComponentError(f"model {self.name!r} has no token: start it again, which makes one")

    def make_token(self) -> None:
        """Make the token where there is none yet; it is kept over stop, start and replace."""
        try:
            self.token()
        except ComponentError:
            write_whole(self.path / "token", secrets.token_urlsafe(32).encode(), secret=True)

    def tell(self, record: ServerRecord) -> ModelServer:
        """A server as it is now."""
        state, error = self._state(record)
        return ModelServer(
            name=record.name,
            state=state,
            address=f"http://{HOST}:{record.port}" if record.port else "",
            artifact=record.artifact,
            version=record.version,
            created_at=record.created_at,
            started_at=record.started_at,
            run_id=record.run_id,
            error=error,
        )

    def _state(self, record: ServerRecord) -> tuple[ServerState, str | None]:
        folder = self.version(record.version)
        if record.process is not None and record.process.alive:
            if (folder / "ready").exists():
                return ServerState.RUNNING, None
            # Asked to stop, it takes no more requests and ends in a moment.
            return (ServerState.STOPPED if record.stopped else ServerState.STARTING), None
        if record.stopped:
            return ServerState.STOPPED, None
        if words := last_words(folder):
            return ServerState.FAILED, words
        # It was killed, or the host was started anew: nothing is wrong with the model.
        return ServerState.STOPPED, None

    def log_lines(self, tail: int) -> list[str]:
        """The last lines of the log."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - max(_LOG_TAIL, tail * 200)))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        return lines[-tail:] if tail > 0 else []


def last_words(folder: Path) -> str | None:
    """Why a version's process gave up, in one line; None if it did not say."""
    with contextlib.suppress(OSError):
        lines = (folder / "failed").read_text("utf-8", "replace").strip().splitlines()
        # A crash of the interpreter says what happened first and where afterwards.
        if lines:
            return lines[0] if lines[0].startswith("Fatal Python error") else lines[-1]
    return None
