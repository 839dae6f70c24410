"""Drawing pipelines: nodes, names, order, cycles, and what is refused while the graph is drawn."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui import Artifact, Env, pipeline, step
from stacktui.model.stack import StepSettings
from stacktui.pipelines.errors import GraphBroken, PipelineBroken, TypesDoNotFit, WrongParameters
from stacktui.pipelines.graph import NodeInput, PipelineDescription, find_cycle, in_order, topological
from stacktui.pipelines.pipeline import Pipeline

HERE = Path(__file__).resolve().parent


@step
def load(limit: int = 1000) -> tuple[Annotated[int, "train"], Annotated[str, "test"]]:
    """Loads."""
    return limit, "test"


@step(
    materializer={"output": "json"},
    depends_on=[HERE / "data.csv", "x.csv", Env("REGION")],
    secrets=["aws.key"],
)
def fit(train: int, lr: float = 0.1) -> float:
    return train * lr


@step
def scale(x: Any, by: Any = object) -> int:
    return int(x)


@step
def merge(*parts: int, **named: int) -> int:
    return sum(parts) + sum(named.values())


@step
def average(values: list[int]) -> float:
    return sum(values) / len(values)


@step
def notify(text: str = "done") -> None: ...


@step
def orders(after: str) -> int:
    return len(after)


twice = step(lambda x: 2 * x)


def draw(function: Any, params: dict[str, Any] | None = None, **options: Any) -> PipelineDescription:
    made: Pipeline[Any] = pipeline(**options)(function)
    return made.draw(params or {}, target="pipelines/x.py:x", code=HERE, workspace=HERE)


def broken(function: Any, kind: type[PipelineBroken] = GraphBroken) -> str:
    with pytest.raises(kind) as refusal:
        draw(function)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_a_pipeline_is_drawn() -> None:
    def training(lr: float = 0.2) -> None:
        """Trains.

        Slowly.
        """
        train, _ = load()
        fit(train, lr=lr)

    drawn = draw(training)
    assert drawn.name == "training"
    assert drawn.doc == "Trains."
    assert drawn.params == {"lr": 0.2}
    assert [node.name for node in drawn.steps] == ["load", "fit"]
    first, second = drawn.steps
    assert first.inputs == (NodeInput(name="limit", value=1000),)
    assert [(item.name, item.type) for item in first.outputs] == [("train", "int"), ("test", "str")]
    assert first.doc == "Loads."
    assert (first.module, first.function, first.file) == (__name__, "load", "test_graph.py")
    assert Path(__file__).read_text().splitlines()[first.line - 1].startswith(("@step", "def load"))
    assert second.inputs == (
        NodeInput(name="train", step="load", output="train"),
        NodeInput(name="lr", value=0.2),
    )
    assert second.after == ("load",)
    assert second.materializers == {"output": "json"}
    assert second.outputs[0].materializer == "json"
    assert second.depends_on == ("path:data.csv", "path:x.csv", "env:REGION")
    assert [str(item) for item in second.secrets] == ["aws.key"]
    assert second.params == {"lr": 0.2}
    assert PipelineDescription.model_validate_json(drawn.model_dump_json()) == drawn


def test_a_step_that_is_used_twice_is_numbered() -> None:
    def several() -> None:
        scale(1)
        scale(2)
        scale.named("scale_test")(3)
        scale.named("scale_3")(4)
        scale(5)
        scale(6)

    assert [node.name for node in draw(several).steps] == [
        "scale",
        "scale_2",
        "scale_test",
        "scale_3",
        "scale_4",
        "scale_5",
    ]


def test_lists_and_varying_arguments_have_an_input_each() -> None:
    def wide() -> None:
        parts = [scale(number) for number in range(3)]
        merge(*parts, 7, extra=parts[0])
        average([parts[0], 5, parts[2]])

    steps = draw(wide).steps
    merged, averaged = steps[-2], steps[-1]
    assert merged.inputs == (
        NodeInput(name="parts[0]", step="scale", output="output"),
        NodeInput(name="parts[1]", step="scale_2", output="output"),
        NodeInput(name="parts[2]", step="scale_3", output="output"),
        NodeInput(name="parts[3]", value=7),
        NodeInput(name="extra", step="scale", output="output"),
    )
    assert [item.name for item in averaged.inputs] == ["values[0]", "values[1]", "values[2]"]
    assert averaged.after == ("scale", "scale_3")


def test_order_without_data() -> None:
    def ordered() -> None:
        done = notify()
        outputs = load()
        scale(1, after=[done, outputs, "fit"])
        fit(3)
        orders("an argument that is called so")

    drawn = draw(ordered)
    assert [node.name for node in drawn.steps] == ["notify", "load", "fit", "scale", "orders"]
    assert drawn.step("scale").after == ("notify", "load", "fit")
    assert drawn.step("orders").params == {"after": "an argument that is called so"}
    assert drawn.step("notify").cacheable is False


def test_artifacts_of_earlier_runs_are_inputs() -> None:
    def inference() -> None:
        scale(Artifact("training/fit"))
        average([Artifact("training/fit", version=2), scale(1)])

    drawn = draw(inference)
    assert drawn.steps[0].inputs[0].artifact == {"pipeline": "training", "step": "fit", "version": "latest"}
    assert drawn.step("average").inputs[0].artifact == {"pipeline": "training", "step": "fit", "version": 2}


def test_a_default_that_is_no_constant_stays_with_the_function() -> None:
    def one() -> None:
        scale(1)

    assert draw(one).steps[0].params == {"x": 1}


def test_a_pipeline_in_a_pipeline_joins_its_graph() -> None:
    @pipeline
    def inner(x: Any) -> Any:
        return scale(x)

    def outer() -> None:
        fit(inner(inner(1)))

    assert [(node.name, node.after) for node in draw(outer).steps] == [
        ("scale", ()),
        ("scale_2", ("scale",)),
        ("fit", ("scale_2",)),
    ]


def test_the_pipelines_settings_count_where_a_step_says_nothing() -> None:
    def some() -> None:
        scale(1)
        scale.with_options(cache=True)(2)

    drawn = draw(some, cache=False, steps={"scale": {"retries": 3}})
    assert [node.cacheable for node in drawn.steps] == [False, True]
    assert drawn.steps[0].settings == StepSettings(cache=False, retries=3)


def test_nothing_is_drawn_after_the_graph() -> None:
    draw(lambda_free)
    assert scale(3) == 3


def lambda_free() -> None:
    scale(1)


REFUSED: list[tuple[Any, type[PipelineBroken], str]] = []


def refused(kind: type[PipelineBroken], said: str) -> Any:
    def keep(function: Any) -> Any:
        REFUSED.append((function, kind, said))
        return function

    return keep


@refused(GraphBroken, "no value while the pipeline is drawn")
def decides() -> None:
    if scale(1):
        scale(2)


@refused(GraphBroken, "cannot compare output `output` of step `scale`")
def decides_by_equality() -> None:
    if scale(1) == 3:
        scale(2)


@refused(GraphBroken, "cannot compare")
def decides_by_order() -> None:
    if scale(1) > 3:
        scale(2)


@refused(GraphBroken, "cannot calculate with")
def calculates() -> None:
    scale(1 - scale(1))


@refused(GraphBroken, "cannot write output `output` of step `scale`")
def writes_into_text() -> None:
    scale.named(f"scale-{scale(1)}")(2)


@refused(GraphBroken, "cannot use .mean")
def looks_inside() -> None:
    scale(1).mean()  # type: ignore[attr-defined]


@refused(GraphBroken, "tuple[A, B]")
def unpacks_one() -> None:
    _a, _b = scale(1)  # type: ignore[misc]


@refused(GraphBroken, "pass one of `train`, `test`")
def passes_all() -> None:
    scale(load())


@refused(GraphBroken, "no output `valid`")
def wrong_output() -> None:
    load()["valid"]  # type: ignore[call-overload]


@refused(GraphBroken, "returns nothing")
def passes_nothing() -> None:
    scale(notify())


@refused(GraphBroken, "call it")
def passes_the_step() -> None:
    scale(load)


@refused(GraphBroken, "missing a required argument: 'train'")
def forgets_an_argument() -> None:
    fit()


@refused(GraphBroken, "unexpected keyword argument 'lx'")
def wrong_argument() -> None:
    fit(1, lx=2)


@refused(GraphBroken, "not a step of this pipeline")
def after_nobody() -> None:
    scale(1, after=["nobody"])


@refused(GraphBroken, "after takes")
def after_a_number() -> None:
    scale(1, after=[3])


@refused(GraphBroken, "scale → fit → scale")
def in_a_circle() -> None:
    number = scale(1, after=["fit"])
    fit(number)


@refused(GraphBroken, "mapping with outputs")
def a_mapping() -> None:
    scale({"a": scale(1)})


@refused(TypesDoNotFit, "takes `train` as int, and `test` of step `load` is str")
def wrong_type() -> None:
    _, test = load()
    fit(test)


@refused(TypesDoNotFit, "takes `values[1]` as int")
def wrong_element() -> None:
    average([1, load()["test"]])  # type: ignore[call-overload]


@refused(TypesDoNotFit, "'much' is not float")
def wrong_constant() -> None:
    fit(1, lr="much")


@refused(TypesDoNotFit, "not a constant that can be kept")
def no_constant() -> None:
    scale(object())


@refused(GraphBroken, "calls no step")
def empty() -> None: ...


@refused(GraphBroken, "at the module's top level")
def local_step() -> None:
    @step
    def hidden() -> int:
        return 1

    hidden()


@refused(GraphBroken, "cannot name a step")
def lambda_step() -> None:
    twice(1)


@pytest.mark.parametrize(("function", "kind", "said"), REFUSED, ids=[item[0].__name__ for item in REFUSED])
def test_what_cannot_be_is_refused_while_drawing(
    function: Any, kind: type[PipelineBroken], said: str
) -> None:
    assert said in broken(function, kind)


def test_parameters_are_checked() -> None:
    def with_parameters(rate: float, depth: int = 3) -> None:
        scale(depth)
        fit(1, lr=rate)

    assert draw(with_parameters, {"rate": "0.5", "depth": 4}).params == {"rate": 0.5, "depth": 4}
    for params, said in (
        ({}, "needs `rate`"),
        ({"rate": 1, "dept": 2}, "did you mean `depth`"),
        ({"rate": "fast"}, "is not float"),
        ({"rate": 1.0, "depth": 2.5}, "is not int"),
    ):
        with pytest.raises(WrongParameters, match=said):
            draw(with_parameters, params)


@st.composite
def graphs(draws: st.DrawFn) -> dict[str, list[str]]:
    """Acyclic graphs in any order of their names."""
    size = draws(st.integers(1, 12))
    names = [f"s{index}" for index in range(size)]
    edges = {
        name: draws(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        for index, name in enumerate(names)
    }
    return {name: edges[name] for name in draws(st.permutations(names))}


@given(graphs())
@settings(max_examples=200)
def test_the_order_respects_every_edge_and_is_stable(after: dict[str, list[str]]) -> None:
    order = topological(after)
    place = {name: index for index, name in enumerate(order)}
    assert sorted(order) == sorted(after)
    assert all(place[other] < place[name] for name, before in after.items() for other in before)
    assert topological({name: after[name] for name in order}) == order
    # Of the steps that could be next, the one that was given first always is.
    given_at = {name: index for index, name in enumerate(after)}
    done: set[str] = set()
    for name in order:
        ready = [other for other in after if other not in done and set(after[other]) <= done]
        assert name == min(ready, key=lambda item: given_at[item])
        done.add(name)


@given(graphs(), st.data())
@settings(max_examples=200)
def test_a_cycle_is_found_and_named(after: dict[str, list[str]], data: st.DataObject) -> None:
    assert find_cycle(after) == []
    order = topological(after)
    start = data.draw(st.integers(0, len(order) - 1))
    end = data.draw(st.integers(start, len(order) - 1))
    path = order[start : end + 1]
    cyclic = {name: list(before) for name, before in after.items()}
    for one, other in zip(path, [*path[1:], path[0]], strict=True):
        cyclic[other] = list(dict.fromkeys([*cyclic[other], one]))
    cycle = find_cycle(cyclic)
    assert cycle[0] == cycle[-1]
    assert all(one in cyclic[other] for one, other in pairwise(cycle))
    with pytest.raises(GraphBroken, match="wait for each other"):
        topological(cyclic)


def test_a_long_chain_needs_no_deep_stack() -> None:
    after = {f"s{index}": [f"s{index - 1}"] if index else [] for index in range(20_000)}
    assert topological(after) == list(after)
    after["s0"] = ["s19999"]
    assert len(find_cycle(after)) == 20_001


def test_in_order_keeps_the_nodes() -> None:
    def some() -> None:
        scale(2, after=["fit"])
        fit(1)

    drawn = draw(some)
    assert in_order(drawn.steps) == drawn.steps


def test_an_input_has_one_source() -> None:
    with pytest.raises(ValueError, match="one source"):
        NodeInput(name="x", step="a", output="b", artifact={"id": "1"})
    with pytest.raises(ValueError, match="its output"):
        NodeInput(name="x", step="a")
