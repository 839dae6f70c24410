"""Plans: where steps run, what is cached and why; and that a run never contradicts a true or a false."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.categories.artifact_store import ArtifactStore
from stacktui.categories.base import Surroundings
from stacktui.categories.errors import NotFound
from stacktui.flavors.local.artifact_store import LocalArtifactStore
from stacktui.flavors.sqlite.metadata_store import SqliteMetadataStore
from stacktui.model.artifact import Artifact, ArtifactRef
from stacktui.model.base import now
from stacktui.model.category import Category
from stacktui.model.execution import OutputSpec
from stacktui.model.run import CodeState, StepStatus
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import ResolvedStack, Slot, StepSettings
from stacktui.pipelines.cache import (
    cache_key,
    depended_on,
    find_cached,
    find_earlier,
    input_digest,
    may_cache,
)
from stacktui.pipelines.fingerprint import CodeIndex, StepFingerprint
from stacktui.pipelines.graph import NodeInput, PipelineDescription, StepNode
from stacktui.pipelines.plan import Plan, PlannedStep, make_plan, settings_of, where_of
from stacktui.testing.contracts.nouns import a_run, a_step, an_artifact

CODE = """
class Model:
    def predict(self): return 1

def load(limit=1): ...
def fit(x, lr=0.1): ...
def join(a, b): ...
def tell(x): ...
"""
STACK = ResolvedStack(
    name="default",
    slots={
        Category.ORCHESTRATOR: Slot(("local",), "default"),
        Category.STEP_OPERATOR: Slot(("a100", "cpu"), "default"),
    },
)


class Bench:
    """A store, an artifact store and a code snapshot; `run` does what a runner does to the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, Any] = {}
        """Of runs: packages and Python."""
        self.code_folder = folder / "code"
        self.code_folder.mkdir(parents=True)
        (self.code_folder / "flow.py").write_text(textwrap.dedent(CODE))
        around = Surroundings(
            name="local", workspace=folder, state=folder / "state", user_data=folder / "user"
        )
        (folder / "state").mkdir(mode=0o700)
        self.store = SqliteMetadataStore(SqliteMetadataStore.Config(), around)
        self.artifacts: ArtifactStore = LocalArtifactStore(LocalArtifactStore.Config(), around)

    @property
    def code(self) -> CodeIndex:
        return CodeIndex(self.code_folder, (self.code_folder,))

    def edit(self, old: str, new: str) -> None:
        file = self.code_folder / "flow.py"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def plan(self, *nodes: StepNode, **options: Any) -> Plan:
        drawn = PipelineDescription(name="flow", target="flow.py:flow", steps=nodes)
        return make_plan(
            drawn,
            self.code,
            options.pop("stack", STACK),
            self.store,
            artifacts=self.artifacts,
            root=self.folder,
            **options,
        )

    def run(
        self, *nodes: StepNode, content: str = "", overrides: Mapping[str, StepSettings] | None = None
    ) -> dict[str, bool]:
        """Run the steps in order; each output is text made of its inputs and `content`. Which were cached, by name."""
        run = a_run(
            pipeline="flow", code=CodeState(digest=self.code_folder.name), environment=self.environment
        )
        self.store.create_run(
            run,
            [
                a_step(run, node.name, position=index, status=StepStatus.PENDING)
                for index, node in enumerate(nodes)
            ],
        )
        earlier = {
            (node.name, item.name): find_earlier(self.store, item.artifact)
            for node in nodes
            for item in node.inputs
            if item.artifact is not None
        }
        made: dict[str, dict[str, ArtifactRef]] = {}
        cached: dict[str, bool] = {}
        for index, node in enumerate(nodes):
            inputs: dict[str, ArtifactRef] = {}
            for item in node.inputs:
                if item.step is not None:
                    inputs[item.name] = made[item.step][item.output or ""]
                elif item.artifact is not None:
                    inputs[item.name] = earlier[node.name, item.name]
            ended = now() - timedelta(seconds=10)
            record = a_step(
                run, node.name, position=index, started_at=ended, finished_at=ended, params=node.params,
                inputs={name: ref.id for name, ref in inputs.items()},
            )  # fmt: skip
            cached[node.name] = False
            if may_cache(node, settings_of(node, STACK, overrides or {})):
                digests = {name: input_digest(ref, self.code) for name, ref in inputs.items()}
                key = cache_key(
                    node, self.code.fingerprint(node.module, node.function), digests, root=self.folder
                ).key
                found = find_cached(self.store, node, key, self.artifacts)
                record = record.model_copy(update={"cache_key": key})
                if found is not None:
                    made[node.name] = dict(found.outputs)
                    cached[node.name] = True
                    self.store.record_step(
                        record.model_copy(
                            update={
                                "status": StepStatus.CACHED,
                                "outputs": {k: v.id for k, v in found.outputs.items()},
                            }
                        )
                    )
                    continue
            outputs = [self._output(run, node, item.name, inputs, content) for item in node.outputs]
            kept = self.store.record_step(
                record.model_copy(update={"outputs": {item.name: item.id for item in outputs}}),
                artifacts=outputs,
            )
            made[node.name] = {
                item.name: ArtifactRef.model_validate(item.model_dump(include=set(ArtifactRef.model_fields)))
                for item in kept
            }
        return cached

    def _output(
        self, run: Any, node: StepNode, name: str, inputs: Mapping[str, ArtifactRef], content: str
    ) -> Artifact:
        text = f"{node.function} {node.params} {sorted(item.digest for item in inputs.values())} {name} {content}"
        kept = self.artifacts.put_bytes(text.encode())
        return an_artifact(
            run, uri=kept.path, digest=kept.digest, size=kept.size, step=node.name, name=name, type="float"
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def node(name: str, function: str = "", inputs: Mapping[str, Any] | None = None, **fields: Any) -> StepNode:
    """A step; an input is a constant, `("step", "output")`, or a query in a dict."""
    items = []
    for key, value in (inputs or {}).items():
        if isinstance(value, tuple):
            items.append(NodeInput(name=key, step=value[0], output=value[1]))
        elif isinstance(value, dict):
            items.append(NodeInput(name=key, artifact=value))
        else:
            items.append(NodeInput(name=key, value=value))
    after = fields.pop("after", ())
    before = tuple(dict.fromkeys([*(item.step for item in items if item.step), *after]))
    outputs = fields.pop("outputs", ("output",))
    return StepNode(
        name=name,
        module="flow",
        function=function or name,
        file="flow.py",
        line=1,
        inputs=tuple(items),
        outputs=tuple(OutputSpec(name=item, type="float") for item in outputs),
        after=before,
        **fields,
    )


LOAD = node("load", inputs={"limit": 1})
FIT = node("fit", inputs={"x": ("load", "output"), "lr": 0.1})


def states(plan: Plan) -> dict[str, bool | None]:
    return {step.name: step.cached for step in plan.steps}


def test_a_first_run_is_not_cached(bench: Bench) -> None:
    plan = bench.plan(LOAD, FIT, node("tell", inputs={"x": ("fit", "output")}, outputs=()))
    assert states(plan) == {"load": False, "fit": None, "tell": False}
    assert [step.reason for step in plan.steps] == [
        "no earlier run with this code, parameters and inputs",
        "depends on what `load` will produce",
        "it has no outputs",
    ]
    assert (plan.pipeline, plan.stack, plan.findings) == ("flow", "default", ())
    assert plan.steps[1].after == ("load",)


def test_a_second_run_is_cached(bench: Bench) -> None:
    bench.run(LOAD, FIT)
    plan = bench.plan(LOAD, FIT)
    assert states(plan) == {"load": True, "fit": True}
    assert all("did the same" in step.reason for step in plan.steps)
    assert bench.run(LOAD, FIT) == {"load": True, "fit": True}


def test_what_changed_is_not_cached(bench: Bench) -> None:
    bench.run(LOAD, FIT)
    assert states(bench.plan(LOAD, node("fit", inputs={"x": ("load", "output"), "lr": 0.2}))) == {
        "load": True,
        "fit": False,
    }
    assert states(bench.plan(node("load", inputs={"limit": 2}), FIT)) == {"load": False, "fit": None}
    bench.edit("def fit(x, lr=0.1): ...", "def fit(x, lr=0.1): return x")
    assert states(bench.plan(LOAD, FIT)) == {"load": True, "fit": False}
    assert bench.run(LOAD, FIT) == {"load": True, "fit": False}
    bench.edit("def tell", "# a comment\ndef tell")
    assert states(bench.plan(LOAD, FIT)) == {"load": True, "fit": True}


def test_the_cache_can_be_turned_off_anywhere(bench: Bench) -> None:
    bench.run(LOAD)
    off = StepSettings(cache=False)
    assert states(bench.plan(node("load", inputs={"limit": 1}, cacheable=False))) == {"load": False}
    assert states(bench.plan(LOAD, overrides={"load": off})) == {"load": False}
    stack = STACK.model_copy(update={"steps": {"load": off}})
    plan = bench.plan(LOAD, stack=stack)
    assert plan.steps[0].reason == "its cache is turned off"
    assert states(bench.plan(LOAD, stack=stack, overrides={"load": StepSettings(cache=True)})) == {
        "load": True
    }


def test_steps_that_do_the_same_wait_for_each_other(bench: Bench) -> None:
    one, other = node("fit", inputs={"x": 1}), node("fit_2", "fit", inputs={"x": 1})
    assert states(bench.plan(one, other)) == {"fit": None, "fit_2": None}
    behind = node("fit_2", "fit", inputs={"x": 1}, after=("fit",))
    assert states(bench.plan(one, behind)) == {"fit": False, "fit_2": None}
    assert bench.run(one, behind) == {"fit": False, "fit_2": True}
    different = node("fit_2", "fit", inputs={"x": 2})
    assert states(bench.plan(one, different)) == {"fit": True, "fit_2": False}


def test_a_step_whose_key_is_unknown_may_turn_out_the_same(bench: Bench) -> None:
    first = node("fit", inputs={"x": ("load", "output"), "lr": 0.3})
    second = node("fit_2", "fit", inputs={"x": {"pipeline": "flow", "step": "load"}, "lr": 0.3})
    bench.run(LOAD)
    load = LOAD.model_copy(update={"cacheable": False})
    plan = bench.plan(load, first, second)
    assert states(plan) == {"load": False, "fit": None, "fit_2": None}
    assert "`fit`" in plan.steps[2].reason
    assert bench.run(load, first, second) == {"load": False, "fit": False, "fit_2": True}


def test_an_earlier_result_may_be_too_old(bench: Bench) -> None:
    bench.run(LOAD)
    assert states(bench.plan(node("load", inputs={"limit": 1}, cache_for_s=3600.0))) == {"load": True}
    assert states(bench.plan(node("load", inputs={"limit": 1}, cache_for_s=5.0))) == {"load": False}


def test_content_that_is_gone_is_a_miss(bench: Bench) -> None:
    bench.run(LOAD)
    for item in list(bench.artifacts.list()):
        bench.artifacts.delete(item.path)
    assert states(bench.plan(LOAD)) == {"load": False}


def test_files_and_variables_count_where_a_step_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "north")
    step = node("load", inputs={"limit": 1}, depends_on=("path:data", "path:x.csv", "env:REGION"))
    bench.run(step)
    assert states(bench.plan(step)) == {"load": True}
    (bench.folder / "x.csv").write_text("1")
    assert states(bench.plan(step)) == {"load": False}
    bench.run(step)
    (bench.folder / "data/deep").mkdir(parents=True)
    (bench.folder / "data/deep/y.csv").write_text("1")
    assert states(bench.plan(step)) == {"load": False}
    bench.run(step)
    monkeypatch.setenv("REGION", "south")
    assert states(bench.plan(step)) == {"load": False}
    monkeypatch.setenv("REGION", "north")
    assert states(bench.plan(step)) == {"load": True}


def test_a_file_that_an_earlier_step_may_write_is_not_judged(bench: Bench) -> None:
    writer = node("tell", inputs={"x": 1}, outputs=())
    reader = node("load", inputs={"limit": 1}, depends_on=("path:x.csv",), after=("tell",))
    plan = bench.plan(writer, reader)
    assert states(plan) == {"tell": False, "load": None}
    assert plan.steps[1].reason == "depends on files that `tell` may write"


def test_a_value_of_a_variable_is_not_kept(tmp_path: Path) -> None:
    found = depended_on(("env:TOKEN", "env:ABSENT", "path:absent"), tmp_path, {"TOKEN": "hunter2"})
    assert "hunter2" not in str(found)
    assert found["env:ABSENT"] == found["path:absent"] == "missing"


def test_artifacts_of_earlier_runs_are_looked_up(bench: Bench) -> None:
    step = node("fit", inputs={"x": {"pipeline": "flow", "step": "load", "version": "latest"}})
    plan = bench.plan(step)
    assert states(plan) == {"fit": False}
    assert [item.code for item in plan.findings] == ["PIP007"]
    assert "run the pipeline `flow` first" in plan.findings[0].message
    bench.run(LOAD)
    assert bench.plan(step).findings == ()
    bench.run(step)
    assert states(bench.plan(step)) == {"fit": True}
    bench.run(node("load", inputs={"limit": 5}))
    assert states(bench.plan(step)) == {"fit": False}
    first = node("fit", inputs={"x": {"pipeline": "flow", "step": "load", "version": 1}})
    assert states(bench.plan(first)) == {"fit": True}


def test_an_output_must_be_named_where_there_are_several(bench: Bench) -> None:
    bench.run(node("load", inputs={"limit": 1}, outputs=("train", "test")))
    with pytest.raises(NotFound, match="flow/load/test, flow/load/train"):
        find_earlier(bench.store, {"pipeline": "flow", "step": "load"})
    assert find_earlier(bench.store, {"pipeline": "flow", "step": "load", "name": "test"}).name == "test"
    newest = find_earlier(bench.store, {"pipeline": "flow", "step": "load", "name": "train"})
    bench.store.tag_artifact(newest.id, "gold")
    assert find_earlier(
        bench.store, {"pipeline": "flow", "step": "load", "name": "train", "tag": "gold"}
    ) == find_earlier(bench.store, {"id": newest.id})
    with pytest.raises(NotFound, match="tag `silver`"):
        find_earlier(bench.store, {"pipeline": "flow", "step": "load", "name": "train", "tag": "silver"})


def test_places_come_from_the_nearest_setting(bench: Bench) -> None:
    step = node("fit", inputs={"x": 1}, settings=StepSettings(step_operator="a100", retries=1))
    assert where_of(LOAD, STACK, {}) == "orchestrator/local"
    assert where_of(step, STACK, {}) == "step_operator/a100"
    assert where_of(step, STACK, {"fit": StepSettings(step_operator="cpu")}) == "step_operator/cpu"
    stack = STACK.model_copy(update={"steps": {"fit": StepSettings(retries=5, timeout=3)}})
    assert settings_of(step, stack, {"fit": StepSettings(timeout=4)}) == StepSettings(
        step_operator="a100", retries=5, timeout=4
    )


def test_what_stands_in_the_way_is_found(bench: Bench) -> None:
    step = node(
        "fit", inputs={"x": 1}, settings=StepSettings(step_operator="a1000", experiment_tracker="none")
    )
    plan = bench.plan(
        step, LOAD, stack=ResolvedStack(name="bare", slots={Category.STEP_OPERATOR: Slot(("a100",), "bare")})
    )
    assert sorted(item.code for item in plan.findings) == ["PIP004", "PIP004", "PIP005"]
    assert any("did you mean `a100`" in item.message for item in plan.findings)
    assert plan.findings[0].file == Path("flow.py")


def test_secrets_are_named(bench: Bench) -> None:
    plan = bench.plan(node("load", inputs={"limit": 1}, secrets=(SecretRef("aws", "key"),)))
    assert plan.steps == (
        PlannedStep(
            name="load",
            after=(),
            where="orchestrator/local",
            cached=False,
            reason="no earlier run with this code, parameters and inputs",
            secrets=("aws.key",),
        ),
    )


# The key.


FINGERPRINT = StepFingerprint(digest="d", parts={"fn flow.fit": "1"})


def key_of(
    step: StepNode, digests: Mapping[str, str] | None = None, fingerprint: StepFingerprint = FINGERPRINT
) -> str:
    return cache_key(step, fingerprint, digests or {}).key


def test_what_counts_in_a_key() -> None:
    base = node("fit", inputs={"x": ("load", "output"), "lr": 0.1})
    keys = {
        key_of(base, {"x": "a"}),
        key_of(base, {"x": "b"}),
        key_of(base, {"x": "a"}, StepFingerprint(digest="e", parts={})),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": 1}), {"x": "a"}),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": 1.0}), {"x": "a"}),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": True}), {"x": "a"}),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": "1"}), {"x": "a"}),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": 0.1}, outputs=("other",)), {"x": "a"}),
        key_of(
            node("fit", inputs={"x": ("load", "output"), "lr": 0.1}, materializers={"output": "pickle"}),
            {"x": "a"},
        ),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": 0.1}, cache_key="v1"), {"x": "a"}),
        key_of(node("fit", inputs={"x": ("load", "output"), "lr": 0.1}, cache_key="v2"), {"x": "a"}),
    }
    assert len(keys) == 11


def test_what_does_not_count_in_a_key() -> None:
    base = node("fit", inputs={"x": ("load", "output"), "lr": 0.1})
    renamed = node(
        "fit_2",
        "fit",
        inputs={"lr": 0.1, "x": ("load_2", "train")},
        settings=StepSettings(retries=3),
        doc="x",
    )
    assert key_of(base, {"x": "a"}) == key_of(renamed, {"x": "a"})
    pinned = base.model_copy(update={"cache_key": "v1"})
    other = StepFingerprint(digest="e", parts={})
    assert key_of(pinned, {"x": "a"}) == key_of(pinned, {"x": "a"}, other)


def test_parts_say_what_a_key_is_made_of(bench: Bench) -> None:
    step = node("fit", inputs={"x": ("load", "output"), "lr": 0.1})
    parts = cache_key(step, bench.code.fingerprint("flow", "fit"), {"x": "sha256:1"}).parts
    assert parts["params"] == {"lr": 0.1}
    assert parts["inputs"] == {"x": "sha256:1"}
    assert "fn flow.fit" in parts["code"]
    assert parts["code"]["python"].startswith("CPython 3.")


def test_the_workspace_is_needed_for_files() -> None:
    with pytest.raises(ValueError, match="folder is needed"):
        key_of(node("fit", depends_on=("path:x",)))


def test_the_code_of_an_artifacts_class_counts(bench: Bench) -> None:
    ours = ArtifactRef(id="1", uri="u", digest="sha256:1", size=1, type="flow.Model", materializer="pickle")
    theirs = ours.model_copy(update={"type": "pandas.core.frame.DataFrame"})
    inside = theirs.model_copy(update={"metadata": {"classes": ["flow.Model"]}})
    before = [input_digest(item, bench.code) for item in (ours, theirs, inside)]
    assert before[1] == "sha256:1+pickle+pandas.core.frame.DataFrame"
    assert before[0].rpartition("+")[2] == before[2].rpartition("+")[2] != before[1].rpartition("+")[2]
    bench.edit("return 1", "return 2")
    after = [input_digest(item, bench.code) for item in (ours, theirs, inside)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True, False]


# Any pipeline, any history.


@st.composite
def pipelines(draws: st.DrawFn) -> list[StepNode]:
    nodes: list[StepNode] = []
    for index in range(draws(st.integers(1, 6))):
        function = draws(st.sampled_from(["load", "fit", "join"]))
        sources = [item for item in nodes if item.outputs]
        inputs: dict[str, Any] = {"p": draws(st.integers(0, 1))}
        for name in draws(st.sampled_from([(), ("x",), ("x", "y")])):
            if sources:
                inputs[name] = (draws(st.sampled_from(sources)).name, "output")
        after = draws(st.lists(st.sampled_from([item.name for item in nodes]), max_size=1)) if nodes else []
        nodes.append(
            node(
                f"s{index}",
                function,
                inputs=inputs,
                after=tuple(after),
                outputs=draws(st.sampled_from([("output",), ("output",), ("output",), ()])),
                cacheable=draws(st.sampled_from([True, True, True, False])),
            )
        )
    return nodes


@given(
    st.lists(pipelines(), min_size=1, max_size=3),
    st.lists(st.sampled_from(["", "x"]), min_size=3, max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_never_contradicts_its_plan(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[StepNode]], contents: list[str]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    try:
        for nodes, content in zip(history, contents, strict=False):
            plan = states(bench.plan(*nodes))
            happened = bench.run(*nodes, content=content)
            assert {name: state for name, state in plan.items() if state is not None} == {
                name: happened[name] for name, state in plan.items() if state is not None
            }
        # Run again, all that may be cached is.
        again = states(bench.plan(*nodes))
        assert all(
            again[item.name] is not False
            for item in nodes
            if may_cache(item, item.settings) and set(item.after) <= {n for n, s in again.items() if s}
        )
    finally:
        bench.store.close()
