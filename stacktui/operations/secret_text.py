"""Several keys of one secret, as people keep them in a file: lines of KEY=VALUE, or a JSON object. Errors name lines
and keys, never what stands there. Used by `secret import`."""

from __future__ import annotations

import json
import re

from stacktui.operations.errors import OperationError

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def values_in(text: str) -> dict[str, str]:
    """Values by key, in their order. Raises `OperationError` in words."""
    if not text.strip():
        raise OperationError("nothing was given: send lines of KEY=VALUE or a JSON object on standard input")
    found = _of_json(text) if text.lstrip().startswith("{") else _of_lines(text)
    if not found:
        raise OperationError("there is no key in what was given: write lines of KEY=VALUE")
    return found


def _of_json(text: str) -> dict[str, str]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise OperationError(f"what was given is not valid JSON{f', line {line}' if line else ''}") from None
    found = {}
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise OperationError(f"the value of {key!r} is neither text nor a number")
        found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


def _of_lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line, first = lines[number], number + 1
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise OperationError(f"line {first} is not KEY=VALUE")
        key, value = matched[1], matched[2]
        quote = value[:1]
        if quote in ("'", '"'):
            # A quoted value may go over several lines.
            while (end := _closing(value, quote)) < 0 and number < len(lines):
                value += "\n" + lines[number]
                number += 1
            rest = value[end + 1 :].strip() if end >= 0 else ""
            if end < 0 or (rest and not rest.startswith("#")):
                raise OperationError(f"the quotes that begin in line {first} are not closed")
            value = value[1:end] if quote == "'" else _unescaped(value[1:end])
        else:
            value = re.split(r"\s+#", value, maxsplit=1)[0].rstrip()
        found[key] = value
    return found


def _closing(value: str, quote: str) -> int:
    place = 1
    while place < len(value):
        if value[place] == "\\" and quote == '"':
            place += 1
        elif value[place] == quote:
            return place
        place += 1
    return -1


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)
