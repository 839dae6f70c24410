"""What a plan finds to stand in the way, before a run would find out."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Run

FLOW = """
from stacktui import pipeline, step


@step(secrets=["vault.token", "aws.key"])
def fit() -> int:
    return 1


@pipeline
def flow():
    fit()
"""


def test_a_secret_that_a_step_names_and_nobody_has_set(
    stacktui: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cr3t-value"))
    assert stacktui("secret", "set", "aws", "key").code == 0
    answer = stacktui("plan", "flow", "--json")
    assert answer.code == 1
    (found,) = answer.document["diagnostics"]
    assert (found["code"], found["file"], found["line"]) == ("SEC005", "pipelines/flow.py", 5)
    assert "step `fit`" in found["message"]
    assert "stacktui secret set vault token" in found["message"]
    assert "aws.key" not in found["message"]
    assert answer.document["steps"][0]["secrets"] == ["vault.token", "aws.key"]

    monkeypatch.setattr("sys.stdin", io.StringIO("s3cr3t-value"))
    assert stacktui("secret", "set", "vault", "token").code == 0
    answer = stacktui("plan", "flow", "--json")
    assert (answer.code, answer.document["diagnostics"]) == (0, [])


def test_secrets_of_steps_need_a_secrets_manager(stacktui: Run, root: Path) -> None:
    (root / "pipelines" / "flow.py").write_text(FLOW, "utf-8")
    assert stacktui("stack", "edit", "default", "--unset", "secrets_manager").code == 0
    answer = stacktui("plan", "flow", "--json")
    assert answer.code == 1
    assert "has no secrets manager" in answer.document["diagnostics"][0]["message"]
