"""`python -m stacktui.pipelines.lineage_consumer <run folder>`: hands the store's events on as OpenLineage events.

The runner starts it beside itself where `stacktui.yaml` asks for lineage, and never waits for it. One process at a time
does it for a state folder; it goes on until no run is alive and all is sent. How far it is stands in the state folder,
and is written after each batch was sent: what is sent twice after a crash is the same event again. A run that was lost
gets its end from the next one that looks.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from stacktui.categories.errors import ComponentError, NotFound
from stacktui.categories.held_lock import HeldLock
from stacktui.categories.private import append_file, lock_file
from stacktui.flavors.local.private import write_whole
from stacktui.flavors.local.process_tree import DETACHED, MARK
from stacktui.flavors.local.worker_start import importable
from stacktui.model.base import Noun, now, rfc3339
from stacktui.model.masking import Masker
from stacktui.model.run import Event, RunStatus
from stacktui.model.secretref import references
from stacktui.pipelines.runfile import RunFile
from stacktui.runtime.build import LiveStack, stack_of_run

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.pipelines.lineage_events import LineageEvents

INSTALL = "pip install 'stacktui[openlineage]'"
_FILE = "openlineage.jsonl"
_LOOK_EVERY_S = 0.2
_LOST_EVERY_S = 1.0
_STAYS_S = 2.0
"""How long it looks on after the last run has ended."""
_BATCH = 200
_TRIES = 3
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
"""Between attempts to send what could not be sent."""


class LineageState(Noun):
    """`<state>/openlineage.json`: how far the events were handed on."""

    store: str = ""
    """The metadata store that the number is of, by its component's name."""
    event: int = 0
    open: tuple[str, ...] = ()
    """Runs whose start was sent and whose end was not."""
    error: str = ""
    """Why the last attempt failed; empty where it did not."""
    error_at: str = ""

    @classmethod
    def read(cls, state: Path) -> LineageState:
        """What was written last; a new one where nothing is, or it is not ours."""
        try:
            return cls.model_validate_json((state / "openlineage.json").read_bytes())
        except (OSError, ValidationError):
            return cls()

    def write(self, state: Path) -> None:
        """Put it in place of what was written last."""
        write_whole(state / "openlineage.json", self.model_dump_json().encode("ascii"))


class LineageConfig(Noun):
    """`openlineage:` in stacktui.yaml."""

    namespace: str | None = None
    transport: dict[str, Any] = Field(default_factory=dict)
    other: dict[str, Any] = Field(default_factory=dict)
    """What else the client reads: `facets`, `filters` …"""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> LineageConfig:
        """Raises `ComponentError` for what is no mapping where one is wanted."""
        rest = dict(given)
        try:
            return cls(
                namespace=rest.pop("namespace", None), transport=rest.pop("transport", None) or {}, other=rest
            )
        except ValidationError:
            raise ComponentError(
                "openlineage: in stacktui.yaml takes namespace: NAME and transport: {type: …}"
            ) from None


def start_consumer(folder: Path, log: int = 2) -> None:
    """Start it beside a runner, whose children it is not one of. What goes wrong stands in `log` and nowhere else."""
    environment = importable({**os.environ, DETACHED: "1"})
    environment.pop(MARK, None)
    try:
        subprocess.Popen(
            [sys.executable, "-P", "-m", "stacktui.pipelines.lineage_consumer", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        print(f"lineage is not sent: {error.strerror or error}", file=sys.stderr)


class Consumer:
    """Hands on the events of one store."""

    def __init__(
        self, store: MetadataStore, state: Path, client: OpenLineageClient, events: LineageEvents
    ) -> None:
        self._store = store
        self._state = state
        self._client = client
        self._events = events
        self._at = LineageState.read(state)
        self._next_lost = 0.0

    def begin(self, run_id: str) -> None:
        """Find where to go on: the first time, or on another store, with the events of this run."""
        name = self._store.name
        if self._at.store == name and self._at.event <= self._store.last_event():
            return
        first = self._store.events(0, 1, run_id=run_id)
        self._at = LineageState(store=name, event=first[0].id - 1 if first else self._store.last_event())

    def step(self) -> bool:
        """Send what is new. Whether there may be more at once. What the transport raises passes through."""
        batch = self._store.events(self._at.event, _BATCH)
        if batch:
            for event in batch:
                self._send(event)
            self._save(event=batch[-1].id, error="", error_at="")
        if time.monotonic() >= self._next_lost:
            self._next_lost = time.monotonic() + _LOST_EVERY_S
            self._end_lost()
        return len(batch) == _BATCH

    def live(self) -> bool:
        """Whether a run goes on, or there is something to send."""
        return bool(self._at.open) or self._store.last_event() > self._at.event or self.any_alive()

    def failed(self, why: str) -> None:
        """Note that it cannot be sent now."""
        self._save(error=why, error_at=rfc3339(now()))

    def any_alive(self) -> bool:
        """Whether a run goes on or waits to."""
        from stacktui.categories.metadata_store import RunQuery

        query = RunQuery(status=(RunStatus.QUEUED, RunStatus.RUNNING), limit=1)
        return bool(self._store.runs(query).runs)

    def _send(self, event: Event) -> None:
        for each in self._events.of(event):
            self._client.emit(each)
        opened = set(self._at.open)
        if event.kind == "run_started":
            opened.add(event.run_id)
        elif event.kind in ("run_finished", "run_deleted"):
            opened.discard(event.run_id)
        self._at = self._at.model_copy(update={"open": tuple(sorted(opened))})

    def _end_lost(self) -> None:
        for run_id in self._at.open:
            try:
                run = self._store.run(run_id)
            except NotFound:
                run = None
            if run is not None and run.status is not RunStatus.LOST:
                continue
            if run is not None:
                for each in self._events.of_lost(run, now()):
                    self._client.emit(each)
            self._save(open=tuple(each for each in self._at.open if each != run_id))

    def _save(self, **changes: Any) -> None:
        self._at = self._at.model_copy(update=changes)
        self._at.write(self._state)


def _consume(consumer: Consumer, masker: Masker) -> None:
    """Until no run is alive and all is sent, or no run is alive and it cannot be sent."""
    tries = 0
    until = time.monotonic() + _STAYS_S
    while True:
        try:
            more = consumer.step()
            tries = 0
        except ComponentError:
            raise
        except Exception as error:
            tries += 1
            why = masker(f"{type(error).__name__}: {error}".splitlines()[0])[:500]
            consumer.failed(why)
            if tries == 1:
                print(f"lineage is not sent: {why}", file=sys.stderr, flush=True)
            if tries >= _TRIES and not consumer.any_alive():
                return
            time.sleep(min(_PAUSE_S * 2 ** (tries - 1), _LONGEST_PAUSE_S))
            continue
        if consumer.live():
            until = time.monotonic() + _STAYS_S
        elif time.monotonic() > until:
            return
        if not more:
            time.sleep(_LOOK_EVERY_S)


def client_of(config: LineageConfig, state: Path) -> OpenLineageClient:
    """The official client, as it reads the configuration; without a transport it writes to a file in the state folder.

    Raises `ComponentError` where it is not installed or does not take the configuration.
    """
    try:
        from openlineage.client import OpenLineageClient
    except ImportError:
        raise ComponentError(f"openlineage-python is not installed; install it with: {INSTALL}") from None
    transport = dict(config.transport)
    if not transport:
        file = state / _FILE
        # It would be made with whatever mode the user's mask allows.
        os.close(append_file(file))
        transport = {"type": "file", "log_file_path": str(file), "append": True}
    try:
        return OpenLineageClient(config={**config.other, "transport": transport})
    except Exception as error:
        raise ComponentError(f"openlineage: in stacktui.yaml is not understood: {error}") from None


def _repository(workspace: Path) -> str:
    """Where the code's repository is, without what a user could have written of a password."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["git", "-C", str(workspace), "config", "--get", "remote.origin.url"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout.strip()
        scheme, separator, rest = said.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}" if separator else said
    return ""


def _with_secrets(value: Any, live: LiveStack, masker: Masker) -> Any:
    """A configuration with the values of the secrets that it refers to, which `masker` learns."""
    if isinstance(value, dict):
        return {key: _with_secrets(item, live, masker) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_secrets(item, live, masker) for item in value]
    if isinstance(value, str) and (found := references(value)):
        for reference, secret in live.secrets(found).items():
            masker.add([secret])
            value = value.replace("{{" + str(reference) + "}}", secret)
    return value


def consume(folder: Path) -> None:
    """Hand on the events of the store that a run is in, unless another process does. Raises `ComponentError`."""
    from stacktui.workspace.documents import read_settings

    run = RunFile.read(folder).run
    workspace, state = Path(run.workspace), Path(run.state)
    file = workspace / "stacktui.yaml"
    settings = read_settings(file, file.read_bytes()).value
    if settings is None or settings.openlineage is None:
        return
    given = LineageConfig.of(settings.openlineage)
    masker = Masker()
    lock = HeldLock(lock_file(state / "openlineage.lock"))
    os.chdir(workspace)
    with stack_of_run(run) as live:
        while lock.take():
            try:
                transport = _with_secrets(given.transport, live, masker)
                config = given.model_copy(update={"transport": transport})
                client = client_of(config, state)
                from stacktui.pipelines.lineage_events import LineageEvents

                store = live.metadata_store
                namespace = config.namespace or workspace.name
                consumer = Consumer(
                    store, state, client, LineageEvents(store, namespace, workspace, _repository(workspace))
                )
                consumer.begin(run.run_id)
                _consume(consumer, masker)
                client.close(5.0)
            except ComponentError as error:
                why = masker(str(error))
                at = LineageState.read(state)
                at.model_copy(update={"error": why, "error_at": rfc3339(now())}).write(state)
                raise ComponentError(why) from None
            finally:
                lock.close()
            if LineageState.read(state).error or not consumer.live():
                return
            # A run began while this one was about to leave: whoever it started found the lock taken.
            lock = HeldLock(lock_file(state / "openlineage.lock"))


def main(arguments: list[str]) -> int:
    """0 where all was handed on or another process does it, else 2."""
    logging.getLogger("openlineage").setLevel(logging.ERROR)
    try:
        consume(Path(arguments[0]))
    except (ComponentError, OSError, ValueError) as error:
        print(f"lineage is not sent: {json.dumps(str(error))[1:-1]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
