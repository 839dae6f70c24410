"""Findings as code hosts and CI read them: SARIF 2.1.0, GitHub's workflow commands, JUnit's XML, our own JSON.

Used by `stack validate --format`. Programs that read them look at a checkout from its root, so paths are relative to
the repository where the workspace lies in one. No control byte of a message gets through: each form escapes them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from stacktui import __version__
from stacktui.model.codes import CODES
from stacktui.model.text import clean
from stacktui.operations.documents import DiagnosticPart
from stacktui.operations.formats import Report

if TYPE_CHECKING:
    from stacktui.operations.stack import Validation

_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}
_COMMANDS = {"error": "error", "warning": "warning", "hint": "notice"}
_ROOT_FILE = "stacktui.yaml"


def written(result: Validation, form: Report, root: Path, strict: bool = False) -> str:
    """The findings in one of the forms, with a newline at the end.

    `root` is the workspace's. With `strict` a warning is a failed test of JUnit's, as it is for the exit code;
    severities stay what they are elsewhere.
    """
    if form is Report.JSON:
        return json.dumps(result.model_dump(mode="json"), ensure_ascii=True) + "\n"
    below = _below_repository(root)
    if form is Report.SARIF:
        return json.dumps(_sarif(result, below), ensure_ascii=True, indent=1) + "\n"
    if form is Report.GITHUB:
        return "".join(f"{_command(each, below)}\n" for each in result.diagnostics)
    return _junit(result, below, strict)


def _below_repository(root: Path) -> PurePosixPath:
    """Where the workspace lies in the checkout around it; `.` where it is the checkout, or in none."""
    for folder in (root, *root.parents):
        # A file in a worktree or a submodule.
        if (folder / ".git").exists():
            return PurePosixPath(root.relative_to(folder).as_posix())
    return PurePosixPath()


def _placed(file: str, below: PurePosixPath) -> str:
    """A finding's file from the repository's root; what lies outside the workspace has its whole path."""
    return (below / file).as_posix()


# SARIF


def _sarif(result: Validation, below: PurePosixPath) -> dict[str, Any]:
    codes = {code: index for index, code in enumerate(sorted({each.code for each in result.diagnostics}))}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "stacktui",
                        "version": __version__,
                        "rules": [_sarif_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _sarif_result(each, codes[each.code], _location(each, below))
                    for each in result.diagnostics
                ],
            }
        ],
    }


def _sarif_rule(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    title = known.title if known else f"a rule of the team's own: {code}"
    rule: dict[str, Any] = {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": f"{title}. `stacktui doctor --codes` lists all codes."},
    }
    if known:
        rule["defaultConfiguration"] = {"level": _LEVELS[known.severity.value]}
    return rule


def _sarif_result(found: DiagnosticPart, rule: int, location: dict[str, Any]) -> dict[str, Any]:
    return {
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": _LEVELS[found.severity.value],
        "message": {"text": clean(found.message)},
        "locations": [{"physicalLocation": location}],
    }


def _location(found: DiagnosticPart, below: PurePosixPath) -> dict[str, Any]:
    # Code hosts show nothing that has no file and line: what is about the workspace as such stands at its first one.
    file = _placed(found.file or _ROOT_FILE, below)
    uri = quote(os.fsencode(file))
    artifact = {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
    region = {"startLine": found.line or 1, "startColumn": found.column or 1}
    return {"artifactLocation": artifact, "region": region}


# GitHub


def _command(found: DiagnosticPart, below: PurePosixPath) -> str:
    file = None if found.file is None else clean(_placed(found.file, below))
    where = {"file": file, "line": found.line, "col": found.column, "title": clean(found.code)}
    properties = ",".join(
        f"{name}={_escaped(str(value), ':,')}" for name, value in where.items() if value is not None
    )
    return f"::{_COMMANDS[found.severity.value]} {properties}::{_escaped(clean(found.message))}"


def _escaped(text: str, more: str = "") -> str:
    return re.sub(f"[%\r\n{more}]", lambda match: f"%{ord(match[0]):02X}", text)


# JUnit


def _junit(result: Validation, below: PurePosixPath, strict: bool) -> str:
    bad = {"error", "warning"} if strict else {"error"}
    cases = [_case(each, name, below, bad) for each, name in _named(result.diagnostics)]
    failures = sum(each.severity in bad for each in result.diagnostics)
    passed = [each.stack for each in result.stacks if each.ok]
    if result.stack is not None and result.ok:
        passed = [result.stack]
    cases += [_test("stacks", f"{name} is valid") for name in passed]
    if not cases:
        cases = [_test("workspace", "nothing was found")]
    facts = {
        "name": f"stack {result.stack}" if result.stack else "workspace",
        "tests": str(len(cases)),
        "failures": str(failures),
        "errors": "0",
        "skipped": "0",
    }
    suite = ElementTree.Element("testsuite", {key: _xml(value) for key, value in facts.items()})
    suite.extend(cases)
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _named(found: tuple[DiagnosticPart, ...]) -> Iterator[tuple[DiagnosticPart, str]]:
    """Each finding with a name that is its own within its file: readers count tests of one name as one."""
    seen: dict[tuple[str | None, str], int] = {}
    for each in found:
        name = each.code
        if each.line is not None:
            name += f" at line {each.line}" + (f", column {each.column}" if each.column is not None else "")
        count = seen[each.file or each.subject, name] = seen.get((each.file or each.subject, name), 0) + 1
        yield each, name if count == 1 else f"{name} ({count})"


def _case(found: DiagnosticPart, name: str, below: PurePosixPath, bad: set[str]) -> ElementTree.Element:
    file = None if found.file is None else _placed(found.file, below)
    case = _test(file or found.subject or "workspace", name)
    if file is not None:
        case.set("file", _xml(file))
    message = _xml(found.message)
    if found.severity in bad:
        place = f"{file}:{found.line}: " if file and found.line else ""
        failure = ElementTree.SubElement(case, "failure", message=message, type=_xml(found.code))
        failure.text = _xml(place) + message
    else:
        ElementTree.SubElement(case, "system-out").text = f"{found.severity}: {message}"
    return case


def _test(group: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=_xml(group), name=_xml(name), time="0")


def _xml(text: str) -> str:
    """Cleaned, and without the two characters that XML has no way to write."""
    return re.sub("[\ufffe\uffff]", "\ufffd", clean(text))
