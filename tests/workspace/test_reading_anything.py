"""No bytes whatever crash the reader, and what it keeps can be written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stacktui.model.category import Category
from stacktui.workspace.documents import read_component, read_settings, read_stack
from stacktui.workspace.yaml_problem import YamlProblem
from stacktui.workspace.yaml_reader import position, read_yaml, unquoted_references

FILE = Path("/nowhere/x.yaml")
FRAGMENTS = st.sampled_from(
    [
        *(
            "flavor: ",
            "config:\n",
            "  path: ",
            "labels: ",
            "components:\n",
            "  alerter: ",
            "steps:\n",
            "extends: ",
        ),
        *(
            "{",
            "}",
            "[",
            "]",
            ": ",
            ", ",
            "- ",
            "? ",
            "\n",
            "  ",
            "\t",
            "#",
            "'",
            '"',
            "|",
            ">",
            "&a ",
            "*a",
            "<<: ",
        ),
        *(
            "{{a.b}}",
            "!!str ",
            "!x ",
            "!!python/name:os.system ",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
            "null",
            "~",
            "yes",
        ),
        *(
            "1",
            "0x" + "f" * 6000,
            "9" * 6000,
            "1e999",
            ".nan",
            "é",
            "\x00",
            "\x85",
            "\u2028",
            "\ufeff",
            "\r",
            "\r\n",
        ),
        *("resources: {memory: ", "16GiB", "timeout: ", "version: ", "pipelines: ", "../..", "\U0001f389"),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=25).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))
RAWS = st.one_of(TEXTS, st.binary(max_size=60))


def check(raw: bytes) -> None:
    for outcome in (
        read_component(FILE, raw, Category.ALERTER, "x"),
        read_stack(FILE, raw, "x"),
        read_settings(FILE, raw),
    ):
        assert outcome.value is not None or outcome.problems
        for problem in outcome.problems:
            assert problem.file == FILE
            assert "\n" not in problem.message
            assert problem.line is None or problem.line >= 1
            assert len(problem.message) < 400
    for path in ((), ("flavor",), ("config", "path"), ("components", "alerter", 0)):
        found = position(raw, path)
        assert found is None or (found.line >= 1 and found.column >= 1)
    try:
        value: Any = read_yaml(raw).value
    except YamlProblem:
        return
    list(unquoted_references(value))
    json.dumps(value, default=str, skipkeys=True)


@given(RAWS)
@example(b"{[a]: b}")
@example(b"? {a: b}\n: c\n")
@example(b"? [a]\n")
@example(b"{{a}: }")
@example(b"a: {{{b}}}")
@example(b"<<: 1")
@example(b"<<: [{a: 1}, 2]")
@example(b'"two\\nlines": 1\nflavor: x\n')
@example(b"flavor: x\n" + b"k" * 5000 + b": 1\n")
@example(b".nan: 1\n.nan: 2")
@example(b"flavor: 0x" + b"f" * 6000)
@example(b"labels: {a: 0x" + b"f" * 6000 + b"}\nflavor: x")
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_findings_or_a_value(raw: bytes) -> None:
    check(raw)


@pytest.mark.long
@given(RAWS)
@settings(max_examples=20_000, deadline=None)
def test_many_more_bytes(raw: bytes) -> None:
    check(raw)
