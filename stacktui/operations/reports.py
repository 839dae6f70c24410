"""Findings as code hosts and CI read them: SARIF 2.1.0, GitHub's workflow commands, JUnit's XML, our own JSON.

Used by `stack validate --format`. No control byte of a message gets through: each form escapes them.
"""

from __future__ import annotations

import json
import re
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


def written(result: Validation, form: Report) -> str:
    """The findings in one of the forms, with a newline at the end."""
    if form is Report.JSON:
        return json.dumps(result.model_dump(mode="json"), ensure_ascii=True) + "\n"
    if form is Report.SARIF:
        return json.dumps(_sarif(result), ensure_ascii=True, indent=1) + "\n"
    if form is Report.GITHUB:
        return "".join(f"{_command(each)}\n" for each in result.diagnostics)
    return _junit(result)


def _sarif(result: Validation) -> dict[str, Any]:
    codes = sorted({each.code for each in result.diagnostics})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "stacktui",
                        "version": __version__,
                        "rules": [
                            {
                                "id": code,
                                "shortDescription": {"text": CODES[code].title if code in CODES else code},
                            }
                            for code in codes
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(each, codes) for each in result.diagnostics],
            }
        ],
    }


def _sarif_result(found: DiagnosticPart, codes: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": _LEVELS[found.severity.value],
        "message": {"text": found.message},
    }
    if found.file is not None:
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(found.file)}}
        if found.line is not None:
            place["region"] = {"startLine": found.line, "startColumn": found.column or 1}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _command(found: DiagnosticPart) -> str:
    where = {"file": found.file, "line": found.line, "col": found.column, "title": found.code}
    properties = ",".join(
        f"{name}={_escaped(str(value), ':,')}" for name, value in where.items() if value is not None
    )
    return f"::{_COMMANDS[found.severity.value]} {properties}::{_escaped(clean(found.message))}"


def _escaped(text: str, more: str = "") -> str:
    return re.sub(f"[%\r\n{more}]", lambda match: f"%{ord(match[0]):02X}", text)


def _junit(result: Validation) -> str:
    found = list(result.diagnostics)
    failures = [each for each in found if each.severity == "error"]
    suite = ElementTree.Element(
        "testsuite",
        name=f"stack {result.stack}" if result.stack else "workspace",
        tests=str(max(len(found), 1)),
        failures=str(len(failures)),
    )
    for each in found:
        place = each.file or each.subject or ""
        place += f":{each.line}" if each.line is not None else ""
        case = ElementTree.SubElement(suite, "testcase", classname=clean(place), name=each.code)
        message = clean(each.message)
        if each.severity == "error":
            ElementTree.SubElement(case, "failure", message=message, type=each.code)
        else:
            ElementTree.SubElement(case, "system-out").text = f"{each.severity}: {message}"
    if not found:
        ElementTree.SubElement(suite, "testcase", classname="stacktui", name="valid")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
