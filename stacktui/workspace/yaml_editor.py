"""Edits of a YAML file that leave everything else as it is: comments, order, quotes, indentation, line endings.

An edit is a value that the file should have. Where it differs from the value that the file has, the text is
spliced at the positions that the parser gives; every other byte stays. What splicing cannot do (anchors, tags,
the first key of a mapping inside a list) goes through ruamel.yaml. Either result is read again before it
counts. Used by everything that writes YAML.
"""

from __future__ import annotations

from typing import Any

from stacktui.workspace.yaml_reader import YamlProblem, decode, read_yaml
from stacktui.workspace.yaml_splice import Unspliceable, splice, splice_carefully
from stacktui.workspace.yaml_tree import same
from stacktui.workspace.yaml_writer import Layout, document

_BOM = b"\xef\xbb\xbf"


class EditImpossible(Exception):
    """The file's YAML cannot be edited without harm; it has to be done by hand."""


def rewrite(raw: bytes, wanted: dict[Any, Any]) -> bytes:
    """The file's bytes with the least change that makes it hold `wanted`.

    The order of the keys in `wanted` says where new ones go. Raises `EditImpossible`, and `YamlProblem` if the
    file as it is cannot be read.
    """
    text = decode(raw)
    prefix = _BOM if raw.startswith(_BOM) else b""
    current = read_yaml(raw).value
    if same(current, wanted):
        return raw
    if current is None:
        eol = "\r\n" if "\r\n" in text else "\n"
        head = text if not text or text.endswith(("\n", "\r")) else text + eol
        return prefix + (head + document(wanted, Layout(eol))).encode()
    for attempt in (splice, splice_carefully, _round_trip):
        try:
            result = prefix + attempt(text, current, wanted).encode()
            if same(read_yaml(result).value, wanted):
                return result
        except (Unspliceable, YamlProblem, UnicodeEncodeError):
            continue
    raise EditImpossible("this file uses YAML that cannot be edited here (anchors, tags); change it by hand")


def _round_trip(text: str, current: Any, wanted: dict[Any, Any]) -> str:
    from stacktui.workspace.yaml_roundtrip import round_trip

    return round_trip(text, current, wanted)
