"""The flavor `sqlite`: all runs in one SQLite file. Each method is a transaction around a module of SQL beside it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from stacktui.categories.base import FlavorConfig, ProbeResult, Surroundings
from stacktui.categories.errors import ComponentError
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.homes import from_home
from stacktui.categories.metadata_store import (
    ArtifactQuery,
    CachedStep,
    MetadataStore,
    RunPage,
    RunQuery,
    RunUsers,
    StepChange,
    StoreFacts,
)
from stacktui.categories.process_mark import host_name
from stacktui.flavors.sqlite import (
    artifacts,
    attempts,
    deletion,
    events,
    inbox,
    liveness,
    maintenance,
    metrics,
    runs,
    schema,
    steps,
)
from stacktui.flavors.sqlite.connection import Connections
from stacktui.flavors.sqlite.failures import UNREADABLE, explained
from stacktui.model.alert import InboxItem
from stacktui.model.artifact import Artifact, ArtifactLink, ArtifactRef
from stacktui.model.category import Category
from stacktui.model.run import Event, Metric, Run, RunStatus, StepAttempt, StepProgress, StepRun
from stacktui.model.stack import DurationSeconds


class SqliteMetadataStoreConfig(FlavorConfig):
    """Where the file is, and how patient its users are."""

    path: str | None = Field(
        default=None,
        description="The file; relative to the workspace. Left out, `metadata.db` in the workspace's state.",
        json_schema_extra={"format": "path"},
    )
    busy_timeout: DurationSeconds = Field(
        default=30.0,
        description="How long a write waits for others before it gives up, as 30s or in seconds.",
    )
    filesystem: Literal["auto", "local", "network"] = Field(
        default="auto",
        description="Whether the file lies on a disk of this host; auto asks the system, and takes what it"
        " does not know for a network.",
    )


class SqliteMetadataStore(MetadataStore):
    """Runs in one SQLite file: no server, safe for many processes on one host at once.

    Readers never wait for writers on a local disk. Without a file every question has an empty answer.
    """

    facts: ClassVar[FlavorFacts] = FlavorFacts(
        category=Category.METADATA_STORE,
        name="sqlite",
        summary="one SQLite file, no server",
        provider="sqlite",
        capabilities=MetadataStore.CAPABILITIES,
    )
    Config = SqliteMetadataStoreConfig
    config: SqliteMetadataStoreConfig

    def __init__(self, config: SqliteMetadataStoreConfig, around: Surroundings) -> None:
        super().__init__(config, around)
        path = around.workspace / from_home(config.path) if config.path else around.state / "metadata.db"
        busy_timeout = 30.0 if config.busy_timeout is None else config.busy_timeout
        self._db = Connections(path.absolute(), busy_timeout, config.filesystem, around.caller)

    @property
    def path(self) -> Path:
        """The file."""
        return self._db.path

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        """Whether the file can be read and is ours; that there is none yet is fine."""
        began = time.perf_counter()
        found: list[ProbeResult] = []

        def look() -> None:
            message, ok = self._look(timeout_s)
            found.append(ProbeResult(ok=ok, message=message, latency_s=time.perf_counter() - began))

        # A network mount that is gone keeps a thread in the kernel for good: as a daemon it ends with the process.
        thread = threading.Thread(target=look, name=f"probe {self.path}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if found:
            return found[0]
        return ProbeResult(
            ok=False, message=f"{self.path} gave no answer within {timeout_s:g} s", latency_s=timeout_s
        )

    def _look(self, timeout_s: float) -> tuple[str, bool]:
        try:
            seen = self._db.look(timeout_s)
            if seen is None:
                return self._before_the_first_run()
        except (sqlite3.Error, OSError, *UNREADABLE) as error:
            return str(self._db.explained(error)), False
        except ComponentError as error:
            return str(error), False
        version, _ = seen
        older = (
            "" if version in (0, schema.VERSION) else f", schema {version} is upgraded when it is used next"
        )
        return f"{self.path} answers{older}", True

    def _before_the_first_run(self) -> tuple[str, bool]:
        above = next(folder for folder in self.path.parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            return f"{self.path} cannot be made: {above} is not a folder that you can write", False
        return f"{self.path} is made by the first run", True

    def close(self) -> None:
        self._db.close()

    # What a runner writes.

    @explained
    def create_run(self, run: Run, steps: Sequence[StepRun]) -> None:
        with self._db.write(create=True) as connection:
            runs.create(connection, run, steps)

    @explained
    def update_run(self, run_id: str, **changes: Any) -> None:
        ends = "status" in changes and RunStatus(changes["status"]).finished
        with self._db.write(durable=ends) as connection:
            runs.update(connection, run_id, changes)

    @explained
    def record_step(
        self,
        step: StepRun,
        artifacts: Sequence[Artifact] = (),
        metrics: Sequence[Metric] = (),
        input_links: Mapping[str, str] | None = None,
    ) -> tuple[Artifact, ...]:
        with self._db.write() as connection:
            return steps.record(connection, step, artifacts, metrics, input_links)

    @explained
    def record_changes(self, changes: Sequence[StepChange]) -> None:
        if changes:
            with self._db.write() as connection:
                for change in changes:
                    steps.record(connection, *change)

    @explained
    def record_steps(self, steps: Sequence[StepRun]) -> None:
        if steps:
            self._record_steps(steps)

    def _record_steps(self, several: Sequence[StepRun]) -> None:
        with self._db.write() as connection:
            steps.record_all(connection, several)

    @explained
    def keep_attempt(self, attempt: StepAttempt) -> None:
        with self._db.write() as connection:
            attempts.keep(connection, attempt)

    @explained
    def log_progress(self, run_id: str, step: str, progress: StepProgress) -> None:
        with self._db.write() as connection:
            attempts.tell(connection, run_id, step, progress)

    @explained
    def delete_run(self, run_id: str) -> None:
        with self._db.write() as connection:
            deletion.run(connection, run_id)

    @explained
    def delete_artifacts(self, artifact_ids: Sequence[str]) -> None:
        if artifact_ids:
            with self._db.write() as connection:
                deletion.artifacts(connection, artifact_ids)

    @explained
    def log_metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        if metrics:
            self._log_metrics(run_id, metrics)

    def _log_metrics(self, run_id: str, points: Sequence[Metric]) -> None:
        with self._db.write() as connection:
            metrics.add(connection, run_id, points)

    @explained
    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        if params:
            with self._db.write() as connection:
                metrics.add_params(connection, run_id, params)

    @explained
    def log_file(self, run_id: str, step: str, name: str, artifact: ArtifactRef) -> None:
        with self._db.write() as connection:
            metrics.add_file(connection, run_id, step, name, artifact)

    def hold(self, run_id: str) -> AbstractContextManager[None]:
        return self._hold(run_id)

    @contextlib.contextmanager
    def _hold(self, run_id: str) -> Any:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(liveness.hold(self._db, self.around.state, run_id))
            except (sqlite3.Error, OSError, *UNREADABLE) as error:
                raise self._db.explained(error) from error
            yield

    @explained
    def expect(self, run_id: str, pid: int) -> None:
        with self._db.write() as connection:
            liveness.expect(connection, run_id, pid)

    @explained
    def is_held(self, run_id: str) -> bool:
        connection = self._db.reader()
        return connection is not None and liveness.is_held(connection, run_id)

    @explained
    def request(self, run_id: str, what: str, data: Mapping[str, Any] | None = None) -> None:
        with self._db.write() as connection:
            events.request(connection, run_id, what, data or {})

    @explained
    def requests(self, run_id: str, after: int = 0) -> list[Event]:
        return events.requests(self._db.reader(), run_id, after)

    # What readers ask.

    @explained
    def run(self, run_id: str) -> Run:
        return runs.find(self._db.reader(), run_id)

    @explained
    def runs(self, query: RunQuery) -> RunPage:
        return runs.page(self._db.reader(), query)

    @explained
    def count_runs(self, query: RunQuery, at_most: int = 10_000) -> int:
        return runs.count(self._db.reader(), query, at_most)

    @explained
    def pipelines(self) -> list[str]:
        return runs.pipelines(self._db.reader())

    @explained
    def steps(self, run_id: str) -> tuple[StepRun, ...]:
        return steps.of_run(self._db.reader(), run_id)

    @explained
    def attempts(self, run_id: str, step: str | None = None) -> tuple[StepAttempt, ...]:
        return attempts.of_run(self._db.reader(), run_id, step)

    @property
    def identity(self) -> str:
        # One path on two hosts is one file only where both see the same disk.
        host = host_name() if self._db.local else ""
        return f"sqlite:{host}:{self.path.resolve()}"

    @explained
    def users(self, run_id: str) -> RunUsers:
        return artifacts.users_of_run(self._db.reader(), run_id)

    def contents(self, without: Collection[str] = ()) -> Iterator[tuple[str, str, int]]:
        # A page at a time: one long read would keep the journal of all writers from being emptied.
        seen: set[str] = set()
        last = ""
        while page := self._page_of_contents(last):
            last = page[-1][0]
            for _, uri, digest, size, run_id in page:
                if uri not in seen and run_id not in without:
                    seen.add(uri)
                    yield uri, digest, size

    @explained
    def _page_of_contents(self, after: str) -> list[tuple[str, str, str, int, str]]:
        return deletion.page_of_contents(self._db.reader(), after)

    @explained
    def metrics(self, run_id: str, key: str | None = None) -> tuple[Metric, ...]:
        return metrics.of_run(self._db.reader(), run_id, key)

    @explained
    def last_metrics(self, run_id: str) -> dict[str, float]:
        return metrics.last(self._db.reader(), run_id)

    @explained
    def logged(self, run_id: str) -> dict[str, Any]:
        return metrics.logged(self._db.reader(), run_id)

    @explained
    def artifact(self, artifact_id: str) -> Artifact:
        return artifacts.get(self._db.reader(), artifact_id)

    @explained
    def artifacts(self, query: ArtifactQuery) -> tuple[Artifact, ...]:
        return artifacts.query(self._db.reader(), query)

    @explained
    def links(self, artifact_id: str) -> tuple[ArtifactLink, tuple[ArtifactLink, ...]]:
        return artifacts.links(self._db.reader(), artifact_id)

    @explained
    def tag_artifact(self, artifact_id: str, tag: str) -> None:
        with self._db.write() as connection:
            artifacts.tag(connection, artifact_id, tag)

    @explained
    def untag_artifact(self, artifact_id: str, tag: str) -> None:
        with self._db.write() as connection:
            artifacts.untag(connection, artifact_id, tag)

    @explained
    def cached(self, cache_key: str) -> CachedStep | None:
        return steps.cached(self._db.reader(), cache_key)

    @explained
    def last_event(self) -> int:
        return events.last(self._db.reader())

    @explained
    def events(self, after: int, limit: int = 1000, run_id: str | None = None) -> list[Event]:
        return events.after(self._db.reader(), after, limit, run_id)

    # The inbox.

    @explained
    def post(self, item: InboxItem) -> None:
        with self._db.write(create=True) as connection:
            inbox.post(connection, item)

    @explained
    def inbox(self, *, pending: bool = False, limit: int = 100) -> tuple[InboxItem, ...]:
        return inbox.listed(self._db.reader(), pending, limit)

    @explained
    def inbox_item(self, item_id: str) -> InboxItem:
        return inbox.get(self._db.reader(), item_id)

    @explained
    def answer(self, item_id: str, choice: str | None, by: str) -> InboxItem:
        with self._db.write() as connection:
            return inbox.answer(connection, item_id, choice, by)

    # Maintenance.

    @explained
    def store_facts(self, check: bool = False) -> StoreFacts:
        return maintenance.facts(self._db, check)

    @explained
    def backup(self, target: Path) -> None:
        maintenance.backup(self._db, target)

    @explained
    def compact(self) -> None:
        maintenance.compact(self._db)
