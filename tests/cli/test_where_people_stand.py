"""Commands from a folder of the workspace: files are named as a shell completes them there."""

from __future__ import annotations

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
    assert (root / ".stacktui" / "runs" / run_id).is_dir()
    assert not (root / "pipelines" / ".stacktui").exists()


def test_an_active_stack_that_was_deleted_is_named_with_why_it_is_active(stacktui: Run, root: Path) -> None:
    stacktui("stack", "add", "prod", "--extends", "default")
    stacktui("stack", "use", "prod")
    (root / "stacks" / "prod.yaml").unlink()
    answer = stacktui("secret", "list")
    assert answer.code == 2
    assert "there is no stack 'prod' (chosen in this checkout); see: stacktui stack list" in answer.err


def test_a_word_is_offered_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stacktui.cli.main import main

    def offered(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        monkeypatch.setenv("_STACKTUI_COMPLETE", "bash_complete")
        monkeypatch.chdir(root)
        main([])
        return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]

    flavors = offered("stacktui", "component", "add", "alerter", "x", "--flavor", "")
    assert "local" in flavors
    assert len(flavors) == len(set(flavors))
    assert offered("stacktui", "--stack", "") == ["default"]
    assert offered("stacktui", "--store", "") == ["local"]


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
    entities.write_text(
        "user,event_timestamp\n1,2024-01-01T12:00:00\n1,2024-01-03\n1,2023-01-01 00:00\n", "utf-8"
    )
    answer = stacktui("feature", "historical", str(entities), "--json")
    assert answer.code == 0, answer.err
    assert [row[-1] for row in answer.document["rows"]] == [10, 20, None]
    entities.write_text("user,event_timestamp\n1,yesterday\n", "utf-8")
    answer = stacktui("feature", "historical", str(entities))
    assert answer.code == 2
    assert "event_timestamp" in answer.err
    assert "something went wrong" not in answer.err
