"""Hooks that the runner has called: of a step whose process was ended, and of the pipeline at the end of its run.

Each runs like a step, in a worker, and may take a minute. What one does wrong stands in its log and changes nothing.
Used by the runner's loop.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stacktui.categories.errors import ComponentError
from stacktui.categories.orchestrator import StepHandle
from stacktui.model.base import now
from stacktui.model.execution import LogLine, StepEvent, StepResult, StepSpec
from stacktui.model.masking import Masker
from stacktui.model.run import StepError, StepStatus
from stacktui.pipelines.graph import HookName, StepNode
from stacktui.pipelines.intake import StepSink
from stacktui.pipelines.logs import LogWriter, log_path
from stacktui.pipelines.places import Places
from stacktui.pipelines.runfile import RunFile
from stacktui.pipelines.specs import SpecMaker


class HookSaid(NamedTuple):
    """A hook has said something, or is over: an item of the loop's queue."""

    key: int
    step: str
    """The step that it belongs to; empty for the pipeline's."""
    event: StepEvent | StepResult


class _Going(NamedTuple):
    name: str
    handle: StepHandle
    sink: StepSink


class HookRuns:
    """The hooks that go on now. Used from the loop's thread alone; `later` puts into the loop's queue."""

    def __init__(
        self,
        file: RunFile,
        specs: SpecMaker,
        places: Places,
        masker: Masker,
        later: Callable[[HookSaid], None],
    ) -> None:
        self._file = file
        self._specs = specs
        self._places = places
        self._masker = masker
        self._later = later
        self._going: dict[int, _Going] = {}
        self._keys = itertools.count()

    def __bool__(self) -> bool:
        """Whether a hook goes on."""
        return bool(self._going)

    def call_for_step(
        self, node: StepNode, where: str, attempt: int, hook: HookName, error: StepError | None
    ) -> None:
        """Call a step's hook, where it has one. It writes to the log of that attempt."""
        if hook in node.hooks:
            self._start(self._specs.hook(node, attempt, hook, error), where, node.name, attempt)

    def call_for_run(self, where: str, hook: HookName, error: StepError | None) -> None:
        """Call the pipeline's hook, where it has one. It has a log of its own."""
        if hook in self._file.description.hooks:
            name = f"{self._file.description.name}:{hook}"
            self._start(self._specs.run_hook(hook, error), where, name, self._file_attempt(name))

    def _file_attempt(self, name: str) -> int:
        # A run that was resumed keeps the logs of its earlier lives.
        attempt = 1
        while log_path(Path(self._file.run.state), self._file.run.run_id, name, attempt).exists():
            attempt += 1
        return attempt

    def _start(self, spec: StepSpec, where: str, log_name: str, attempt: int) -> None:
        key, step = next(self._keys), spec.step
        run = self._file.run
        sink = StepSink(
            LogWriter(log_path(Path(run.state), run.run_id, log_name, attempt)),
            self._masker,
            lambda event: self._later(HookSaid(key, step, event)),
        )
        name = spec.hook or ""
        try:
            handle = self._places.submit(where, spec, sink)
        except ComponentError as error:
            _note(sink, name, str(error))
            sink.close()
            return
        self._going[key] = _Going(name, handle, sink)
        handle.future.add_done_callback(lambda future: self._later(HookSaid(key, step, future.result())))

    def handle(self, key: int) -> StepHandle | None:
        """The handle of a hook that goes on, for answers to what it asks."""
        going = self._going.get(key)
        return going.handle if going is not None else None

    def over(self, key: int, result: StepResult) -> None:
        """A hook has ended."""
        going = self._going.pop(key)
        if result.status is not StepStatus.SUCCEEDED and result.error is not None:
            _note(going.sink, going.name, self._masker(f"{result.error.type}: {result.error.message}"))
        going.sink.close()

    def cancel(self) -> None:
        """End those that go on."""
        for going in self._going.values():
            going.handle.cancel()

    def close(self) -> None:
        """Nothing more comes."""
        for going in self._going.values():
            going.sink.close()
        self._going.clear()


def _note(sink: StepSink, hook: str, what: str) -> None:
    sink(
        LogLine.model_construct(
            kind="log", at=now(), stream="logging", text=f"ERROR stacktui.hooks: {hook} failed: {what}"
        )
    )
