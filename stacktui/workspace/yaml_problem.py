"""Why a YAML file is not read, in words for people and with the place to look at. Used by `yaml_reader`."""

from __future__ import annotations

import re

import yaml

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What libyaml counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class YamlProblem(Exception):
    """Why a text is not read: a code of `stacktui.model.codes`, and where it stops, counted from 1."""

    def __init__(self, code: str, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column


_PLAINER = {
    "mapping values are not allowed in this context": "a ':' is not allowed here; check the indentation, or quote the value",
    "did not find expected key": "a key was expected here; check the indentation and the quotes",
    "could not find expected ':'": "a ':' was expected after the key",
    "found character that cannot start any token": "this character cannot start a value; quote the value",
    "found unexpected end of stream": "the file ends inside a quoted text",
    "did not find expected '-' indicator": "a '- ' was expected here; check the indentation",
    "did not find expected ',' or ']'": "the list is not closed: ',' or ']' was expected",
    "did not find expected ',' or '}'": "the mapping is not closed: ',' or '}' was expected",
    "did not find expected node content": "a value was expected here",
    "but found another document": "the file holds a second document; keep one",
    "found a tab character that violates indentation": "a tab indents this line; use spaces",
}


def problem_of(error: yaml.YAMLError, text: str) -> YamlProblem:
    """libyaml's error about a text, in words that say what to do."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        bad = _FORBIDDEN.search(text)
        line, column = line_and_column(text[: bad.start()]) if bad else (1, 1)
        found = f"character U+{ord(bad[0]):04X}" if bad else "a character"
        return YamlProblem("FIL008", f"{found} is not allowed in a text file", line, column)
    said = str(getattr(error, "problem", None) or error)
    message = _PLAINER.get(said, said)
    if mark.index >= len(text.rstrip()):
        # The end of the file is where it was noticed; what was left open is where to look.
        opened = getattr(error, "context_mark", None)
        if opened is not None and text[opened.index : opened.index + 1] in ("[", "{", "'", '"'):
            mark = opened
            message = f"the {text[mark.index]} that opens here is never closed"
        else:
            line, column = line_and_column(text.rstrip())
            return YamlProblem("FIL002", f"not valid YAML: {message}", line, column)
    line_text = text.split("\n")[mark.line] if mark.line <= text.count("\n") else ""
    if re.search(r"(:|-)\s+\{\{", line_text):
        message = 'a value that starts with {{ needs quotes: "{{name.key}}"'
    return YamlProblem("FIL002", f"not valid YAML: {message}", mark.line + 1, mark.column + 1)


def line_and_column(before: str) -> tuple[int, int]:
    """The place, counted from 1, right after `before`, which is a text's beginning."""
    lines = LINE_BREAK.split(before)
    return len(lines), len(lines[-1]) + 1
