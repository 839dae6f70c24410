"""The modules of a code snapshot as syntax trees: what each defines, imports and does when it is imported.

Used by the fingerprint. Nothing is imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Any, NamedTuple

from stacktui.pipelines.reflection import Chain
from stacktui.pipelines.scopes import Uses, uses_of

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
"""In the order in which Python looks; of what is not source the bytes count."""


class Target(NamedTuple):
    """What an import binds: a module, or with `name` something in it (which may be a module too)."""

    module: str
    name: str | None = None


class Module:
    """One source file."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.is_package = path.name.startswith("__init__.")
        self.broken = False
        self.raw = path.read_bytes()
        try:
            self.tree = ast.parse(self.raw)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # Not source, or it cannot be imported either; its bytes count as they are.
            self.broken = True
            self.tree = ast.Module(body=[], type_ignores=[])
        self.definitions: dict[str, list[ast.stmt]] = {}
        """Name → the top-level statements that bind it, in order."""
        self.imports: dict[str, list[Target]] = {}
        """Name → what top-level imports bind to it."""
        self.rebound: set[str] = set()
        """Names that more than one top-level statement binds."""
        self._bound: dict[str, ast.stmt | Target] = {}
        self.stars: list[str] = []
        """Modules of `from … import *`."""
        self.executed: list[Target] = []
        """Imports that happen when the module is imported, as they are written: `import a.b` is `a.b`."""
        for statement in self.tree.body:
            self._collect(statement, statement)

    def _collect(self, statement: ast.stmt, outer: ast.stmt) -> None:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
            for bound, target, _ in self.read_import(statement):
                if outer is not statement:
                    self._define(bound, outer)
                else:
                    self._bind(bound, target)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._define(statement.name, outer)
        elif isinstance(statement, (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)):
            if is_main_guard(statement):
                return
            for inner in _statements_in(statement):
                self._collect(inner, outer)
            for node in _expressions_in(statement):
                self._stores(node, outer)
        else:
            self._stores(statement, outer)

    def _stores(self, node: ast.AST, outer: ast.stmt) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                self._define(inner.id, outer)

    def _define(self, name: str, statement: ast.stmt) -> None:
        statements = self.definitions.setdefault(name, [])
        if not statements or statements[-1] is not statement:
            statements.append(statement)
        self._bind(name, statement)

    def _bind(self, name: str, value: ast.stmt | Target) -> None:
        first = self._bound.setdefault(name, value)
        if first != value and not _is_overload(first):
            self.rebound.add(name)

    def loads(self, module: str) -> bool:
        """Whether importing this one imports `module`, so that a name of that kind is bound after it."""
        return any(module in (item.module, f"{item.module}.{item.name}") for item in self.executed)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for bound, target, written in self.read_import(statement):
            if bound == "*":
                self.stars.append(target.module)
            else:
                self.imports.setdefault(bound, []).append(target)
            self.executed.append(written)

    def read_import(self, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Target, Target]]:
        """Of each name of an import: the name bound, what is bound to it, and what is loaded."""
        if isinstance(statement, ast.Import):
            for item in statement.names:
                if item.asname:
                    yield item.asname, Target(item.name), Target(item.name)
                else:
                    head = item.name.partition(".")[0]
                    yield head, Target(head), Target(item.name)
            return
        module = self._absolute(statement)
        for item in statement.names:
            target = Target(module) if item.name == "*" else Target(module, item.name)
            yield item.asname or item.name, target, target

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        parts = self.name.split(".")
        if not self.is_package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (statement.level - 1)]
        return ".".join([*parts, *([statement.module] if statement.module else [])])

    @cached_property
    def every_import(self) -> tuple[Target, ...]:
        """All imports in the file, those inside functions too."""
        found: dict[Target, None] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for _, _, written in self.read_import(node):
                    found[written] = None
        return tuple(found)

    @cached_property
    def body(self) -> list[ast.stmt]:
        """The top-level statements that run on import: without `if __name__ == "__main__":`."""
        return [statement for statement in self.tree.body if not is_main_guard(statement)]

    @cached_property
    def whole_digest(self) -> str:
        """Of all that runs on import or can be reached in it."""
        if self.broken:
            return hashlib.sha256(self.raw).hexdigest()
        return digest_of(self.body)

    @cached_property
    def docs_digest(self) -> str:
        """Of all docstrings in it, in order."""
        found = [
            ast.get_docstring(node, clean=False) or ""
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        return hashlib.sha256("\0".join(found).encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def whole_uses(self) -> Uses:
        return uses_of(self.body)

    def has(self, name: str) -> bool:
        """Whether a top-level statement binds `name`."""
        return name in self.definitions or name in self.imports


class Sources:
    """The modules that can be imported from the snapshot's roots; each file is read once."""

    def __init__(self, code: Path, roots: tuple[Path, ...]) -> None:
        self.code = code
        self.roots = roots
        self._modules: dict[str, Module | None] = {}
        self._by_path: dict[Path, Module] = {}

    def find(self, name: str) -> Module | None:
        """The module as an import would find it; None if it is not the project's, or a folder without a file."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        if not name or not all(part.isidentifier() for part in name.split(".")):
            return None
        inside = Path(*name.split("."))
        for root in self.roots:
            for stem in (root / inside / "__init__", root / inside):
                for suffix in _SUFFIXES:
                    path = stem.with_name(stem.name + suffix)
                    if path.is_file():
                        return Module(name, path)
        return None

    def is_folder(self, name: str) -> bool:
        """Whether the project has a folder of that name that modules can be imported from."""
        return any((root / Path(*name.split("."))).is_dir() for root in self.roots)

    def whole_project(self, *, docs: bool = False) -> str:
        """A digest of every module of the snapshot, for code that could import any; with `docs` of their docstrings."""
        digest = hashlib.sha256()
        for path in _modules_in(self.code):
            digest.update(f"{path.relative_to(self.code).as_posix()}\0".encode("utf-8", "surrogatepass"))
            module = self._by_path.get(path) or Module("", path)
            self._by_path[path] = module
            digest.update((module.docs_digest if docs else module.whole_digest).encode("ascii"))
        return digest.hexdigest()


def _modules_in(code: Path) -> list[Path]:
    return sorted(path for path in code.rglob("*") if path.name.endswith(_SUFFIXES) and path.is_file())


def raw_digest(code: Path) -> str:
    """A digest of the bytes of every module of the snapshot, for sources that are too deep to be walked."""
    digest = hashlib.sha256()
    for path in _modules_in(code):
        digest.update(f"{path.relative_to(code).as_posix()}\0".encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _is_overload(statement: ast.stmt | Target) -> bool:
    # What follows it is the function itself.
    return isinstance(statement, ast.FunctionDef) and any(
        getattr(item, "attr", getattr(item, "id", "")) == "overload" for item in statement.decorator_list
    )


def is_main_guard(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":` without an else: it does not run on import."""
    return (
        isinstance(statement, ast.If)
        and not statement.orelse
        and isinstance(statement.test, ast.Compare)
        and len(statement.test.ops) == 1
        and isinstance(statement.test.ops[0], ast.Eq)
        and {_text(statement.test.left), _text(statement.test.comparators[0])} == {"__name__", "'__main__'"}
    )


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return repr(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def _statements_in(statement: ast.stmt) -> Iterator[ast.stmt]:
    for field in ("body", "orelse", "finalbody"):
        yield from getattr(statement, field, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body
    for case in getattr(statement, "cases", ()):
        yield from case.body


def _expressions_in(statement: ast.stmt) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, (ast.expr, ast.withitem, ast.pattern)):
            yield child


def digest_of(nodes: Iterable[ast.AST], *, skip: frozenset[int] = frozenset()) -> str:
    """Of the code itself: comments, formatting, positions and docstrings do not count, nor sub-trees in `skip`."""
    out: list[str] = []
    for node in nodes:
        _dump(node, out, skip)
    return hashlib.sha256("".join(out).encode("utf-8", "surrogatepass")).hexdigest()


_SILENT = frozenset(
    {
        "ABC", "Enum", "Exception", "Flag", "Generic", "IntEnum", "IntFlag", "Module", "NamedTuple", "Protocol",
        "RuntimeError", "StrEnum", "TypedDict", "ValueError", "abstractmethod", "cache", "cached_property",
        "classmethod", "contextmanager", "dataclass", "deleter", "final", "getter", "lru_cache", "object", "overload",
        "override", "pipeline", "property", "setter", "staticmethod", "step", "total_ordering", "unique", "wraps",
    }
)  # fmt: skip
"""Decorators and base classes that read nobody's docstring; any other may (a tool's description, a prompt)."""


def _dump(node: object, out: list[str], skip: frozenset[int]) -> None:
    if isinstance(node, ast.AST):
        if id(node) in skip:
            return
        out.append(type(node).__name__)
        out.append("(")
        for name in node._fields:
            value: Any = getattr(node, name, None)
            if name in ("type_comment", "kind"):
                continue
            if name == "body" and _says_to_nobody(node):
                value = [item for item in value if not _is_text(item)]
            out.append(name)
            out.append("=")
            _dump(value, out, skip)
        out.append(")")
    elif isinstance(node, list):
        out.append("[")
        for item in node:
            _dump(item, out, skip)
            out.append(",")
        out.append("]")
    else:
        # The type counts: 1, 1.0 and True are equal and not the same.
        out.append(f"{type(node).__name__}:{node!r};")


def _says_to_nobody(node: ast.AST) -> bool:
    """Whether it has a docstring that only people read."""
    if isinstance(node, ast.Module):
        return True
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    around = [*node.decorator_list, *(node.bases if isinstance(node, ast.ClassDef) else ())]
    return all(_last_name(item) in _SILENT for item in around)


def _last_name(node: ast.expr) -> str:
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_text(statement: ast.stmt) -> bool:
    # A docstring, or a text that stands alone: neither does anything.
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


__all__ = ["Chain", "Module", "Sources", "Target", "digest_of", "is_main_guard", "raw_digest"]
