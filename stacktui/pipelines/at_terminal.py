"""A step that somebody watches: what it says of itself goes to the terminal, its questions are asked there, and where
it raises the debugger can take over. Used in the child processes of `step run` and `run --in-process`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacktui.model.execution import (
    Alert,
    FileLogged,
    MetricPoint,
    ParamsLogged,
    Progress,
    Question,
    StepEvent,
)

if TYPE_CHECKING:
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.model.artifact import ArtifactRef


def say(text: str) -> None:
    """A line about the step, not by it: to stderr."""
    from stacktui.model.text import clean

    # Not what a step may have put in its place, or what is copied to its log.
    print(clean(text), file=sys.__stderr__ or sys.stderr, flush=True)


class TerminalChannel:
    """A step's way out, as `StepChannel` asks for it. With `also` its events go there too."""

    def __init__(
        self,
        run_id: str,
        step: str,
        store: Callable[[], ArtifactStore],
        scratch: Path,
        also: Callable[[StepEvent], None] | None = None,
    ) -> None:
        self.run_id = run_id
        self.step = step
        self._store = store
        self._scratch = scratch
        self._also = also
        self._asked: dict[str, Question] = {}

    def emit(self, event: StepEvent) -> None:
        if self._also is not None and not isinstance(event, Question):
            self._also(event)
        if isinstance(event, MetricPoint):
            say(f"{self.step} │ {event.key}={event.value:.6g}" + (f" at {event.step}" if event.step else ""))
        elif isinstance(event, ParamsLogged):
            say(f"{self.step} │ " + ", ".join(f"{name}={value}" for name, value in event.params.items()))
        elif isinstance(event, FileLogged):
            say(f"{self.step} │ file {event.name}, {event.artifact.size:,} bytes")
        elif isinstance(event, Progress):
            of = "" if event.total is None else f" of {event.total:g}"
            say(f"{self.step} │ {event.done:g}{of} {event.text}".rstrip())
        elif isinstance(event, Alert):
            say(f"{self.step} │ {event.level}: {event.message}")
        elif isinstance(event, Question):
            self._asked[event.id] = event

    def answer(self, question_id: str, timeout_s: float | None) -> str | None:
        question = self._asked.pop(question_id)
        choices = "/".join(question.choices)
        default = f", or nothing for {question.default}" if question.default is not None else ""
        while True:
            say(f"? {question.question} [{choices}{default}]")
            typed = sys.stdin.readline()
            if typed.strip() in question.choices:
                return typed.strip()
            if not typed or not typed.strip():
                return question.default

    def materialize(self, name: str, value: Any) -> ArtifactRef:
        from stacktui.pipelines.materializers import save

        return save(value, self._store(), name=name, scratch=self._scratch)


def post_mortem(error: BaseException, code: Path) -> None:
    """Let the debugger look at an error where it was raised, as seen from the user's first frame."""
    import pdb

    trace = error.__traceback__
    while trace is not None and not Path(trace.tb_frame.f_code.co_filename).is_relative_to(code):
        trace = trace.tb_next
    say(f"{type(error).__name__}: {error}")
    debugger = pdb.Pdb()
    debugger.reset()
    # Ctrl+D and `quit` leave it, and the step has failed as it would have without it.
    with contextlib.suppress(KeyboardInterrupt):
        debugger.interaction(None, trace or error.__traceback__)
