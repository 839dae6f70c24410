"""A local orchestrator over steps that a test writes: real worker processes, no runner and no store of runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacktui.categories.base import Surroundings
from stacktui.categories.orchestrator import StepHandle
from stacktui.flavors.local.artifact_store import LocalArtifactStore, LocalArtifactStoreConfig
from stacktui.flavors.local.orchestrator import LocalOrchestrator, LocalOrchestratorConfig
from stacktui.model.artifact import ArtifactRef
from stacktui.model.base import uuid7
from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.execution import (
    LogLine,
    OutputSpec,
    RunContext,
    StepEvent,
    StepInput,
    StepResult,
    StepSpec,
)
from stacktui.model.secretref import SecretRef

HEAD = """
import ctypes, logging, os, signal, subprocess, sys, threading, time, warnings
from pathlib import Path
from stacktui import context, step
"""


class Bench:
    """Runs the steps of one file."""

    def __init__(self, root: Path, source: str, **run: Any) -> None:
        self.code = root / "snapshot"
        self.workspace = root / "workspace"
        for folder in (self.code, self.workspace):
            folder.mkdir()
        (self.code / "steps.py").write_text(HEAD + source, "utf-8")
        state = root / "state"
        state.mkdir()
        around = Surroundings("local", self.workspace, state, root / "user-data")
        self.artifacts = LocalArtifactStore(LocalArtifactStoreConfig(), around)
        components = {
            Category.ARTIFACT_STORE: (
                Component(category=Category.ARTIFACT_STORE, name="local", flavor="local"),
            ),
            Category.EXPERIMENT_TRACKER: tuple(
                Component(category=Category.EXPERIMENT_TRACKER, name=name, flavor="local")
                for name in ("first", "second")
            ),
            Category.ALERTER: (Component(category=Category.ALERTER, name="inbox", flavor="local"),),
        }
        self.run = RunContext(
            run_id=uuid7(),
            run_name="bench",
            pipeline="bench",
            stack="bench",
            code_digest="0" * 64,
            code_path=str(self.code),
            workspace=str(self.workspace),
            state=str(state),
            **{"components": components, **run},
        )
        self.orchestrator = LocalOrchestrator(LocalOrchestratorConfig(), around)
        self.events: list[StepEvent] = []

    def submit(
        self, function: str, *outputs: str, secrets: Mapping[str, str] | None = None, **more: Any
    ) -> StepHandle:
        """Submit a step; `secrets` are values by `name.key`."""
        named = {SecretRef(*name.split(".")): value for name, value in (secrets or {}).items()}
        fields = {name: more.pop(name) for name in list(more) if name in StepSpec.model_fields}
        spec = StepSpec(
            run=self.run,
            step=fields.pop("step", function),
            module="steps",
            function=function,
            inputs=tuple(
                StepInput(name=name, artifact=value)
                if isinstance(value, ArtifactRef)
                else StepInput(name=name, value=value)
                for name, value in more.items()
            ),
            outputs=tuple(OutputSpec(name=name) for name in outputs),
            secrets=tuple(named),
            **fields,
        )
        return self.orchestrator.submit(spec, named, self.events.append)

    def do(self, function: str, *outputs: str, **more: Any) -> StepResult:
        """Run a step to its end."""
        self.events.clear()
        return self.submit(function, *outputs, **more).future.result(60)

    def lines(self, *streams: str) -> list[str]:
        """What the last step wrote."""
        return [
            line
            for event in self.events
            if isinstance(event, LogLine) and not event.partial and (not streams or event.stream in streams)
            for line in event.text.split("\n")
        ]

    def value(self, result: StepResult, output: str) -> Any:
        from stacktui.pipelines.materializers import load

        assert result.error is None, result.error
        return load(result.outputs[output], self.artifacts)


@contextlib.contextmanager
def bench(
    root: Path, source: str, *, secrets: Mapping[SecretRef, str] | None = None, **run: Any
) -> Iterator[Bench]:
    """A bench for one test; `secrets` are those of the stack's components."""
    made = Bench(root, source, **run)
    made.orchestrator.open(made.run, secrets or {})
    try:
        yield made
    finally:
        made.orchestrator.shut()
