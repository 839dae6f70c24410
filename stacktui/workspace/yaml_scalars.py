"""Single texts of a YAML file replaced where they stand: their quotes, and every byte beside them, stay.

Used by renames, which replace a name in many files. What cannot be done so (an alias that stands for other things
too, a merged mapping) is left to the editor, which rewrites more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from stacktui.workspace.yaml_editor import rewrite
from stacktui.workspace.yaml_reader import Path, YamlProblem, decode, read_yaml
from stacktui.workspace.yaml_tree import Tree, parse_tree, same
from stacktui.workspace.yaml_writer import scalar

_BOM = b"\xef\xbb\xbf"
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)*")


def replace_texts(raw: bytes, places: Collection[Path], new: str) -> bytes:
    """The file's bytes with the texts at `places` replaced by `new`.

    Raises `EditImpossible` where that cannot be done without harm, `YamlProblem` if the file cannot be read.
    """
    current = read_yaml(raw).value
    wanted = current
    for place in places:
        # A text of a class of its own, as a screen's is, would not be the same as the one that is read back.
        wanted = _with(wanted, place, str(new))
    text = decode(raw)
    tree = parse_tree(text)
    found = {node.start: node for place in places if tree and (node := _node(tree, place)) is not None}
    for start in sorted(found, reverse=True):
        text = _replaced(text, found[start], new)
    result = (_BOM if raw.startswith(_BOM) else b"") + text.encode()
    try:
        if same(read_yaml(result).value, wanted):
            return result
    except YamlProblem:
        pass
    return rewrite(raw, wanted)


def _replaced(text: str, node: Tree, new: str) -> str:
    properties = _PROPERTIES.match(text, node.start, node.end)
    start = properties.end() if properties else node.start
    return text[:start] + scalar(new, node.style, in_flow=True) + text[node.end :]


def _node(tree: Tree, place: Path) -> Tree | None:
    """The scalar at a place; None where another kind of node, or an alias, leads there."""
    for part in place:
        if tree.kind == "mapping":
            # Of a key that stands twice the later one counts.
            held = [value for key, value in tree.pairs if key.text == part]
            if not held:
                return None
            tree = held[-1]
        elif tree.kind == "sequence" and isinstance(part, int) and part < len(tree.items):
            tree = tree.items[part]
        else:
            return None
    return tree if tree.kind == "scalar" and tree.style in (None, "'", '"') else None


def _with(value: Any, place: Path, new: str) -> Any:
    if not place:
        return new
    head, rest = place[0], place[1:]
    if isinstance(value, Mapping):
        return {key: _with(item, rest, new) if key == head else item for key, item in value.items()}
    return [_with(item, rest, new) if index == head else item for index, item in enumerate(value)]
