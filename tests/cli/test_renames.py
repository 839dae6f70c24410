"""Renaming and deleting by the command line: what it says, and what it asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def team(root: Path, stacktui: Run) -> Path:
    stacktui("component", "add", "step_operator", "a100", "--flavor", "subprocess")
    stacktui("stack", "add", "prod", "--extends", "default", "--set", "step_operator=a100", "--protected")
    (root / "pipelines" / "train.py").write_text(
        'from stacktui import step\n\n\n@step(step_operator="a100")\ndef fit() -> int:\n    return 1\n'
    )
    (root / "night.yaml").write_text("stack: prod # small\n")
    return root


def test_a_rename_says_what_it_changed_and_what_it_left(stacktui: Run, team: Path) -> None:
    refused = stacktui("component", "rename", "step_operator", "a100", "h100")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.endswith("stands in the protected stack prod; say its name to go on: --confirm prod\n")
    done = stacktui("component", "rename", "step_operator", "a100", "h100", "--confirm", "prod")
    assert done.code == 0
    assert "~ changed stacks/prod.yaml" in done.out.splitlines()
    assert 'pipelines/train.py:4  @step(step_operator="a100")' in done.err
    answer = stacktui("stack", "rename", "prod", "live", "--confirm", "prod", "--json")
    assert answer.err == ""
    document = json.loads(answer.out)
    assert [(each["file"], each["how"], each["line"]) for each in document["references"]] == [
        ("night.yaml", "stack", 1)
    ]
    assert document["python"] == []
    assert (team / "night.yaml").read_text() == "stack: live # small\n"
    assert stacktui("stack", "validate", "live").code == 0


def test_what_is_used_is_deleted_by_its_name_or_by_force(stacktui: Run, team: Path) -> None:
    refused = stacktui("component", "delete", "step_operator", "a100")
    assert (refused.code, refused.out) == (1, "")
    assert "is used by stacks/prod.yaml:4 (components.step_operator)" in refused.err
    assert refused.err.endswith("--confirm a100 or --force\n")
    assert stacktui("component", "delete", "step_operator", "a100", "--confirm", "a10").code == 1
    done = stacktui("component", "delete", "step_operator", "a100", "subprocess", "--force")
    assert done.code == 0
    assert done.out.splitlines() == [
        "- deleted components/step_operator/a100.yaml",
        "- deleted components/step_operator/subprocess.yaml",
    ]
    assert "look at:" in done.err
    # Where it is protected, force does not stand for its name.
    assert stacktui("stack", "delete", "prod", "--force").code == 2
    assert stacktui("stack", "delete", "prod", "--confirm", "prod").code == 0
