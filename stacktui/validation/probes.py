"""Probes of live components, side by side: is it reachable, are the credentials accepted.

Used before a run, by `--probe` and by the workbench's `b`. Results count for 30 seconds.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from stacktui.categories.base import ProbeResult, StackComponent
from stacktui.categories.errors import ComponentError
from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.model.component import ComponentId
from stacktui.model.diagnostic import Diagnostic
from stacktui.runtime.build import LiveStack
from stacktui.runtime.findings import one_line

KEPT_S = 30.0
"""How long a result counts."""
_GRACE_S = 0.5
# A probe that overruns is not waited for, yet its thread lives on: so many may hang before no more are started.
_MOST_HANGING = 64


class Probe(NamedTuple):
    """One component to be probed."""

    id: ComponentId
    open: Callable[[], StackComponent]
    """Makes the component, or gives the one that is there. Called in the probe's thread; may raise `ComponentError`."""
    close: bool = False
    """Whether it is closed after the probe: true if `open` makes one for this alone."""


def probes_of(live: LiveStack) -> list[Probe]:
    """A probe of every component of a stack, those that do not exist among them."""
    return [
        Probe(ComponentId(category, name), partial(live.get, category, name))
        for category in Category
        for name in live.names(category)
    ]


class ProbeBoard:
    """Runs probes in threads and keeps their results for a while. Safe to use from several threads."""

    def __init__(
        self,
        *,
        timeout_s: float = 5.0,
        at_once: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._clock = clock
        self._results: dict[ComponentId, tuple[float, ProbeResult]] = {}
        self._hanging = 0
        self._lock = threading.Lock()

    def kept(self, component: ComponentId) -> ProbeResult | None:
        """The last result, if it still counts."""
        with self._lock:
            found = self._results.get(component)
        if found is None or self._clock() - found[0] >= KEPT_S:
            return None
        return found[1]

    def forget(self, components: Iterable[ComponentId] | None = None) -> None:
        """Drop results: of components whose files changed, or all."""
        with self._lock:
            for key in list(self._results if components is None else components):
                self._results.pop(key, None)

    def probe_all(
        self, probes: Iterable[Probe], *, fresh: bool = False
    ) -> Iterator[tuple[ComponentId, ProbeResult]]:
        """Each component's result as it arrives; one that still counts comes at once, unless `fresh`.

        A probe that takes longer than its limit is reported as a timeout and not waited for. A component that
        cannot be made, and a probe that raises, give a failed result in words.
        """
        waiting: list[Probe] = []
        for probe in probes:
            known = None if fresh else self.kept(probe.id)
            if known is not None:
                yield probe.id, known
            else:
                waiting.append(probe)
        yield from self._run(waiting)

    def _run(self, waiting: list[Probe]) -> Iterator[tuple[ComponentId, ProbeResult]]:
        done: queue.SimpleQueue[tuple[int, ProbeResult]] = queue.SimpleQueue()
        limit = self._timeout_s + _GRACE_S
        todo = list(enumerate(waiting))[::-1]
        running: dict[int, float] = {}
        while todo or running:
            while todo and len(running) < self._at_once:
                index, probe = todo.pop()
                running[index] = time.monotonic() + limit
                if not self._start(index, probe, done):
                    done.put((index, ProbeResult(ok=False, message=_TOO_MANY)))
            try:
                index, result = done.get(timeout=max(0.0, min(running.values()) - time.monotonic()))
            except queue.Empty:
                now = time.monotonic()
                for index in [index for index, until in running.items() if until <= now]:
                    del running[index]
                    yield waiting[index].id, self._keep(waiting[index].id, self._timed_out())
                continue
            # One that was given up already may still answer; it was reported as a timeout.
            if running.pop(index, None) is not None:
                yield waiting[index].id, self._keep(waiting[index].id, result)

    def _start(self, index: int, probe: Probe, done: queue.SimpleQueue[tuple[int, ProbeResult]]) -> bool:
        with self._lock:
            if self._hanging >= _MOST_HANGING:
                return False
            self._hanging += 1

        def work() -> None:
            try:
                done.put((index, _probed(probe, self._timeout_s)))
            finally:
                with self._lock:
                    self._hanging -= 1

        # A daemon: a probe that hangs must not keep the process alive.
        threading.Thread(target=work, name=f"probe {probe.id}", daemon=True).start()
        return True

    def _keep(self, component: ComponentId, result: ProbeResult) -> ProbeResult:
        with self._lock:
            self._results[component] = (self._clock(), result)
        return result

    def _timed_out(self) -> ProbeResult:
        return ProbeResult(
            ok=False,
            message=f"no answer within {self._timeout_s:g} s; check the address and the network",
            latency_s=self._timeout_s,
        )


_TOO_MANY = "not probed: too many earlier probes still hang; restart stacktui once the network answers again"


def probe_finding(component: ComponentId, result: ProbeResult) -> Diagnostic | None:
    """PRB001 for a probe that failed; None for one that did not."""
    if result.ok:
        return None
    return Diagnostic(
        code="PRB001",
        severity=CODES["PRB001"].severity,
        message=f"{component} does not answer: {result.message}",
        subject=str(component),
    )


def _probed(probe: Probe, timeout_s: float) -> ProbeResult:
    began = time.perf_counter()
    try:
        component = probe.open()
        try:
            result = component.probe(timeout_s)
        finally:
            if probe.close:
                component.close()
    except ComponentError as error:
        return ProbeResult(ok=False, message=one_line(error), latency_s=time.perf_counter() - began)
    except Exception as error:
        said = f"the probe failed: {type(error).__name__}: {one_line(error)}"
        return ProbeResult(ok=False, message=said, latency_s=time.perf_counter() - began)
    if result.latency_s:
        return result
    return result.model_copy(update={"latency_s": time.perf_counter() - began})
