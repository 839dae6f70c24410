"""The loop of a run: one thread that decides, and a queue in which everything that happens arrives."""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from stacktui.categories.errors import ComponentError
from stacktui.categories.metadata_store import MetadataStore, StepChange
from stacktui.categories.orchestrator import StepHandle
from stacktui.categories.private import make_folder
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.execution import StepEvent, StepResult
from stacktui.model.masking import Masker
from stacktui.model.run import Metric, RunStatus, StepError, StepRun, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import StepSettings
from stacktui.pipelines.graph import StepNode
from stacktui.pipelines.hook_runs import HookRuns, HookSaid
from stacktui.pipelines.intake import Intake, StepSink
from stacktui.pipelines.logs import LogWriter, log_folder, log_name
from stacktui.pipelines.places import Places
from stacktui.pipelines.requests import Stop
from stacktui.pipelines.resume import Left, keep_attempt
from stacktui.pipelines.retries import Retries
from stacktui.pipelines.reuse import Reuse
from stacktui.pipelines.runfile import RunFile
from stacktui.pipelines.schedule import Schedule
from stacktui.pipelines.specs import SpecMaker
from stacktui.pipelines.unwritten import Unwritten
from stacktui.runtime.build import LiveStack

_STOPPED_WITHIN_S = 30.0
_AHEAD = 16
"""Steps whose cache is looked up before there is room to run them."""


class _Finished(NamedTuple):
    position: int
    attempt: int
    result: StepResult


class _Said(NamedTuple):
    position: int
    event: StepEvent


_Item = _Finished | _Said | HookSaid | None


class _Running(NamedTuple):
    handle: StepHandle
    sink: StepSink
    record: StepRun


class RunLoop:
    """Executes the steps of one run. `run` once, from one thread; `close` at the end."""

    def __init__(
        self,
        file: RunFile,
        live: LiveStack,
        store: MetadataStore,
        secrets: Mapping[SecretRef, str],
        masker: Masker,
        stop: Stop,
        left: Left,
        places: Places | None = None,
    ) -> None:
        self._file = file
        self._store = store
        self._masker = masker
        self._nodes = file.description.steps
        self._schedule = Schedule(self._nodes, left.outputs.keys())
        self._reuse = Reuse(file, live, store, left)
        self._places = places or Places(file.run, live, secrets)
        self._specs = SpecMaker(file)
        self._intake = Intake(store, file.run.run_id, masker)
        self._stop = stop
        # A signal handler may do no more than this: SimpleQueue.put can be entered again.
        stop.on_ask(lambda: self._queue.put(None))
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._hooks = HookRuns(file, self._specs, self._places, masker, self._queue.put)
        self._waiting: deque[StepRun] = deque()
        """Ready, and no earlier result stands in for them."""
        self._retries = Retries(left.attempts)
        self._attempts = left.attempts
        self._running: dict[int, _Running] = {}
        self._logs = log_folder(Path(file.run.state), file.run.run_id)
        self._unwritten = Unwritten(store)
        self._cancelled = False
        self._stopping = False
        self._stop_deadline = 0.0
        self._first_error: str | None = None

    def run(self) -> tuple[RunStatus, str | None]:
        """Run all steps; how the run ended, and its error in one line. Raises `ComponentError`."""
        make_folder(self._logs)
        self._reuse.find_earlier_artifacts()
        try:
            while not self._schedule.finished or self._hooks:
                self._go_on()
        except BaseException:
            # What has ended has ended, whatever it is that ends the run.
            with contextlib.suppress(Exception):
                self._unwritten.write()
            raise
        self._unwritten.write()
        self._call_the_pipelines_hook()
        self._intake.flush()
        if self._cancelled:
            return RunStatus.CANCELLED, None
        if self._first_error is not None:
            return RunStatus.FAILED, self._first_error
        return RunStatus.SUCCEEDED, None

    def close(self) -> None:
        """Leave nothing running and no file open."""
        for running in self._running.values():
            running.handle.cancel()
        self._hooks.cancel()
        self._places.close()
        for running in self._running.values():
            running.sink.close()
        self._hooks.close()
        self._running.clear()

    def _go_on(self) -> None:
        if self._stop.wanted() and not self._stopping:
            self._cancelled = True
            self._end_all(StepStatus.CANCELLED)
            self._hooks.cancel()
        if not self._stopping:
            self._start_what_can()
        elif self._running and time.monotonic() > self._stop_deadline:
            raise ComponentError("running steps did not end when they were cancelled")
        if self._running or self._hooks or self._retries.next_in_s() is not None:
            self._take_what_happened()

    # Beginning.

    def _start_what_can(self) -> None:
        while (failed := self._retries.take_due()) is not None:
            self._waiting.append(failed)
        self._launch_waiting()
        while self._schedule.ready and len(self._waiting) < _AHEAD:
            position = self._schedule.take()
            if not self._reuse.is_quick(position):
                self._unwritten.write()
            record = self._reuse.record(position)
            if self._unwritten.may_answer(record.cache_key):
                # It may be what stands in.
                self._unwritten.write()
            if (change := self._reuse.stand_in(record)) is not None:
                self._unwritten.add(change)
                self._schedule.done(position)
            else:
                self._waiting.append(record)
                self._launch_waiting()
            if self._stop.due_in_s == 0:
                return

    def _launch_waiting(self) -> None:
        held_back: list[StepRun] = []
        while self._waiting:
            record = self._waiting.popleft()
            if self._places.has_room(record.where):
                self._launch(record)
            else:
                held_back.append(record)
        self._waiting.extend(held_back)

    def _launch(self, record: StepRun) -> None:
        node = self._nodes[record.position]
        changes: dict[str, Any] = {"status": StepStatus.RUNNING, "started_at": now()}
        if record.status is StepStatus.RETRYING:
            keep_attempt(self._store, record)
            changes |= {"attempt": record.attempt + 1, "finished_at": None, "error": None}
        started = record.model_copy(update=changes)
        position, attempt = started.position, started.attempt
        log = LogWriter(self._logs / log_name(node.name, attempt))
        sink = StepSink(log, self._masker, lambda event: self._queue.put(_Said(position, event)))
        last = self._retries.is_last(node.name, attempt, self._settings(node))
        spec = self._specs.make(node, attempt, self._reuse.inputs_of(node), last=last)
        # Durable before anybody can see that it runs.
        self._unwritten.write(StepChange(started, input_links=started.inputs))
        try:
            handle = self._places.submit(record.where, spec, sink)
        except ComponentError as error:
            handle = _NotSubmitted(error)
        self._running[position] = _Running(handle, sink, started)
        handle.future.add_done_callback(
            lambda future: self._queue.put(_Finished(position, attempt, future.result()))
        )

    # What happened.

    def _take_what_happened(self) -> None:
        if self._stop.wanted() and not self._stopping:
            # How a step ended that was told to stop is seen in that light.
            return
        pause = self._stop.due_in_s
        due = self._intake.tick()
        if due is not None:
            pause = min(pause, due)
        retry = self._retries.next_in_s()
        if retry is not None:
            pause = min(pause, retry)
        self._unwritten.write()
        try:
            item = self._queue.get(timeout=max(pause, 0.001))
        except queue.Empty:
            return
        while True:
            if isinstance(item, _Finished):
                self._finish(item)
            elif isinstance(item, _Said):
                running = self._running.get(item.position)
                handle = running.handle if running is not None else None
                self._intake.take(self._nodes[item.position].name, handle, item.event)
            elif isinstance(item, HookSaid):
                if isinstance(item.event, StepResult):
                    self._hooks.over(item.key, item.event)
                else:
                    self._intake.take(item.step, self._hooks.handle(item.key), item.event)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return

    def _finish(self, item: _Finished) -> None:
        running = self._running.get(item.position)
        if running is None or running.record.attempt != item.attempt:
            return
        del self._running[item.position]
        node = self._nodes[item.position]
        self._places.left(node.name)
        running.sink.close()
        self._intake.ended(node.name)
        metrics = self._intake.metrics_of(node.name)
        result = self._masked(item.result)
        if result.status is StepStatus.SUCCEEDED:
            self._succeeded(running.record, node, result, metrics)
            return
        settings = self._settings(node)
        again = (
            result.status is StepStatus.FAILED
            and not self._retries.is_last(node.name, item.attempt, settings)
            and not self._stopping
        )
        status = StepStatus.RETRYING if again else result.status
        ended = running.record.model_copy(
            update={"status": status, "finished_at": result.finished_at, "error": result.error}
        )
        self._unwritten.write(StepChange(ended, metrics=metrics))
        if again:
            self._intake.waits(node.name, self._retries.add(ended, settings), ended.attempt)
            return
        if result.status is StepStatus.FAILED and not result.hooks_called:
            self._hooks.call_for_step(node, ended.where, ended.attempt, "on_failure", result.error)
        self._failed(item.position, node, result)

    def _call_the_pipelines_hook(self) -> None:
        if self._cancelled:
            return
        error = self._first_error
        self._hooks.call_for_run(
            Category.ORCHESTRATOR,
            "on_success" if error is None else "on_failure",
            None if error is None else StepError(type="", message=error),
        )
        while self._hooks:
            self._take_what_happened()
            if self._stop.wanted():
                self._hooks.cancel()

    def _succeeded(self, record: StepRun, node: StepNode, result: StepResult, metrics: list[Metric]) -> None:
        at = result.finished_at
        artifacts = [
            Artifact.model_construct(
                **{field: getattr(reference, field) for field in ArtifactRef.model_fields},
                name=name,
                run_id=record.run_id,
                pipeline=self._file.description.name,
                step=node.name,
                version=0,
                created_at=at,
                tags=(),
            )
            for name, reference in result.outputs.items()
        ]
        ended = record.model_copy(
            update={
                "status": StepStatus.SUCCEEDED,
                "finished_at": at,
                "outputs": {name: reference.id for name, reference in result.outputs.items()},
            }
        )
        # In a chain with the beginning of the next one: two changes cost hardly more than one.
        self._unwritten.add(StepChange(ended, artifacts, metrics, {}))
        self._reuse.keep(node.name, dict(result.outputs))
        self._schedule.done(record.position)

    def _failed(self, position: int, node: StepNode, result: StepResult) -> None:
        cannot = self._schedule.failed(position)
        if self._first_error is None and (result.status is StepStatus.FAILED or not self._stopping):
            error = result.error
            said = f"{error.type}: {error.message}".splitlines()[0] if error else "it failed"
            self._first_error = f"step `{node.name}` failed: {said}"[:1000]
        self._close_steps(cannot, StepStatus.CANCELLED if self._cancelled else StepStatus.SKIPPED)
        if self._file.failure_mode == "fail_fast" and not self._stopping:
            self._end_all(StepStatus.SKIPPED)

    def _end_all(self, not_begun: StepStatus) -> None:
        """Cancel what runs, and begin nothing more."""
        self._stopping = True
        self._stop_deadline = time.monotonic() + _STOPPED_WITHIN_S
        running = set(self._running)
        self._close_steps(self._schedule.give_up(running), not_begun)
        self._waiting.clear()
        for one in list(self._running.values()):
            one.handle.cancel()

    def _close_steps(self, positions: list[int], status: StepStatus) -> None:
        records = []
        failed: dict[int, StepRun] = {}
        if self._stopping:
            failed = self._retries.give_up()
            failed |= {one.position: one for one in self._waiting if one.status is StepStatus.RETRYING}
        for position in positions:
            node = self._nodes[position]
            retrying = failed.get(position)
            records.append(
                # It has failed, and nothing comes after that.
                retrying.model_copy(
                    update={"status": status if status is StepStatus.CANCELLED else StepStatus.FAILED}
                )
                if retrying is not None
                else StepRun(
                    run_id=self._file.run.run_id,
                    name=node.name,
                    position=position,
                    status=status,
                    attempt=self._attempts.get(node.name, 1),
                    where=self._file.where[node.name],
                    params=node.params,
                )
            )
        self._unwritten.write()
        if records:
            self._store.record_steps(records)

    def _settings(self, node: StepNode) -> StepSettings:
        return self._file.settings.get(node.name, node.settings)

    def _masked(self, result: StepResult) -> StepResult:
        if result.error is None or not self._masker:
            return result
        error = result.error.model_copy(
            update={
                "message": self._masker(result.error.message),
                "traceback": self._masker(result.error.traceback),
            }
        )
        return result.model_copy(update={"error": error})


class _NotSubmitted:
    """A handle for a step that nothing would take."""

    def __init__(self, error: ComponentError) -> None:
        at = now()
        self.future: Future[StepResult] = Future()
        self.future.set_result(
            StepResult(
                status=StepStatus.FAILED,
                started_at=at,
                finished_at=at,
                error=StepError(type=type(error).__name__, message=str(error)),
            )
        )

    def cancel(self) -> None:
        """There is nothing to end."""

    def answer(self, question_id: str, choice: str | None) -> None:
        """It asks nothing."""
