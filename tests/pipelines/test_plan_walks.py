"""Plan, then run, over many random changes of a workspace: a true or a false of the plan is never contradicted.

Code, parameters, variables, files, installed packages and stored content change, time passes, other runs come between;
the plan is made right before each run, and the run looks up what it would in the runner.
"""

from __future__ import annotations

import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stacktui.categories.errors import NotFound
from stacktui.categories.metadata_store import RunQuery
from stacktui.model.artifact import ArtifactRef
from stacktui.model.execution import RunContext
from stacktui.model.run import RunStatus, StepStatus
from stacktui.model.stack import StepSettings
from stacktui.pipelines.graph import PipelineDescription, StepNode
from stacktui.pipelines.plan import PLAN_HOLDS_S, make_plan, settings_of
from stacktui.pipelines.resume import Left
from stacktui.pipelines.reuse import Reuse
from stacktui.pipelines.runfile import RunFile
from stacktui.testing.contracts.nouns import a_run, a_step
from tests.pipelines.test_fingerprint import write
from tests.pipelines.test_plan import STACK, Bench, node

HOUR = 3600.0
FLOW = """
import tool

class Model:
    def predict(self): return {a}

def helper(x): return x + {b}
def load(limit=1): return helper(limit)
def fit(x, lr={c}): return tool.use(x)
def join(a, b): return a
def tell(x): ...
"""


def an_id(at: datetime) -> str:
    """The id of a run that is asked for at a time."""
    milliseconds = int(at.timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | random.getrandbits(62)))


class Walk(Bench):
    """A workspace with a clock of its own, in which runs look up earlier results as the runner does."""

    def __init__(self, folder: Path, draw: random.Random) -> None:
        super().__init__(folder)
        self.draw = draw
        self.clock = datetime(2030, 1, 1, tzinfo=UTC)
        self.numbers = {"a": 1, "b": 1, "c": 1}
        self.settings: dict[str, StepSettings] = {}
        self.nodes: list[StepNode] = []
        self.content = ""
        self.retry: tuple[str, tuple[str, ...]] | None = None
        """Of a retry from a step: the run, and the steps that run again."""

    def write_code(self) -> None:
        write(self.code_folder, {"flow.py": FLOW.format(**self.numbers)})

    def planned(self, *, cache: bool) -> dict[str, tuple[bool | None, str]]:
        plan = make_plan(
            PipelineDescription(name="flow", target="flow.py:flow", steps=tuple(self.nodes)),
            self.code, STACK, self.store,
            artifacts=self.artifacts, root=self.folder, overrides=self.settings, cache=cache, at=self.clock,
            kept_from=self.retry[0] if self.retry else None, again=self.retry[1] if self.retry else (),
        )  # fmt: skip
        return {step.name: (step.cached, step.reason) for step in plan.steps}

    def ran(self, *, cache: bool) -> dict[str, bool]:
        """Run the steps, each some minutes after the one before it. Which were cached, by name."""
        run = a_run(
            id=an_id(self.clock),
            pipeline="flow",
            status=RunStatus.RUNNING,
            created_at=self.clock,
            finished_at=None,
        )
        self.store.create_run(
            run,
            [
                a_step(run, each.name, position=place, status=StepStatus.PENDING)
                for place, each in enumerate(self.nodes)
            ],
        )
        reuse = self._reuse(run.id, cache=cache)
        reuse.find_earlier_artifacts()
        cached: dict[str, bool] = {}
        for position, each in enumerate(self.nodes):
            self.clock += timedelta(minutes=7)
            record = reuse.record(position)
            change = reuse.stand_in(record)
            cached[each.name] = change is not None
            if change is not None:
                self.store.record_changes([change])
                continue
            inputs = reuse.inputs_of(each)
            outputs = [self._output(run, each, item.name, inputs, self.content) for item in each.outputs]
            kept = self.store.record_step(
                record.model_copy(
                    update={
                        "status": StepStatus.SUCCEEDED,
                        "started_at": self.clock,
                        "finished_at": self.clock,
                        "outputs": {item.name: item.id for item in outputs},
                    }
                ),
                artifacts=outputs,
            )
            made = {
                item.name: ArtifactRef.model_validate(item.model_dump(include=set(ArtifactRef.model_fields)))
                for item in kept
            }
            reuse.keep(each.name, made)
        self.store.update_run(run.id, status=RunStatus.SUCCEEDED, finished_at=self.clock)
        return cached

    def _reuse(self, run_id: str, *, cache: bool) -> Reuse:
        context = RunContext(
            run_id=run_id, run_name="walk", pipeline="flow", stack="default", code_digest="0",
            code_path=str(self.code_folder), workspace=str(self.folder), state=str(self.folder / "state"),
        )  # fmt: skip
        (self.folder / "state/runs" / run_id).mkdir(parents=True)
        file = RunFile(
            run=context,
            description=PipelineDescription(name="flow", target="flow.py:flow", steps=tuple(self.nodes)),
            settings={each.name: settings_of(each, STACK, self.settings) for each in self.nodes},
            where={each.name: "orchestrator/local" for each in self.nodes},
            cache=cache,
            kept_from=self.retry[0] if self.retry else None,
            again=self.retry[1] if self.retry else (),
        )
        live: Any = SimpleNamespace(artifact_store=self.artifacts)
        return Reuse(file, live, self.store, Left())


def some_pipeline(walk: Walk) -> list[StepNode]:
    """Steps with everything that a step may say about its cache."""
    draw = walk.draw
    load = node(
        "load", inputs={"limit": draw.randint(1, 2)}, cache_for_s=draw.choice([None, HOUR, PLAN_HOLDS_S])
    )
    filed = node("filed", "load", inputs={"limit": 1}, depends_on=("path:data", "env:REGION"))
    fit = node("fit", inputs={"x": ("load", "output"), "lr": draw.choice([0.1, 0.2])})
    pinned = node(
        "pinned",
        "fit",
        inputs={"x": ("filed", "output")},
        cache_key=draw.choice(["v1", "v2"]),
        cache_for_s=4 * HOUR,
    )
    joined = node("joined", "join", inputs={"a": ("fit", "output"), "b": ("pinned", "output")})
    # What it reads may be written by a step before it.
    reads = node("reads", "fit", inputs={"x": ("joined", "output")}, depends_on=("path:data/in.txt",))
    never = node("never", "load", inputs={"limit": 9}, cacheable=False)
    older = node("older", "fit", inputs={"x": {"pipeline": "flow", "step": "load", "version": "latest"}})
    twin = node("twin", "fit", inputs={"x": ("load", "output"), "lr": 0.1})
    tell = node("tell", inputs={"x": ("joined", "output")}, outputs=())
    return [
        load,
        filed,
        fit,
        pinned,
        joined,
        reads,
        never,
        *([older] if draw.random() < 0.5 else []),
        twin,
        tell,
    ]


def a_retry(walk: Walk) -> tuple[str, tuple[str, ...]] | None:
    """A retry of an earlier run from a step of today's pipeline; None where there was no run."""
    runs = walk.store.runs(RunQuery(pipeline="flow", limit=3)).runs
    if not runs:
        return None
    first = walk.draw.choice(walk.nodes).name
    again = [first]
    for each in walk.nodes:
        if set(each.after) & set(again):
            again.append(each.name)
    return walk.draw.choice(runs).id, tuple(again)


def changes(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], object]]:
    """What may happen between two runs."""
    draw = walk.draw

    def edit(name: str) -> None:
        walk.numbers[name] = draw.randint(1, 3)
        walk.write_code()

    def lose() -> None:
        held = [item.path for item in walk.artifacts.list()]
        if held:
            walk.artifacts.delete(draw.choice(held))

    def tear() -> None:
        held = [item.path for item in walk.artifacts.list()]
        place = walk.artifacts.local_path(draw.choice(held)) if held else None
        if place is not None:
            place.write_bytes(place.read_bytes()[:-1])

    def upgrade() -> None:
        site = walk.folder / "site"
        for old in site.glob("tool-*"):
            old.rename(site / f"tool-{draw.choice(['1.0', '1.1', '2.0'])}.dist-info")
        for about in site.glob("tool-*"):
            version = about.name.removesuffix(".dist-info").partition("-")[2]
            write(about, {"METADATA": f"Metadata-Version: 2.1\nName: tool\nVersion: {version}\n"})

    def wait() -> None:
        walk.clock += timedelta(seconds=draw.choice([1, 50, 70, HOUR, 5 * HOUR]))

    def turn_off() -> None:
        name = draw.choice(["load", "fit", "joined"])
        walk.settings = {name: StepSettings(cache=False)} if not walk.settings else {}

    def set_variable() -> None:
        walk.settings = {"fit": StepSettings(environment={"MODE": draw.choice("xy")})}

    def other_result() -> None:
        walk.content = draw.choice(["", "x"])

    def other_run() -> None:
        kept = walk.nodes
        walk.nodes, walk.retry = some_pipeline(walk), None
        # Before the first run there is no earlier artifact to take.
        with contextlib.suppress(NotFound):
            walk.ran(cache=draw.random() < 0.5)
        walk.nodes = kept

    return {
        "a class": lambda: edit("a"),
        "a helper": lambda: edit("b"),
        "a default": lambda: edit("c"),
        "a variable": lambda: monkeypatch.setenv("REGION", draw.choice("ns")),
        "no variable": lambda: monkeypatch.delenv("REGION", raising=False),
        "a file": lambda: write(walk.folder / "data", {"in.txt": draw.choice("12")}),
        "a file in a folder": lambda: write(walk.folder / "data", {f"{draw.choice('ab')}.txt": "1"}),
        "content is gone": lose,
        "content is torn": tear,
        "a package": upgrade,
        "time": wait,
        "the cache of a step": turn_off,
        "a variable of the settings": set_variable,
        "another result": other_result,
        "a run between": other_run,
        "nothing": lambda: None,
    }


def walked(folder: Path, seed: int, length: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """One walk: how often the plan said what."""
    draw = random.Random(seed)
    walk = Walk(folder, draw)
    write(folder / "site", {"tool.py": "def use(x): return x\n"})
    write(
        folder / "site/tool-1.0.dist-info", {"METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n"}
    )
    monkeypatch.syspath_prepend(str(folder / "site"))
    write(folder / "data", {"in.txt": "1"})
    walk.write_code()
    happen = changes(walk, monkeypatch)
    said: Counter[str] = Counter()
    history: list[str] = []
    try:
        for turn in range(length):
            history.append(draw.choice(list(happen)))
            happen[history[-1]]()
            if turn % 4 == 0 or draw.random() < 0.2:
                walk.nodes = some_pipeline(walk)
            cache = draw.random() < 0.9
            walk.retry = a_retry(walk) if draw.random() < 0.3 else None
            plan = walk.planned(cache=cache)
            # Somebody looks at the plan for a while.
            walk.clock += timedelta(seconds=draw.uniform(0, PLAN_HOLDS_S - 1))
            try:
                happened = walk.ran(cache=cache)
            except NotFound:
                # The first run: there is no earlier artifact, and the plan says so too.
                assert "no earlier run has left" in plan["older"][1]
                continue
            for name, (state, reason) in plan.items():
                said[str(state)] += 1
                assert state is None or happened[name] is state, (
                    f"seed {seed}, turn {turn}, after {history}: the plan says {state} of {name} ({reason})"
                )
    finally:
        walk.store.close()
    return said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_does_what_its_plan_says(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = walked(tmp_path, seed, 12, monkeypatch)
    assert min(said["True"], said["False"], said["None"]) > 0


@pytest.mark.long
def test_runs_do_what_their_plans_say_over_many_walks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: Counter[str] = Counter()
    for seed in range(100, 140):
        with pytest.MonkeyPatch.context() as patch:
            said += walked(tmp_path / str(seed), seed, 40, patch)
    with capsys.disabled():
        print(f"\nwhat plans said of {said.total()} steps, never contradicted: {dict(said)}")
    assert min(said["True"], said["False"], said["None"]) > 500
