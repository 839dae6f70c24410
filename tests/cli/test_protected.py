"""`--confirm NAME` on the command line: one line that says what to add, and nothing done before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def prod(root: Path) -> Path:
    (root / "stacks" / "base.yaml").write_text("extends: default\n")
    (root / "components" / "alerter" / "oncall.yaml").write_text("flavor: local\n")
    file = root / "stacks" / "prod.yaml"
    file.write_text("extends: base\nprotected: true\ncomponents: {alerter: [oncall]}\n")
    return file


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["stack", "edit", "prod", "--description", "new"], "prod"),
        (["stack", "edit", "base", "--description", "new"], "prod"),
        (["stack", "delete", "prod"], "prod"),
        (["stack", "rename", "prod", "live"], "prod"),
        (["stack", "label", "prod", "--label", "a=b"], "prod"),
        (["component", "edit", "alerter", "oncall", "--description", "new"], "prod"),
        (["component", "edit", "orchestrator", "local", "--description", "new"], "prod"),
        (["component", "rename", "alerter", "oncall", "calls"], "prod"),
        (["run", "pipelines/hello.py:hello", "--stack", "prod", "--no-probe"], "prod"),
    ],
)
def test_one_line_says_what_to_add(
    stacktui: Run, root: Path, prod: Path, words: list[str], name: str
) -> None:
    before = {file: file.read_bytes() for file in root.rglob("*.yaml")}
    for given in ([], ["--confirm", "other"]):
        refused = stacktui(*words, *given)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.count("\n") == 1
        assert f"--confirm {name}" in refused.err
        assert {file: file.read_bytes() for file in root.rglob("*.yaml")} == before
    assert stacktui(*words, "--confirm", name).code == 0


def test_of_several_all_are_said_and_of_a_family_the_eldest(stacktui: Run, root: Path, prod: Path) -> None:
    (root / "stacks" / "live.yaml").write_text("extends: default\nprotected: true\n")
    (root / "stacks" / "live-eu.yaml").write_text("extends: live\n")
    words = ("component", "edit", "orchestrator", "local", "--description", "new")
    refused = stacktui(*words)
    assert "fills the protected stacks live, prod; say its name to go on: --confirm live,prod" in refused.err
    assert stacktui(*words, "--confirm", "prod").code == 2
    assert stacktui(*words, "--confirm", "live,prod").code == 0


def test_a_copy_is_free_and_protects_itself(stacktui: Run, root: Path, prod: Path) -> None:
    assert stacktui("stack", "clone", "prod", "copy").code == 0
    assert "--confirm copy" in stacktui("stack", "edit", "copy", "--description", "x").err


def test_fmt_changes_no_stack_and_asks_for_nothing(stacktui: Run, prod: Path) -> None:
    assert stacktui("fmt").code == 0
    assert prod.read_text() == "extends: base\ncomponents: {alerter: [oncall]}\nprotected: true\n"
