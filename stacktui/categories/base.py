"""What every component has: a config model, `probe()` and `close()`; and what it is given when it is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

from stacktui.categories.flavor import FlavorFacts
from stacktui.model.base import Noun

if TYPE_CHECKING:
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.categories.metadata_store import MetadataStore
    from stacktui.model.execution import StepEvent


class FlavorConfig(BaseModel):
    """Base of a flavor's config model: unknown keys are refused, every field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ProbeResult(Noun):
    """What `probe()` found."""

    ok: bool
    message: str
    """One line: what answered, or what to do about it."""
    latency_s: float = 0.0


class StepChannel(Protocol):
    """Inside a step: the way out to whoever runs it, for components that keep nothing on the step's host."""

    run_id: str
    step: str

    def emit(self, event: StepEvent) -> None:
        """Send an event. It arrives in order; this does not wait for it."""

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        """Wait for the answer to a question that was emitted; None when the time is up."""

    def materialize(self, name: str, value: Any) -> Any:
        """Keep a value or a file (a `Path`) in the stack's artifact store; returns its `ArtifactRef`."""


@dataclass(frozen=True)
class Caller:
    """On whose behalf components are used."""

    patience_s: float | None = None
    """How long a call may wait for other users of the same thing, as a screen cannot for long; None: as configured."""
    readonly: bool = False
    """Nothing may be written, not even what upkeep would."""


@dataclass(frozen=True)
class Surroundings:
    """Where a component finds itself: what the runtime gives it beside its config."""

    name: str
    """The component's name."""
    workspace: Path
    """The workspace's root; relative paths in a config are relative to it."""
    state: Path
    """The workspace's state folder, private to the user."""
    user_data: Path
    """The user's own data folder (XDG), for keys that must not lie in the workspace."""
    metadata_store: MetadataStore | None = None
    """The stack's metadata store, for flavors that keep their rows in it; None inside a step and for itself."""
    artifact_store: Callable[[], ArtifactStore] | None = None
    """Gives the stack's artifact store, made on first use, for flavors that hand artifacts on; None for itself."""
    channel: StepChannel | None = None
    """Inside a step: the stream to the runner."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The process's environment."""
    caller: Caller = field(default_factory=Caller)
    """Who uses it."""


class StackComponent(ABC):
    """One live component. Making it does no I/O; the first call that needs it does.

    A subclass names its `facts` and its `Config`; both can be read without its client library, which it
    imports inside methods only.
    """

    facts: ClassVar[FlavorFacts]
    Config: ClassVar[type[FlavorConfig]]
    config: FlavorConfig
    """A flavor annotates it again with its own `Config`."""

    def __init__(self, config: FlavorConfig, around: Surroundings) -> None:
        self.config = config
        self.around = around

    @property
    def name(self) -> str:
        return self.around.name

    @classmethod
    def config_when_renamed(cls, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The configuration, as written, with which a component that was called `name` keeps what it holds under
        another name. For a flavor that keeps something under its name; without I/O."""
        return config

    @abstractmethod
    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        """Whether it can be reached and accepts the credentials. No side effect; never longer than `timeout_s`."""

    def close(self) -> None:
        """Let go of connections and handles. May be called more than once; the component is not used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # The config may hold resolved secrets: it is never part of a repr.
        return f"<{type(self).__name__} {self.around.name!r}>"


EventSink = Callable[["StepEvent"], None]
"""Takes in one event of a running step. Called from the component's own threads, in order for each step."""
