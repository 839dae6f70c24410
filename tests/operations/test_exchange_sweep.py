"""Files of any content, taken in: either one line of an error and nothing written, or files that read well, hold no
credential, and that a second import finds there already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacktui.operations.errors import OperationError
from stacktui.operations.exchange.settle import Conflict
from stacktui.operations.exchange.zenml_table import ELSEWHERE, TABLE
from stacktui.operations.session import Session
from stacktui.operations.stack_import import StackImport
from stacktui.workspace.yaml_reader import read_yaml
from tests.operations.exchanging import files, workspace
from tests.operations.support import do

SECRET = "pa55-w0rd-in-clear"
FEW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)

_ODD = st.text(
    st.sampled_from(list("aB-_.{}[]:#'\"\\ /*&!|>%@\t\n\r\x00\x1b\x85é\u202e\u2028😀")), max_size=12
)
_WORDS = st.one_of(
    st.sampled_from(
        ["local", "default", "a", "A", "path", "{{x.y}}", "{{ S.k/2 }}", "s3://b", "true", "0", "~"]
    ),
    _ODD,
)
_SCALARS = st.one_of(
    _WORDS, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.just("")
)
_FIELDS = sorted(
    {name.partition(".")[0] for row in TABLE.values() for name in (*row.fields, *row.secrets)}
    | {"path", "max_workers", "max_concurrent", "labels", "description", "id", "configuration"}
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=6,
)
_CONFIGURATION = st.dictionaries(st.one_of(st.sampled_from(_FIELDS), _WORDS), _VALUES, max_size=5)
_CATEGORIES = sorted({row.category for row in TABLE.values()} | set(ELSEWHERE) | {"unheard_of"})
_FLAVORS = sorted({row.flavor for row in TABLE.values()} | {"local", "subprocess", "kubeflow"})


@st.composite
def components(draw: st.DrawFn) -> Any:
    base: dict[str, Any] = {
        "name": draw(_WORDS),
        "flavor": draw(st.one_of(st.sampled_from(_FLAVORS), _WORDS)),
    }
    configuration = draw(_CONFIGURATION)
    if draw(st.booleans()):
        # A credential of a name that says so, at any depth.
        configuration[draw(st.sampled_from(["password", "api_token", "Secret"]))] = draw(
            st.sampled_from([SECRET, {"deep": [SECRET]}, [SECRET]])
        )
    shape = draw(st.sampled_from(["flat", "mapping", "list", "json"]))
    if shape == "flat":
        return {**configuration, **base}
    whole = {**base, "configuration": json.dumps(configuration) if shape == "json" else configuration}
    return [whole] if shape == "list" else whole


EXPORTS = st.fixed_dictionaries(
    {
        "stack_name": st.one_of(_WORDS, st.none()),
        "components": st.dictionaries(
            st.one_of(st.sampled_from(_CATEGORIES), _WORDS), components(), max_size=5
        ),
    },
    optional={"zenml_version": _SCALARS, "tags": _VALUES},
)


def take(root: Path, text: str) -> StackImport | None:
    """Import; None where it was refused, in one line."""
    file = root.parent / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        with Session(root) as session:
            document: StackImport = do(
                session, "stack import", file=file, on_conflict=Conflict.RENAME, take_secrets=True
            )
            return document
    except OperationError as refused:
        told = str(refused)
    assert told
    assert len(told.splitlines()) == 1
    return None


@pytest.mark.long
@FEW
@given(exported=EXPORTS, flavors=st.booleans())
def test_any_zenml_file(tmp_path_factory: pytest.TempPathFactory, exported: Any, flavors: bool) -> None:
    root = workspace(tmp_path_factory.mktemp("any") / "team", flavors=flavors)
    before = files(root)
    text = yaml.safe_dump(exported, allow_unicode=True)
    document = take(root, text)
    after = files(root)
    if document is None:
        assert after == before
        return
    assert before.items() <= after.items()
    for name in after.keys() - before.keys():
        assert isinstance(read_yaml(after[name]).value, dict), name
        assert SECRET.encode() not in after[name]
        assert all(letter.isprintable() or letter == "\n" for letter in after[name].decode())
    assert SECRET not in document.model_dump_json()
    with Session(root) as session:
        assert not [each for each in session.snapshot().problems if each.severity == "error"]
    again = take(root, text)
    assert again is not None
    assert not again.written
    assert files(root) == after


@pytest.mark.long
@FEW
@given(
    content=st.recursive(
        st.one_of(_SCALARS, st.sampled_from(["bundle", "stacks", "stack", "components", "flavor: local\n", "components: {}"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.one_of(st.sampled_from(["bundle", "stack", "stacks", "components", "orchestrator", "s"]), _WORDS),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    ),
    whole=st.booleans(),
)  # fmt: skip
def test_any_bundle(tmp_path_factory: pytest.TempPathFactory, content: Any, whole: bool) -> None:
    root = workspace(tmp_path_factory.mktemp("any") / "team")
    before = files(root)
    if whole and isinstance(content, dict):
        content = {"stacks": {"s": "components: {}\n"}, **content, "bundle": 1, "stack": "s"}
    document = take(root, yaml.safe_dump(content, allow_unicode=True))
    after = files(root)
    assert before.items() <= after.items()
    if document is None:
        assert after == before


@pytest.mark.long
@FEW
@given(st.text(max_size=300))
def test_any_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("any") / "team"
    root.mkdir()
    (root / "stacktui.yaml").write_text("version: 1\n")
    take(root, text)
    assert files(root) == {}
