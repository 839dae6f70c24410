"""YAML from untrusted files: one pass through libyaml gives the value, and the positions when they are asked for.

Scalars are read by the core schema of YAML 1.2, as editors' language servers and JSON Schema see them: `yes`,
`22:30` and `2024-01-01` are text. Used by the reader of the workspace and by the editor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stacktui.model.diagnostic import Position
from stacktui.workspace.yaml_problem import YamlProblem, line_and_column, problem_of

__all__ = [
    "Document",
    "UnquotedReference",
    "YamlProblem",
    "compose",
    "decode",
    "event_parser",
    "position",
    "read_yaml",
    "resolve_plain",
    "unquoted_references",
    "value_position",
]

try:
    from yaml._yaml import CParser as _Parser
except ImportError:  # PyYAML built without libyaml

    class _Parser(  # type: ignore[no-redef]
        yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.composer.Composer
    ):
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)
            yaml.composer.Composer.__init__(self)


MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_UNFOLDED = 20_000

Path = tuple[str | int, ...]

_PREFIX = "tag:yaml.org,2002:"
_STR, _INT, _FLOAT, _BOOL, _NULL, _MERGE = (
    _PREFIX + kind for kind in ("str", "int", "float", "bool", "null", "merge")
)
_MAP, _SEQ = _PREFIX + "map", _PREFIX + "seq"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
# Python refuses to read or write a number of thousands of digits; nobody means one.
_LONGEST_INTEGER = 1000
_NESTING = "[{?:-"


class UnquotedReference(dict[Any, Any]):
    """`{{name.key}}` without quotes: YAML reads nested mappings. It stands for a value that someone forgot to quote.

    As a mapping it holds one key, the inner braces as they are written, with None. `text` is the whole.
    """

    def __init__(self, inner: str, text: str) -> None:
        super().__init__({inner: None})
        self.text = text


@dataclass(frozen=True)
class Duplicate:
    """A key that a mapping has twice; the later one counts."""

    path: Path
    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """What one file holds."""

    value: Any
    duplicates: tuple[Duplicate, ...] = ()


def read_yaml(raw: bytes) -> Document:
    """The value of a file with one document; None for an empty one. Raises `YamlProblem`."""
    text = decode(raw)
    node = compose(text)
    if node is None:
        return Document(None)
    builder = _Builder(text)
    value = builder.build(node)
    return Document(value, tuple(builder.duplicates))


@lru_cache(maxsize=16_384)
def position(raw: bytes, path: Path) -> Position | None:
    """Where the key at `path` starts, or the item; of its nearest ancestor where there is none. None if unreadable."""
    node = _composed(raw)
    if node is None:
        return None
    mark = node.start_mark
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        mark, node = found[0].start_mark, found[1]
    return Position(line=mark.line + 1, column=mark.column + 1)


def value_position(raw: bytes, path: Path) -> Position | None:
    """Where the value at `path` starts; None where there is none."""
    node = _composed(raw)
    for part in path:
        found = _child(node, part) if node is not None else None
        if found is None:
            return None
        node = found[1]
    if node is None:
        return None
    return Position(line=node.start_mark.line + 1, column=node.start_mark.column + 1)


def unquoted_references(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every reference in a value that YAML took for a mapping, with its path and the text to quote."""
    if isinstance(value, UnquotedReference):
        yield path, value.text
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from unquoted_references(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from unquoted_references(item, (*path, index))


def decode(raw: bytes) -> str:
    """The text of a file without its byte-order mark. Raises `YamlProblem` for what is too large or not text."""
    if len(raw) > MAX_BYTES:
        raise YamlProblem("FIL004", f"the file has {len(raw):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = line_and_column(raw[: error.start].decode("utf-8", "replace"))
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise YamlProblem("FIL008", "the file is UTF-16; save it as UTF-8", 1, 1) from None
        raise YamlProblem(
            "FIL008", f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8 text", line, column
        ) from None
    return text.removeprefix("\ufeff")


def compose(text: str) -> Node | None:
    """The node tree of the one document in `text`, its depth and aliases within bounds. Raises `YamlProblem`."""
    aliases = text.count("*") if "&" in text else 0
    # libyaml composes recursively in C, without a limit: what could nest deeply is walked as events first.
    if aliases > MAX_ALIASES or sum(map(text.count, _NESTING)) > MAX_DEPTH:
        _check_bounds(text)
    try:
        return _Composer(text).get_single_node()
    except yaml.YAMLError as error:
        raise problem_of(error, text) from None


def resolve_plain(text: str) -> Any:
    """What a plain scalar stands for: None, a bool, a number or the text itself."""
    tag = _plain_tag(text)
    return text if tag == _STR else _SCALARS[tag](text)


class _Composer(_Parser):
    """Composes with core-schema tags; PyYAML's own resolver, which is slower, is not asked."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _plain_tag(value) if implicit[0] else _STR
        return _MAP if kind is MappingNode else _SEQ

    def descend_resolver(self, current_node: Any, current_index: Any) -> None: ...

    def ascend_resolver(self) -> None: ...


def _plain_tag(text: str) -> str:
    if text in _NULLS:
        return _NULL
    first = text[0]
    if first in "-+.0123456789":
        if _INTEGER.fullmatch(text):
            return _INT
        return _FLOAT if _REAL.fullmatch(text) else _STR
    if text in _BOOLS:
        return _BOOL
    return _MERGE if text == "<<" else _STR


def _integer(text: str) -> Any:
    if len(text) > _LONGEST_INTEGER:
        return text
    if text.startswith("0o"):
        return int(text[2:], 8)
    if text.startswith("0x"):
        return int(text[2:], 16)
    return int(text)


def _real(text: str) -> float:
    lowered = text.lower()
    if lowered.endswith((".inf", ".nan")):
        return float(lowered.replace(".", ""))
    return float(text)


_SCALARS: dict[str, Any] = {
    _NULL: lambda text: None,
    _BOOL: lambda text: _BOOLS[text],
    _INT: _integer,
    _FLOAT: _real,
    _STR: str,
    _MERGE: str,
}


class _Builder:
    """Makes plain values of nodes. What an alias stands for is built once, and counted as often as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.duplicates: list[Duplicate] = []
        self.values = 0
        self.unfolded = 0
        self.path: list[str | int] = []
        self.known: dict[int, tuple[Any, int]] = {}
        self.open: set[int] = set()

    def build(self, node: Node) -> Any:
        if type(node) is ScalarNode and node.tag == _STR:
            self.values += 1
            return node.value
        if id(node) in self.known:
            value, size = self.known[id(node)]
            self.values += size
            self.unfolded += size
            if self.unfolded > MAX_UNFOLDED:
                raise _at(node, "FIL004", f"the file's aliases unfold to more than {MAX_UNFOLDED:,} values")
            return value
        if id(node) in self.open:
            raise _at(node, "FIL004", "the anchor contains an alias of itself")
        before = self.values
        self.values += 1
        self.open.add(id(node))
        if type(node) is ScalarNode:
            value = self._scalar(node)
        elif type(node) is MappingNode and node.tag == _MAP:
            value = self._mapping(node)
        elif type(node) is SequenceNode and node.tag == _SEQ:
            value = []
            for item in node.value:
                self.path.append(len(value))
                value.append(self.build(item))
                self.path.pop()
        else:
            raise _at(node, "FIL002", f"the tag {node.tag.replace(_PREFIX, '!!')} is not allowed here")
        self.open.discard(id(node))
        self.known[id(node)] = value, self.values - before
        return value

    def _scalar(self, node: ScalarNode) -> Any:
        make = _SCALARS.get(node.tag)
        if make is None:
            raise _at(node, "FIL002", f"the tag {node.tag.replace(_PREFIX, '!!')} is not allowed here")
        try:
            return make(node.value)
        except (KeyError, ValueError):
            raise _at(node, "FIL002", f"{node.value!r} is not what its tag says") from None

    def _mapping(self, node: MappingNode) -> dict[Any, Any]:
        if (reference := self._reference(node)) is not None:
            return reference
        result: dict[Any, Any] = {}
        merged: list[dict[Any, Any]] = []
        for key_node, value_node in node.value:
            if type(key_node) is not ScalarNode:
                raise _at(key_node, "FIL002", "a key must be plain text; quote it if it starts with [ or {")
            if key_node.tag == _MERGE:
                value = self.build(value_node)
                merged.extend(value if isinstance(value, list) else [value])
                continue
            key = key_node.value if key_node.tag == _STR else self._scalar(key_node)
            if key in result:
                mark = key_node.start_mark
                self.duplicates.append(Duplicate((*self.path, key), mark.line + 1, mark.column + 1))
            if type(value_node) is ScalarNode and value_node.tag == _STR:
                # As `build` would: most values of most files end here.
                self.values += 1
                result[key] = value_node.value
                continue
            self.path.append(key)
            result[key] = self.build(value_node)
            self.path.pop()
        for source in merged:
            if not isinstance(source, dict):
                raise _at(node, "FIL002", "<< takes a mapping or a list of mappings")
            for key, item in source.items():
                result.setdefault(key, item)
        return result

    def _reference(self, node: MappingNode) -> UnquotedReference | None:
        if not node.flow_style or len(node.value) != 1:
            return None
        key, value = node.value[0]
        if type(key) is not MappingNode or type(value) is not ScalarNode or value.tag != _NULL:
            return None
        return UnquotedReference(_source(self.text, key), _source(self.text, node))


def _source(text: str, node: Node) -> str:
    return text[node.start_mark.index : node.end_mark.index]


def _at(node: Node, code: str, message: str) -> YamlProblem:
    return YamlProblem(code, message, node.start_mark.line + 1, node.start_mark.column + 1)


def _child(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """The key node and the value node of one step down; of an item, itself twice."""
    if type(node) is SequenceNode:
        if isinstance(part, int) and 0 <= part < len(node.value):
            return node.value[part], node.value[part]
    elif type(node) is MappingNode:
        for key, value in reversed(node.value):
            if type(key) is ScalarNode and key.tag in _SCALARS:
                try:
                    read = _SCALARS[key.tag](key.value)
                except (KeyError, ValueError):
                    continue
                if read == part and type(read) is type(part):
                    return key, value
    return None


@lru_cache(maxsize=64)
def _composed(raw: bytes) -> Node | None:
    try:
        return compose(decode(raw))
    except YamlProblem:
        return None


def _check_bounds(text: str) -> None:
    depth = aliases = 0
    parser = _Composer(text)
    try:
        while parser.check_event():
            event: Any = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                what = (
                    f"nests deeper than {MAX_DEPTH} levels"
                    if depth > MAX_DEPTH
                    else f"has more than {MAX_ALIASES} aliases"
                )
                mark: Any = event.start_mark
                raise YamlProblem("FIL004", f"the file {what}", mark.line + 1, mark.column + 1)
    except yaml.YAMLError as error:
        raise problem_of(error, text) from None


def event_parser(text: str) -> Iterator[Any]:
    """libyaml's events for a text that `compose` accepts."""
    parser = _Composer(text)
    while parser.check_event():
        yield parser.get_event()
