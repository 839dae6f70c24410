"""A step as it travels: a spec in, a stream of events and a result out.

Every orchestrator and step operator carries just these, in a local worker, over SSH or through a queue.
Values of secrets are not part of any of them: they travel beside, over a pipe or a private file.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import AnyNumber, Noun
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.run import StepError, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import Resources


class RunContext(Noun):
    """What all steps of a run share: sent once to a long-lived worker."""

    run_id: str
    run_name: str
    pipeline: str
    stack: str
    params: dict[str, Any] = Field(default_factory=dict)
    code_digest: str
    code_path: str
    """The folder with the code snapshot, as the worker's host sees it."""
    roots: tuple[str, ...] = ("",)
    """Folders to import from, in order, relative to `code_path`; "" is the folder itself."""
    workspace: str
    """The folder that tracebacks name."""
    state: str
    """The workspace's state folder, for components that live on this host."""
    components: dict[Category, tuple[Component, ...]] = Field(default_factory=dict)
    """The stack's components in order, references unresolved."""
    environment: dict[str, str] = Field(default_factory=dict)


class StepInput(Noun):
    """One argument of a step: a constant or an artifact."""

    name: str
    value: Any = None
    artifact: ArtifactRef | None = None


class OutputSpec(Noun):
    """One output that a step declares."""

    name: str
    type: str = ""
    """The annotation's qualified name; empty where the author gave none."""
    materializer: str | None = None
    """The one that the author chose: a name, or `module:object`; None leaves the choice to the value's type."""


class StepSpec(Noun):
    """All that is needed to run one step once, anywhere."""

    run: RunContext
    step: str
    """The step's name in its pipeline."""
    attempt: int = 1
    last_attempt: bool = True
    """Whether it has failed for good if it fails: then its hook for that is called."""
    module: str
    """The module of the step's function, importable from the code snapshot."""
    function: str
    """The function's qualified name in that module."""
    inputs: tuple[StepInput, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    resources: Resources = Resources()
    timeout_s: float | None = None
    secrets: tuple[SecretRef, ...] = ()
    """What the step may read; values travel beside the spec."""
    tracker: str | None = None
    """The experiment tracker that it logs to; None for the stack's default."""
    environment: dict[str, str] = Field(default_factory=dict)
    gpus: tuple[str, ...] | None = None
    """The GPUs that the runner took for it; None where the place that runs it chooses."""
    hook: Literal["on_success", "on_failure"] | None = None
    """Not the step itself but one of its hooks (of the pipeline's, where `step` is empty): after a process that
    was killed, or at the end of the run."""
    hook_error: StepError | None = None
    """What the hook is told."""


class LogLine(Noun):
    """A line that the step wrote, or several that it wrote together, with the time at which that was."""

    kind: Literal["log"] = "log"
    at: datetime
    stream: Literal["stdout", "stderr", "logging"]
    text: str
    """Without the last newline; secrets masked."""
    partial: bool = False
    """Whether this is the present state of what is not ended yet, a progress bar's for example: the stream's next
    text stands in its place."""


class MetricPoint(Noun):
    """A metric that the step logged through a tracker that lives in the metadata store."""

    kind: Literal["metric"] = "metric"
    at: datetime
    key: str
    value: AnyNumber
    step: int = 0


class ParamsLogged(Noun):
    """Parameters that the step logged."""

    kind: Literal["params"] = "params"
    at: datetime
    params: dict[str, Any]


class FileLogged(Noun):
    """A file that the step logged; its content is an artifact in the artifact store."""

    kind: Literal["file"] = "file"
    at: datetime
    name: str
    artifact: ArtifactRef


class Progress(Noun):
    """How far the step is."""

    kind: Literal["progress"] = "progress"
    at: datetime
    done: float
    total: float | None = None
    text: str = ""


class Alert(Noun):
    """A message for people, to the workbench's inbox."""

    kind: Literal["alert"] = "alert"
    at: datetime
    alerter: str
    level: Literal["info", "success", "warning", "error"]
    message: str


class Question(Noun):
    """A question to people: the step waits for the answer, and its timeout pauses."""

    kind: Literal["question"] = "question"
    at: datetime
    id: str
    alerter: str
    question: str
    choices: tuple[str, ...]
    default: str | None = None
    timeout_s: float | None = None


StepEvent = Annotated[
    LogLine | MetricPoint | ParamsLogged | FileLogged | Progress | Alert | Question,
    Field(discriminator="kind"),
]


class StepResult(Noun):
    """How one attempt of a step ended."""

    status: StepStatus
    """`succeeded`, `failed` or `cancelled`."""
    started_at: datetime
    finished_at: datetime
    outputs: dict[str, ArtifactRef] = Field(default_factory=dict)
    error: StepError | None = None
    hooks_called: bool = False
    """Whether the step's hook for this end was called, in the step's own process."""
