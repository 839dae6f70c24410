"""The oracle of the cache: every step of a project with the cache and without it, in one process, edit by edit.

Graphs, fingerprints, keys, plans, look-ups, artifacts and records are the real ones; only the runner and its workers
are not there, so that thousands of edits take minutes. Used by `test_oracle`.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from stacktui.categories.base import Surroundings
from stacktui.flavors.local.artifact_store import LocalArtifactStore
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.base import now, uuid7
from stacktui.model.category import Category
from stacktui.model.execution import RunContext
from stacktui.model.run import Run, RunStatus, StepRun, StepStatus
from stacktui.model.stack import ResolvedStack, Slot
from stacktui.pipelines.fingerprint import CodeIndex
from stacktui.pipelines.graph import PipelineDescription, StepNode
from stacktui.pipelines.materializers import load, save
from stacktui.pipelines.plan import make_plan
from stacktui.pipelines.resume import Left
from stacktui.pipelines.reuse import Reuse
from stacktui.pipelines.runfile import RunFile
from tests.pipelines.oracle_maker import make_project
from tests.pipelines.oracle_project import Edit, Project, random_edit, write_project

ROOTS = ("pipelines", "")
STACK = ResolvedStack(name="default", slots={Category.ORCHESTRATOR: Slot(("local",), "default")})


class WrongHit(AssertionError):
    """With the cache another result than without it, or a plan that the run contradicts."""


class Turn(NamedTuple):
    """What came of one edit."""

    kind: str
    hits: int
    misses: int
    false_misses: int
    """Steps that ran again though neither what they took nor what they made is other than before the edit."""


class Oracle:
    """One project, its store and its history."""

    def __init__(self, folder: Path, seed: int, *, plain: bool) -> None:
        self.folder = folder
        self.seed = seed
        self.project: Project = make_project(seed, plain=plain)
        self.choice = [0] * len(self.project.knobs)
        self.edits: list[Edit] = []
        state = folder / "state"
        state.mkdir(mode=0o700, parents=True)
        around = Surroundings(name="local", workspace=folder, state=state, user_data=folder / "user")
        self.store = SqliteMetadataStore(SqliteMetadataStore.Config(), around)
        self.artifacts = LocalArtifactStore(LocalArtifactStore.Config(), around)
        self._before: dict[str, tuple[Any, Any]] = {}

    def close(self) -> None:
        self.store.close()

    def edited(self, edit: Edit | None) -> Turn:
        """Make an edit (None: none yet), run with the cache and without it, and compare."""
        if edit is not None:
            self.edits.append(edit)
            self.choice[edit.knob] = edit.text
        code = self.folder / "code"
        write_project(code, self.project.render(self.choice))
        with importing(code) as module:
            description = module.main.draw(
                {}, target="pipelines/main.py:main", code=code, workspace=code, roots=ROOTS
            )
            values = without_cache(module, description)
            plan = make_plan(
                description,
                CodeIndex(code, tuple(code / root for root in ROOTS)),
                STACK,
                self.store,
                artifacts=self.artifacts,
                root=code,
            )
            outcome = self._with_cache(module, description, values)
        for step in plan.steps:
            if step.cached is not None and step.cached is not outcome[step.name]:
                raise WrongHit(
                    self._said(f"the plan said cached={step.cached} of {step.name} ({step.reason})")
                )
        false = [
            name
            for name, hit in outcome.items()
            if not hit and self._before.get(name) == values[name] and edit is not None
        ]
        self._before = values
        hits = sum(outcome.values())
        kind = "nothing" if edit is None else self.project.knobs[edit.knob].kind
        return Turn(kind, hits, len(outcome) - hits, len(false))

    def _with_cache(
        self, module: Any, description: PipelineDescription, values: Mapping[str, tuple[Any, Any]]
    ) -> dict[str, bool]:
        """Which steps an earlier result stood in for, by name. Raises `WrongHit`."""
        run_id = uuid7()
        moment = now()
        self.store.create_run(
            Run(
                id=run_id,
                name="oracle",
                pipeline=description.name,
                stack="default",
                status=RunStatus.RUNNING,
                created_at=moment,
                started_at=moment,
            ),
            [
                StepRun(run_id=run_id, name=node.name, position=place, params=node.params)
                for place, node in enumerate(description.steps)
            ],
        )
        reuse = self._reuse(run_id, description)
        outcome: dict[str, bool] = {}
        made: dict[str, dict[str, ArtifactRef]] = {}
        for position, node in enumerate(description.steps):
            record = reuse.record(position)
            change = reuse.stand_in(record)
            outcome[node.name] = change is not None
            if change is not None:
                self.store.record_changes([change])
                made[node.name] = {
                    name: self.store.artifact(found)
                    for name, found in next(
                        step for step in self.store.steps(run_id) if step.name == node.name
                    ).outputs.items()
                }
            else:
                taken = {
                    name: load(reference, self.artifacts) for name, reference in reuse.inputs_of(node).items()
                }
                made[node.name] = self._keep(record, node, run_step(module, node, taken))
                reuse.keep(node.name, made[node.name])
            got = seen(load(made[node.name]["output"], self.artifacts))
            wanted = values[node.name][1]
            if got != wanted:
                word = "cached" if outcome[node.name] else "run with what was cached"
                raise WrongHit(self._said(f"{node.name} ({word}) gives {got}, without the cache {wanted}"))
        self.store.update_run(run_id, status=RunStatus.SUCCEEDED, finished_at=now())
        return outcome

    def _reuse(self, run_id: str, description: PipelineDescription) -> Reuse:
        code = self.folder / "code"
        context = RunContext(
            run_id=run_id,
            run_name="oracle",
            pipeline=description.name,
            stack="default",
            code_digest="0",
            code_path=str(code),
            roots=ROOTS,
            workspace=str(code),
            state=str(self.folder / "state"),
        )
        file = RunFile(
            run=context,
            description=description,
            settings={node.name: node.settings for node in description.steps},
            where={node.name: "orchestrator/local" for node in description.steps},
        )
        live: Any = SimpleNamespace(artifact_store=self.artifacts)
        return Reuse(file, live, self.store, Left())

    def _keep(self, record: StepRun, node: StepNode, value: Any) -> dict[str, ArtifactRef]:
        reference = save(value, self.artifacts, name="output", declared_type=node.outputs[0].type)
        moment = now()
        artifact = Artifact(
            **reference.model_dump(),
            name="output",
            run_id=record.run_id,
            pipeline="main",
            step=node.name,
            version=0,
            created_at=moment,
        )
        self.store.record_step(
            record.model_copy(
                update={
                    "status": StepStatus.SUCCEEDED,
                    "started_at": moment,
                    "finished_at": moment,
                    "outputs": {"output": reference.id},
                }
            ),
            artifacts=[artifact],
        )
        return {"output": reference}

    def _said(self, what: str) -> str:
        turned = [
            f"{place}: {self.project.knobs[edit.knob].kind} → {self.project.knobs[edit.knob].texts[edit.text]!r}"
            for place, edit in enumerate(self.edits)
        ]
        # All of them, to try it again; the last in words.
        return (
            f"{what}; seed {self.seed}, plain {self.project.plain}, "
            f"edits {[tuple(edit) for edit in self.edits]}; the last were\n" + "\n".join(turned[-6:])
        )


@contextmanager
def importing(code: Path) -> Iterator[Any]:
    """The project's pipeline file, imported anew, as a worker would."""
    path, written = list(sys.path), sys.dont_write_bytecode
    # Compiled code would stand in for a source of the same second and size.
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(code / "pipelines"), str(code), str(code / "site")]
    importlib.invalidate_caches()
    os.environ["ORACLE_ROOT"] = str(code)
    try:
        yield importlib.import_module("main")
    finally:
        sys.path[:] = path
        sys.dont_write_bytecode = written
        del os.environ["ORACLE_ROOT"]
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(code)):
                del sys.modules[name]


def without_cache(module: Any, description: PipelineDescription) -> dict[str, tuple[Any, Any]]:
    """What each step takes and makes, by name, in a form that can be compared."""
    made: dict[str, Any] = {}
    found: dict[str, tuple[Any, Any]] = {}
    for node in description.steps:
        taken = {item.name: made[item.step] for item in node.inputs if item.step is not None}
        made[node.name] = run_step(module, node, taken)
        found[node.name] = (
            {name: seen(value) for name, value in {**node.params, **taken}.items()},
            seen(made[node.name]),
        )
    return found


def run_step(module: Any, node: StepNode, taken: Mapping[str, Any]) -> Any:
    """Call a step's function with artifacts and constants."""
    step = getattr(module, node.function)
    constants = {name: step.constant(name, value) for name, value in node.params.items()}
    return step.call({**constants, **taken})


def seen(value: Any) -> Any:
    """A value for comparison: of an object, its class's name and what it holds."""
    if type(value).__module__ == "main":
        return (type(value).__qualname__, vars(value))
    return (type(value).__name__, value)


def sweep(
    folder: Path, seed: int, edits: int, *, plain: bool, kinds: Sequence[str] | None = None
) -> tuple[Counter[str], Counter[str]]:
    """Many edits of the project of one seed: how often each kind came, and its false misses."""
    oracle = Oracle(folder, seed, plain=plain)
    draw = random.Random(seed)
    known = sorted({knob.kind for knob in oracle.project.knobs}) if kinds is None else kinds
    came: Counter[str] = Counter()
    false: Counter[str] = Counter()
    try:
        oracle.edited(None)
        for _ in range(edits):
            turn = oracle.edited(random_edit(draw, oracle.project, oracle.choice, known))
            came[turn.kind] += 1
            false[turn.kind] += bool(turn.false_misses)
    finally:
        oracle.close()
    return came, false


def again(folder: Path, seed: int, edits: Sequence[tuple[int, int]], *, plain: bool) -> None:
    """The edits of a failure, once more."""
    oracle = Oracle(folder, seed, plain=plain)
    try:
        oracle.edited(None)
        for knob, text in edits:
            oracle.edited(Edit(knob, text))
    finally:
        oracle.close()
