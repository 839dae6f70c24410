"""Whatever stands in the files, validation gives findings: it never raises, and gives the same twice."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.model.codes import CODES
from stacktui.validation.validate import candidates, validate_stack, validate_stacks, validate_workspace
from tests.runtime.support import Place

TEXT = st.sampled_from(
    [
        "here",
        "folder",
        "bucket",
        "rows",
        "box",
        "bell",
        "gpu",
        "cluster",
        "images",
        "x",
        "",
        "{{a.b}}",
        "{{a}}",
        "{{{{",
    ]
)
NAME = st.sampled_from(["a", "b", "here", "folder", "rows", "box"])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["path", "key", "port", "mode", "extra", "pth", "token", "master", "password", "file"]
)
COMPONENTS = st.fixed_dictionaries(
    {"flavor": TEXT},
    optional={
        "config": st.dictionaries(FIELDS, VALUES, max_size=4) | VALUES,
        "labels": st.dictionaries(TEXT, TEXT, max_size=2),
        "odd": VALUES,
    },
)
SLOTS = st.none() | NAME | st.lists(NAME, max_size=3)
STACKS = st.fixed_dictionaries(
    {},
    optional={
        "extends": NAME | st.just("base"),
        "components": st.dictionaries(
            st.sampled_from([category.value for category in Category] + ["odd"]), SLOTS, max_size=5
        ),
        "steps": st.dictionaries(
            TEXT, st.fixed_dictionaries({}, optional={"step_operator": NAME, "experiment_tracker": NAME})
        ),
        "odd": VALUES,
    },
)
FILES = st.dictionaries(
    st.tuples(st.sampled_from([category.value for category in Category]), NAME), COMPONENTS, max_size=5
)


def gives_findings(
    components: dict[tuple[str, str], dict[str, object]], stacks: dict[str, dict[str, object]], torn: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {
            f"components/{category}/{name}.yaml": json.dumps(it)
            for (category, name), it in components.items()
        }
        files |= {f"stacks/{name}.yaml": json.dumps(it) for name, it in stacks.items()}
        if torn < len(files):
            name = sorted(files)[torn]
            files[name] = files[name][: torn + 3]
        place = Place(Path(folder), files)
        snapshot, registry = place.snapshot, place.registry
        found = validate_workspace(snapshot, registry)
        assert not [one for one in found if one.code.startswith("RUL")]
        assert found == validate_workspace(snapshot, registry)
        assert len({(one.code, one.message, one.file, one.line, one.column) for one in found}) == len(found)
        for one in found:
            assert one.code in CODES
            assert "\n" not in one.message
            assert one.message
            assert one.line is None or one.file is not None
        by_stack = validate_stacks(snapshot, registry, [*snapshot.stacks, "nobody"])
        for name in snapshot.stacks:
            assert by_stack[name] == validate_stack(snapshot, registry, name)
            for category in Category:
                candidates(snapshot, registry, snapshot.stacks[name].value, category)


ANY_STACKS = st.dictionaries(NAME, STACKS, max_size=4)


@settings(max_examples=30, deadline=None)
@given(components=FILES, stacks=ANY_STACKS, torn=st.integers(0, 40))
def test_any_workspace_gives_findings(
    components: dict[tuple[str, str], dict[str, object]], stacks: dict[str, dict[str, object]], torn: int
) -> None:
    gives_findings(components, stacks, torn)


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(max_examples=600, deadline=None)
@given(components=FILES, stacks=ANY_STACKS, torn=st.integers(0, 40))
def test_many_workspaces_give_findings(
    components: dict[tuple[str, str], dict[str, object]], stacks: dict[str, dict[str, object]], torn: int
) -> None:
    gives_findings(components, stacks, torn)
