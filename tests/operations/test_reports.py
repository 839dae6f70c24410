"""Findings as code hosts and CI read them: each form is read back by the rules of whoever reads it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from stacktui.operations.documents import DiagnosticPart
from stacktui.operations.formats import Report
from stacktui.operations.reports import written
from stacktui.operations.session import Session
from stacktui.operations.stack import Validation, Verdict
from tests.operations.support import do

EVIL = "a\x1b]0;owned\x07 50%,b:c\r\n::error::x \u202e<b>&\ufffe\ud800 {{aws.key}} ]]>"


def one(**facts: Any) -> DiagnosticPart:
    """A finding; what is not said is plain."""
    known = {
        "code": "CFG003",
        "severity": "error",
        "message": "wrong",
        "file": "stacks/prod.yaml",
        "line": 3,
        "column": 5,
        "fix": None,
        "subject": None,
    }
    return DiagnosticPart.model_validate({**known, **facts})


def result(*found: DiagnosticPart, stack: str | None = None, good: tuple[str, ...] = ()) -> Validation:
    ok = not any(each.severity == "error" for each in found)
    stacks = tuple(Verdict(stack=name, ok=True) for name in good)
    return Validation(stack=stack, ok=ok, diagnostics=found, stacks=stacks)


def command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner takes it apart."""
    match = re.fullmatch(r"::(\w+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)", line)
    assert match is not None, line
    name, properties, data = match.groups()

    def unescaped(text: str, more: bool) -> str:
        for code, letter in (("%0D", "\r"), ("%0A", "\n"), *((("%3A", ":"), ("%2C", ",")) if more else ())):
            text = text.replace(code, letter)
        return text.replace("%25", "%")

    pairs = [pair.partition("=") for pair in (properties or "").split(",") if pair]
    return name, {key: unescaped(value, True) for key, _, value in pairs}, unescaped(data, False)


SARIF_KEYS = {
    "log": {"$schema", "version", "runs"},
    "run": {"tool", "columnKind", "results"},
    "driver": {"name", "version", "rules"},
    "rule": {"id", "shortDescription", "fullDescription", "help", "defaultConfiguration"},
    "result": {"ruleId", "ruleIndex", "level", "message", "locations"},
    "place": {"artifactLocation", "region"},
}
"""The properties of the standard that are written: the schema refuses every other, so these are all there may be."""


def check_sarif(text: str) -> list[dict[str, Any]]:
    """What SARIF 2.1.0 and the code hosts that read it demand; returns the results."""
    log = json.loads(text)
    assert text.isascii()
    assert log.keys() == SARIF_KEYS["log"]
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run.keys() <= SARIF_KEYS["run"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert driver.keys() <= SARIF_KEYS["driver"]
    assert driver["name"]
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() <= SARIF_KEYS["rule"]
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
    results: list[dict[str, Any]] = run["results"]
    for each in results:
        assert each.keys() <= SARIF_KEYS["result"]
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        assert each["level"] in ("none", "note", "warning", "error")
        assert each["message"]["text"]
        (location,) = each["locations"]
        place = location["physicalLocation"]
        assert place.keys() == SARIF_KEYS["place"]
        uri = place["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9/%._~:-]+", uri), uri
        assert (place["artifactLocation"].get("uriBaseId") == "%SRCROOT%") == (not uri.startswith("file:"))
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
    return results


def test_sarif_says_where_and_what(tmp_path: Path) -> None:
    found = result(
        one(),
        one(code="TEAM001", severity="warning", line=None, column=None),
        one(file=None, line=None, column=None, severity="hint"),
        one(file="/etc/a file.yaml"),
    )
    results = check_sarif(written(found, Report.SARIF, tmp_path))
    places = [each["locations"][0]["physicalLocation"] for each in results]
    assert places[0]["region"] == {"startLine": 3, "startColumn": 5}
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "stacks/prod.yaml",
        "stacks/prod.yaml",
        "stacktui.yaml",
        "file:///etc/a%20file.yaml",
    ]
    assert [each["level"] for each in results] == ["error", "warning", "note", "error"]


def test_github_takes_the_commands_apart_again(tmp_path: Path) -> None:
    found = result(
        one(message="50% of a, b: c", file="stacks/odd,name.yaml"), one(severity="hint", line=None)
    )
    lines = written(found, Report.GITHUB, tmp_path).splitlines()
    assert command(lines[0]) == (
        "error",
        {"file": "stacks/odd,name.yaml", "line": "3", "col": "5", "title": "CFG003"},
        "50% of a, b: c",
    )
    assert command(lines[1])[0] == "notice"
    assert "line" not in command(lines[1])[1]


def test_a_workspace_below_the_repository_s_root_has_paths_from_there(tmp_path: Path) -> None:
    root = tmp_path / "ml" / "work space"
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    found = result(one(), one(file="/elsewhere/x.yaml"))
    (inside, outside) = check_sarif(written(found, Report.SARIF, root))
    where = inside["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(where) == "ml/work space/stacks/prod.yaml"
    assert (
        outside["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///elsewhere/x.yaml"
    )
    line = written(found, Report.GITHUB, root).splitlines()[0]
    assert command(line)[1]["file"] == "ml/work space/stacks/prod.yaml"
    suite = ElementTree.fromstring(written(found, Report.JUNIT, root))
    assert suite[0].get("file") == "ml/work space/stacks/prod.yaml"


def test_foreign_text_breaks_no_form(tmp_path: Path) -> None:
    found = result(
        one(message=EVIL, file="stacks/\udcff\x1b.yaml", code="T\x1b,1"), one(message=EVIL, subject=EVIL)
    )
    for form in (Report.JSON, Report.SARIF, Report.GITHUB, Report.JUNIT):
        text = written(found, form, tmp_path)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), form
        text.encode("utf-8")
    check_sarif(written(found, Report.SARIF, tmp_path))
    lines = written(found, Report.GITHUB, tmp_path).splitlines()
    assert len(lines) == 2
    assert all(command(line)[0] == "error" for line in lines)
    suite = ElementTree.fromstring(written(found, Report.JUNIT, tmp_path))
    assert len(suite.findall("testcase")) == 2


def test_junit_counts_and_names_each_finding_once(tmp_path: Path) -> None:
    found = result(
        one(),
        one(message="wrong too"),
        one(severity="warning", line=9),
        one(severity="hint", file=None),
        good=("a",),
    )
    suite = ElementTree.fromstring(written(found, Report.JUNIT, tmp_path))
    cases = suite.findall("testcase")
    assert suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(cases) == 5
    assert int(suite.attrib["failures"]) == len(suite.findall(".//failure")) == 2
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(names)) == len(names)
    assert all(all(pair) for pair in names)
    failure = suite.find(".//failure")
    assert failure is not None
    assert failure.text == "stacks/prod.yaml:3: wrong"
    assert (cases[-1].get("name"), len(cases[-1])) == ("a is valid", 0)


def test_strict_fails_a_warning_where_only_the_tests_are_read(tmp_path: Path) -> None:
    found = result(one(severity="warning"))
    loose = ElementTree.fromstring(written(found, Report.JUNIT, tmp_path))
    strict = ElementTree.fromstring(written(found, Report.JUNIT, tmp_path, strict=True))
    assert (loose.get("failures"), strict.get("failures")) == ("0", "1")


@pytest.mark.parametrize("form", [Report.SARIF, Report.GITHUB, Report.JUNIT])
def test_a_valid_workspace_has_a_report_too(session: Session, form: Report) -> None:
    text = do(session, "stack validate", all_=True, format_=form).report
    if form is Report.SARIF:
        assert [each for each in check_sarif(text) if each["level"] == "error"] == []
    elif form is Report.JUNIT:
        suite = ElementTree.fromstring(text)
        assert suite.get("failures") == "0"
        assert [case.get("name") for case in suite.iter("testcase")][-1] == "default is valid"
    else:
        assert "::error" not in text


def test_lines_and_columns_are_those_of_the_file(session: Session, root: Path) -> None:
    file = root / "stacks" / "worse.yaml"
    file.write_text("extends: default\n# a comment\ncomponents:\n  orchestrator: nobody\n")
    (finding,) = check_sarif(do(session, "stack validate", name="worse", format_=Report.SARIF).report)
    region = finding["locations"][0]["physicalLocation"]["region"]
    line = file.read_text().splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 :].startswith("orchestrator")


def test_a_big_workspace_has_one_finding_a_stack(session: Session, root: Path) -> None:
    for number in range(300):
        (root / "stacks" / f"s{number:03}.yaml").write_text(
            "extends: default\ncomponents: {orchestrator: nobody}\n"
        )
    document = do(session, "stack validate", all_=True, format_=Report.SARIF)
    assert len([each for each in check_sarif(document.report) if each["ruleId"] == "NAM001"]) == 300
    assert [each.stack for each in document.stacks if each.ok] == ["default"]
    commands = do(session, "stack validate", all_=True, format_=Report.GITHUB).report.splitlines()
    assert len([line for line in commands if command(line)[0] == "error"]) == 300
