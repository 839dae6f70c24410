"""What a team's CI leans on: exit codes, a standard output that holds the report and nothing else, and one line of talk."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Run

ALL = ("stack", "validate", "--all", "--strict", "--offline", "--format")


def parsed(form: str, text: str) -> object:
    if form == "junit":
        return ElementTree.fromstring(text)
    if form == "github":
        assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in text.splitlines())
        return text
    return json.loads(text)


@pytest.mark.parametrize("form", ["sarif", "github", "junit", "json"])
def test_the_report_is_all_of_standard_output(stacktui: Run, root: Path, form: str) -> None:
    good = stacktui(*ALL, form)
    assert (good.code, good.err) == (0, "")
    parsed(form, good.out)
    (root / "stacks" / "prod.yaml").write_text("extends: default\ncomponents: {orchestrator: nobody}\n")
    bad = stacktui(*ALL, form)
    assert (bad.code, bad.err) == (1, "")
    parsed(form, bad.out)
    assert "nobody" in bad.out


@pytest.mark.parametrize("form", ["sarif", "github", "junit", "json", "text"])
def test_a_warning_fails_only_a_strict_check(stacktui: Run, root: Path, form: str) -> None:
    (root / "components" / "odd").mkdir()
    assert stacktui("stack", "validate", "--all", "--format", form).code == 0
    strict = stacktui(*ALL, form)
    assert (strict.code, strict.err) == (1, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stack", "validate", "--all", "--format", "sarif", "default"), "not both"),
        (("stack", "validate", "nobody", "--format", "junit"), "there is no stack"),
        (("stack", "validate", "--format", "xml"), "there is no format"),
    ],
)
def test_what_could_not_run_writes_no_report(stacktui: Run, words: tuple[str, ...], said: str) -> None:
    answer = stacktui(*words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_outside_a_workspace_it_could_not_run(stacktui: Run, tmp_path: Path) -> None:
    answer = stacktui(*ALL, "sarif", folder=tmp_path)
    assert (answer.code, answer.out) == (2, "")


def test_packages_that_are_missing_do_not_fail_an_offline_check(stacktui: Run, root: Path) -> None:
    assert stacktui("flavor", "new", "alerter", "far").code == 0
    file = root / "flavors" / "far.py"
    file.write_text(
        file.read_text().replace("remote=False,", 'remote=False, packages=("no-such-package>=1",),')
    )
    (root / "components" / "alerter" / "far.yaml").write_text("flavor: far\nconfig:\n  address: here\n")
    found = stacktui("stack", "validate", "--all", "--json").document["diagnostics"]
    assert [each["code"] for each in found if each["severity"] == "error"] == ["FLV001"]
    assert stacktui("stack", "validate", "--all").code == 1
    assert stacktui("stack", "validate", "--all", "--offline").code == 0
    assert stacktui("stack", "validate", "--all", "--offline", "--strict").code == 1


def test_json_and_a_report_s_json_are_the_same(stacktui: Run) -> None:
    assert stacktui("stack", "validate", "--all", "--json").document == json.loads(
        stacktui("stack", "validate", "--all", "--format", "json").out
    )


def test_fmt_and_upgrade_answer_as_programs_read_them(stacktui: Run, root: Path) -> None:
    file = root / "stacks" / "prod.yaml"
    file.write_text("components: {}\nextends: default\n")
    check = stacktui("-C", str(root), "fmt", "--check", "--json")
    assert check.code == 1
    assert check.document["version"] == 1
    assert [each["file"] for each in check.document["files"] if each["state"] == "changed"] == [
        "stacks/prod.yaml"
    ]
    assert stacktui("fmt", "--diff").out.startswith("--- a/stacks/prod.yaml\n+++ b/stacks/prod.yaml\n")
    assert stacktui("fmt").out == "~ formatted stacks/prod.yaml\n"
    assert stacktui("fmt", "--check").code == 0
    assert stacktui("workspace", "upgrade", "--json").document["version_after"] == 1
    (root / "stacktui.yaml").write_text("version: 9\n")
    newer = stacktui("workspace", "upgrade")
    assert (newer.code, newer.out) == (2, "")
    assert newer.err.count("\n") == 1
    assert "upgrade stacktui" in newer.err
