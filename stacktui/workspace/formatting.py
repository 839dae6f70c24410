"""One form for the workspace's files: keys in the order of their kind, comments beside their keys, blank lines that
separate. Used by `stacktui fmt` and the pre-commit hook.

Whole lines move, and nothing else is written anew: what a file says stays the same, which is read back before it
counts. Values of `config` and `labels` and the names of steps keep the order that a person gave them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from stacktui.model.alert import RunAlerts
from stacktui.model.category import Category
from stacktui.model.stack import Resources, StepSettings
from stacktui.workspace.documents import WorkspaceFile
from stacktui.workspace.edits import COMPONENT_ORDER, STACK_ORDER
from stacktui.workspace.listing import COMPONENTS, STACKS
from stacktui.workspace.locate import ROOT_FILE
from stacktui.workspace.yaml_reader import YamlProblem, decode, read_yaml
from stacktui.workspace.yaml_tree import NEWLINE, Tree, parse_tree, same

_BOM = b"\xef\xbb\xbf"
# libyaml ends a line at these too; nobody means them.
_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")
_SCHEMA_LINE = "# yaml-language-server:"


@dataclass(frozen=True)
class Order:
    """The order of a mapping's keys, and of those below it."""

    keys: tuple[str, ...] = ()
    """In this order; others follow as they are written."""
    below: Mapping[str, Order] = field(default_factory=dict)
    each: Order | None = None
    """Of the mapping under every key that `below` does not name."""


_STEP = Order(tuple(StepSettings.model_fields), {"resources": Order(tuple(Resources.model_fields))})
_COMPONENT = Order(COMPONENT_ORDER)
_STACK = Order(
    STACK_ORDER,
    {"components": Order(tuple(category.value for category in Category)), "steps": Order(each=_STEP)},
)
_SETTINGS = Order(tuple(WorkspaceFile.model_fields), {"alerts": Order(tuple(RunAlerts.model_fields))})


def order_of(root: Path, file: Path) -> Order | None:
    """The order of the keys of a workspace's file; None for one that is no component, stack or `stacktui.yaml`."""
    try:
        parts = file.relative_to(root).parts
    except ValueError:
        return None
    if parts == (ROOT_FILE,):
        return _SETTINGS
    if len(parts) == 2 and parts[0] == STACKS and file.suffix == ".yaml":
        return _STACK
    if len(parts) == 3 and parts[0] == COMPONENTS and parts[1] in set(Category) and file.suffix == ".yaml":
        return _COMPONENT
    return None


def formatted(raw: bytes, order: Order) -> bytes:
    """A file's bytes in the form that every file has. Raises `YamlProblem` where it cannot be read.

    It is its own form: a second time changes nothing. What cannot be brought into order without another value (an
    alias before its anchor) keeps the order that it has.
    """
    text = decode(raw)
    value = read_yaml(raw).value
    if value is None or _ODD_BREAKS.search(text):
        return raw
    prefix = _BOM if raw.startswith(_BOM) else b""
    for wanted in (order, Order()):
        result = prefix + _laid_out(_requoted(text), wanted).encode()
        try:
            if same(read_yaml(result).value, value):
                return result
        except YamlProblem:
            continue
    return raw


# Quotes


def _requoted(text: str) -> str:
    """Single quotes become double ones where nothing in them would need an escape."""
    tree = parse_tree(text)
    places: list[Tree] = []
    waiting = [] if tree is None else [tree]
    while waiting:
        node = waiting.pop()
        waiting += [*node.items, *(part for pair in node.pairs for part in pair)]
        if node.style == "'" and not node.marked:
            inner = text[node.start + 1 : node.end - 1]
            if inner.isprintable() and not set(inner) & set("'\"\\"):
                places.append(node)
    for node in sorted(places, key=lambda found: found.start, reverse=True):
        inner = text[node.start + 1 : node.end - 1]
        text = f'{text[: node.start]}"{inner}"{text[node.end :]}'
    return text


# Lines


class _Line(NamedTuple):
    text: str
    """Without what ends it."""
    fixed: bool
    """Part of a value of several lines: it stays as it is."""

    @property
    def blank(self) -> bool:
        return not self.fixed and not self.text.strip(" \t")

    @property
    def comment(self) -> bool:
        return not self.fixed and self.text.lstrip(" \t").startswith("#")

    @property
    def column(self) -> int:
        return len(self.text) - len(self.text.lstrip(" "))


def _laid_out(text: str, order: Order) -> str:
    found = NEWLINE.search(text)
    eol = found[0] if found else "\n"
    tree = parse_tree(text)
    ends = [match.end() for match in NEWLINE.finditer(text)]
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    starts = [0, *ends[:-1]]
    fixed = _fixed_lines(tree, text, starts) if tree else set()
    lines = [
        _Line(text[start:end].rstrip("\r\n"), number in fixed)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    if tree is not None:
        lines = _Arranged(lines, starts).mapping(tree, order, 0, len(lines))
    return "".join(line + eol for line in _spaced(lines))


def _spaced(lines: list[_Line]) -> list[str]:
    """Without blanks at the ends of lines and of the file, and with at most one blank line in a row."""
    result: list[str] = []
    was_blank = True
    for line in lines:
        if line.blank and was_blank:
            continue
        was_blank = line.blank
        result.append(line.text if line.fixed else line.text.rstrip(" \t"))
    if result and was_blank:
        result.pop()
    return result


def _fixed_lines(tree: Tree, text: str, starts: list[int]) -> set[int]:
    """The numbers of the lines of every value that takes several."""
    fixed: set[int] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node.kind == "scalar" or node.flow:
            first, last = _line_at(starts, node.start), _line_at(starts, max(node.end - 1, node.start))
            if last > first:
                fixed.update(range(first, last + 1))
        if not node.flow:
            waiting += [*node.items, *(part for pair in node.pairs for part in pair)]
    return fixed


def _line_at(starts: list[int], offset: int) -> int:
    from bisect import bisect_right

    return bisect_right(starts, offset) - 1


class _Entry(NamedTuple):
    """A key with the lines that move with it."""

    key: object
    lines: list[_Line]


class _Arranged:
    """Puts the entries of block mappings in order."""

    def __init__(self, lines: list[_Line], starts: list[int]) -> None:
        self._lines = lines
        self._starts = starts

    def mapping(self, tree: Tree, order: Order, first: int, last: int) -> list[_Line]:
        """The lines `first` to `last`, which hold this node and nothing after it, with its keys in order."""
        if tree.kind != "mapping" or tree.flow or not tree.pairs:
            return self._lines[first:last]
        keys = [_line_at(self._starts, key.start) for key, _ in tree.pairs]
        column = tree.pairs[0][0].start - self._starts[keys[0]]
        alone = all(
            not self._lines[line].text[: key.start - self._starts[line]].strip(" ")
            for line, (key, _) in zip(keys, tree.pairs, strict=True)
        )
        if not alone or len(set(keys)) < len(keys) or keys[0] < first:
            return self._lines[first:last]
        begins = [self._lead(first, keys[0])]
        for (key, value), line in zip(tree.pairs, keys[1:], strict=False):
            own_end = _line_at(self._starts, max(value.end - 1, key.start)) + 1
            begins.append(self._parted(own_end, line, column))
        key, value = tree.pairs[-1]
        foot = self._foot(_line_at(self._starts, max(value.end - 1, key.start)) + 1, last, column)
        entries = [
            _Entry(key.text, self._entry(key, value, order, begin, line, end))
            for (key, value), line, begin, end in zip(
                tree.pairs, keys, begins, [*begins[1:], foot], strict=True
            )
        ]
        places = {name: place for place, name in enumerate(order.keys)}
        ordered = sorted(entries, key=lambda entry: places.get(str(entry.key), len(places)))
        inside: list[_Line] = []
        for entry in ordered:
            if inside and ordered != entries and inside[-1].comment and not entry.lines[0].blank:
                # A comment on what is above it would now seem to be about this key.
                inside.append(_Line("", False))
            inside += entry.lines
        return [*self._lines[first : begins[0]], *inside, *self._lines[foot:last]]

    def _entry(self, key: Tree, value: Tree, order: Order, begin: int, line: int, end: int) -> list[_Line]:
        below = order.below.get(str(key.text), order.each)
        inner = _line_at(self._starts, value.start)
        if below is None or inner <= line or value.marked or value.kind != "mapping" or value.flow:
            return self._lines[begin:end]
        return [*self._lines[begin : line + 1], *self.mapping(value, below, line + 1, end)]

    def _lead(self, first: int, key: int) -> int:
        """Where the first entry begins: with the comments right above its key. What stands above those stays."""
        begin = key
        while begin > first and self._lines[begin - 1].comment:
            if self._lines[begin - 1].text.startswith(_SCHEMA_LINE):
                break
            begin -= 1
        return begin

    def _parted(self, own_end: int, key: int, column: int) -> int:
        """Where the lines between two entries part: comments that are indented deeper than the keys, or stand right
        below the upper one with a blank line after them, are the upper one's; the rest is the lower one's."""
        deeper = below = self._foot(own_end, key, column)
        while below < key and self._lines[below].comment:
            below += 1
        return deeper if below == key else below

    def _foot(self, own_end: int, last: int, column: int) -> int:
        """Where an entry ends that is followed by lines up to `last`: after the last comment of its own indentation."""
        foot = own_end
        for number in range(own_end, last):
            if self._lines[number].comment and self._lines[number].column > column:
                foot = number + 1
        return foot
