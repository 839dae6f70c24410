"""Words in, exit code out: options, help, errors in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stacktui.operations.table import NOUNS, all_operations
from tests.cli.conftest import Run

OPERATIONS = [operation for operation in all_operations().values() if not operation.hidden]


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS])
def test_every_command_explains_itself(stacktui: Run, operation: object) -> None:
    name = operation.name  # type: ignore[attr-defined]
    answer = stacktui(*name.split(), "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert f"stacktui {name}" in answer.out
    assert "Examples" in answer.out
    for parameter in operation.parameters:  # type: ignore[attr-defined]
        assert parameter.flag in answer.out.lower(), parameter.flag
    assert max(map(len, answer.out.splitlines())) <= 110


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_explains_itself(stacktui: Run, noun: str) -> None:
    answer = stacktui(noun, "-h")
    assert answer.code == 0
    for operation in OPERATIONS:
        if operation.noun == noun:
            assert operation.verb in answer.out


def test_the_first_page_has_every_noun_once(stacktui: Run) -> None:
    page = stacktui("--help").out
    for noun in NOUNS:
        assert len(re.findall(rf"^  {noun} +\S", page, re.MULTILINE)) == 1


def test_what_an_option_takes_is_said_as_it_is(stacktui: Run) -> None:
    assert re.search(r"--at WHEN ", stacktui("schedule", "--help").out)
    assert re.search(r"--from STEP ", stacktui("runs", "retry", "--help").out)
    assert re.search(r"--set KEY=VALUE ", stacktui("run", "--help").out)


def test_the_version(stacktui: Run) -> None:
    from stacktui import __version__

    assert stacktui("--version").out == f"stacktui {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stak", "list"], r"no command 'stak'; did you mean 'stack'\? See: stacktui --help"),
        (["stack", "lst"], r"stack has no 'lst'; did you mean 'list'\? See: stacktui stack --help"),
        (["stack"], r"say what to do: list, show.*; see: stacktui stack --help"),
        ([], r"no command was named; see: stacktui --help"),
        (["stack", "list", "--al"], r"no such option.*--al.*stacktui stack list --help"),
        (["stack", "use"], r"missing argument 'NAME'.*stacktui stack use --help"),
        (["stack", "use", "a", "b"], r"extra argument.*stacktui stack use --help"),
        (["stack", "use", "defalt"], r"no stack 'defalt'; did you mean 'default'\? See: stacktui stack list"),
        (["component", "list", "alertre"], r"no category 'alertre'; did you mean 'alerter'\?"),
        (["component", "show", "alerter", "inbx"], r"no alerter 'inbx'; did you mean 'inbox'\?"),
        (["component", "add", "alerter", "x"], r"missing option '-f' / '--flavor'"),
        (["flavor", "show", "alerter", "loca"], r"did you mean 'local'\? See: stacktui flavor list alerter"),
        (["--stack", "defalt", "secret", "list"], r"no stack 'defalt' \(--stack\); did you mean 'default'\?"),
        (["--store", "locl", "runs", "list"], r"no metadata store 'locl'; did you mean 'local'\?"),
        (["runs", "show", "0193"], r"no run 0193.*stacktui runs list"),
        (["runs", "list", "--status", "done"], r"no status 'done'"),
        (["runs", "list", "--limit", "x"], r"'x' is not a valid int"),
        (["runs", "wait", "last", "--timeout", "-1"], r"--timeout must be at least 0"),
        (["runs", "list", "--limit", "0"], r"--limit must be at least 1"),
        (["artifact", "show", "nothing"], r"no artifact nothing"),
        (["artifact", "show", "a/b"], r"no artifact 'a/b'.*stacktui artifact list"),
        (["secret", "reveal", "aws", "key"], r"no secret 'aws'; see: stacktui secret list"),
        (["model", "show", "churn"], r"no model 'churn'; see: stacktui model list"),
        (["image", "tags", "x"], r"no repository 'x'; see: stacktui image list"),
        (["run", "helo"], r"no pipeline helo; did you mean hello\?"),
        (
            ["run", "pipelines/helo.py:hello"],
            r"no pipeline file pipelines/helo.py; did you mean pipelines/hello.py\?",
        ),
        (["run", "hello", "-p", "nam=x"], r"no parameter `nam`; did you mean `name`\?"),
        (["run", "hello", "-p", "name"], r"--param 'name' is not of the form key=value"),
        (["run", "hello", "--config", "no.yaml"], r"no.yaml cannot be read: no such file"),
        (["alert", "answer", "x", "yes"], r"x"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(stacktui: Run, words: list[str], message: str) -> None:
    answer = stacktui(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert re.fullmatch(rf"stacktui: .*{message}.*\n", answer.err), answer.err


def test_outside_a_workspace_a_command_says_how_to_make_one(stacktui: Run, tmp_path: Path) -> None:
    for words in (["stack", "list"], ["runs", "list"], ["stack", "add", "x"]):
        answer = stacktui(*words, folder=tmp_path)
        assert answer.code == 2
        assert "stacktui init" in answer.err
        assert answer.err.count("\n") == 1


def test_the_answer_no_is_exit_code_1(stacktui: Run, root: Path) -> None:
    (root / "stacks" / "worse.yaml").write_text("components: {}\n")
    assert stacktui("stack", "validate", "worse").code == 1
    assert stacktui("stack", "validate", "default").code == 0
    refused = stacktui("stack", "clone", "worse", "worse2")
    assert refused.code == 0
    assert stacktui("component", "delete", "alerter", "inbox").code == 1
    assert stacktui("run", "hello", "--stack", "worse").code == 1


@pytest.mark.parametrize("place", ["before", "after the noun", "after the verb"])
def test_json_may_stand_anywhere(stacktui: Run, place: str) -> None:
    words = {
        "before": ["--json", "stack", "list"],
        "after the noun": ["stack", "--json", "list"],
        "after the verb": ["stack", "list", "--json"],
    }[place]
    assert stacktui(*words).document["version"] == 1


def test_readonly_refuses_what_writes_and_says_so(stacktui: Run, root: Path) -> None:
    answer = stacktui("--readonly", "stack", "clone", "default", "copy")
    assert answer.code == 2
    assert "read-only" in answer.err
    assert not (root / "stacks" / "copy.yaml").exists()
    assert stacktui("--readonly", "stack", "list").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(stacktui: Run, shell: str) -> None:
    script = stacktui("completions", shell).out
    assert "_STACKTUI_COMPLETE" in script
    assert f"{shell}_complete" in script
