"""Commands from a folder of the workspace: files are named as a shell completes them there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "target",
    [
        "hello.py:hello",
        "../pipelines/hello.py:hello",
        "pipelines/hello.py:hello",
        "pipelines/hello.py",
        "hello",
    ],
)
def test_a_pipeline_file_is_found_from_a_subfolder(stacktui: Run, root: Path, target: str) -> None:
    answer = stacktui("plan", target, "--json", folder=root / "pipelines")
    assert answer.code == 0, answer.err
    assert answer.document["pipeline"] == "hello"


def test_a_file_here_comes_before_one_of_the_root(stacktui: Run, root: Path) -> None:
    inner = root / "pipelines" / "pipelines"
    inner.mkdir()
    source = (root / "pipelines" / "hello.py").read_text("utf-8")
    (inner / "hello.py").write_text(source.replace("def hello(", "def inner("), "utf-8")
    answer = stacktui("plan", "pipelines/hello.py:inner", "--json", folder=root / "pipelines")
    assert answer.code == 0, answer.err


def test_a_run_remembers_its_target_from_the_root(stacktui: Run, root: Path) -> None:
    started = stacktui("run", "hello.py:hello", "--json", folder=root / "pipelines")
    assert started.code == 0, started.err
    run_id = started.lines[-1]["run_id"]
    assert stacktui("runs", "show", run_id, "--json").document["pipeline"] == "hello"
    assert not list(root.glob("**/.stacktui/.stacktui")) and os.path.isdir(root / ".stacktui" / "runs" / run_id)


def test_a_stack_that_does_not_answer_names_the_command_that_shows_it(stacktui: Run, root: Path) -> None:
    (root / ".stacktui").mkdir(0o700, exist_ok=True)
    (root / ".stacktui" / "metadata.db").write_bytes(b"this is no database" * 500)
    answer = stacktui("run", "hello")
    assert answer.code == 1
    assert "stacktui stack validate default --probe" in answer.err
    assert stacktui("stack", "validate", "default", "--probe").code == 1


def test_times_of_entities_may_be_written_in_several_ways(stacktui: Run, root: Path) -> None:
    (root / "values.csv").write_text("user,ts,a\n1,2024-01-01T00:00:00,10\n1,2024-01-02,20\n", "utf-8")
    (root / "components" / "feature_store" / "local.yaml").write_text(
        "flavor: local\nconfig:\n  views:\n"
        "    - {name: u, join_keys: [user], source: values.csv, timestamp: ts, features: [a]}\n",
        "utf-8",
    )
    entities = root / "entities.csv"
    entities.write_text("user,event_timestamp\n1,2024-01-01T12:00:00\n1,2024-01-03\n1,2023-01-01 00:00\n", "utf-8")
    answer = stacktui("feature", "historical", str(entities), "--json")
    assert answer.code == 0, answer.err
    assert [row[-1] for row in answer.document["rows"]] == [10, 20, None]
    entities.write_text("user,event_timestamp\n1,yesterday\n", "utf-8")
    answer = stacktui("feature", "historical", str(entities))
    assert answer.code == 2
    assert "event_timestamp" in answer.err
    assert "something went wrong" not in answer.err
