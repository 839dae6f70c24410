"""Why a step is not cached, in the words that the plan uses: each kind of change, and several at once."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacktui.categories.metadata_store import RunQuery
from stacktui.model.stack import StepSettings
from stacktui.pipelines.graph import StepNode
from tests.pipelines.test_fingerprint import write
from tests.pipelines.test_plan import Bench, node, states

FILES = {
    "flow.py": "from features import normalise\nimport registry\nLIMIT = 3\nclass Model:\n    w = 1\ndef load(limit=1): ...\n"
    "def fit(x, lr=0.1): return normalise(x)\ndef join(a, b): return LIMIT\ndef other(x): return registry.ALL[x]()\n",
    "features.py": '"""Features."""\n\n\ndef helper(x): return x\n\n\ndef normalise(x):\n    return helper(x)\n',
    "registry.py": "ALL = {}\nALL['a'] = print\n",
}
LOAD = node("load", inputs={"limit": 1})
FIT = node("fit", inputs={"x": ("load", "output"), "lr": 0.1})


class Told(Bench):
    """A bench in which each state of the code is a snapshot of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.number = 0
        self.version({})

    def version(self, files: dict[str, str]) -> None:
        """The code from now on: `FILES` with some others in the place of some."""
        self.number += 1
        self.code_folder = write(self.folder / "codes" / f"c{self.number}", {**FILES, **files})

    def reason(self, *nodes: StepNode, **options: Any) -> str:
        """What is said of the last of the steps, without the run's id."""
        said = self.plan(*nodes, **options).steps[-1]
        assert said.cached is False, said
        before, since, _ = said.reason.partition(" since run ")
        assert since, said.reason
        return before


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    made.store.close()


EDITS = [
    ("a helper", "features.py", "return helper(x)", "return helper(x) + 1", FIT, "`normalise` in `features.py:7` changed"),
    ("a helper's helper", "features.py", "def helper(x): return x", "def helper(x): return -x", FIT, "`helper` in `features.py:4` changed"),
    ("the step", "flow.py", "return normalise(x)", "return normalise(x)[0]", FIT, "`fit` in `flow.py:7` changed"),
    ("a constant", "flow.py", "LIMIT = 3", "LIMIT = 4", node("join", inputs={"a": 1, "b": 2}), "`LIMIT` in `flow.py:3` changed"),
    ("a whole module", "registry.py", "= print", "= len", node("other", inputs={"x": "a"}), "`registry.py` changed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "file", "old", "new", "step", "said"), EDITS, ids=[item[0] for item in EDITS]
)
def test_code_is_named_with_its_place(
    what: str, file: str, old: str, new: str, step: StepNode, said: str, told: Told
) -> None:
    told.run(LOAD, step)
    assert old in FILES[file]
    told.version({file: FILES[file].replace(old, new)})
    assert said in told.reason(LOAD, step)


def test_the_run_is_named(told: Told) -> None:
    told.run(LOAD, FIT)
    told.version({"features.py": FILES["features.py"].replace("return x", "return -x")})
    (run,) = told.store.runs(RunQuery()).runs
    assert told.plan(LOAD, FIT).steps[1].reason == f"`helper` in `features.py:4` changed since run {run.id}"


def test_parameters_are_named_with_both_values(told: Told) -> None:
    told.run(LOAD, FIT)
    assert told.reason(LOAD, node("fit", inputs={"x": ("load", "output"), "lr": 0.2})) == "`lr` 0.1 → 0.2"
    assert told.reason(LOAD, node("fit", inputs={"x": ("load", "output"), "lr": "0.1"})) == '`lr` 0.1 → "0.1"'
    assert told.reason(LOAD, node("fit", inputs={"x": ("load", "output")})) == "`lr` is no longer a parameter"
    more = node("fit", inputs={"x": ("load", "output"), "lr": 0.1, "depth": 3})
    assert told.reason(LOAD, more) == "`depth` is new: 3"
    long = node("fit", inputs={"x": ("load", "output"), "lr": "y" * 100})
    assert told.reason(LOAD, long).endswith("y…")


def test_the_order_of_a_parameters_keys_is_seen(told: Told) -> None:
    told.run(node("load", inputs={"limit": [{"a": 1, "b": 2}]}))
    said = told.reason(node("load", inputs={"limit": [{"b": 2, "a": 1}]}))
    assert said == '`limit` [{"a": 1, "b": 2}] → [{"b": 2, "a": 1}]'


def test_an_input_is_named_with_where_it_comes_from(told: Told) -> None:
    told.run(LOAD, FIT)
    # Another result of the same step, which now stands in.
    told.run(node("load", inputs={"limit": 2}), content="other")
    said = told.reason(node("load", inputs={"limit": 2}), FIT)
    assert said == "input `x` has a new digest, from `load`"
    older = node("older", "fit", inputs={"x": {"pipeline": "flow", "step": "load", "version": 1}})
    told.run(older)
    newer = node("older", "fit", inputs={"x": {"pipeline": "flow", "step": "load", "version": 2}})
    assert told.reason(newer) == "input `x` has a new digest, from `flow/load`"


def test_packages_and_python_are_named_with_both_versions(told: Told) -> None:
    files = {"flow.py": "import numpy\n" + FILES["flow.py"]}
    told.version(files)
    told.environment = {"packages": {"numpy": "1.2"}, "python": platform.python_version()}
    told.run(node("load", inputs={"limit": 1}, cache_key=None))
    now = told.code.fingerprint("flow", "load").parts["package numpy"]
    # As if the package had been the older one then: the key is another one too.
    changed = node("load", inputs={"limit": 3})
    assert told.reason(changed) == f"`limit` 1 → 3; numpy 1.2 → {now}"
    told.environment = {"python": "3.10.1"}
    told.run(node("load", inputs={"limit": 4}))
    assert told.reason(changed).startswith(f"`limit` 4 → 3; Python 3.10.1 → {platform.python_version()}")


def test_several_changes_are_all_named_up_to_four(told: Told) -> None:
    told.run(node("fit", inputs={"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}))
    assert told.reason(node("fit", inputs={"a": 2, "b": 2, "c": 1, "d": 1, "e": 1})) == "`a` 1 → 2; `b` 1 → 2"
    said = told.reason(node("fit", inputs={"a": 2, "b": 2, "c": 2, "d": 2, "e": 2}))
    assert said == "`a` 1 → 2; `b` 1 → 2; `c` 1 → 2; 2 more"


def test_what_is_not_kept_of_a_run_is_guessed_at(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    filed = node("load", inputs={"limit": 1}, depends_on=("path:data",))
    told.run(filed)
    write(told.folder, {"data": "1"})
    assert told.reason(filed) == "`data` changed"
    both = node("load", inputs={"limit": 1}, depends_on=("path:data", "env:REGION"))
    assert told.reason(both) == "one of `data`, `REGION` changed"
    told.run(LOAD)
    settings = {"load": StepSettings(environment={"MODE": "x"})}
    assert told.reason(LOAD, overrides=settings) == "the variable `MODE` changed"
    assert told.reason(node("load", inputs={"limit": 1}, cache_key="v2")) == "`cache_key` changed"


def test_other_reasons(told: Told) -> None:
    assert told.plan(LOAD).steps[0].reason == "no earlier run with this code, parameters and inputs"
    told.run(node("load", inputs={"limit": 1}, cacheable=False))
    assert told.plan(LOAD).steps[0].reason.startswith("its cache was turned off in run ")
    told.run(LOAD)
    old = told.plan(node("load", inputs={"limit": 1}, cache_for_s=5.0)).steps[0].reason
    assert "is too old: 1" in old
    assert old.endswith(" s of 5 s")
    soon = told.plan(node("load", inputs={"limit": 1}, cache_for_s=40.0)).steps[0]
    assert soon.cached is None
    assert soon.reason.startswith("depends on when it runs: what run ")
    for item in list(told.artifacts.list()):
        told.artifacts.delete(item.path)
    assert told.plan(LOAD).steps[0].reason.endswith("is gone from the artifact store, or not whole any more")
    off = told.plan(LOAD, cache=False).steps[0]
    assert (off.cached, off.reason) == (False, "the cache is turned off for this run")


def test_content_that_another_step_may_put_again_is_not_judged(told: Told) -> None:
    """The same content has the same place: a step that runs before it makes the lost one whole."""
    one = node("one", "load", inputs={"limit": 1})
    other = node("other", "load", inputs={"limit": 1}, after=("one",), cache_key="x")
    told.run(one, other)
    for item in list(told.artifacts.list()):
        told.artifacts.delete(item.path)
    plan = told.plan(one, other)
    assert states(plan) == {"one": False, "other": None}
    assert plan.steps[1].reason.startswith("depends on whether `one` of this run makes it anew")
    assert told.run(one, other) == {"one": False, "other": True}
