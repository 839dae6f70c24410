"""Plain values as YAML text, as a person would write it. Used for new files and for the parts that an edit replaces.

Text is quoted wherever YAML 1.1 or 1.2 would read it as something else, so that every tool reads the same.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from stacktui.workspace.yaml_reader import UnquotedReference, resolve_plain

_PLAIN = re.compile(r"[^\W]|[\w/.~$(<][\w/.~$()+@;^=<>\\%!?&*, '\"|-]*[\w/.~$()+@;^=>\\%!?-]")
_PLAIN_IN_FLOW = re.compile(r"[^\W]|[\w/.~$(][\w/.~$()+@;^=\\%! -]*[\w/.~$()+@;^=\\%!-]")
_NUMBER_LIKE = re.compile(r"[-+]?\.?[0-9][0-9_.,:eExXoObBTtZz+ -]*|[-+]?0x[0-9a-fA-F_]+|\.[0-9_]+.*")
_WORDS_OF_YAML_1_1 = frozenset(("yes", "no", "on", "off", "=", "<<"))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_FLOW_WIDTH = 80


@dataclass(frozen=True)
class Layout:
    """How a file is laid out."""

    eol: str = "\n"
    step: int = 2
    """Columns of one level of indentation."""
    list_step: int = 2
    """Columns from a key to the dashes of its list."""
    literals: bool = True
    """Whether a text of several lines may be a block; else it is quoted."""


def document(value: dict[str, Any], layout: Layout = Layout()) -> str:
    """A whole file's mapping, block style, with a newline at its end."""
    if not value:
        return "{}" + layout.eol
    return "".join(pair(key, item, "", layout) + layout.eol for key, item in value.items())


def pair(key: Any, value: Any, indent: str, layout: Layout) -> str:
    """An entry of a block mapping at an indentation, without a newline at its end."""
    return f"{indent}{scalar(key)}:{after_key(value, indent, layout)}"


def item(value: Any, indent: str, layout: Layout) -> str:
    """An item of a block list at an indentation, without a newline at its end."""
    if isinstance(value, dict) and value and not isinstance(value, UnquotedReference):
        inner = indent + "  "
        lines = layout.eol.join(pair(key, found, inner, layout) for key, found in value.items())
        return f"{indent}- {lines[len(inner) :]}"
    if isinstance(value, str) and (block := literal(value, indent, layout)):
        return f"{indent}- {block}"
    return f"{indent}- {inline(value)}"


def after_key(value: Any, indent: str, layout: Layout) -> str:
    """What follows the colon of a key that stands at `indent`: with its leading space or newline."""
    if isinstance(value, dict) and value and not isinstance(value, UnquotedReference):
        inner = indent + " " * layout.step
        return "".join(layout.eol + pair(key, found, inner, layout) for key, found in value.items())
    if isinstance(value, (list, tuple)) and value:
        flat = inline(value)
        if len(indent) + len(flat) > _FLOW_WIDTH or any(isinstance(found, (dict, list)) for found in value):
            inner = indent + " " * layout.list_step
            return "".join(layout.eol + item(found, inner, layout) for found in value)
        return " " + flat
    if isinstance(value, str) and (block := literal(value, indent, layout)):
        return " " + block
    return " " + inline(value, in_flow=False)


def inline(value: Any, style: str | None = None, *, in_flow: bool = True) -> str:
    """A value on one line. `style` is the quote that a text had before: `'`, `"` or none."""
    if isinstance(value, UnquotedReference):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k, in_flow=True)}: {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inline(found) for found in value) + "]"
    return scalar(value, style, in_flow=in_flow)


def scalar(value: Any, style: str | None = None, *, in_flow: bool = False) -> str:
    """A scalar on one line. Raises TypeError for a value that YAML has no plain form for."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _real(value)
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} cannot be written to YAML")
    text = str(value)
    printable = text.isprintable()
    if style == "'" and printable:
        return "'" + text.replace("'", "''") + "'"
    if style not in ("'", '"') and printable and _reads_back(text, in_flow):
        return text
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def literal(text: str, indent: str, layout: Layout) -> str | None:
    """A text of several lines as a block `|` under a key at `indent`; None where a block cannot hold it."""
    body = text.rstrip("\n")
    if not layout.literals or "\n" not in body or not all(line.isprintable() for line in body.split("\n")):
        return None
    if body[0] in " \n" or any(line != line.rstrip() for line in body.split("\n")):
        return None
    trailing = len(text) - len(body)
    if trailing > 1:
        return None
    inner = indent + " " * layout.step
    lines = layout.eol.join(inner + line if line else "" for line in body.split("\n"))
    return f"|{'' if trailing else '-'}{layout.eol}{lines}"


def _reads_back(text: str, in_flow: bool) -> bool:
    """Whether a text may stand without quotes."""
    if text.lower() in _WORDS_OF_YAML_1_1 or _NUMBER_LIKE.fullmatch(text) or text.startswith(("---", "...")):
        return False
    # A colon inside a word, as in s3://bucket, is text; before a space or at the end it would end a key.
    shape = re.sub(r":(?=[\w/])", "", text[1:])
    pattern = _PLAIN_IN_FLOW if in_flow else _PLAIN
    if not text or ":" in text[:1] or pattern.fullmatch(text[:1] + shape) is None:
        return False
    return isinstance(resolve_plain(text), str)


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _real(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    # YAML 1.1 wants a point in the mantissa and a sign in the exponent.
    if mark:
        mantissa += "" if "." in mantissa else ".0"
        exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
    return f"{mantissa}{mark}{exponent}"
