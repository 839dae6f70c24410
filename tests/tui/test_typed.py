"""The `:` line's words: places, operations with arguments, completion."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacktui.model.category import Category
from stacktui.operations.session import Session
from stacktui.tui.typed import Call, GoTo, Leave, suggestions, understand
from tests.tui.workbench import component, stack, workspace


@pytest.mark.parametrize(
    ("line", "place", "argument"),
    [
        ("runs", "runs", ""),
        ("runs local", "runs", "local"),
        ("artifact_store team-bucket", "artifact_store", "team-bucket"),
        ("run 0193abc", "run", "0193abc"),
        ("  stacks ", "stacks", ""),
    ],
)
def test_a_place_with_what_follows_it(line: str, place: str, argument: str) -> None:
    assert understand(line) == GoTo(place, argument)


@pytest.mark.parametrize("line", ["q", "quit", "q!", " exit "])
def test_vim_habits_leave(line: str) -> None:
    assert understand(line) == Leave()


def test_an_operation_takes_arguments_as_on_the_command_line() -> None:
    asked = understand(
        "stack edit prod --set alerter=oncall --set orchestrator=local -d 'for nights' --force"
    )
    assert isinstance(asked, Call)
    assert asked.operation.name == "stack edit"
    assert asked.arguments == {
        "name": "prod",
        "values": ("alerter=oncall", "orchestrator=local"),
        "description": "for nights",
        "force": True,
    }


def test_values_get_their_types() -> None:
    asked = understand("runs list --limit 5 --status failed")
    assert isinstance(asked, Call)
    assert asked.arguments["limit"] == 5
    asked = understand("component list artifact_store")
    assert isinstance(asked, Call)
    assert asked.arguments == {"category": Category.ARTIFACT_STORE}


def test_run_with_a_target_runs_and_with_an_id_goes() -> None:
    asked = understand("run pipelines/train.py:training -p lr=0.2")
    assert isinstance(asked, Call)
    assert asked.operation.name == "run"
    assert understand("run 0193") == GoTo("run", "0193")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("stack validat", "did you mean stack validate"),
        ("stackz", "did you mean stacks"),
        ("stack", "stack what? "),
        ("runs list --limt 5", "did you mean --limit"),
        ("runs list --limit many", "is not int"),
        ("stack use", None),
        ("stack use a b", "does not take 'b'"),
        ("stack edit 'prod", "a quote is not closed"),
        ("component list artefact_store", "is one of"),
        ("runs list --limit", "needs a value"),
    ],
)
def test_what_cannot_be_understood_says_what_would_be(line: str, says: str | None) -> None:
    if says is None:
        assert isinstance(understand(line), Call)  # What is missing is asked for.
        return
    with pytest.raises(ValueError) as caught:
        understand(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_completes_names_then_arguments_then_options(tmp_path: Path) -> None:
    root = workspace(tmp_path / "vision")
    stack(root, "prod", "extends: default\n")
    component(root, "artifact_store", "team-bucket", "local")
    with Session(root) as session:
        assert suggestions(session, "arti")[0].line == "artifact_store"
        assert "team-bucket" in [s.word for s in suggestions(session, "artifact_store t")]
        assert [s.line for s in suggestions(session, "artifact_store team")] == ["artifact_store team-bucket"]
        assert "use" in [s.word for s in suggestions(session, "stack ")]
        assert [s.word for s in suggestions(session, "stack use p")] == ["prod"]
        assert [s.word for s in suggestions(session, "stack edit prod --ext")] == ["--extends"]
        assert {s.word for s in suggestions(session, "stack edit prod --extends ")} == {"default", "prod"}
        assert suggestions(session, "component show artifact_store team")[0].word == "team-bucket"
        assert suggestions(session, "zzzz") == []


def test_letters_in_order_are_enough(tmp_path: Path) -> None:
    with Session(workspace(tmp_path / "vision")) as session:
        assert "stack validate" in [s.word for s in suggestions(session, "stval")]
