"""Inheritance: what a child replaces, removes and merges; loops and missing parents."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.model.stack import Resources, Slot, Stack, StepSettings
from stacktui.runtime.inherit import resolve_draft, resolve_stack
from stacktui.workspace.workspace import Entry, WorkspaceFile, WorkspaceSnapshot
from tests.runtime.support import Place


def snapshot_of(stacks: dict[str, Stack], root: Path = Path("/w")) -> WorkspaceSnapshot:
    entries = {
        name: Entry(stack, root / "stacks" / f"{name}.yaml", f"extends: {stack.extends}\n".encode(), False)
        for name, stack in stacks.items()
    }
    empty: Any = MappingProxyType({})
    return WorkspaceSnapshot(
        root, 1, WorkspaceFile(), empty, entries, (), empty, empty, root / "stacktui.yaml"
    )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_child_replaces_whole_values_and_null_removes(place: Place) -> None:
    place.write(
        "stacks/team.yaml",
        "extends: base\ndescription: for the team\nlabels: {a: '1', b: '1'}\n"
        "components:\n  step_operator: [x, y]\n  alerter: bell\n",
    )
    place.write(
        "stacks/prod.yaml",
        "extends: team\nlabels: {b: '2'}\ncomponents:\n  step_operator: [z]\n  alerter: null\n"
        "  secrets_manager: []\n",
    )
    stack = place.resolved("prod")
    assert stack.ancestors == ("team", "base")
    assert stack.slots[Category.STEP_OPERATOR] == Slot(("z",), "prod")
    assert stack.slots[Category.ORCHESTRATOR] == Slot(("here",), "base")
    assert Category.ALERTER not in stack.slots
    assert Category.SECRETS_MANAGER not in stack.slots
    assert stack.labels == {"a": "1", "b": "2"}
    assert stack.description == ""


def test_step_settings_merge_by_key(place: Place) -> None:
    place.write(
        "stacks/team.yaml",
        "extends: base\nsteps:\n  fit: {retries: 3, resources: {gpu: 1, memory: 1GiB}, environment: {A: '1'}}\n"
        "  load: {cache: false}\n",
    )
    place.write(
        "stacks/prod.yaml",
        "extends: team\nsteps:\n  fit: {retries: 0, resources: {gpu: 2}, environment: {B: '2'}}\n",
    )
    steps = place.resolved("prod").steps
    assert steps["load"] == StepSettings(cache=False)
    assert steps["fit"] == StepSettings(
        retries=0, resources=Resources(gpu=2, memory=2**30), environment={"A": "1", "B": "2"}
    )


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [("true", "", True), ("true", "protected: false\n", False), ("false", "protected: true\n", True)],
)
def test_protection_is_inherited_unless_the_child_says_otherwise(
    place: Place, parent: str, child: str, *, expected: bool
) -> None:
    place.write("stacks/team.yaml", f"extends: base\nprotected: {parent}\n")
    place.write("stacks/prod.yaml", f"extends: team\n{child}")
    assert place.resolved("prod").protected is expected


def test_missing_parent_is_a_finding_at_its_line_with_a_fix(place: Place) -> None:
    file = place.write("stacks/prod.yaml", "description: d\nextends: bas\n")
    stack, problems = resolve_stack(place.snapshot, "prod")
    assert stack is None
    [problem] = problems
    assert (problem.code, problem.file, problem.line, problem.column) == ("STK002", file, 2, 1)
    assert "did you mean base?" in problem.message
    assert problem.fix is not None
    assert (problem.fix.path, problem.fix.value) == (("extends",), "base")


def test_a_circle_is_a_finding_of_each_stack_that_leads_into_it(place: Place) -> None:
    place.write("stacks/a.yaml", "extends: b\n")
    place.write("stacks/b.yaml", "extends: a\n")
    place.write("stacks/c.yaml", "extends: a\n")
    found = {}
    for name in "abc":
        stack, problems = resolve_stack(place.snapshot, name)
        assert stack is None
        [found[name]] = problems
        assert found[name].code == "STK003"
        assert found[name].file == place.root / "stacks" / f"{name}.yaml"
        assert found[name].line == 1
    assert "a → b → a" in found["a"].message
    assert "b → a → b" in found["b"].message
    assert found["c"].fix is None


def test_a_stack_that_extends_itself(place: Place) -> None:
    place.write("stacks/a.yaml", "extends: a\n")
    stack, [problem] = resolve_stack(place.snapshot, "a")
    assert stack is None
    assert "a → a" in problem.message


def test_an_unknown_stack_is_named_with_what_was_meant(place: Place) -> None:
    stack, [problem] = resolve_stack(place.snapshot, "bsae")
    assert stack is None
    assert problem.code == "STK001"
    assert "did you mean base?" in problem.message


def test_a_stack_whose_file_is_broken_points_at_the_file(place: Place) -> None:
    file = place.write("stacks/odd.yaml", "[1, 2]\n")
    stack, [problem] = resolve_stack(place.snapshot, "odd")
    assert stack is None
    assert problem.file == file
    assert problem.code.startswith("FIL")


def test_a_draft_stands_in_for_the_saved_stack_of_its_name(place: Place) -> None:
    place.write("stacks/prod.yaml", "extends: base\n")
    snapshot = place.snapshot
    draft = Stack(name="base", extends="prod")
    stack, [problem] = resolve_draft(snapshot, draft)
    assert stack is None
    assert problem.code == "STK003"
    stack, problems = resolve_draft(snapshot, Stack(name="new", extends="prod"))
    assert stack is not None
    assert not problems
    assert stack.ancestors == ("prod", "base")


NAMES = st.sampled_from([f"s{number}" for number in range(8)])
COMPONENT_NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(tuple)


@st.composite
def forests(draw: st.DrawFn) -> dict[str, Stack]:
    names = draw(st.lists(NAMES, min_size=1, unique=True))
    return {
        name: Stack(
            name=name,
            # Some parents do not exist.
            extends=draw(st.none() | NAMES),
            description=draw(st.sampled_from(["", "d"])),
            labels=draw(st.dictionaries(st.sampled_from("kl"), st.sampled_from("12"), max_size=2)),
            components=draw(st.dictionaries(st.sampled_from(list(Category)), COMPONENT_NAMES, max_size=4)),
            steps=draw(
                st.dictionaries(
                    st.sampled_from(["fit", "load"]),
                    st.builds(
                        StepSettings,
                        retries=st.none() | st.integers(0, 3),
                        environment=st.none() | st.dictionaries(st.sampled_from("AB"), st.sampled_from("12")),
                    ),
                    max_size=2,
                )
            ),
        )
        for name in names
    }


def oracle(stacks: dict[str, Stack], name: str) -> tuple[str, dict[str, Any]]:
    """Inheritance by the book: recursive, on plain dictionaries."""

    def walk(current: str, path: tuple[str, ...]) -> tuple[str, dict[str, dict[str, Any]]]:
        if current in path:
            return "circle", {}
        if current not in stacks:
            return "missing", {}
        stack = stacks[current]
        state = "ok"
        values: dict[str, dict[str, Any]] = {"components": {}, "labels": {}, "retries": {}, "environment": {}}
        if stack.extends is not None:
            state, values = walk(stack.extends, (*path, current))
            if state != "ok":
                return state, {}
        for category, names in stack.components.items():
            values["components"].pop(category, None)
            if names:
                values["components"][category] = (names, current)
        values["labels"].update(stack.labels)
        for step, said in stack.steps.items():
            if said.retries is not None:
                values["retries"][step] = said.retries
            for variable, value in (said.environment or {}).items():
                values["environment"][f"{step}.{variable}"] = value
        return "ok", values

    return walk(name, ())


def equals_the_oracle(stacks: dict[str, Stack]) -> None:
    snapshot = snapshot_of(stacks)
    for name, written in stacks.items():
        state, expected = oracle(stacks, name)
        stack, problems = resolve_stack(snapshot, name)
        if state != "ok":
            assert stack is None
            assert [problem.code for problem in problems] == ["STK003" if state == "circle" else "STK002"]
            assert problems[0].file is not None
            assert problems[0].line is not None
            continue
        assert stack is not None
        assert not problems
        got = {
            "components": {category: tuple(slot) for category, slot in stack.slots.items()},
            "labels": stack.labels,
            "retries": {step: s.retries for step, s in stack.steps.items() if s.retries is not None},
            "environment": {
                f"{step}.{variable}": value
                for step, s in stack.steps.items()
                for variable, value in (s.environment or {}).items()
            },
        }
        assert got == expected
        assert stack.description == written.description


@settings(max_examples=100, deadline=None)
@given(forests())
def test_merging_equals_a_naive_oracle_and_never_raises(stacks: dict[str, Stack]) -> None:
    equals_the_oracle(stacks)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=2000, deadline=None)
@given(forests())
def test_merging_equals_a_naive_oracle_in_many_forests(stacks: dict[str, Stack]) -> None:
    equals_the_oracle(stacks)
