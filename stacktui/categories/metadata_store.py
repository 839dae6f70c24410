"""Metadata stores: record every run, step and artifact, and tell what changed since an event number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from stacktui.categories.base import StackComponent
from stacktui.model.alert import InboxItem
from stacktui.model.artifact import Artifact, ArtifactLink, ArtifactRef
from stacktui.model.base import Noun
from stacktui.model.run import Event, Metric, Run, RunStatus, StepAttempt, StepProgress, StepRun


class RunQuery(Noun):
    """Which runs, newest first. Empty fields do not filter."""

    status: tuple[RunStatus, ...] = ()
    pipeline: str | None = None
    stack: str | None = None
    group: str | None = None
    """The runs of one sweep."""
    label: str | None = None
    """`key=value`, or `key` alone."""
    pinned: bool | None = None
    search: str | None = None
    """Words that must stand in name, pipeline, parameters, error, labels or note."""
    limit: int = 50
    after: str | None = None
    """The `next` of the page before."""
    before: str | None = None
    """A run id: the page that ends just before it, for scrolling back up."""
    oldest_first: bool = False


class RunPage(Noun):
    """A page of runs."""

    runs: tuple[Run, ...]
    """Without graph, environment and stack snapshot, which only `run` reads."""
    next: str | None = None
    """What `after` takes for the page that follows; None at the end."""


class ArtifactQuery(Noun):
    """Which artifacts, newest first."""

    pipeline: str | None = None
    step: str | None = None
    name: str | None = None
    version: int | None = None
    tag: str | None = None
    run_id: str | None = None
    limit: int = 100
    after: str | None = None
    """The id of the last artifact of the page before."""


class CachedStep(Noun):
    """An earlier step whose result may stand in for one with the same cache key."""

    run_id: str
    step: str
    finished_at: datetime
    outputs: dict[str, ArtifactRef]
    metrics: tuple[Metric, ...] = ()


class StepChange(NamedTuple):
    """What `record_step` takes."""

    step: StepRun
    artifacts: Sequence[Artifact] = ()
    metrics: Sequence[Metric] = ()
    input_links: Mapping[str, str] | None = None


class RunUsers(Noun):
    """Who relies on what a run has left."""

    runs: frozenset[str]
    """Other runs that took an artifact of it as an input, or for a step of which one of its steps stands in."""
    tags: tuple[str, ...] = ()
    """The tags of its artifacts."""


class StoreFacts(Noun):
    """What the store's pane shows."""

    location: str
    size: int
    """Bytes on disk, with its journal."""
    counts: dict[str, int]
    """Rows: runs, steps, artifacts, metrics, events."""
    integrity: str
    """`ok`, or what the check said; empty if it was not asked for."""
    version: str
    journal: str = ""
    oldest_run: datetime | None = None
    newest_run: datetime | None = None
    search: bool = True
    """Whether full-text search is there; without it a search is a slower scan."""


class MetadataStore(StackComponent):
    """The record of all runs. Safe to use from several threads and processes at once.

    A state change is durable when the call returns. Everything raises `StoreBusy` after the configured wait,
    and `StoreVersion` on a store of a newer version. Each write appends to the events, in the same transaction.
    """

    CAPABILITIES: ClassVar[frozenset[str]] = frozenset(
        {"backup", "compact", "hold", "query", "record", "search", "tail"}
    )

    # What a runner writes.

    @abstractmethod
    def create_run(self, run: Run, steps: Sequence[StepRun]) -> None:
        """Record a new run with its pending steps. Event `run_created`."""

    @abstractmethod
    def update_run(self, run_id: str, **changes: Any) -> None:
        """Change fields of a run (status, started_at, finished_at, error, holder, labels, note, pinned, resumes,
        waits_for). Event `run_started`, `run_finished` with its status, or `run_changed`. The commit that ends a run
        is fully synchronised."""

    @abstractmethod
    def record_step(
        self,
        step: StepRun,
        artifacts: Sequence[Artifact] = (),
        metrics: Sequence[Metric] = (),
        input_links: Mapping[str, str] | None = None,
    ) -> tuple[Artifact, ...]:
        """Write a step's state, with what it produced and used, in one transaction; its events too.

        An artifact's `version` is given by the store: the ones returned have it.
        """

    def record_changes(self, changes: Sequence[StepChange]) -> None:
        """As `record_step` with each, in order; in one transaction where the store can.

        A runner ends a step and begins the next one with it, so that two changes cost hardly more than one.
        """
        for change in changes:
            self.record_step(*change)

    @abstractmethod
    def record_steps(self, steps: Sequence[StepRun]) -> None:
        """Write the states of several steps of a run in one transaction: skipped, cancelled."""

    @abstractmethod
    def keep_attempt(self, attempt: StepAttempt) -> None:
        """Keep how an attempt ended, before the next one begins. Metrics that it logged are removed: those of the
        last attempt count. Event `step_attempt_ended`."""

    @abstractmethod
    def log_progress(self, run_id: str, step: str, progress: StepProgress) -> None:
        """How far a step is; the last one is kept. Event `progress`, so say it about once a second at most."""

    @abstractmethod
    def delete_run(self, run_id: str) -> None:
        """Forget a run: its steps, attempts, metrics, events, requests, inbox items and links. An artifact that
        another run used, that stands in for another run's step, or that has a tag stays. Event `run_deleted` (of a
        run that is no longer there). Raises `ComponentError` where the run is held, or pinned."""

    @abstractmethod
    def delete_artifacts(self, artifact_ids: Sequence[str]) -> None:
        """Forget artifacts whose content is being removed, with their links and tags. A step that produced one keeps
        its name; no step is cached from it any more. One event `artifacts_deleted` with the count."""

    @abstractmethod
    def log_metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        """Add points to curves. One event `metric` for the batch."""

    @abstractmethod
    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Add logged parameters to a run; they are kept beside its own, as `logged`."""

    @abstractmethod
    def log_file(self, run_id: str, step: str, name: str, artifact: ArtifactRef) -> None:
        """Record a file that a step logged."""

    @abstractmethod
    def hold(self, run_id: str) -> AbstractContextManager[None]:
        """Prove that this process is alive and runs the run, until the context ends or the process dies.

        Child processes never inherit the proof. Raises `ComponentError` if another process holds it.
        """

    def expect(self, run_id: str, pid: int) -> None:
        """Say that a process of this host was started that is going to hold the run.

        Until it does, the run counts as lost as soon as that process has died. Who holds the run may say this before
        it lets go: then nobody sees the run lost in between. No event. A store that cannot tell does nothing: there a
        run that nobody takes is lost after a while. Raises `NotFound`.
        """

    @abstractmethod
    def is_held(self, run_id: str) -> bool:
        """Whether a living process holds the run. Never writes."""

    @abstractmethod
    def request(self, run_id: str, what: str, data: Mapping[str, Any] | None = None) -> None:
        """Ask the run's holder for something (`stop`); it reads requests within a second. Event `request`."""

    @abstractmethod
    def requests(self, run_id: str, after: int = 0) -> list[Event]:
        """Requests to a run after an event number."""

    # What readers ask.

    @abstractmethod
    def run(self, run_id: str) -> Run:
        """One run, whole; an unambiguous beginning of its id will do. Status `lost` is computed. Raises `NotFound`."""

    @abstractmethod
    def runs(self, query: RunQuery) -> RunPage:
        """A page of runs; as quick with a million runs as with a hundred. Status `lost` is computed."""

    @abstractmethod
    def count_runs(self, query: RunQuery, at_most: int = 10_000) -> int:
        """How many runs a query finds, counted no further than `at_most`."""

    @abstractmethod
    def pipelines(self) -> list[str]:
        """Names of pipelines that have run, sorted."""

    @abstractmethod
    def steps(self, run_id: str) -> tuple[StepRun, ...]:
        """All steps of a run by position."""

    @abstractmethod
    def attempts(self, run_id: str, step: str | None = None) -> tuple[StepAttempt, ...]:
        """The earlier attempts of a run's steps (not the latest, which `steps` tells), by step and attempt."""

    @property
    def identity(self) -> str:
        """What tells this store from every other one, from wherever it is asked: artifact stores that several
        metadata stores share keep a mark of each."""
        return f"{self.facts.name}:{self.store_facts().location}"

    @abstractmethod
    def users(self, run_id: str) -> RunUsers:
        """Who relies on what a run has left. Cheap: retention asks for each run that is to go."""

    @abstractmethod
    def contents(self, without: Collection[str] = ()) -> Iterator[tuple[str, str, int]]:
        """All content that artifacts name: (uri, digest, size), each once. For whoever removes what nobody names.

        `without`: as if the artifacts of these runs were gone.
        """

    @abstractmethod
    def metrics(self, run_id: str, key: str | None = None) -> tuple[Metric, ...]:
        """All points of a run, of one key if named, by key and step."""

    @abstractmethod
    def last_metrics(self, run_id: str) -> dict[str, float]:
        """The last value of each metric of a run."""

    @abstractmethod
    def logged(self, run_id: str) -> dict[str, Any]:
        """Parameters and files that steps logged: `{"params": {…}, "files": {name: artifact id}}`."""

    @abstractmethod
    def artifact(self, artifact_id: str) -> Artifact:
        """One artifact. Raises `NotFound`."""

    @abstractmethod
    def artifacts(self, query: ArtifactQuery) -> tuple[Artifact, ...]:
        """Artifacts, newest first."""

    @abstractmethod
    def links(self, artifact_id: str) -> tuple[ArtifactLink, tuple[ArtifactLink, ...]]:
        """Who produced an artifact, and who used it."""

    @abstractmethod
    def tag_artifact(self, artifact_id: str, tag: str) -> None:
        """Give an artifact a tag; within its pipeline, step and name a tag points to one artifact."""

    @abstractmethod
    def untag_artifact(self, artifact_id: str, tag: str) -> None:
        """Take a tag from an artifact. Raises `NotFound` where it does not have it."""

    @abstractmethod
    def cached(self, cache_key: str) -> CachedStep | None:
        """The newest succeeded step with that cache key, with its outputs and metrics."""

    @abstractmethod
    def last_event(self) -> int:
        """The newest event's number, 0 where there is none. Cheap: it is how readers poll."""

    @abstractmethod
    def events(self, after: int, limit: int = 1000, run_id: str | None = None) -> list[Event]:
        """Events after a number, oldest first."""

    # The inbox.

    @abstractmethod
    def post(self, item: InboxItem) -> None:
        """Put a message or question in the inbox. Event `message` or `question`."""

    @abstractmethod
    def inbox(self, *, pending: bool = False, limit: int = 100) -> tuple[InboxItem, ...]:
        """Newest first; with `pending` only the questions that wait."""

    @abstractmethod
    def inbox_item(self, item_id: str) -> InboxItem:
        """One of them; an unambiguous beginning of its id will do. Raises `NotFound`."""

    @abstractmethod
    def answer(self, item_id: str, choice: str | None, by: str) -> InboxItem:
        """Close a question with an answer, or with None as run out. The first answer counts: a second one
        raises `ComponentError` that says who answered. Event `answer`."""

    # Maintenance.

    @abstractmethod
    def store_facts(self, check: bool = False) -> StoreFacts:
        """Size and counts; with `check` the integrity too, which reads everything."""

    @abstractmethod
    def backup(self, target: Path) -> None:
        """A consistent copy, while others write."""

    @abstractmethod
    def compact(self) -> None:
        """Give unused space back."""
