"""The syntax tree of a YAML file: every node with the place of its text. Used by the editor, which splices by it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from stacktui.workspace.yaml_reader import UnquotedReference, compose, event_parser, resolve_plain
from stacktui.workspace.yaml_writer import Layout

NEWLINE = re.compile(r"\r\n|\n|\r")


@dataclass
class Tree:
    """One node. Offsets are in characters of the text."""

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    end: int
    """Where its own text ends: of a block collection, the end of its last entry."""
    style: str | None = None
    """Of a scalar: `'`, `"`, `|`, `>` or None for plain."""
    flow: bool = False
    marked: bool = False
    """Whether it has an anchor or a tag."""
    text: Any = None
    """Of a scalar: what it stands for."""
    pairs: list[tuple[Tree, Tree]] = field(default_factory=list)
    items: list[Tree] = field(default_factory=list)


def parse_tree(text: str) -> Tree | None:
    """The tree of the one document in `text`; None if it has none. Raises `YamlProblem`."""
    if compose(text) is None:
        return None
    events = event_parser(text)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _node(next(events), events, text)
    return None


def same(left: Any, right: Any) -> bool:
    """Whether two values would be written alike: `1`, `1.0` and `True` differ, the order of keys does not count."""
    if isinstance(left, dict) and isinstance(right, dict):
        return (
            isinstance(left, UnquotedReference) == isinstance(right, UnquotedReference)
            and left.keys() == right.keys()
            and all(same(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return type(left) is type(right) and bool(left == right)


def _node(event: Any, events: Iterator[Any], text: str) -> Tree:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.AliasEvent):
        return Tree("alias", start, end)
    marked = event.anchor is not None or (event.tag is not None)
    if isinstance(event, yaml.ScalarEvent):
        style = event.style or None
        value = resolve_plain(event.value) if style is None else event.value
        if style in ("|", ">"):
            header = text[start:end].split("\n", 1)[0]
            if "+" not in header.split("#", 1)[0]:
                end = start + len(text[start:end].rstrip())
        return Tree("scalar", start, end, style, marked=marked, text=value)
    flow = bool(event.flow_style)
    if isinstance(event, yaml.MappingStartEvent):
        tree = Tree("mapping", start, end, flow=flow, marked=marked)
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = _node(event, events, text)
            tree.pairs.append((key, _node(next(events), events, text)))
        last = tree.pairs[-1][1] if tree.pairs else None
    else:
        tree = Tree("sequence", start, end, flow=flow, marked=marked)
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            tree.items.append(_node(event, events, text))
        last = tree.items[-1] if tree.items else None
    # libyaml ends a block collection where the next token starts, after comments that are not its own.
    tree.end = event.end_mark.index if flow or last is None else last.end
    return tree


def layout_of(text: str, tree: Tree) -> Layout:
    """The file's own line ending and indentation, taken from the first of each that it shows."""
    eol = NEWLINE.search(text)
    step = list_step = None
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        waiting.extend(node.items)
        for key, value in () if node.flow else node.pairs:
            waiting.append(value)
            if value.flow or value.marked:
                continue
            if value.kind == "mapping" and step is None:
                step = _column(text, value.start) - _column(text, key.start)
            elif value.kind == "sequence" and list_step is None:
                list_step = _column(text, value.start) - _column(text, key.start)
    step = step if step and step > 0 else 2
    return Layout(eol[0] if eol else "\n", step, step if list_step is None or list_step < 0 else list_step)


def _column(text: str, offset: int) -> int:
    return offset - max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) - 1
