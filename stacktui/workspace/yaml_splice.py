"""Splices that turn the text of a YAML file into one with another value. Used by `yaml_editor`, which verifies them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from stacktui.workspace.yaml_reader import UnquotedReference
from stacktui.workspace.yaml_tree import NEWLINE, Tree, layout_of, parse_tree, same
from stacktui.workspace.yaml_writer import after_key, inline, item, literal, pair

_TOP = -1
"""The end of the line before the first one: a removed line takes the newline before it, or the first the one after."""


class Unspliceable(Exception):
    """The text has a shape that splicing does not handle."""


class Splice(NamedTuple):
    """Characters `start` to `end` become `text`."""

    start: int
    end: int
    text: str


def splice(text: str, current: Any, wanted: Any) -> str:
    """`text`, which holds `current`, with the splices that make it hold `wanted`. Raises `Unspliceable`."""
    return _spliced(text, current, wanted, careful=False)


def splice_carefully(text: str, current: Any, wanted: Any) -> str:
    """As `splice`, for where its result does not read back: without block texts, and with the comments below a
    removed entry moved to its indentation, as a block text above it would swallow them."""
    return _spliced(text, current, wanted, careful=True)


def _spliced(text: str, current: Any, wanted: Any, *, careful: bool) -> str:
    tree = parse_tree(text)
    if tree is None:
        raise Unspliceable
    editor = _Splicer(text, tree, careful)
    editor.reconcile(tree, current, wanted, _Place(-1, "", False))
    return editor.result()


class _Place(NamedTuple):
    """Where a value stands."""

    mark: int
    """The offset after its key's colon or its dash; -1 for the root."""
    indent: str
    """The indentation of the line with its key or dash."""
    flow: bool


class _Splicer:
    def __init__(self, text: str, tree: Tree, careful: bool) -> None:
        self.text = text
        self.careful = careful
        self.splices: list[Splice] = []
        self.layout = replace(layout_of(text, tree), literals=not careful)

    def result(self) -> str:
        pieces: list[str] = []
        done = 0
        first_gone = False
        # Insertions come before removals that start at the same place; the sort is stable for the rest.
        for found in sorted(self.splices, key=lambda s: (s.start, s.end > s.start)):
            if found.start > done:
                if first_gone:
                    done = self._after_newline(done)
                    first_gone = False
                pieces.append(self.text[done : found.start])
            elif found.start < done and found.start != _TOP:
                raise Unspliceable
            pieces.append(found.text)
            first_gone |= found.start == _TOP < found.end
            done = max(done, found.end)
        if first_gone:
            done = self._after_newline(done)
        return "".join(pieces) + self.text[done:]

    def reconcile(self, tree: Tree, old: Any, new: Any, place: _Place) -> None:
        """Add the splices that make the node, which holds `old`, hold `new`."""
        if same(old, new):
            return
        plain = not isinstance(old, UnquotedReference) and not isinstance(new, UnquotedReference)
        if (
            tree.kind == "mapping"
            and plain
            and isinstance(old, dict)
            and isinstance(new, dict)
            and tree.pairs
            and new
        ):
            self._mapping(tree, old, new, place)
        elif (
            tree.kind == "sequence"
            and isinstance(old, list)
            and isinstance(new, (list, tuple))
            and old
            and new
        ):
            self._sequence(tree, old, list(new), place)
        else:
            self._replace(tree, new, place)

    # Mappings

    def _mapping(self, tree: Tree, old: dict[Any, Any], new: dict[Any, Any], place: _Place) -> None:
        last_of = {key.text: index for index, (key, _) in enumerate(tree.pairs)}
        for key in old.keys() - new.keys():
            if key not in last_of:
                raise Unspliceable  # it comes from a merged mapping
        removed = [i for i, (key, _) in enumerate(tree.pairs) if key.text in old and key.text not in new]
        starts = [key.start for key, _ in tree.pairs]
        ends = [max(value.end, key.end) for key, value in tree.pairs]
        colons = [self._colon(key, value) for key, value in tree.pairs]
        indent = place.indent

        def add(key: Any, value: Any) -> str:
            return f"{inline(key)}: {inline(value)}" if tree.flow else pair(key, value, indent, self.layout)

        if not tree.flow:
            indent = self._indent(starts[0])
            ends = [max(end, colon) for end, colon in zip(ends, colons, strict=True)]
        for key, index in last_of.items():
            if key in new and key in old:
                place_of = _Place(colons[index], indent, tree.flow or place.flow)
                self.reconcile(tree.pairs[index][1], old[key], new[key], place_of)
        additions: dict[int, list[str]] = {}
        anchor = -1
        for key, value in new.items():
            if key in last_of:
                anchor = last_of[key]
            elif key not in old:
                additions.setdefault(anchor, []).append(add(key, value))
        if tree.flow:
            self._flow(tree, starts, ends, removed, additions)
        else:
            self._block(starts, ends, removed, additions)

    def _colon(self, key: Tree, value: Tree) -> int:
        """The offset after the colon that ends a key."""
        found = self.text.find(":", key.end)
        if (
            key.marked
            or found < 0
            or self.text[key.end : found].strip(" ")
            or found > max(value.start, key.end + 1)
        ):
            raise Unspliceable
        return found + 1

    # Sequences

    def _sequence(self, tree: Tree, old: list[Any], new: list[Any], place: _Place) -> None:
        starts = [found.start for found in tree.items]
        ends = [found.end for found in tree.items]
        removed: list[int] = []
        additions: dict[int, list[str]] = {}
        indent = place.indent
        add: Callable[[Any], str] = inline
        if not tree.flow:
            starts = self._dashes(tree)
            ends = [max(end, start + 1) for start, end in zip(starts, ends, strict=True)]
            indent = self._indent(starts[0])

            def add(value: Any) -> str:
                return item(value, indent, self.layout)

        for kind, i1, i2, j1, j2 in _opcodes(old, new):
            if kind == "equal":
                continue
            shared = min(i2 - i1, j2 - j1)
            for offset in range(shared):
                index = i1 + offset
                place_of = _Place(-1 if tree.flow else starts[index] + 1, indent, tree.flow or place.flow)
                self.reconcile(tree.items[index], old[index], new[j1 + offset], place_of)
            removed.extend(range(i1 + shared, i2))
            if j1 + shared < j2:
                additions[i1 + shared - 1] = [add(value) for value in new[j1 + shared : j2]]
        if tree.flow:
            self._flow(tree, starts, ends, removed, additions)
        else:
            self._block(starts, ends, removed, additions)

    def _dashes(self, tree: Tree) -> list[int]:
        """The offset of each item's dash: all stand in one column, and each item after the first on a line of its own."""
        column = tree.start - self._line_start(tree.start)
        dashes = [tree.start]
        if self.text[tree.start : tree.start + 1] != "-":
            raise Unspliceable
        for before, found in zip(tree.items, tree.items[1:], strict=False):
            place = self._line_end(max(before.end, dashes[-1] + 1))
            while True:
                newline = NEWLINE.match(self.text, place)
                if newline is None or newline.end() > found.start:
                    raise Unspliceable
                dash = newline.end() + column
                place = self._line_end(newline.end())
                if dash < place and self.text[dash] == "-" and not self.text[newline.end() : dash].strip(" "):
                    dashes.append(dash)
                    break
        return dashes

    # Entries of either, in block and in flow style

    def _block(
        self, starts: list[int], ends: list[int], removed: list[int], additions: dict[int, list[str]]
    ) -> None:
        for index in removed:
            first, last = self._line_start(starts[index]), self._line_end(ends[index])
            if self.text[first : starts[index]].strip(" ") or not self._only_comment(ends[index], last):
                raise Unspliceable
            self.splices.append(Splice(self._before_newline(first), last, ""))
            if self.careful:
                self._realign(last, self.text[first : starts[index]])
        for anchor, lines in additions.items():
            if anchor < 0:
                first = self._line_start(starts[0])
                if self.text[first : starts[0]].strip(" "):
                    raise Unspliceable
                # Where the line before ends, so that it may stand beside a removal of the first entry.
                place, eol = self._before_newline(first), self.layout.eol
                text = "".join(line + eol if place == _TOP else eol + line for line in lines)
                self.splices.append(Splice(place, place, text))
                continue
            last = self._line_end(ends[anchor])
            if not self._only_comment(ends[anchor], last):
                raise Unspliceable
            if self._line_start(ends[anchor]) == ends[anchor] and ends[anchor] > starts[anchor]:
                # After a block text that keeps its trailing lines: its end is the next line's start.
                text = "".join(line + self.layout.eol for line in lines)
                self.splices.append(Splice(ends[anchor], ends[anchor], text))
            else:
                self.splices.append(Splice(last, last, "".join(self.layout.eol + line for line in lines)))

    def _realign(self, line_end: int, indent: str) -> None:
        """Move the comment lines that follow a removed entry to its indentation."""
        while (newline := NEWLINE.match(self.text, line_end)) is not None:
            start, line_end = newline.end(), self._line_end(newline.end())
            words = self.text[start:line_end].lstrip(" ")
            if words.startswith("#"):
                self.splices.append(Splice(start, line_end - len(words), indent))
            elif words:
                return

    def _flow(
        self,
        tree: Tree,
        starts: list[int],
        ends: list[int],
        removed: list[int],
        additions: dict[int, list[str]],
    ) -> None:
        gone = set(removed)
        if len(gone) == len(starts):
            texts = [text for lines in additions.values() for text in lines]
            self.splices.append(Splice(starts[0], ends[-1], ", ".join(texts)))
            return
        for anchor, texts in additions.items():
            kept = max((i for i in range(anchor + 1) if i not in gone), default=-1)
            if kept >= 0:
                self.splices.append(Splice(ends[kept], ends[kept], "".join(f", {text}" for text in texts)))
            else:
                first = min(i for i in range(len(starts)) if i not in gone)
                self.splices.append(
                    Splice(starts[first], starts[first], "".join(f"{text}, " for text in texts))
                )
        index = 0
        while index < len(starts):
            if index not in gone:
                index += 1
                continue
            after = index
            while after in gone:
                after += 1
            if after < len(starts):
                self.splices.append(Splice(starts[index], starts[after], ""))
            else:
                self.splices.append(Splice(ends[index - 1], ends[-1], ""))
            index = after

    # One value for another

    def _replace(self, tree: Tree, new: Any, place: _Place) -> None:
        if tree.marked:
            raise Unspliceable
        style = tree.style if tree.kind == "scalar" else None
        if tree.kind in ("mapping", "sequence") and not tree.flow:
            self._replace_block(tree, new, place)
        elif style in ("|", ">"):
            self._replace_text_block(tree, new, place)
        elif tree.start == tree.end:
            self._fill(tree, new, place)
        elif self._may_take_lines(tree, new, place):
            start = tree.start
            while self.text[start - 1] == " " and start > place.mark:
                start -= 1
            self.splices.append(Splice(start, tree.end, after_key(new, place.indent, self.layout)))
        else:
            keeps = isinstance(new, str) and tree.kind == "scalar" and isinstance(tree.text, str)
            text = inline(new, style if keeps else None, in_flow=place.flow)
            self.splices.append(Splice(tree.start, tree.end, text))

    def _may_take_lines(self, tree: Tree, new: Any, place: _Place) -> bool:
        """Whether the new value may be several lines: after a key, with nothing else on the line."""
        if place.flow or place.mark < 0 or self.text[place.mark - 1] != ":":
            return False
        several = (isinstance(new, dict) and bool(new)) or (isinstance(new, list) and bool(new))
        several = several or (isinstance(new, str) and "\n" in new)
        return several and not self.text[tree.end : self._line_end(tree.end)].strip()

    def _fill(self, tree: Tree, new: Any, place: _Place) -> None:
        """Give a key or a dash that has nothing a value."""
        if place.mark < 0:
            raise Unspliceable
        if place.flow:
            self.splices.append(Splice(place.mark, place.mark, " " + inline(new)))
        elif self._may_take_lines(Tree("scalar", place.mark, place.mark), new, place):
            self.splices.append(Splice(place.mark, place.mark, after_key(new, place.indent, self.layout)))
        else:
            self.splices.append(Splice(place.mark, place.mark, " " + inline(new, in_flow=False)))

    def _replace_block(self, tree: Tree, new: Any, place: _Place) -> None:
        if place.mark < 0:
            raise Unspliceable
        gap = self.text[place.mark : tree.start]
        if NEWLINE.search(gap) is None:
            if self.text[place.mark - 1] != "-":
                raise Unspliceable
            self.splices.append(Splice(tree.start, tree.end, inline(new, in_flow=False)))
            return
        # The value moves up to its key; comments between the two stay.
        self.splices.append(Splice(place.mark, place.mark, " " + inline(new, in_flow=False)))
        self.splices.append(Splice(self._before_newline(self._line_start(tree.start)), tree.end, ""))

    def _replace_text_block(self, tree: Tree, new: Any, place: _Place) -> None:
        header = self.text[tree.start : self._line_end(tree.start)]
        comment = header[header.index("#") :] if " #" in header else ""
        end = tree.start + len(self.text[tree.start : tree.end].rstrip())
        block = literal(new, place.indent, self.layout) if isinstance(new, str) and place.mark >= 0 else None
        text = block or inline(new, in_flow=False)
        if comment:
            first, newline, rest = text.partition(self.layout.eol)
            text = f"{first} {comment}{newline}{rest}"
        self.splices.append(Splice(tree.start, end, text))

    # Lines

    def _line_start(self, offset: int) -> int:
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def _line_end(self, offset: int) -> int:
        found = NEWLINE.search(self.text, offset)
        return found.start() if found else len(self.text)

    def _before_newline(self, line_start: int) -> int:
        """The end of the line before, as an offset."""
        if line_start == 0:
            return _TOP
        if self.text[line_start - 2 : line_start] == "\r\n":
            return line_start - 2
        return line_start - 1

    def _after_newline(self, offset: int) -> int:
        found = NEWLINE.match(self.text, offset)
        return found.end() if found else offset

    def _only_comment(self, start: int, end: int) -> bool:
        rest = self.text[start:end].strip(" \t")
        return not rest or rest.startswith("#")

    def _indent(self, offset: int) -> str:
        prefix = self.text[self._line_start(offset) : offset]
        return prefix if not prefix.strip(" ") else " " * len(prefix)


def _opcodes(old: list[Any], new: list[Any]) -> list[tuple[str, int, int, int, int]]:
    """How a list becomes another: item by item where the lengths agree, so that each keeps its comment."""
    if len(old) == len(new):
        return [("replace", 0, len(old), 0, len(new))]
    matcher = difflib.SequenceMatcher(None, [*map(_key, old)], [*map(_key, new)], autojunk=False)
    return list(matcher.get_opcodes())


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
